"""What nets for pictures cost: parameters, multiply-adds and memory as counted, beside what others published."""

import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ..errors import SettingError
from ..registry import Builder, model
from ..train.phase import Objective
from .summary import Layer, summarize

# year, top-1 and top-5 of ImageNet's validation pictures: Keras applications where it says K, else torchvision's first
# weights. They are cited, not measured here.
PUBLISHED: dict[str, tuple[int, float, float, str]] = {
    "alexnet": (2012, 56.522, 79.066, ""), "vgg16": (2014, 71.592, 90.382, ""), "vgg19": (2014, 72.376, 90.876, ""),
    "googlenet": (2014, 69.778, 89.530, ""), "inception_v3": (2015, 77.294, 93.450, ""),
    "resnet18": (2015, 69.758, 89.078, ""), "resnet34": (2015, 73.314, 91.420, ""),
    "resnet50": (2015, 76.130, 92.862, ""), "resnet101": (2015, 77.374, 93.546, ""),
    "resnet152": (2015, 78.312, 94.046, ""), "densenet121": (2016, 74.434, 91.972, ""),
    "densenet169": (2016, 75.600, 92.806, ""), "densenet201": (2016, 76.896, 93.370, ""),
    "xception": (2016, 79.0, 94.5, "K"), "mobilenet_v1": (2017, 70.4, 89.5, "K"),
    "mobilenet_v2": (2018, 71.878, 90.286, ""), "efficientnet_b0": (2019, 77.692, 93.532, ""),
    "efficientnet_b1": (2019, 78.642, 94.186, ""), "efficientnet_b2": (2019, 80.608, 95.310, ""),
    "efficientnet_b3": (2019, 82.008, 96.054, ""), "efficientnet_b4": (2019, 83.384, 96.594, ""),
    "efficientnet_b5": (2019, 83.444, 96.628, ""), "efficientnet_b6": (2019, 84.008, 96.916, ""),
    "efficientnet_b7": (2019, 84.122, 96.908, ""),
}  # fmt: skip
SIZES = {  # pixels a side where they are not 224
    **dict.fromkeys(("inception_v3", "inception_v4", "xception"), 299),
    **{f"efficientnet_b{i + 1}": side for i, side in enumerate((240, 260, 300, 380, 456, 528, 600))},
}
VIEWS = ("Flatten", "Identity")  # whose outputs take no memory of their own


@dataclass(frozen=True)
class NetCost:
    """One net on one picture.

    n_products : multiply-adds forwards. n_bytes : of weights, and of what layers with weights and pools put out, in
    float32; a training keeps about as much for each picture of a batch, and thrice the weights.
    year, top1, top5, source : as published, or None; "K" is Keras applications, "" torchvision's first weights.
    """

    name: str
    size: int
    n_parameters: int
    n_products: int
    n_bytes: int
    year: int | None = None
    top1: float | None = None
    top5: float | None = None
    source: str = ""


def picture_nets(task: str = "classifier") -> list[str]:
    """The names of registered nets for pictures; what learns by rules of its own is none."""
    return [name for name in model.names(task) if _of_pictures(name, task) is not None]


def _of_pictures(name: str, task: str) -> Builder | None:
    return next((b for b in model.builders(name, task) if _is_net_of_pictures(b)), None)


def _is_net_of_pictures(builder: Builder) -> bool:
    made = inspect.signature(builder.make).return_annotation
    by_own_rules = isinstance(made, type) and issubclass(made, Objective)
    return not by_own_rules and "in_channels" in builder.facts and "frames" not in builder.facts


def net_costs(
    names: Sequence[str] | None = None, *, size: int | None = None, in_channels: int = 3, n_outputs: int = 1000
) -> list[NetCost]:
    """Counts of nets by name, on pictures of `size` pixels a side; None takes each net's own (224, 299, or to 600).

    Nothing is allocated: shapes are carried through without numbers.

    Systems: cnn-registry, flop-counter
    Source: Martinez-Ramon 4.4.10, Baker 3.7.2 and 5.2 (which gives multiply-adds "per second", and says that skips save
    any: plain-34 has as many as ResNet-34).
    """
    found = []
    for name in picture_nets() if names is None else names:
        builder = _of_pictures(name, "classifier")
        if builder is None:
            raise SettingError(f"model {name!r} takes no pictures; those that do: {', '.join(picture_nets())}")
        side = size or SIZES.get(name, 224)
        with torch.device("meta"):
            facts = {"in_channels": in_channels, "image_size": (side, side), "n_outputs": n_outputs}
            net = builder.make(**{k: v for k, v in facts.items() if k in builder.facts}, **builder.defaults)
        found.append(cost_of(net, name, side, in_channels))
    return found


def cost_of(net: nn.Module, name: str, size: int, in_channels: int) -> NetCost:
    """The counts of one net on one picture."""
    x = torch.zeros(1, in_channels, size, size, device="meta" if next(net.parameters()).is_meta else "cpu")
    told = summarize(net, lambda: net(x), name=name)
    floats = x.numel() + sum(n_floats(layer) for layer in told.layers)
    year, top1, top5, source = PUBLISHED.get(name, (None, None, None, ""))
    n_products = sum(layer.n_products for layer in told.layers)
    return NetCost(
        name, size, told.n_parameters, n_products, 4 * (told.n_parameters + floats), year, top1, top5, source
    )


def n_floats(layer: Layer) -> int:
    """What a layer puts out that was not there before: layers with weights, and pools."""
    if layer.kind in VIEWS or not (layer.n_parameters or layer.inputs != layer.outputs):
        return 0
    return math.prod(layer.outputs)
