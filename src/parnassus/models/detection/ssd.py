"""SSD: class scores and offsets at anchors of several maps, in one pass."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ...errors import SettingError, did_you_mean
from ...functional.boxes import anchor_sizes, anchors_on_grid, default_scales
from ...layers.detection import ScaledNorm, SmallMaps, by_place
from ...layers.vision import started
from ...objectives.detection.detector import SSD, check_image_size
from ...registry import model

BACKBONES = ("small", "vgg16")
VGG_RATIOS = ((2.0,), (2.0, 3.0), (2.0, 3.0), (2.0, 3.0), (2.0,), (2.0,))


class VGGMaps(nn.Module):
    """The truncated VGG-16 of SSD300 and its extra layers: six maps of 38, 19, 10, 5, 3 and 1 cells a side at 300.

    The third pool rounds up, the fifth keeps the size, fc6 and fc7 are convolutions (the former dilated by 6), and
    the map of conv4_3 is normalised.

    Source: Liu et al. 2016, figure 2 and section 3.
    """

    widths = (512, 1024, 512, 256, 256, 256)
    classifier = "pn.model('vgg16')"
    from_classifier = (  # its names there and here; its dense layers stay behind
        ("features.24.*", "second.1.*"),
        ("features.26.*", "second.3.*"),
        ("features.28.*", "second.5.*"),
        ("features.*", "first.*"),
    )

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        first: list[nn.Module] = []
        n_in = in_channels
        for n, width in ((2, 64), (2, 128), (3, 256), (3, 512)):
            for _ in range(n):
                first += [nn.Conv2d(n_in, width, 3, padding=1), nn.ReLU(inplace=True)]
                n_in = width
            first.append(nn.MaxPool2d(2, ceil_mode=width == 256))
        self.first = nn.Sequential(*first[:-1])
        second: list[nn.Module] = [first[-1]]
        for _ in range(3):
            second += [nn.Conv2d(512, 512, 3, padding=1), nn.ReLU(inplace=True)]
        second += [nn.MaxPool2d(3, 1, 1), nn.Conv2d(512, 1024, 3, padding=6, dilation=6), nn.ReLU(inplace=True)]
        self.second = nn.Sequential(*second, nn.Conv2d(1024, 1024, 1), nn.ReLU(inplace=True))
        self.norm = ScaledNorm(512)
        self.extras = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(n_in, middle, 1),
                nn.ReLU(inplace=True),
                nn.Conv2d(middle, 2 * middle, 3, stride=stride, padding=stride - 1),
                nn.ReLU(inplace=True),
            )
            for n_in, middle, stride in ((1024, 256, 2), (512, 128, 2), (256, 128, 1), (256, 128, 1))
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.first(x)
        maps = [self.norm(x), self.second(x)]
        for extra in self.extras:
            maps.append(extra(maps[-1]))
        return maps


class SSDNet(nn.Module):
    """Maps, and on each a 3 x 3 convolution for classes and one for offsets.

    x (batch, channels, height, width) -> scores (batch, anchors, n_outputs + 1), background first, and offsets
    (batch, anchors, 4).
    """

    answering = ("classes",)  # what is drawn anew for other classes

    def __init__(self, maps: nn.Module, widths: Sequence[int], n_anchors: Sequence[int], *, n_outputs: int) -> None:
        super().__init__()
        self.maps, self.n_classes = maps, n_outputs + 1
        pairs = list(zip(widths, n_anchors, strict=True))
        self.classes = nn.ModuleList(nn.Conv2d(w, k * self.n_classes, 3, padding=1) for w, k in pairs)
        self.offsets = nn.ModuleList(nn.Conv2d(w, k * 4, 3, padding=1) for w, k in pairs)
        for head in (*self.classes, *self.offsets):
            nn.init.xavier_uniform_(head.weight)
            nn.init.zeros_(head.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.maps(x.contiguous(memory_format=torch.channels_last))
        scores = [by_place(head(m), self.n_classes) for head, m in zip(self.classes, maps, strict=True)]
        offsets = [by_place(head(m), 4) for head, m in zip(self.offsets, maps, strict=True)]
        return torch.cat(scores, 1), torch.cat(offsets, 1)


def grids_of(maps: nn.Module, in_channels: int, image_size: tuple[int, int]) -> list[tuple[int, int]]:
    """(rows, columns) of every map for pictures of this size."""
    was = maps.training
    with torch.no_grad():
        found = maps.eval()(torch.zeros(1, in_channels, *image_size))
    maps.train(was)
    return [(m.shape[2], m.shape[3]) for m in found]


def ssd_sizes(scale: float, following: float, ratios: Sequence[float]) -> Tensor:
    """(w, h) at one place: s, sqrt(s s'), and s with every ratio and its inverse; s' is the next map's scale."""
    both = [r for ratio in ratios for r in (ratio, 1 / ratio)]
    return torch.cat([anchor_sizes([scale, math.sqrt(scale * following)], [1.0]), anchor_sizes([scale], both)])


def anchors_of(grids: Sequence[tuple[int, int]], sizes: Sequence[Tensor], image_size: tuple[int, int]) -> Tensor:
    """All anchors of all maps (a, 4), finest first."""
    height, width = image_size
    return torch.cat(
        [anchors_on_grid(g, s, stride=(height / g[0], width / g[1])) for g, s in zip(grids, sizes, strict=True)]
    )


@model.register("detector")
def ssd(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    backbone: str = "small",
    widths: tuple[int, ...] = (48, 96, 128, 128),
    anchor_scale: float = 3.0,
    ratios: tuple[float, ...] = (2.0,),
    threshold: float = 0.5,
    negatives: float = 3.0,
    alpha: float = 1.0,
) -> SSD:
    """SSD (Liu et al. 2016): anchors on maps of several sizes, in one pass; a small backbone or the paper's VGG-16.

    backbone="small" has a map for each of `widths`, at strides 4, 8, 16, ... (8, 16, ... for pictures from 192 pixels),
    as long as maps have 2 cells a side; its anchors are `anchor_scale` strides wide. backbone="vgg16" is SSD300: for
    pictures of 300 x 300 it has 8,732 anchors, of the paper's scales and ratios, which leave these options unread.

    Systems: ssd
    Source: Liu et al. 2016; Baker A116 and A117.
    """
    if backbone not in BACKBONES:
        raise SettingError(f"model 'ssd': backbone={backbone!r}; {did_you_mean(backbone, BACKBONES)}")
    if not 0 < threshold < 1 or negatives < 0 or alpha < 0 or anchor_scale <= 0 or min(ratios, default=1) <= 0:
        raise SettingError(
            "model 'ssd': threshold lies between 0 and 1, negatives and alpha are at least 0, anchor_scale and ratios "
            f"above 0; got {threshold}, {negatives}, {alpha}, {anchor_scale}, {ratios}"
        )
    check_image_size("ssd", image_size, 300 if backbone == "vgg16" else 16)
    maps, found, sizes = (
        paper_maps(in_channels, image_size)
        if backbone == "vgg16"
        else small_maps(in_channels, image_size, widths, anchor_scale, ratios)
    )
    net = SSDNet(maps, found, [len(s) for s in sizes], n_outputs=n_outputs)
    anchors = anchors_of(grids_of(maps, in_channels, image_size), sizes, image_size)
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return SSD(net, anchors, image_size, threshold=threshold, ratio=negatives, alpha=alpha)


def small_maps(
    in_channels: int, image_size: tuple[int, int], widths: Sequence[int], anchor_scale: float, ratios: Sequence[float]
) -> tuple[nn.Module, Sequence[int], list[Tensor]]:
    """The compact backbone, the widths of its maps, and the anchors at a place of each."""
    if not widths or min(widths) < 1:
        raise SettingError(f"model 'ssd': widths holds at least one width of at least 1; got {widths}")
    first = 4 if min(image_size) < 192 else 8
    n_maps = max(sum(min(image_size) >= 2 * first * 2**k for k in range(len(widths))), 1)
    strides = [first * 2**k for k in range(n_maps + 1)]
    sizes = [ssd_sizes(anchor_scale * s, anchor_scale * t, ratios) for s, t in pairwise(strides)]
    maps = SmallMaps(in_channels, widths=widths[:n_maps], first=first)
    return started(maps), widths[:n_maps], sizes


def paper_maps(in_channels: int, image_size: tuple[int, int]) -> tuple[nn.Module, Sequence[int], list[Tensor]]:
    """SSD300's: scales 0.1 for the first map, 0.2 to 0.88 for the others, 1.05 beyond; ratios 2 and 3."""
    side = min(image_size)
    scales = [0.1, *default_scales(5, least=0.2, most=0.88), 1.05]
    pairs = zip(scales, scales[1:], VGG_RATIOS, strict=False)
    sizes = [ssd_sizes(a * side, b * side, ratios) for a, b, ratios in pairs]
    return started(VGGMaps(in_channels)), VGGMaps.widths, sizes
