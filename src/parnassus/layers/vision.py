"""Parts of convolutional nets that torch.nn lacks."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..functional.convolution.padding import same_amounts
from ..functional.pooling import spatial_pyramid_pool
from .rectified import Chain

SMALL = 64  # pixels a side below which a paper's first stride of 4 leaves too little


def scaled(width: float, n: int, *, divisor: int = 8) -> int:
    """Channels times a width multiplier, rounded to a multiple of the divisor, never more than a tenth fewer.

    >>> scaled(0.5, 32), scaled(1.1, 16), scaled(0.1, 16)
    (16, 16, 8)
    """
    rounded = max(divisor, int(n * width + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * n * width else rounded + divisor


def convolution(
    n_in: int,
    n_out: int,
    kernel: int,
    *,
    stride: int = 1,
    groups: int = 1,
    act: Callable[[], nn.Module] | None = nn.ReLU,
    eps: float = 1e-5,
    momentum: float = 0.1,
    padding: str = "even",
) -> nn.Sequential:
    """A convolution that keeps the size (at stride 1), batch normalisation, and an activation where one is given.

    padding="tensorflow" pads at strides as TensorFlow does, which is more behind than before.
    """
    if padding == "tensorflow" and stride > 1:
        made: nn.Conv2d = SameConv2d(n_in, n_out, kernel, stride=stride, groups=groups, bias=False)
    else:
        padded = (kernel - 1) // 2
        made = nn.Conv2d(n_in, n_out, kernel, stride=stride, padding=padded, groups=groups, bias=False)
    parts: list[nn.Module] = [made, nn.BatchNorm2d(n_out, eps=eps, momentum=momentum)]
    return Chain(*parts, *([act()] if act is not None else []))


def started(module: nn.Module) -> nn.Module:
    """The module with He's first weights for its convolutions (fan out), and small normal ones for dense layers.

    Source: He et al. 2015.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=0.01)
            nn.init.zeros_(part.bias)
    return module


class SqueezeExcitation(nn.Module):
    """Channels times a gate each, which two small layers read off the channels' means.

        s = sigmoid(W_2 act(W_1 mean(x) + b_1) + b_2);  y = s x

    Systems: squeeze-excitation
    Source: Hu, Shen and Sun 2018; Martinez-Ramon A4.22.
    """

    def __init__(self, n_channels: int, n_squeezed: int, *, act: Callable[[], nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Conv2d(n_channels, n_squeezed, 1), act(), nn.Conv2d(n_squeezed, n_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.fc2(self.act(self.fc1(x.mean((2, 3), keepdim=True)))))


class AuxiliaryHead(nn.Module):
    """A classifier at a middle layer: in training its outputs are kept for the loss, in use it does nothing.

    The loss of training is that of the net's outputs plus `weight` times that of each side head. It carries gradient
    to where little would arrive from the end.

    Systems: auxiliary-classifiers
    Source: Szegedy et al. 2015 (weight 0.3); Martinez-Ramon 4.4.3, Jaiswal 3.6.4 (J91).
    """

    def __init__(self, body: nn.Module, *, weight: float) -> None:
        super().__init__()
        self.body, self.weight = body, weight
        self.said: list[Tensor] = []

    @classmethod
    def of_dense(cls, n_in: int, n_maps: int, hidden: int, n_outputs: int, *, weight: float) -> "AuxiliaryHead":
        """GoogLeNet's: means at 4 x 4 places, 1 x 1, a dense layer, dropout, a dense layer."""
        pooled = [nn.AdaptiveAvgPool2d(4), nn.Conv2d(n_in, n_maps, 1), nn.ReLU(inplace=True), nn.Flatten()]
        dense = [nn.Linear(16 * n_maps, hidden), nn.ReLU(inplace=True), nn.Dropout(0.7), nn.Linear(hidden, n_outputs)]
        return cls(nn.Sequential(*pooled, *dense), weight=weight)

    @classmethod
    def of_kernels(
        cls, n_in: int, kernels: list[tuple[int, int]], n_outputs: int, *, weight: float, eps: float
    ) -> "AuxiliaryHead":
        """Inception v3's: means at 5 x 5 places, unpadded (channels, kernel) convolutions, one dense layer."""
        parts: list[nn.Module] = [nn.AdaptiveAvgPool2d(5)]
        for n_out, kernel in kernels:
            parts += [nn.Conv2d(n_in, n_out, kernel, bias=False), nn.BatchNorm2d(n_out, eps=eps), nn.ReLU(inplace=True)]
            n_in = n_out
        return cls(Chain(*parts, GlobalAverage(), nn.Linear(n_in, n_outputs)), weight=weight)

    def forward(self, h: Tensor) -> None:
        self.said = [self.body(h)] if self.training else []


def said_beside(module: nn.Module) -> list[tuple[Tensor, float]]:
    """What side heads said in the last pass, with their weights; they forget it."""
    found = []
    for part in module.modules():
        if isinstance(part, AuxiliaryHead):
            found += [(outputs, part.weight) for outputs in part.said]
            part.said = []
    return found


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's "same" pads: what weights from Keras expect at stride 2."""

    def forward(self, x: Tensor) -> Tensor:
        sizes = zip(x.shape[2:], self.kernel_size, self.stride, self.dilation, strict=True)
        amounts = [same_amounts(n, f, stride=s, dilation=d, convention="tensorflow") for n, f, s, d in sizes]
        return super().forward(nn.functional.pad(x, [n for pair in reversed(amounts) for n in pair]))


class GlobalAverage(nn.Module):
    """Channel means (batch, channels)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


class SpatialPyramid(nn.Module):
    """Maxima over grids of several sizes: a vector of one length from pictures of any size."""

    def __init__(self, levels: tuple[int, ...] = (1, 2, 4)) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, x: Tensor) -> Tensor:
        return spatial_pyramid_pool(x, self.levels)


class StochasticDepth(nn.Module):
    """A branch left out for whole rows in training, with probability `rate`, and scaled by 1 / (1 - rate) otherwise.

    Source: Huang et al. 2016.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.rate:
            return x
        kept = torch.empty(len(x), *[1] * (x.ndim - 1), dtype=x.dtype, device=x.device).bernoulli_(1 - self.rate)
        return x * kept / (1 - self.rate)
