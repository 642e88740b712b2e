"""Parts of detectors: maps of several sizes, the pyramid that joins them, and heads that run over them."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .vision import convolution

PAPER_WIDTH = 256  # channels of the towers whose first weights the papers give


class SmallMaps(nn.Module):
    """A compact convolutional net that gives maps at strides first, 2 first, 4 first, ...: x -> list of maps.

    Each map is two 3 x 3 convolutions with batch normalisation further than the one before, and so sees about twice as
    much of the picture. Two convolutions come before the first map for each halving.
    """

    def __init__(self, in_channels: int, *, widths: Sequence[int], first: int = 4) -> None:
        super().__init__()
        stem: list[nn.Module] = [convolution(in_channels, max(widths[0] // 2, 8), 3, stride=2)]
        n_in, stride = max(widths[0] // 2, 8), 2
        while stride < first:
            stem += [convolution(n_in, n_in, 3), convolution(n_in, widths[0], 3, stride=2)]
            n_in, stride = widths[0], 2 * stride
        stages = [nn.Sequential(*stem, convolution(n_in, widths[0], 3), convolution(widths[0], widths[0], 3))]
        for before, width in pairwise(widths):
            stages.append(nn.Sequential(convolution(before, width, 3, stride=2), convolution(width, width, 3)))
        self.stages, self.widths = nn.ModuleList(stages), list(widths)

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class ScaledNorm(nn.Module):
    """Each place's vector brought to length 1 and multiplied by a learned scale a channel.

    Source: Liu et al. 2016 (SSD), after ParseNet; the scales begin at 20.
    """

    def __init__(self, n_channels: int, *, start: float = 20.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((n_channels,), start))

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=1) * self.scale.view(1, -1, 1, 1)


class FeaturePyramid(nn.Module):
    """Maps of one width: each coarse map, enlarged, is added to the finer one, so that fine maps know what things are.

        P_l = conv3(M_l),  M_l = conv1(C_l) + enlarged(M_{l+1})

    Parameters
    ----------
    widths : channels of the maps C, finest first.
    n_more : coarser maps after the last, each a 3 x 3 convolution of stride 2 of the one before (with a ReLU between).
    pooled : one more map, every second pixel of the last.

    Source: Lin et al. 2017 (feature pyramid networks); P6 and P7 as in RetinaNet, made from P5.
    """

    def __init__(self, widths: Sequence[int], width: int, *, n_more: int = 0, pooled: bool = False) -> None:
        super().__init__()
        self.inner = nn.ModuleList(nn.Conv2d(n, width, 1) for n in widths)
        self.outer = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in widths)
        self.more = nn.ModuleList(nn.Conv2d(width, width, 3, stride=2, padding=1) for _ in range(n_more))
        self.pooled = pooled
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_uniform_(part.weight, a=1)
                nn.init.zeros_(part.bias)  # type: ignore[arg-type]

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        top = self.inner[-1](maps[-1])
        found = [self.outer[-1](top)]
        for i in range(len(maps) - 2, -1, -1):
            top = self.inner[i](maps[i]) + F.interpolate(top, size=maps[i].shape[2:], mode="nearest")
            found.insert(0, self.outer[i](top))
        for i, coarser in enumerate(self.more):
            found.append(coarser(found[-1] if i == 0 else torch.relu(found[-1])))
        return [*found, F.max_pool2d(found[-1], 1, 2)] if self.pooled else found


def tower(width: int, depth: int, *, groups: int = 0) -> nn.Module:
    """`depth` convolutions of 3 x 3 with ReLU that keep the width; with `groups` each is group-normalised."""
    parts: list[nn.Module] = []
    for _ in range(depth):
        parts += [nn.Conv2d(width, width, 3, padding=1), *([nn.GroupNorm(groups, width)] if groups else []), nn.ReLU()]
    made = nn.Sequential(*parts)
    if width >= PAPER_WIDTH:
        return started_flat(made)
    for part in made:
        if isinstance(part, nn.Conv2d):  # through narrow layers so small weights would let nothing pass for long
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            nn.init.zeros_(part.bias)  # type: ignore[arg-type]
    return made


def started_flat(module: nn.Module) -> nn.Module:
    """The module with weights of convolutions drawn from N(0, 0.01^2), and biases of 0.

    Source: Lin et al. 2017 (RetinaNet), section 4.1.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.normal_(part.weight, std=0.01)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    return module


def by_place(outputs: Tensor, n: int) -> Tensor:
    """A head's map (batch, k n, height, width) as (batch, height width k, n): n numbers an anchor, as anchors run."""
    b, _, height, width = outputs.shape
    return outputs.view(b, -1, n, height, width).permute(0, 3, 4, 1, 2).reshape(b, -1, n)
