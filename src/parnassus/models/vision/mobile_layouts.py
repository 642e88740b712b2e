"""The layouts of MobileNet v1 and v2, and of EfficientNet, in transformers, read and written."""

import math
from collections.abc import Callable
from itertools import accumulate
from typing import Any

from torch import nn

from ...errors import DataError
from ...layers.vision import SMALL, SameConv2d, scaled
from ...layouts import Keys, Layout, register
from ..text.foreign import Config, labels_of, n_labels
from .efficientnet import STAGES, EfficientNet
from .mobilenet import V1, Convention, InvertedResidual, MobileNet, placed

ACTS: dict[str, type[nn.Module]] = {"relu6": nn.ReLU6, "relu": nn.ReLU}
WHOLE = (224, 224)  # a picture that bears every stride, as theirs takes at any size
PARTS = (("convolution", 0), ("normalization", 1))

# --- MobileNet ------------------------------------------------------------------------------------


def _pairs(theirs: str, ours: str) -> list[tuple[str, str]]:
    return [(f"{theirs}.{part}.*", f"{ours}.{i}.*") for part, i in PARTS]


def _v1_keys() -> Keys:
    table = _pairs("mobilenet_v1.conv_stem", "features.0")
    for i in range(2 * len(V1)):
        table += _pairs(f"mobilenet_v1.layer.{i}", f"features.{i + 1}")
    return [*table, ("classifier.*", "head.2.*")]


def _v2_keys() -> Keys:
    stem = "mobilenet_v2.conv_stem"
    table = _pairs(f"{stem}.first_conv", "features.0")
    for k, part in enumerate(("conv_3x3", "reduce_1x1")):
        table += _pairs(f"{stem}.{part}", f"features.1.body.{k}")
    for i in range(16):
        for k, part in enumerate(("expand_1x1", "conv_3x3", "reduce_1x1")):
            table += _pairs(f"mobilenet_v2.layer.{i}.{part}", f"features.{i + 2}.body.{k}")
    return [*table, *_pairs("mobilenet_v2.conv_1x1", "features.18"), ("classifier.*", "head.2.*")]


def _convention(config: Config) -> Convention:
    padding = "tensorflow" if config.get("tf_padding", True) else "even"
    return Convention(padding, config.get("layer_norm_eps", 1e-3), ACTS[config.get("hidden_act", "relu6")])


def _check_ends(width: float, ends: tuple[tuple[int, int], ...]) -> None:
    """Refuses a width at which a block comes out as wide as it went in where the whole net's grows or shrinks.

    It is added to its input here, as TensorFlow and torchvision do, and not there.
    """
    if any(scaled(width, a) == scaled(width, b) for a, b in ends):
        raise DataError(f"a width of {width} makes the ends of some blocks alike, which are added here and not there")


def _mobile(config: Config, facts: Config, dropout: float) -> dict[str, Any]:
    return {
        "in_channels": config.get("num_channels", 3),
        "image_size": WHOLE,
        "n_outputs": n_labels(config, facts),
        "width": float(config.get("depth_multiplier", 1.0)),
        "dropout": config.get("classifier_dropout_prob", dropout),
        "convention": _convention(config),
    }


def _mobile_config(module: Any) -> dict[str, Any]:
    convolution, norm, act = module.features[0]
    return {
        "num_channels": convolution.in_channels,
        "depth_multiplier": module.width,
        "classifier_dropout_prob": module.head[1].p,
        "tf_padding": isinstance(convolution, SameConv2d),
        "layer_norm_eps": norm.eps,
        "hidden_act": next(name for name, kind in ACTS.items() if type(act) is kind),
    } | labels_of(module.head[2].out_features)


def _strided(module: Any) -> bool:
    """Whether no stride was left out, as small pictures ask for: the first is the first to go."""
    return module.features[0][0].stride == (2, 2)


def _v1_head(module: MobileNet) -> str:
    """The head, or "" where channels are rounded in another way than theirs."""
    alike = all(scaled(module.width, c) == max(int(c * module.width), 8) for c in (32, *(c for c, _ in V1)))
    return "class" if not _inverted(module) and alike and _strided(module) else ""


def _v2_head(module: MobileNet) -> str:
    return "class" if _inverted(module) and _strided(module) else ""


def _inverted(module: MobileNet) -> bool:
    return any(isinstance(part, InvertedResidual) for part in module.features)


def _mobile_options(config: Config) -> dict[str, Any]:
    """Of the model of this name; what is neither of the two conventions is taken as TensorFlow's."""
    origin = "tensorflow" if config.get("tf_padding", True) else "torch"
    return {"width": float(config.get("depth_multiplier", 1.0)), "origin": origin}


def _mobilenet(version: int, make: Callable[..., MobileNet], head: Callable[[Any], str], keys: Keys) -> Layout:
    dropout = {1: 0.999, 2: 0.8}[version]  # what a configuration that says nothing means

    def made(config: Config, head: str, facts: Config) -> nn.Module:
        if version == 2:
            _check_ends(config.get("depth_multiplier", 1.0), ((32, 16),))
        return placed(make(**_mobile(config, facts, dropout)))

    return Layout(
        f"mobilenet_v{version}",
        {f"MobileNetV{version}ForImageClassification": "class"},
        made,
        _mobile_config,
        head,
        lambda head: keys,
        (MobileNet,),
        prefix=f"mobilenet_v{version}.",
        assumed={
            "hidden_act": tuple(ACTS) if version == 1 else ("relu6",),
            "min_depth": (8,),
            "depth_divisible_by": (8,),
            "expand_ratio": (6, 6.0),
            "output_stride": (32,),
            "first_layer_is_expansion": (True,),
            "finegrained_output": (True,),
        },
        options=_mobile_options,
    )


register(_mobilenet(1, MobileNet.v1, _v1_head, _v1_keys()))
register(_mobilenet(2, MobileNet.v2, _v2_head, _v2_keys()))

# --- EfficientNet ---------------------------------------------------------------------------------


def _efficientnet_keys(module: Any, head: str) -> Keys:
    """The table for as many blocks as a net has; those of the first stage have no expansion."""
    table = _named("embeddings.", ("convolution", "batchnorm"), "features.0")
    for i, block in enumerate(module.features[1:-1]):
        theirs, ours, k = f"encoder.blocks.{i}.", f"features.{i + 1}.body", len(block.body) - 3
        table += _named(f"{theirs}expansion.expand_", ("conv", "bn"), f"{ours}.0") if k else []
        table += _named(f"{theirs}depthwise_conv.depthwise_", ("conv", "norm"), f"{ours}.{k}")
        gate = f"efficientnet.{theirs}squeeze_excite"
        table += [(f"{gate}.{a}.*", f"{ours}.{k + 1}.{b}.*") for a, b in (("reduce", "fc1"), ("expand", "fc2"))]
        table += _named(f"{theirs}projection.project_", ("conv", "bn"), f"{ours}.{k + 2}")
    table += _named("encoder.top_", ("conv", "bn"), f"features.{len(module.features) - 1}")
    return [*table, ("classifier.*", "head.2.*")]


def _named(theirs: str, parts: tuple[str, str], ours: str) -> list[tuple[str, str]]:
    return [(f"efficientnet.{theirs}{part}.*", f"{ours}.{i}.*") for i, part in enumerate(parts)]


def _efficientnet(config: Config, head: str, facts: Config) -> nn.Module:
    size, depth = config.get("image_size", 600), config.get("depth_coefficient", 3.1)
    sides = [size, size] if isinstance(size, int) else list(size)
    given = sorted(set(config.get("depthwise_padding", ())) & {i for i, step in _steps(depth) if step == 2})
    if any(_even(depth, side) != given for side in sides):
        raise DataError(
            f"depthwise_padding is {given}, and pictures of {sides} pixels are padded evenly before the blocks "
            f"{_even(depth, sides[0])}; write the size of your pictures, and these blocks, into the configuration"
        )
    _check_ends(config.get("width_coefficient", 2.0), ((32, 16), (80, 112), (192, 320)))
    net = EfficientNet(
        in_channels=config.get("num_channels", 3),
        image_size=(max(sides[0], SMALL), max(sides[1], SMALL)),
        n_outputs=n_labels(config, facts),
        width=config.get("width_coefficient", 2.0),
        depth=depth,
        dropout=config.get("dropout_rate", 0.5),
        drop_path=config.get("drop_connect_rate", 0.2),
        convention=Convention("tensorflow", config.get("batch_norm_eps", 1e-3)),
    )
    return placed(net)


def _steps(depth: float) -> list[tuple[int, int]]:
    """The number and the stride of the first block of each stage."""
    first = accumulate((math.ceil(depth * n) for *_, n in STAGES), initial=0)
    return [(i, step) for i, (_, _, step, _, _) in zip(first, STAGES, strict=False)]


def _even(depth: float, side: int) -> list[int]:
    """The blocks with a stride that an odd number of pixels comes to: TensorFlow pads both ends of these alike."""
    side, found = math.ceil(side / 2), []
    for i, step in _steps(depth):
        found += [i] if step == 2 and side % 2 else []
        side = math.ceil(side / step)
    return found


def _efficientnet_config(module: Any) -> dict[str, Any]:
    blocks, size = module.features[1:-1], module.image_size
    width, depth = module.scales
    return {
        "num_channels": module.features[0][0].in_channels,
        "image_size": list(size) if size[0] != size[1] else size[0],
        "width_coefficient": width,
        "depth_coefficient": depth,
        "depthwise_padding": _even(depth, size[0]),
        "hidden_dim": module.head[2].in_features,
        "batch_norm_eps": module.features[0][1].eps,
        "dropout_rate": module.head[1].p,
        "drop_connect_rate": round(blocks[-1].drop.rate * len(blocks) / (len(blocks) - 1), 12),
        "hidden_act": "swish",
    } | labels_of(module.head[2].out_features)


def _efficientnet_head(module: Any) -> str:
    (width, depth), size = module.scales, module.image_size
    alike = module.head[2].in_features == scaled(width, 1280) and _even(depth, size[0]) == _even(depth, size[1])
    return "class" if alike and _strided(module) and isinstance(module.features[0][0], SameConv2d) else ""


register(
    Layout(
        "efficientnet",
        {"EfficientNetForImageClassification": "class"},
        _efficientnet,
        _efficientnet_config,
        _efficientnet_head,
        lambda head: (),
        (EfficientNet,),
        prefix="efficientnet.",
        assumed={
            "hidden_act": ("swish", "silu"),
            "pooling_type": ("mean",),
            "squeeze_expansion_ratio": (0.25,),
            "depth_divisor": (8,),
            "expand_ratios": ([stage[0] for stage in STAGES],),
            "kernel_sizes": ([stage[1] for stage in STAGES],),
            "strides": ([stage[2] for stage in STAGES],),
            "out_channels": ([stage[3] for stage in STAGES],),
            "in_channels": ([32, *(stage[3] for stage in STAGES[:-1])],),
            "num_block_repeats": ([stage[4] for stage in STAGES],),
        },
        keys_of=_efficientnet_keys,
    )
)
