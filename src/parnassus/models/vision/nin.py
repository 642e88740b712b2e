"""Network in Network: small dense nets slid over the picture, and no dense layer at the end."""

import torch
from torch import nn

from ...layers.vision import SMALL, GlobalAverage, scaled, started
from ...registry import model
from .resnet import check_width


def micro(n_in: int, n_out: int, kernel: int, *, stride: int = 1, padding: int = 0, last: int | None = None) -> list:
    """A convolution and two of 1 x 1, each with ReLU: a dense net of two layers on each place's channels."""
    parts: list[nn.Module] = [nn.Conv2d(n_in, n_out, kernel, stride, padding), nn.ReLU(inplace=True)]
    for n in (n_out, n_out if last is None else last):
        parts += [nn.Conv2d(n_out, n, 1), nn.ReLU(inplace=True)]
    return parts if last is None else parts[:-1]


@model.register("classifier", "regressor")
def nin(
    *, in_channels: int, image_size: tuple[int, int], n_outputs: int, width: float = 1.0, dropout: float = 0.5
) -> nn.Module:
    """Network in Network: convolutions followed by 1 x 1, and one map for each class, whose mean is its score.

    The last ReLU of the published net is left out, so that scores can be negative.

    Systems: conv-1x1
    Source: Lin, Chen and Yan 2014; Martinez-Ramon 4.4.3 (A4.16), Baker 5.2.
    """
    check_width("nin", width, dropout)
    small, side = min(image_size) < SMALL, min(image_size)
    a, b, c, d = (scaled(width, n) if width != 1 else n for n in (96, 256, 384, 1024))

    def pool() -> list[nn.Module]:
        nonlocal side
        if small and side < 4:
            return []
        side //= 2
        return [nn.MaxPool2d(3, 2, 1) if small else nn.MaxPool2d(3, 2, ceil_mode=True)]

    first = micro(in_channels, a, 3, padding=1) if small else micro(in_channels, a, 11, stride=4)
    parts = [*first, *pool(), *micro(a, b, 5, padding=2), *pool(), *micro(b, c, 3, padding=1)]
    parts += [*(pool() if side >= 4 else []), nn.Dropout(dropout), *micro(c, d, 3, padding=1, last=n_outputs)]
    net = started(nn.Sequential(*parts, GlobalAverage()))
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
