"""BiT: residual nets with group norms and standardised kernels, which need no large batches."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...functional.normalization import weight_standardize
from ...layers.normalization import StandardizedConv2d
from ...layers.vision import GlobalAverage, started
from ...registry import model
from .resnet import LAYOUTS, check_width, stem_for

KEYS = {  # timm's names
    f"bit_resnet{depth}": (
        [
            ("stem.conv.*", "conv1.*"),
            ("stages.*.blocks.*.downsample.conv.*", "stages.*.*.downsample.*"),
            ("stages.*.blocks.*.*", "stages.*.*.*"),
            ("norm.*", "norm.*"),
            ("head.fc.*", "head.1.*"),
        ],
    )
    for depth in (50, 101, 152)
}
EPS = 1e-8  # beside the variance of a kernel: BiT's own, far below the usual


class Kernel(StandardizedConv2d):
    """A convolution with standardised kernels and BiT's eps."""

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, weight_standardize(self.weight, eps=EPS), self.bias)


class GroupNormBlock(nn.Module):
    """Norm, relu, 1 x 1, norm, relu, 3 x 3, norm, relu, 1 x 1, plus x.

    A shortcut that changes shape is a 1 x 1 kernel on relu(norm(x)).

    Source: Kolesnikov et al. 2020; Martinez-Ramon 6.6 (A6.30).
    """

    def __init__(self, n_in: int, n_out: int, *, stride: int, groups: int) -> None:
        super().__init__()
        inner = n_out // 4
        self.norm1, self.conv1 = nn.GroupNorm(groups, n_in), Kernel(n_in, inner, 1, bias=False)
        self.norm2, self.conv2 = nn.GroupNorm(groups, inner), Kernel(inner, inner, 3, stride, 1, bias=False)
        self.norm3, self.conv3 = nn.GroupNorm(groups, inner), Kernel(inner, n_out, 1, bias=False)
        self.downsample = Kernel(n_in, n_out, 1, stride, bias=False) if stride > 1 or n_in != n_out else None

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.norm1(x))
        shortcut = x if self.downsample is None else self.downsample(h)
        h = self.conv2(torch.relu(self.norm2(self.conv1(h))))
        return self.conv3(torch.relu(self.norm3(h))) + shortcut


class BiT(nn.Module):
    """x (batch, in_channels, height, width) -> (batch, n_outputs)."""

    def __init__(
        self,
        widths: Sequence[int],
        depths: Sequence[int],
        *,
        in_channels: int,
        n_outputs: int,
        first: int,
        groups: int,
        stem: str,
    ) -> None:
        super().__init__()
        small = stem == "small"
        self.n_outputs, self.small = n_outputs, small
        self.conv1 = Kernel(in_channels, first, 3 if small else 7, 1 if small else 2, 1 if small else 3, bias=False)
        stages, n_in = [], first
        for i, (width, n_blocks) in enumerate(zip(widths, depths, strict=True)):
            blocks = []
            for j in range(n_blocks):
                blocks.append(GroupNormBlock(n_in, width, stride=2 if i and not j else 1, groups=groups))
                n_in = width
            stages.append(nn.Sequential(*blocks))
        self.stages, self.norm = nn.Sequential(*stages), nn.GroupNorm(groups, n_in)
        self.head = nn.Sequential(GlobalAverage(), nn.Linear(n_in, n_outputs))
        started(self)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(x.contiguous(memory_format=torch.channels_last))
        if not self.small:
            h = nn.functional.max_pool2d(nn.functional.pad(h, (1, 1, 1, 1)), 3, 2)  # a border of zeros, as theirs has
        return self.head(torch.relu(self.norm(self.stages(h))))


@model.sizes("classifier", "regressor", depth=(50, 101, 152))
def bit_resnet(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    depth: int = 50,
    width: float = 1.0,
    stem: str = "auto",
) -> nn.Module:
    """A residual net of BiT ("R50x1" is depth 50 and width 1): 32 groups, no batch normalisation, pre-activation.

    Source: Kolesnikov et al. 2020; Martinez-Ramon 6.6.1.
    """
    name = f"bit_resnet{depth}"
    check_width(name, width, 0.0)
    n = max(round(32 * width), 1) if width <= 1 else 16 * round(2 * width)  # so that groups divide all channels
    net = BiT(
        [8 * n * 2**i for i in range(4)],
        LAYOUTS[depth],
        in_channels=in_channels,
        n_outputs=n_outputs,
        first=2 * n,
        groups=min(n, 32),
        stem=stem_for(name, stem, image_size),
    )
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
