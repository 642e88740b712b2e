"""The layout of ViT in transformers, read and written."""

from typing import Any

from torch import nn

from ...layouts import Keys, Layout, register
from ..text.foreign import ACTIVATIONS, BACK, Config, first_of, labels_of, n_labels, rate_of
from .vit import SIZES, Patches, ViT

VIT_LAYER = [
    ("attention.attention.query.*", "attention.qkv.*[0]"),
    ("attention.attention.key.*", "attention.qkv.*[1]"),
    ("attention.attention.value.*", "attention.qkv.*[2]"),
    ("attention.output.dense.*", "attention.out.*"),
    ("intermediate.dense.*", "feed_forward.inner.*"),
    ("output.dense.*", "feed_forward.outer.*"),
    ("layernorm_before.*", "norm1.*"),
    ("layernorm_after.*", "norm2.*"),
]


def _vit_keys(head: str) -> Keys:
    table = [
        ("vit.embeddings.cls_token", "first"),
        ("vit.embeddings.position_embeddings", "place"),
        ("vit.embeddings.patch_embeddings.projection.*", "patches.projection.*"),
        *((f"vit.encoder.layer.*.{theirs}", f"encoder.layers.*.{ours}") for theirs, ours in VIT_LAYER),
        ("vit.layernorm.*", "encoder.last.*"),
    ]
    return table if head == "none" else [*table, ("classifier.*", "head.*")]


def _vit(config: Config, head: str, facts: Config) -> nn.Module:
    size = config["image_size"]
    return ViT(
        in_channels=config.get("num_channels", 3),
        image_size=(size, size) if isinstance(size, int) else (size[0], size[1]),
        n_outputs=n_labels(config, facts) if head == "class" else 0,
        patch=config["patch_size"],
        width=config["hidden_size"],
        n_layers=config["num_hidden_layers"],
        n_heads=config["num_attention_heads"],
        hidden=config["intermediate_size"],
        dropout=config.get("hidden_dropout_prob", 0.0),
        attention_dropout=config.get("attention_probs_dropout_prob", 0.0),
        activation=ACTIVATIONS[config.get("hidden_act", "gelu")],
        eps=config.get("layer_norm_eps", 1e-12),
        bias=config.get("qkv_bias", True),
    )


def _vit_config(module: Any) -> dict[str, Any]:
    layer, patches = first_of(module.encoder.layers), module.patches
    config = {
        "num_channels": patches.projection.in_channels,
        "image_size": list(module.image_size) if len({*module.image_size}) > 1 else module.image_size[0],
        "patch_size": patches.patch,
        "hidden_size": layer.norm1.normalized_shape[0],
        "num_hidden_layers": len(module.encoder.layers),
        "num_attention_heads": layer.attention.n_heads,
        "intermediate_size": layer.feed_forward.inner.out_features,
        "hidden_dropout_prob": rate_of(module.dropout),
        "attention_probs_dropout_prob": layer.attention.dropout,
        "hidden_act": BACK[layer.feed_forward.kind],
        "layer_norm_eps": layer.norm1.eps,
        "qkv_bias": layer.attention.qkv.bias is not None,
    }
    return config | (labels_of(module.n_outputs) if module.n_outputs else {})


def _vit_head(module: ViT) -> str:
    """The head "class" or "none", or "" where the net is not laid out as theirs."""
    whole = not any(side % module.patches.patch for side in module.image_size)
    if not isinstance(module.patches, Patches) or module.pooling != "class" or not whole:
        return ""
    return "class" if module.n_outputs else "none"


def _vit_name(config: Config) -> str | None:
    """The published net of these sizes, if it is one, with what those have: GELU, and offsets in attention."""
    keys = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    sizes = tuple(config[key] for key in keys)
    if config.get("hidden_act", "gelu") != "gelu" or not config.get("qkv_bias", True):
        return None
    return next((f"vit_{size}" for size, known in SIZES.items() if known[:4] == sizes), None)


register(
    Layout(
        "vit",
        {"ViTModel": "none", "ViTForImageClassification": "class"},
        _vit,
        _vit_config,
        _vit_head,
        _vit_keys,
        (ViT,),
        prefix="vit.",
        spare=(r"(vit\.)?pooler\.dense\..*",),
        headed=("head",),
        assumed={"hidden_act": tuple(ACTIVATIONS)},
        options=lambda config: {"patch_size": config["patch_size"]},
        model_name=_vit_name,
    )
)
