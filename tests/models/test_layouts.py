"""BERT, DistilBERT, GPT-2 and ViT against transformers: random weights, saved, loaded, equal numbers, saved back."""

import json
import subprocess
import sys
import warnings

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

import parnassus as pn
from parnassus import hub
from parnassus.layers.attention import kept_weights
from parnassus.models.text.bert import BERT, BERTWithHead, span_loss
from parnassus.models.text.gpt import GPT
from parnassus.models.vision.vit import ViT

transformers = pytest.importorskip("transformers", reason="transformers is not installed: pip install transformers")
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
pytestmark = pytest.mark.usefixtures("draws")

SIZES = {
    "bert": {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24,
             "vocab_size": 31, "max_position_embeddings": 12},
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 4, "hidden_dim": 24, "vocab_size": 31,
                   "max_position_embeddings": 12},
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 4, "vocab_size": 31, "n_positions": 12,
             "bos_token_id": None, "eos_token_id": None},
    "vit": {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24,
            "image_size": 8, "patch_size": 4},
}  # fmt: skip
THIN = {"width": 8, "n_layers": 1, "n_heads": 2, "hidden": 8}
CONFIGS = {"bert": "Bert", "distilbert": "DistilBert", "gpt2": "GPT2", "vit": "ViT"}


def peer(kind: str, name: str, **settings) -> torch.nn.Module:
    """A net of theirs with weights far from their first values, so that nothing is 0 or 1 by accident."""
    config = getattr(transformers, f"{CONFIGS[kind]}Config")(**SIZES[kind] | settings)
    net = getattr(transformers, name)(config)
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.3)
    net.tie_weights()
    return net.eval()


def reloaded(net: torch.nn.Module, folder, **settings) -> torch.nn.Module:
    net.save_pretrained(folder)
    return hub.load(folder, **settings)


def near(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


def words(rows: int = 2, n: int = 7):
    lengths = torch.tensor([5, n][:rows])
    return torch.randint(31, (rows, n)), lengths, (torch.arange(n) < lengths[:, None]).long()


BERT_HEADS = [
    ("BertModel", "none"), ("BertForPreTraining", "pretraining"), ("BertForMaskedLM", "masked"),
    ("BertForNextSentencePrediction", "next"), ("BertForSequenceClassification", "sequence"),
    ("BertForTokenClassification", "token"), ("BertForQuestionAnswering", "span"),
]  # fmt: skip


def their_answers(outputs) -> list[torch.Tensor]:
    names = ("last_hidden_state", "logits", "prediction_logits", "seq_relationship_logits")
    found = [outputs[name] for name in names if name in outputs]
    return [torch.stack([outputs["start_logits"], outputs["end_logits"]], -1)] if "start_logits" in outputs else found


def compare_texts(ours, theirs, *, segments: bool) -> None:
    ids, lengths, mask = words()
    kinds = torch.randint(2, ids.shape) if segments else None
    with torch.no_grad():
        wanted = their_answers(theirs(ids, attention_mask=mask, **({"token_type_ids": kinds} if segments else {})))
        found = ours(ids, lengths, segments=kinds)
    found = list(found) if isinstance(found, tuple) else [found]
    for one, other in zip(found, wanted, strict=True):
        if one.ndim == 3:  # what stands behind a row is nobody's
            one, other = one * mask[..., None], other * mask[..., None]
        near(one, other)


@pytest.mark.parametrize(("name", "head"), BERT_HEADS)
def test_bert_and_its_heads_answer_as_theirs_there_and_back(tmp_path, name, head):
    theirs = peer("bert", name, **({"num_labels": 3} if head in ("sequence", "token") else {}))
    ours = reloaded(theirs, tmp_path / "a")
    assert getattr(ours, "kind", "none") == head
    compare_texts(ours, theirs, segments=True)
    if head == "none":
        ids, lengths, mask = words()
        near(ours.pooled(ours(ids, lengths)), theirs(ids, attention_mask=mask).pooler_output)
    hub.save_pretrained(ours, tmp_path / "b")
    back = getattr(transformers, name).from_pretrained(tmp_path / "b").eval()
    compare_texts(ours, back, segments=True)


@pytest.mark.parametrize("name", ["Model", "ForMaskedLM", "ForSequenceClassification", "ForTokenClassification",
                                  "ForQuestionAnswering"])  # fmt: skip
def test_distilbert_and_its_heads_answer_as_theirs_there_and_back(tmp_path, name):
    counted = {"num_labels": 3} if name.endswith("Classification") else {}
    theirs = peer("distilbert", f"DistilBert{name}", **counted)
    ours = reloaded(theirs, tmp_path / "a")
    compare_texts(ours, theirs, segments=False)
    hub.save_pretrained(ours, tmp_path / "b")
    compare_texts(ours, type(theirs).from_pretrained(tmp_path / "b").eval(), segments=False)


@pytest.mark.parametrize(
    ("kind", "name"), [("bert", "BertForMultipleChoice"), ("distilbert", "DistilBertForMultipleChoice")]
)
def test_candidates_are_scored_as_theirs(tmp_path, kind, name):
    theirs, ids = peer(kind, name), torch.randint(31, (2, 3, 6))
    ours = reloaded(theirs, tmp_path)
    with torch.no_grad():
        near(ours(ids), theirs(ids).logits)


def test_bert_s_losses_and_slopes_are_theirs(tmp_path):
    rates = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    theirs = peer("bert", "BertForPreTraining", **rates).train()
    ours = reloaded(theirs, tmp_path).train()
    ids, lengths, mask = words()
    labels, following = (
        torch.where(torch.rand(ids.shape) < 0.4, ids, -100) * mask - 100 * (1 - mask),
        torch.tensor([0, 1]),
    )
    wanted = theirs(ids, attention_mask=mask, labels=labels, next_sentence_label=following).loss
    scores, second = ours(ids, lengths)
    found = F.cross_entropy(scores.flatten(0, 1), labels.flatten()) + F.cross_entropy(second, following)
    near(found, wanted)
    found.backward()
    wanted.backward()
    near(ours.body.tokens.weight.grad, theirs.bert.embeddings.word_embeddings.weight.grad)
    attention = theirs.bert.encoder.layer[0].attention.self
    slopes = torch.cat([attention.query.weight.grad, attention.key.weight.grad, attention.value.weight.grad])
    near(ours.body.blocks.layers[0].attention.qkv.weight.grad, slopes)


def test_the_span_s_loss_is_twice_theirs(tmp_path):
    theirs, ids = peer("bert", "BertForQuestionAnswering"), torch.randint(31, (2, 6))
    ours, at = reloaded(theirs, tmp_path), (torch.tensor([1, 2]), torch.tensor([3, 2]))
    near(span_loss(ours(ids), *at), 2 * theirs(ids, start_positions=at[0], end_positions=at[1]).loss)


@pytest.mark.parametrize("activation", ["gelu_new", "relu"])
def test_gpt2_answers_as_theirs_with_its_loss_and_slopes_there_and_back(tmp_path, activation):
    theirs = peer(
        "gpt2", "GPT2LMHeadModel", activation_function=activation, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0
    )
    ours, ids = reloaded(theirs, tmp_path / "a"), torch.randint(31, (2, 9))
    assert isinstance(ours, GPT)
    outputs = theirs(ids, labels=ids)
    near(ours(ids), outputs.logits)
    loss = ours.loss(ids[:, :-1], ids[:, 1:])
    near(loss, outputs.loss)
    loss.backward()
    outputs.loss.backward()
    near(ours.tokens.weight.grad, theirs.transformer.wte.weight.grad)
    near(ours.blocks.layers[1].attention.qkv.weight.grad, theirs.transformer.h[1].attn.c_attn.weight.grad.T)
    hub.save_pretrained(ours, tmp_path / "b")
    near(transformers.GPT2LMHeadModel.from_pretrained(tmp_path / "b").eval()(ids).logits, ours(ids))


def test_gpt2_goes_on_from_its_cache_as_theirs_generates(tmp_path):
    theirs = peer("gpt2", "GPT2LMHeadModel")
    ours, ids = reloaded(theirs, tmp_path), torch.randint(31, (2, 4))
    wanted = theirs.generate(ids, max_new_tokens=6, do_sample=False, pad_token_id=0, eos_token_id=None)
    with torch.no_grad():
        logits, reading = ours.read(ids)
        written = [logits.argmax(-1)]
        for _ in range(5):
            written.append(ours.step(written[-1], reading).argmax(-1))
    assert torch.equal(torch.stack(written, 1), wanted[:, 4:])


@pytest.mark.parametrize("name", ["ViTForImageClassification", "ViTModel"])
def test_vit_answers_as_theirs_there_and_back(tmp_path, name):
    theirs, x = peer("vit", name, num_labels=5), torch.randn(2, 3, 8, 8)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        ours = reloaded(theirs, tmp_path / "a")
    assert isinstance(ours, ViT)
    headless = name == "ViTModel"
    assert any("pooler" in str(w.message) for w in said) == headless  # their extra layer has no place here
    with torch.no_grad():
        if headless:
            near(ours.states(x), theirs(x).last_hidden_state)
            return
        near(ours(x), theirs(x).logits)
        larger = torch.randn(2, 3, 12, 16)
        near(ours(larger), theirs(larger, interpolate_pos_encoding=True).logits)
        hub.save_pretrained(ours, tmp_path / "b")
        near(transformers.ViTForImageClassification.from_pretrained(tmp_path / "b").eval()(x).logits, ours(x))


def test_vit_s_loss_slopes_and_maps_of_attention_are_theirs(tmp_path):
    theirs, x, y = peer("vit", "ViTForImageClassification", num_labels=5), torch.randn(2, 3, 8, 8), torch.tensor([1, 4])
    ours = reloaded(theirs, tmp_path)
    wanted, found = theirs(x, labels=y).loss, F.cross_entropy(ours(x), y)
    near(found, wanted)
    found.backward()
    wanted.backward()
    near(ours.patches.projection.weight.grad, theirs.vit.embeddings.patch_embeddings.projection.weight.grad)
    near(ours.place.grad, theirs.vit.embeddings.position_embeddings.grad)
    theirs.set_attn_implementation("eager")
    with kept_weights(ours) as maps, torch.no_grad():
        ours(x)
        for one, other in zip(maps.values(), theirs(x, output_attentions=True).attentions, strict=True):
            near(one[0], other)


# --- Files as they are found ----------------------------------------------------------------------------------------


def test_another_head_starts_anew_and_says_so(tmp_path):
    peer("bert", "BertForMaskedLM").save_pretrained(tmp_path)
    with (
        pytest.warns(UserWarning, match=r"cls\.predictions.* are not used"),
        pytest.warns(UserWarning, match="start anew"),
    ):
        net = hub.load(tmp_path, head="sequence", n_outputs=4)
    assert net.out.out_features == 4
    body = load_file(tmp_path / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    assert torch.equal(net.body.tokens.weight, body)


def test_an_official_file_with_old_names_both_heads_and_tied_copies_is_read(tmp_path):
    theirs = peer("bert", "BertForPreTraining")
    theirs.save_pretrained(tmp_path)
    tensors = {
        n.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): t
        for n, t in load_file(tmp_path / "model.safetensors").items()
    }
    tensors["cls.predictions.decoder.weight"] = tensors["bert.embeddings.word_embeddings.weight"].clone()
    tensors["bert.embeddings.position_ids"] = torch.arange(12)[None]
    save_file(tensors, tmp_path / "model.safetensors")
    config = json.loads((tmp_path / "config.json").read_text()) | {"architectures": ["BertForMaskedLM"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.warns(UserWarning, match=r"bert\.pooler.*seq_relationship.* not used"):
        ours = hub.load(tmp_path)
    ids = torch.randint(31, (2, 6))
    near(ours(ids), theirs(ids).prediction_logits)


def test_a_gpt2_file_without_prefix_and_with_masks_is_read(tmp_path):
    theirs = peer("gpt2", "GPT2LMHeadModel")
    theirs.save_pretrained(tmp_path)
    tensors = {n.removeprefix("transformer."): t for n, t in load_file(tmp_path / "model.safetensors").items()}
    tensors["h.0.attn.bias"] = torch.ones(1, 1, 12, 12)
    save_file(tensors, tmp_path / "model.safetensors")
    ids = torch.randint(31, (2, 6))
    near(hub.load(tmp_path)(ids), theirs(ids).logits)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"architectures": ["BertForZebras"]}, "no BertForZebras here"),
        ({"is_decoder": True}, "is_decoder is True"),
        ({"hidden_act": "mish"}, "hidden_act is 'mish'"),
        ({"hidden_size": 32}, "has"),
        ({"num_hidden_layers": 3}, "missing: .*layers.2"),
    ],
)
def test_what_cannot_be_computed_here_is_refused(tmp_path, change, words):
    peer("bert", "BertForMaskedLM").save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | change
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(pn.DataError, match=words):
        hub.load(tmp_path)


def test_a_net_made_without_the_registry_is_written_too(tmp_path):
    code = f"""
from parnassus import hub
from parnassus.models.text.gpt import GPT
hub.save_pretrained(GPT(9, width=8, n_layers=1, n_heads=2), {str(tmp_path / "a")!r})
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert isinstance(hub.load(tmp_path / "a"), GPT)


def test_heads_that_a_layout_has_not_are_refused(tmp_path):
    peer("bert", "BertForMaskedLM").save_pretrained(tmp_path)
    with pytest.raises(pn.SettingError, match="did you mean 'token'"):
        hub.load(tmp_path, head="tokens")


@pytest.mark.parametrize(
    "net",
    [
        lambda: GPT(9, width=8, n_layers=1, n_heads=2, positions="rotary"),
        lambda: ViT(in_channels=3, image_size=(8, 8), n_outputs=2, patch=4, pooling="mean", **THIN),
        lambda: torch.nn.Linear(2, 2),
        lambda: BERTWithHead(BERT(9, width=8, n_layers=1, n_heads=2, pooler="relu"), "sequence", n_outputs=2),
    ],
)  # fmt: skip
def test_a_net_that_the_layout_cannot_say_is_not_written(tmp_path, net):
    with pytest.raises(pn.SettingError, match="no foreign layout"):
        hub.save_pretrained(net(), tmp_path / "a")
    assert not (tmp_path / "a").exists()
