"""Xception: separable convolutions throughout, with residual shortcuts."""

import itertools

import torch
from torch import Tensor, nn

from ...layers.rectified import Chain
from ...layers.vision import GlobalAverage, scaled, started
from ...registry import model
from .mobilenet import Strides, strides_for
from .resnet import check_width


def _keys() -> list[tuple[str, str]]:
    """timm's names: what stands in a block is counted through there, activations and norms as well."""
    first = (("conv1", 0), ("bn1", 1), ("conv2", 3), ("bn2", 4))
    table = [(f"{theirs}.*", f"features.{i}.*") for theirs, i in first]

    def place(theirs: str, norm: str, ours: str) -> list[tuple[str, str]]:
        parts = ((f"{theirs}.conv1", "0"), (f"{theirs}.pointwise", "1"), (norm, "2"))
        return [(f"{name}.*", f"{ours}.{i}.*") for name, i in parts]

    for block in range(1, 13):
        theirs, ours = f"block{block}", f"features.{block + 5}"
        active = int(block > 1)  # the first begins without an activation
        for i in range(3 if 3 < block < 12 else 2):
            at = 3 * i + active
            table += place(f"{theirs}.rep.{at}", f"{theirs}.rep.{at + 1}", f"{ours}.body.{2 * i + active}")
        table += [(f"{theirs}.skip.*", f"{ours}.shortcut.0.*"), (f"{theirs}.skipbn.*", f"{ours}.shortcut.1.*")]
    table += [*place("conv3", "bn3", "features.18"), *place("conv4", "bn4", "features.20")]
    return [*table, ("fc.*", "head.2.*")]


KEYS = {"xception": (_keys(),)}


def separable(n_in: int, n_out: int) -> nn.Sequential:
    """3 x 3 on each channel, then 1 x 1 across them, without an activation between, and batch normalisation."""
    depthwise = nn.Conv2d(n_in, n_in, 3, padding=1, groups=n_in, bias=False)
    return nn.Sequential(depthwise, nn.Conv2d(n_in, n_out, 1, bias=False), nn.BatchNorm2d(n_out))


class XceptionBlock(nn.Module):
    """ReLUs and separable convolutions, a pool where there is a stride, and a shortcut (1 x 1 where shapes change)."""

    def __init__(self, widths: tuple[int, ...], *, stride: int, starts_active: bool = True) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        for i, (n_in, n_out) in enumerate(itertools.pairwise(widths)):
            parts += [nn.ReLU()] if i or starts_active else []
            parts.append(separable(n_in, n_out))
        self.body = nn.Sequential(*parts, *([nn.MaxPool2d(3, stride, 1)] if stride > 1 else []))
        same = stride == 1 and widths[0] == widths[-1]
        conv = nn.Conv2d(widths[0], widths[-1], 1, stride, bias=False)
        self.shortcut = nn.Identity() if same else nn.Sequential(conv, nn.BatchNorm2d(widths[-1]))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + self.shortcut(x)


class Xception(nn.Module):
    """Entry, eight middle blocks, exit: x (batch, in_channels, height, width) -> (batch, n_outputs)."""

    def __init__(self, *, in_channels: int, n_outputs: int, width: float, stride: Strides, dropout: float) -> None:
        super().__init__()

        def c(n: int) -> int:
            return scaled(width, n)

        pad = 1 if stride.left_out else 0  # the paper's first two lose a border
        parts: list[nn.Module] = [nn.Conv2d(in_channels, c(32), 3, stride(2), pad, bias=False), nn.BatchNorm2d(c(32))]
        parts += [nn.ReLU(), nn.Conv2d(c(32), c(64), 3, padding=pad, bias=False), nn.BatchNorm2d(c(64)), nn.ReLU()]
        parts.append(XceptionBlock((c(64), c(128), c(128)), stride=stride(2), starts_active=False))
        parts.append(XceptionBlock((c(128), c(256), c(256)), stride=stride(2)))
        parts.append(XceptionBlock((c(256), c(728), c(728)), stride=stride(2)))
        parts += [XceptionBlock((c(728),) * 4, stride=1) for _ in range(8)]
        parts.append(XceptionBlock((c(728), c(728), c(1024)), stride=stride(2)))
        parts += [separable(c(1024), c(1536)), nn.ReLU(), separable(c(1536), c(2048)), nn.ReLU()]
        self.features = Chain(*parts)
        self.head = nn.Sequential(GlobalAverage(), nn.Dropout(dropout), nn.Linear(c(2048), n_outputs))
        started(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x.contiguous(memory_format=torch.channels_last)))


@model.register("classifier", "regressor")
def xception(
    *, in_channels: int, image_size: tuple[int, int], n_outputs: int, width: float = 1.0, dropout: float = 0.5
) -> nn.Module:
    """Xception: Inception's idea at its end, where every channel has its own 3 x 3; 36 convolutions in 14 modules.

    Systems: xception
    Source: Chollet 2017; Martinez-Ramon A4.18.
    """
    check_width("xception", width, dropout)
    stride = strides_for(image_size)
    net = Xception(in_channels=in_channels, n_outputs=n_outputs, width=width, stride=stride, dropout=dropout)
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
