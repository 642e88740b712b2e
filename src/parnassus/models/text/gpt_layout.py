"""The layout of GPT-2 in transformers, read and written."""

from typing import Any

from torch import nn

from ...layers.positions import LearnedPositions
from ...layouts import Keys, Layout, register
from .foreign import ACTIVATIONS, BACK, Config, first_of, rate_of
from .gpt import GPT

BLOCK = [
    ("ln_1.*", "norm1.*"),
    ("ln_2.*", "norm2.*"),
    *(
        (f"{theirs}.{kind}", f"{ours}.{kind}{mark}")
        for theirs, ours in (
            ("attn.c_attn", "attention.qkv"),
            ("attn.c_proj", "attention.out"),
            ("mlp.c_fc", "feed_forward.inner"),
            ("mlp.c_proj", "feed_forward.outer"),
        )
        for kind, mark in (("weight", "^T"), ("bias", ""))  # theirs are (in, out)
    ),
]


def _gpt2_keys(head: str) -> Keys:
    return [
        ("transformer.wte.weight", "tokens.weight"),
        ("transformer.wpe.weight", "place.weight"),
        ("transformer.ln_f.*", "blocks.last.*"),
        *((f"transformer.h.*.{theirs}", f"blocks.layers.*.{ours}") for theirs, ours in BLOCK),
    ]


def _gpt2_options(config: Config) -> dict[str, Any]:
    return {
        "width": config["n_embd"],
        "n_layers": config["n_layer"],
        "n_heads": config["n_head"],
        "hidden": config.get("n_inner"),
        "dropout": float(config.get("resid_pdrop", 0.1)),
        "activation": ACTIVATIONS[config.get("activation_function", "gelu_new")],
        "eps": config.get("layer_norm_epsilon", 1e-5),
    }


def _gpt2(config: Config, head: str, facts: Config) -> nn.Module:
    return GPT(config["vocab_size"], context=config.get("n_positions", 1024), **_gpt2_options(config))


def _gpt2_config(module: Any) -> dict[str, Any]:
    layer, rate = first_of(module.blocks.layers), rate_of(module.dropout)
    return {
        "vocab_size": module.vocab_size,
        "n_positions": module.context,
        "n_embd": module.width,
        "n_layer": len(module.blocks.layers),
        "n_head": layer.attention.n_heads,
        "n_inner": layer.feed_forward.inner.out_features,
        "resid_pdrop": rate,
        "embd_pdrop": rate,
        "attn_pdrop": rate,
        "activation_function": BACK[layer.feed_forward.kind],
        "layer_norm_epsilon": layer.norm1.eps,
        "bos_token_id": None,
        "eos_token_id": None,
    }


def _gpt2_head(module: GPT) -> str:
    """The head "language", or "" where the net is not laid out as GPT-2 is."""
    layer = first_of(module.blocks.layers)
    same = isinstance(module.place, LearnedPositions) and module.head is None and layer.norm == "pre"
    own = layer.attention.n_groups == layer.attention.n_heads and layer.attention.qkv.bias is not None
    return "language" if same and own and layer.attention.positions is None else ""


register(
    Layout(
        "gpt2",
        {"GPT2LMHeadModel": "language", "GPT2Model": "language"},
        _gpt2,
        _gpt2_config,
        _gpt2_head,
        _gpt2_keys,
        (GPT,),
        prefix="transformer.",
        unused=(r"lm_head\.weight", r"(transformer\.)?h\.\d+\.attn\.(masked_)?bias"),
        assumed={
            "tie_word_embeddings": (True,),
            "add_cross_attention": (False,),
            "scale_attn_by_inverse_layer_idx": (False,),
            "scale_attn_weights": (True,),
            "activation_function": tuple(ACTIVATIONS),
        },
        options=_gpt2_options,
        model_name="gpt",
    )
)
