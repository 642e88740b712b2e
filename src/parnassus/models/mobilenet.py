"""MobileNet: depthwise separable convolutions, plain (v1) and as inverted residuals (v2)."""

import torch
from torch import Tensor, nn

from ..layers.vision import SMALL, GlobalAverage, convolution, scaled, started
from ..registry import model
from .resnet import check_width

V1 = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
# expansion, channels, blocks, stride of the first
V2 = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class InvertedResidual(nn.Module):
    """1 x 1 to `expansion` times the channels, 3 x 3 on each of them, 1 x 1 back without an activation.

    x is added where shapes agree: the shortcut joins the thin ends, not the thick middle.

    Systems: mobilenet-v2
    Source: Sandler et al. 2018; Martinez-Ramon A4.20.
    """

    def __init__(self, n_in: int, n_out: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        wide, act = n_in * expansion, nn.ReLU6
        parts = [convolution(n_in, wide, 1, act=act)] if expansion != 1 else []
        parts.append(convolution(wide, wide, 3, stride=stride, groups=wide, act=act))
        self.body = nn.Sequential(*parts, convolution(wide, n_out, 1, act=None))
        self.adds = stride == 1 and n_in == n_out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.adds else self.body(x)


class MobileNet(nn.Module):
    """A stack of parts, the channels' means, and a linear layer: (batch, in_channels, h, w) -> (batch, n_outputs)."""

    def __init__(self, parts: list[nn.Module], n_last: int, n_outputs: int, *, dropout: float) -> None:
        super().__init__()
        self.features = nn.Sequential(*parts)
        self.head = nn.Sequential(GlobalAverage(), nn.Dropout(dropout), nn.Linear(n_last, n_outputs))
        started(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x.contiguous(memory_format=torch.channels_last)))


@model.register("classifier", "regressor")
def mobilenet_v1(
    *, in_channels: int, image_size: tuple[int, int], n_outputs: int, width: float = 1.0, dropout: float = 0.001
) -> nn.Module:
    """MobileNet v1: thirteen depthwise separable convolutions; `width` is the paper's multiplier alpha.

    The first stride (and those that small pictures cannot bear) is 1 below 64 pixels. The resolution multiplier is the
    size that the codec makes pictures: `codec=pn.Image(size=160)`.

    Systems: mobilenet-v1
    Source: Howard et al. 2017; Martinez-Ramon A4.20.
    """
    check_width("mobilenet_v1", width, dropout)
    stride = strides_for(image_size)
    n_in = scaled(width, 32)
    parts: list[nn.Module] = [convolution(in_channels, n_in, 3, stride=stride(2))]
    for channels, step in V1:
        n_out = scaled(width, channels)
        parts += [convolution(n_in, n_in, 3, stride=stride(step), groups=n_in), convolution(n_in, n_out, 1)]
        n_in = n_out
    return _placed(MobileNet(parts, n_in, n_outputs, dropout=dropout))


@model.register("classifier", "regressor")
def mobilenet_v2(
    *, in_channels: int, image_size: tuple[int, int], n_outputs: int, width: float = 1.0, dropout: float = 0.2
) -> nn.Module:
    """MobileNet v2: seventeen inverted residual blocks with thin, linear ends; `width` is the paper's multiplier.

    Systems: mobilenet-v2
    Source: Sandler et al. 2018; Martinez-Ramon A4.20.
    """
    check_width("mobilenet_v2", width, dropout)
    stride = strides_for(image_size)
    n_in = scaled(width, 32)
    parts: list[nn.Module] = [convolution(in_channels, n_in, 3, stride=stride(2), act=nn.ReLU6)]
    for expansion, channels, n_blocks, step in V2:
        n_out = scaled(width, channels)
        for i in range(n_blocks):
            parts.append(InvertedResidual(n_in, n_out, stride=stride(step) if not i else 1, expansion=expansion))
            n_in = n_out
    n_last = scaled(max(1.0, width), 1280)
    parts.append(convolution(n_in, n_last, 1, act=nn.ReLU6))
    return _placed(MobileNet(parts, n_last, n_outputs, dropout=dropout))


def strides_for(image_size: tuple[int, int]) -> "Strides":
    """The strides of a net that halves pictures again and again: on small ones the first halvings are left out."""
    return Strides(min(image_size))


class Strides:
    """Says, halving by halving, which of a paper's strides a picture can bear; 224 pixels bear all five."""

    def __init__(self, size: int) -> None:
        halvings = max(size.bit_length() - 3, 0) if size < SMALL else 5  # down to 4 pixels or more
        self.left_out = max(5 - halvings, 0)

    def __call__(self, stride: int) -> int:
        """The stride to take where the paper takes this one."""
        if stride == 2 and self.left_out:
            self.left_out -= 1
            return 1
        return stride


def _placed(net: nn.Module) -> nn.Module:
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
