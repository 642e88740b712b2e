"""Backbones with a feature pyramid, which RetinaNet, FCOS and Faster R-CNN stand on."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...errors import SettingError, did_you_mean
from ...layers.detection import FeaturePyramid, SmallMaps
from ...layers.rectified import norm_relu
from ...layers.vision import started
from ..vision.resnet import LAYOUTS, Block, Bottleneck, ResNet

BACKBONES = ("small", "resnet18", "resnet34", "resnet50", "resnet101")


class ResNetMaps(nn.Module):
    """The maps of a residual net's stages, from stage `first` (of 1 to 4) on, at strides 4, 8, 16 and 32."""

    from_classifier = (("conv1.*", "net.conv1.*"), ("bn1.*", "net.bn1.*"), ("stages.*", "net.stages.*"))

    def __init__(self, depth: int, in_channels: int, *, first: int) -> None:
        super().__init__()
        kind: type[Block] | type[Bottleneck] = Block if depth < 50 else Bottleneck
        widths = (64, 128, 256, 512)
        self.net = ResNet(kind, LAYOUTS[depth], widths, in_channels=in_channels, n_outputs=1, stem="paper")
        self.net.head = nn.Sequential()
        self.first, self.widths = first, [w * kind.expansion for w in widths[first - 1 :]]
        self.classifier = f"pn.model('resnet{depth}', stem='paper')"

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.net.maxpool(norm_relu(self.net.bn1, self.net.conv1(x)))
        maps = []
        for stage in self.net.stages:
            x = stage(x)
            maps.append(x)
        return maps[self.first - 1 :]


class PyramidMaps(nn.Module):
    """A backbone and the pyramid on its maps: x -> list of maps of one width, finest first."""

    def __init__(self, body: nn.Module, pyramid: FeaturePyramid) -> None:
        super().__init__()
        self.body, self.pyramid = body, pyramid

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.pyramid(self.body(x.contiguous(memory_format=torch.channels_last)))


@dataclass(frozen=True)
class Stand:
    """What a head stands on: the maps, their width, and whether they are the compact ones."""

    maps: PyramidMaps
    width: int
    small: bool


def stand(
    name: str,
    *,
    backbone: str,
    in_channels: int,
    image_size: tuple[int, int],
    widths: Sequence[int],
    first: int,
    n_more: int = 0,
    pooled: bool = False,
) -> Stand:
    """The maps of a named backbone: compact ones of `widths` from stride 4 (8 for pictures from 192 pixels on), or
    those of a ResNet from stage `first` on, with `n_more` coarser ones, or one that is `pooled`.
    """
    if backbone not in BACKBONES:
        raise SettingError(f"model {name!r}: backbone={backbone!r}; {did_you_mean(backbone, BACKBONES)}")
    if backbone == "small":
        if not widths or min(widths) < 1:
            raise SettingError(f"model {name!r}: widths holds at least one width of at least 1; got {widths}")
        stride = 4 if min(image_size) < 192 else 8
        n_maps = max(sum(min(image_size) >= 2 * stride * 2**k for k in range(len(widths))), 1)
        body: nn.Module = started(SmallMaps(in_channels, widths=widths[:n_maps], first=stride))
        width = widths[0]
        return Stand(PyramidMaps(body, FeaturePyramid(widths[:n_maps], width)), width, True)
    maps = ResNetMaps(int(backbone.removeprefix("resnet")), in_channels, first=first)
    return Stand(PyramidMaps(maps, FeaturePyramid(maps.widths, 256, n_more=n_more, pooled=pooled)), 256, False)


def grids_and_strides(
    maps: nn.Module, in_channels: int, image_size: tuple[int, int]
) -> list[tuple[tuple[int, int], tuple[float, float]]]:
    """(rows, columns) of every map for pictures of this size, and the (height, width) of a cell in pixels."""
    was = maps.training
    with torch.no_grad():
        found = maps.eval()(torch.zeros(1, in_channels, *image_size))
    maps.train(was)
    height, width = image_size
    grids = [(m.shape[2], m.shape[3]) for m in found]
    return [(g, (height / g[0], width / g[1])) for g in grids]
