"""The layouts of ResNet, ConvNeXt and BiT in transformers, read and written."""

from typing import Any

from torch import nn

from ...errors import DataError
from ...layouts import Keys, Layout, register
from ..text.foreign import Config, labels_of, n_labels
from .bit import BiT
from .convnext import SIZES, ConvNext
from .resnet import LAYOUTS, Block, Bottleneck, ResNet

KINDS: dict[str, type[Block] | type[Bottleneck]] = {"basic": Block, "bottleneck": Bottleneck}

# --- ResNet ---------------------------------------------------------------------------------------


def _resnet_keys(head: str) -> Keys:
    parts = [("convolution", "conv"), ("normalization", "bn")]
    stage = "resnet.encoder.stages.*.layers.*"
    layers = [(f"{stage}.layer.{i}.{t}.*", f"stages.*.*.{o}{i + 1}.*") for i in range(3) for t, o in parts]
    first = [(f"resnet.embedder.embedder.{theirs}.*", f"{ours}1.*") for theirs, ours in parts]
    shortcut = [(f"{stage}.shortcut.{t}.*", f"stages.*.*.downsample.{i}.*") for i, (t, _) in enumerate(parts)]
    return [*first, *layers, *shortcut, ("classifier.1.*", "head.2.*")]


def _resnet(config: Config, head: str, facts: Config) -> nn.Module:
    kind = KINDS[config.get("layer_type", "bottleneck")]
    widths = [n // kind.expansion for n in config["hidden_sizes"]]
    if config.get("embedding_size", 64) != widths[0]:
        raise DataError(
            f"embedding_size is {config.get('embedding_size', 64)}, and the first stage here takes {widths[0]} channels"
        )
    return ResNet(
        kind,
        config["depths"],
        widths,
        in_channels=config.get("num_channels", 3),
        n_outputs=n_labels(config, facts),
        stem="paper",
    )


def _resnet_config(module: Any) -> dict[str, Any]:
    kind = type(module.stages[0][0])
    widths = [kind.expansion * stage[0].conv1.out_channels for stage in module.stages]
    return {
        "num_channels": module.conv1.in_channels,
        "embedding_size": module.conv1.out_channels,
        "hidden_sizes": widths,
        "depths": [len(stage) for stage in module.stages],
        "layer_type": "basic" if kind is Block else "bottleneck",
        "hidden_act": "relu",
    } | labels_of(module.head[2].out_features)


def _resnet_head(module: ResNet) -> str:
    padded = any(type(m).__name__ == "PaddedShortcut" for m in module.modules())
    return "" if module.preactivation or padded or isinstance(module.maxpool, nn.Identity) else "class"


def _resnet_name(config: Config) -> str | None:
    """The published net of these sizes, if it is one; 34 and 50 layers differ in their blocks alone."""
    kind = KINDS[config.get("layer_type", "bottleneck")]
    widths = [kind.expansion * n for n in (64, 128, 256, 512)]
    if config.get("embedding_size", 64) != 64 or list(config["hidden_sizes"]) != widths:
        return None
    known = {depths: depth for depth, depths in LAYOUTS.items() if (depth < 50) == (kind is Block)}
    depth = known.get(tuple(config["depths"]))
    return None if depth is None else f"resnet{depth}"


register(
    Layout(
        "resnet",
        {"ResNetForImageClassification": "class"},
        _resnet,
        _resnet_config,
        _resnet_head,
        _resnet_keys,
        (ResNet,),
        prefix="resnet.",
        headed=("head",),
        assumed={
            "hidden_act": ("relu",),
            "downsample_in_first_stage": (False,),
            "downsample_in_bottleneck": (False,),
            "layer_type": tuple(KINDS),
        },
        options=lambda config: {"stem": "paper"},
        model_name=_resnet_name,
    )
)

# --- ConvNeXt -------------------------------------------------------------------------------------

BLOCK = {
    "dwconv.*": "depthwise.*",
    "layernorm.*": "norm.*",
    "pwconv1.*": "wide.*",
    "pwconv2.*": "thin.*",
    "layer_scale_parameter": "scale",
}


def _convnext_keys(head: str) -> Keys:
    return [
        ("convnext.embeddings.patch_embeddings.*", "stem.0.*"),
        ("convnext.embeddings.layernorm.*", "stem.1.*"),
        *((f"convnext.encoder.stages.*.downsampling_layer.{i}.*", f"downsamples.*.{i}.*") for i in range(2)),
        *((f"convnext.encoder.stages.*.layers.*.{theirs}", f"stages.*.*.{ours}") for theirs, ours in BLOCK.items()),
        ("convnext.layernorm.*", "last.*"),
        ("classifier.*", "head.*"),
    ]


def _convnext(config: Config, head: str, facts: Config) -> nn.Module:
    return ConvNext(
        config["hidden_sizes"],
        config["depths"],
        in_channels=config.get("num_channels", 3),
        n_outputs=n_labels(config, facts),
        patch=config.get("patch_size", 4),
        drop_path=config.get("drop_path_rate", 0.0),
        eps=config.get("layer_norm_eps", 1e-12),
    )


def _convnext_config(module: Any) -> dict[str, Any]:
    return {
        "num_channels": module.stem[0].in_channels,
        "patch_size": module.patch,
        "hidden_sizes": [stage[0].depthwise.in_channels for stage in module.stages],
        "depths": list(module.depths),
        "num_stages": len(module.depths),
        "drop_path_rate": module.stages[-1][-1].drop.rate,
        "layer_norm_eps": module.last.eps,
        "hidden_act": "gelu",
    } | labels_of(module.n_outputs)


def _convnext_name(config: Config) -> str | None:
    sizes = tuple(config["hidden_sizes"]), tuple(config["depths"])
    return next((f"convnext_{size}" for size, known in SIZES.items() if known == sizes), None)


def _convnext_options(config: Config) -> dict[str, Any]:
    return {"patch_size": config.get("patch_size", 4), "drop_path": config.get("drop_path_rate", 0.0)}


register(
    Layout(
        "convnext",
        {"ConvNextForImageClassification": "class"},
        _convnext,
        _convnext_config,
        lambda module: "class" if set(module.steps[1:]) == {2} else "",
        _convnext_keys,
        (ConvNext,),
        prefix="convnext.",
        headed=("head",),
        assumed={"hidden_act": ("gelu",)},
        options=_convnext_options,
        model_name=_convnext_name,
    )
)

# --- BiT ------------------------------------------------------------------------------------------


def _bit_keys(head: str) -> Keys:
    stage = "bit.encoder.stages.*.layers.*"
    return [
        ("bit.embedder.convolution.*", "conv1.*"),
        (f"{stage}.downsample.conv.*", "stages.*.*.downsample.*"),
        (f"{stage}.norm*", "stages.*.*.norm*"),
        (f"{stage}.conv*", "stages.*.*.conv*"),
        ("bit.norm.*", "norm.*"),
        ("classifier.1.*", "head.1.*"),
    ]


def _bit(config: Config, head: str, facts: Config) -> nn.Module:
    return BiT(
        [n * config.get("width_factor", 1) for n in config["hidden_sizes"]],
        config["depths"],
        in_channels=config.get("num_channels", 3),
        n_outputs=n_labels(config, facts),
        first=config.get("embedding_size", 64),
        groups=config.get("num_groups", 32),
        stem="paper",
    )


def _bit_config(module: Any) -> dict[str, Any]:
    return {
        "num_channels": module.conv1.in_channels,
        "embedding_size": module.conv1.out_channels,
        "hidden_sizes": [stage[0].conv3.out_channels for stage in module.stages],
        "depths": [len(stage) for stage in module.stages],
        "num_groups": module.norm.num_groups,
        "layer_type": "preactivation",
        "hidden_act": "relu",
    } | labels_of(module.n_outputs)


def _bit_name(config: Config) -> str | None:
    if config.get("embedding_size", 64) != 64 or config.get("num_groups", 32) != 32:
        return None
    if list(config["hidden_sizes"]) != [256, 512, 1024, 2048]:
        return None
    return next((f"bit_resnet{d}" for d in (50, 101, 152) if LAYOUTS[d] == tuple(config["depths"])), None)


register(
    Layout(
        "bit",
        {"BitForImageClassification": "class"},
        _bit,
        _bit_config,
        lambda module: "" if module.small else "class",
        _bit_keys,
        (BiT,),
        prefix="bit.",
        headed=("head",),
        assumed={
            "hidden_act": ("relu",),
            "layer_type": ("preactivation",),
            "global_padding": (None,),
            "embedding_dynamic_padding": (False,),
            "output_stride": (32,),
            "width_factor": (1,),
        },
        options=lambda config: {"stem": "paper"},
        model_name=_bit_name,
    )
)
