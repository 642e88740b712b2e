"""Texts written of pictures against transformers' ViT and GPT-2 with cross-attention, at their weights."""

import tempfile
import warnings
from typing import Any

import torch
from torch import Tensor

from .. import hub
from ..imports import imported
from ..models.text.captioning import Captioner
from ..objectives.text.translation import Translation
from ..train.randomness import kept_random
from . import check, gap

WORDS = 11
PARTS = (
    ("ln_1", "norm1"), ("ln_cross_attn", "norm2"), ("ln_2", "norm3"), ("attn.c_attn", "attention.qkv"),
    ("attn.c_proj", "attention.out"), ("mlp.c_fc", "feed_forward.inner"), ("mlp.c_proj", "feed_forward.outer"),
    ("crossattention.c_proj", "cross.out"),
)  # fmt: skip


def their_decoder(theirs: dict[str, Tensor], n_layers: int) -> dict[str, Tensor]:
    """GPT-2's weights under our names; its matrices are (in, out)."""
    own = {
        k.removeprefix("transformer."): v.T if v.ndim == 2 and ("c_" in k or "q_attn" in k) else v
        for k, v in theirs.items()
    }
    found = {"targets.weight": own["wte.weight"], "place.weight": own["wpe.weight"]}
    for kind in ("weight", "bias"):
        found[f"decoder.last.{kind}"] = own[f"ln_f.{kind}"]
        for i in range(n_layers):
            found |= {f"decoder.layers.{i}.{mine}.{kind}": own[f"h.{i}.{name}.{kind}"] for name, mine in PARTS}
            both = [own[f"h.{i}.crossattention.{name}.{kind}"] for name in ("q_attn", "c_attn")]
            found[f"decoder.layers.{i}.cross.qkv.{kind}"] = torch.cat(both)
    return found


def their_captioner(width: int) -> tuple[Any, Captioner]:
    """A ViT of a width under a GPT-2 of width 32, by transformers and with the same weights here."""
    transformers = imported("transformers")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    vit = transformers.ViTConfig(image_size=16, patch_size=4, hidden_size=width, num_hidden_layers=2,
                                 num_attention_heads=4, intermediate_size=64)  # fmt: skip
    gpt = transformers.GPT2Config(
        vocab_size=WORDS, n_positions=12, n_embd=32, n_layer=2, n_head=4, add_cross_attention=True, is_decoder=True,
        bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    config = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(vit, gpt)
    theirs = transformers.VisionEncoderDecoderModel(config).eval()
    for p in theirs.parameters():  # first weights are so small that all pictures get the same words
        p.data.add_(torch.randn_like(p), alpha=0.4 if p.ndim > 1 else 0.1)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a pooler is not used
        theirs.encoder.save_pretrained(folder)
        seen: Any = hub.load(folder, head="none")
    ours = Captioner(seen, width, WORDS, width=32, n_layers=2, n_heads=4, context=12).eval()
    found = {f"encoder.{k}": v for k, v in seen.state_dict().items()} | their_decoder(theirs.decoder.state_dict(), 2)
    if width != 32:
        found |= {f"bridge.{kind}": getattr(theirs.enc_to_dec_proj, kind) for kind in ("weight", "bias")}
    ours.load_state_dict(found)
    return theirs, ours


@check("vit-gpt2-captioner", oracle="transformers", tolerance=1e-4)
def captions_against_transformers() -> float:
    """Logits after seven words, and greedy captions of six pictures, of encoders as wide as the decoder and not."""
    worst = 0.0
    for width in (32, 24):
        with kept_random(torch.device("cpu"), 0), torch.no_grad():
            theirs, ours = their_captioner(width)
            x, ids = torch.randn(6, 3, 16, 16), torch.randint(0, WORDS, (6, 7))
            due = theirs(pixel_values=x, decoder_input_ids=ids).logits
            said = theirs.generate(x, max_new_tokens=8, do_sample=False, decoder_start_token_id=0, pad_token_id=1)
            written = Translation(ours, WORDS, start=0, end=1).eval().translate({"x": x}, n_tokens=8, never=())
        rows = [[*row[1:].tolist(), 1] for row in said]
        wrong = sum(ids != row[: row.index(1) + 1][:8] for ((ids, _),), row in zip(written, rows, strict=True))
        worst = max(worst, gap(ours(x, ids), due), float(wrong))
    return worst
