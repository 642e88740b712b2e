"""Nets that write of pictures: transformers' answers with its weights, step by step as at once, both encoders."""

import warnings

import pytest
import torch
from safetensors.torch import load_file

import parnassus as pn
from parnassus.errors import DataError, SettingError
from parnassus.models.captioning import Captioner, vit_gpt

pytestmark = pytest.mark.usefixtures("draws")
WORDS = 11


def made(**options):
    small = {"width": 16, "n_layers": 2, "n_heads": 2, "context": 9, "patch_size": 4}
    return vit_gpt(in_channels=3, image_size=(8, 12), target_vocab_size=WORDS, **small | options).eval()


def their_decoder(theirs):
    """Their decoder's weights under our names; GPT-2's matrices are (in, out)."""
    own = {k.removeprefix("transformer."): v for k, v in theirs.items()}
    found = {"targets.weight": own["wte.weight"], "place.weight": own["wpe.weight"]}
    for kind in ("weight", "bias"):
        found[f"decoder.last.{kind}"] = own[f"ln_f.{kind}"]
        turned = (lambda t: t.T) if kind == "weight" else (lambda t: t)
        for i in range(2):
            a, b = f"h.{i}.", f"decoder.layers.{i}."
            for theirs_, ours in (("ln_1", "norm1"), ("ln_cross_attn", "norm2"), ("ln_2", "norm3")):
                found[f"{b}{ours}.{kind}"] = own[f"{a}{theirs_}.{kind}"]
            for theirs_, ours in (
                ("attn.c_attn", "attention.qkv"), ("attn.c_proj", "attention.out"), ("mlp.c_fc", "feed_forward.inner"),
                ("crossattention.c_proj", "cross.out"), ("mlp.c_proj", "feed_forward.outer"),
            ):  # fmt: skip
                found[f"{b}{ours}.{kind}"] = turned(own[f"{a}{theirs_}.{kind}"])
            both = (own[f"{a}crossattention.q_attn.{kind}"], own[f"{a}crossattention.c_attn.{kind}"])
            found[f"{b}cross.qkv.{kind}"] = torch.cat([turned(part) for part in both])
    return found


@pytest.mark.parametrize("width", [32, 24])
def test_with_transformers_weights_it_gives_transformers_answers(width, tmp_path):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed; it is the oracle here")
    vit = transformers.ViTConfig(
        image_size=16, patch_size=4, num_channels=3, hidden_size=width, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    gpt = transformers.GPT2Config(
        vocab_size=WORDS, n_positions=12, n_embd=32, n_layer=2, n_head=4, add_cross_attention=True, is_decoder=True,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    config = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(vit, gpt)
    theirs = transformers.VisionEncoderDecoderModel(config).eval()
    for part in ("encoder", "decoder"):
        getattr(theirs, part).save_pretrained(tmp_path / part)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a pooler is not used
        seen = pn.hub.load(tmp_path / "encoder", head="none")
    ours = Captioner(seen, width, WORDS, width=32, n_layers=2, n_heads=4, context=12).eval()
    found = {f"encoder.{k}": v for k, v in seen.state_dict().items()}
    found |= their_decoder(load_file(tmp_path / "decoder" / "model.safetensors"))
    if width != 32:
        found |= {f"bridge.{kind}": getattr(theirs.enc_to_dec_proj, kind) for kind in ("weight", "bias")}
    ours.load_state_dict(found)
    x, ids = torch.randn(2, 3, 16, 16), torch.randint(0, WORDS, (2, 7))
    with torch.no_grad():
        due = theirs(pixel_values=x, decoder_input_ids=ids).logits
        torch.testing.assert_close(ours(x, ids), due, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("encoder", ["vit", "cnn"])
def test_word_by_word_it_says_what_it_says_at_once(encoder):
    net = made(encoder=encoder).model
    x, ids = torch.randn(3, 3, 8, 12), torch.randint(0, WORDS, (3, 6))
    with torch.no_grad():
        whole_ = net(x, ids)
        writing = net.begin(*net.encode(x), n_steps=6)
        steps = torch.stack([net.step(ids[:, i], writing) for i in range(6)], 1)
    torch.testing.assert_close(steps, whole_, rtol=1e-4, atol=1e-5)


def test_no_word_sees_those_behind_it():
    net, x, ids = made().model, torch.randn(1, 3, 8, 12), torch.randint(0, WORDS, (1, 6))
    other = ids.clone()
    other[:, 4:] = (other[:, 4:] + 1) % WORDS
    with torch.no_grad():
        torch.testing.assert_close(net(x, ids)[:, :4], net(x, other)[:, :4])


def test_a_text_longer_than_the_context_is_refused():
    with pytest.raises(DataError, match="longer than the 9 positions"):
        made().model(torch.zeros(1, 3, 8, 12), torch.zeros(1, 10, dtype=torch.long))


@pytest.mark.parametrize(("options", "words"), [
    ({"encoder": "vgg"}, "encoder='vgg'"), ({"width": 15}, "heads divide the width"), ({"context": 0}, "at least 1"),
])  # fmt: skip
def test_settings_without_meaning_are_refused(options, words):
    with pytest.raises(SettingError, match=words):
        made(**options)
