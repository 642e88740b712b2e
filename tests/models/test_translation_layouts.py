"""T5 and Marian against transformers: random weights, saved, loaded, equal numbers and texts, saved back."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

import parnassus as pn
from parnassus import hub
from parnassus.models.text.marian import Marian
from parnassus.models.text.t5 import T5
from parnassus.objectives.text.translation import Translation

transformers = pytest.importorskip("transformers", reason="transformers is not installed: pip install transformers")
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
pytestmark = pytest.mark.usefixtures("draws")

N = 31
T5_SIZES = {"vocab_size": N, "d_model": 16, "d_kv": 6, "d_ff": 24, "num_layers": 2, "num_decoder_layers": 3,
            "num_heads": 3, "relative_attention_num_buckets": 8, "relative_attention_max_distance": 10,
            "decoder_start_token_id": 0, "dropout_rate": 0.0}  # fmt: skip
MARIAN_SIZES = {"vocab_size": N, "d_model": 16, "encoder_layers": 2, "decoder_layers": 3, "encoder_attention_heads": 4,
                "decoder_attention_heads": 4, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "dropout": 0.0,
                "max_position_embeddings": 40, "pad_token_id": N - 1, "decoder_start_token_id": N - 1,
                "eos_token_id": 0, "forced_eos_token_id": None, "bos_token_id": None}  # fmt: skip
KINDS = {
    "t5": {},
    "t5 v1.1": {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    "t5 gated silu": {"feed_forward_proj": "gated-silu"},
    "marian": {"scale_embedding": True, "activation_function": "swish"},
    "marian unscaled": {"scale_embedding": False, "activation_function": "relu"},
}
every = pytest.mark.parametrize("kind", KINDS)


def peer(kind: str, **settings) -> torch.nn.Module:
    """A net of theirs with weights far from their first values, so that nothing is 0 or 1 by accident."""
    if kind.startswith("marian"):
        net = transformers.MarianMTModel(transformers.MarianConfig(**MARIAN_SIZES | KINDS[kind] | settings))
        net.final_logits_bias.copy_(torch.randn(1, N))
    else:
        config = transformers.T5Config(**T5_SIZES | KINDS[kind] | settings)
        net = transformers.T5ForConditionalGeneration(config)
        if kind == "t5 v1.1":
            net.lm_head.weight = torch.nn.Parameter(torch.empty(N, 16))
    for p in net.parameters():
        if p.requires_grad:  # Marian's sines stay
            torch.nn.init.normal_(p, std=0.3)
    return net.eval()


def reloaded(net: torch.nn.Module, folder) -> torch.nn.Module:
    net.save_pretrained(folder)
    return hub.load(folder)


def near(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


def rows(n: int = 14) -> dict[str, torch.Tensor]:
    """Sources longer than the furthest distance that has a bucket of its own, and targets."""
    lengths, y_lengths = torch.tensor([n, 5, 1]), torch.tensor([4, 12, 1])
    x, y = torch.randint(3, N - 1, (3, n)), torch.randint(3, N - 1, (3, 12))
    return {"x": x, "lengths": lengths, "y": y, "y_lengths": y_lengths}


def asked(net: torch.nn.Module, batch: dict[str, torch.Tensor], objective: Translation):
    """What theirs says of a batch: sources and targets padded as it pads them."""
    mask = torch.arange(batch["x"].shape[1]) < batch["lengths"][:, None]
    y, counted = objective.due(batch)
    return net(
        input_ids=torch.where(mask, batch["x"], net.config.pad_token_id), attention_mask=mask.long(),
        labels=y.masked_fill(~counted, -100),
    ), counted  # fmt: skip


def objective_of(ours: T5 | Marian) -> Translation:
    return Translation(ours, N, start=ours.start, end=ours.end).eval()


@every
def test_logits_loss_and_slopes_are_theirs_there_and_back(tmp_path, kind):
    theirs = peer(kind)
    ours = reloaded(theirs, tmp_path / "a")
    assert isinstance(ours, Marian if kind.startswith("marian") else T5)
    objective, batch = objective_of(ours), rows()
    wanted, counted = asked(theirs, batch, objective)
    near(objective.outputs(batch)[counted], wanted.logits[counted])
    loss = objective.mean_loss(batch)
    near(loss, wanted.loss)
    loss.backward()
    wanted.loss.backward()
    slopes = {name: p.grad for name, p in theirs.named_parameters() if p.requires_grad}
    assert all(grad is not None and grad.abs().sum() > 0 for grad in slopes.values())
    layout = hub.LAYOUTS["marian" if kind.startswith("marian") else "t5"]
    table = layout.table(ours, "language")
    own = {name: p.grad for name, p in ours.named_parameters()}
    found = hub.translate(hub.parted(own, table), table, to="theirs")
    found.pop("final_logits_bias", None)  # theirs is a buffer
    assert found.keys() == slopes.keys()
    for name, grad in found.items():
        rows_of_ids = N - 1 if name == "model.shared.weight" else None  # their padding, which begins, is not moved
        near(grad[:rows_of_ids], slopes[name][:rows_of_ids])
    hub.save_pretrained(ours, tmp_path / "b")
    back = type(theirs).from_pretrained(tmp_path / "b").eval()
    with torch.no_grad():
        near(asked(back, batch, objective)[0].logits[counted], wanted.logits[counted], 1e-6)


@every
def test_it_writes_what_theirs_generates_greedily_and_by_beams(tmp_path, kind):
    theirs = peer(kind, **({} if kind.startswith("marian") else {"num_decoder_layers": 2}))  # as many as their cache
    objective, batch = objective_of(reloaded(theirs, tmp_path)), rows()
    mask = torch.arange(14) < batch["lengths"][:, None]
    pad, end = theirs.config.pad_token_id, theirs.config.eos_token_id
    settings = {"max_new_tokens": 9, "do_sample": False, "bad_words_ids": [[pad]]}
    settings |= {"renormalize_logits": True, "return_dict_in_generate": True, "output_scores": True}
    with torch.no_grad():
        for beam in (1, 4):
            more = {"num_beams": beam} | ({"early_stopping": "never", "length_penalty": 1.0} if beam > 1 else {})
            wanted = theirs.generate(torch.where(mask, batch["x"], pad), attention_mask=mask.long(), **settings, **more)
            found = objective.translate(batch, n_tokens=9, beam=beam, never=(pad,))
            for i, ((ids, score),) in enumerate(found):
                row = wanted.sequences[i, 1:].tolist()
                assert ids == (row[: row.index(end) + 1] if end in row else row[:9])
                if beam > 1:
                    assert score == pytest.approx(float(wanted.sequences_scores[i]), abs=1e-4)


@pytest.mark.parametrize("size", ["t5-small", "t5-v1_1-small"])
def test_the_published_configurations_make_nets_of_their_size(size):
    later = {"feed_forward_proj": "gated-gelu", "d_ff": 1024, "num_layers": 8, "num_heads": 6}
    config = transformers.T5Config(**later if "v1" in size else {})
    with torch.device("meta"):
        theirs = transformers.T5ForConditionalGeneration(config)
        free = config.vocab_size * config.d_model if "v1" in size else 0  # they tie what was published apart
        n = sum(p.numel() for p in pn.models.text.t5.t5_of(size).parameters())
    assert n == sum(p.numel() for p in theirs.parameters()) + free


def test_older_files_with_copies_of_the_table_are_read(tmp_path):
    theirs = peer("t5")
    theirs.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    for name in ("lm_head.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"):
        tensors[name] = tensors["shared.weight"].clone()
    tensors["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"] = torch.zeros(8, 3)
    save_file(tensors, tmp_path / "model.safetensors")
    config = json.loads((tmp_path / "config.json").read_text())
    config = {k: v for k, v in config.items() if k not in ("tie_word_embeddings", "scale_decoder_outputs")}
    (tmp_path / "config.json").write_text(json.dumps(config))
    ours, ids = hub.load(tmp_path), torch.randint(N, (2, 5))
    assert ours.head is None
    assert ours.scaled
    near(ours(ids, ids), theirs(input_ids=ids, decoder_input_ids=ids).logits)


def test_a_configuration_of_version_4_says_itself_that_the_head_is_free(tmp_path):
    theirs = peer("t5 v1.1")
    theirs.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config.pop("scale_decoder_outputs")
    (tmp_path / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": False}))
    ours, ids = hub.load(tmp_path), torch.randint(N, (2, 5))
    near(ours(ids, ids), theirs(input_ids=ids, decoder_input_ids=ids).logits)
    assert hub.spec_of(tmp_path).get_params()["tied"] is False


def test_a_marian_file_without_its_offset_has_none(tmp_path):
    peer("marian").save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["final_logits_bias"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    theirs, ids = transformers.MarianMTModel.from_pretrained(tmp_path).eval(), torch.randint(N, (2, 5))
    near(hub.load(tmp_path)(ids, ids), theirs(input_ids=ids, decoder_input_ids=ids).logits)


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("t5", {"architectures": ["T5EncoderModel"]}, "no T5EncoderModel here"),
        ("t5", {"feed_forward_proj": "gated-mish"}, "feed_forward_proj is 'gated-mish'"),
        ("t5", {"num_layers": 3}, r"missing: .*encoder\.layers\.2"),
        ("t5", {"feed_forward_proj": "gated-gelu"}, "missing|without a place"),
        ("marian", {"share_encoder_decoder_embeddings": False}, "share_encoder_decoder_embeddings is False"),
        ("marian", {"decoder_attention_heads": 2}, "both sides are alike"),
        ("marian", {"decoder_vocab_size": 12}, "one vocabulary"),
        ("marian", {"activation_function": "mish"}, "activation_function is 'mish'"),
    ],
)
def test_what_cannot_be_computed_here_is_refused(tmp_path, kind, change, words):
    peer(kind).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | change
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(pn.DataError, match=words):
        hub.load(tmp_path)


def test_a_gate_that_the_layout_cannot_say_is_not_written(tmp_path):
    net = T5(9, width=8, n_heads=2, size=4, n_layers=1, hidden=8, gated=True, activation="gelu")
    with pytest.raises(pn.SettingError, match="no foreign layout"):
        hub.save_pretrained(net, tmp_path / "a")
