"""Faster R-CNN: a proposal net and a head that looks at each proposed region."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...functional.boxes import anchor_sizes, anchors_on_grid
from ...layers.detection import by_place, started_flat
from ...objectives.detection.detector import check_image_size
from ...objectives.detection.proposals import SIZE, FasterRCNN
from ...registry import model
from .pyramids import grids_and_strides, stand

RATIOS = (0.5, 1.0, 2.0)


class Proposer(nn.Module):
    """A 3 x 3 convolution over every map, then a score and four offsets an anchor: maps -> (b, a) and (b, a, 4)."""

    def __init__(self, width: int, n_anchors: int) -> None:
        super().__init__()
        self.hidden = started_flat(nn.Conv2d(width, width, 3, padding=1))
        self.scores = started_flat(nn.Conv2d(width, n_anchors, 1))
        self.offsets = started_flat(nn.Conv2d(width, 4 * n_anchors, 1))

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        hidden = [torch.relu(self.hidden(m)) for m in maps]
        scores = torch.cat([by_place(self.scores(h), 1)[..., 0] for h in hidden], 1)
        return scores, torch.cat([by_place(self.offsets(h), 4) for h in hidden], 1)


class RegionHead(nn.Module):
    """Two dense layers on what lies in a region: (n, c, 7, 7) -> scores (n, K + 1) and offsets (n, K, 4).

    The offsets layer has a row of four for background too, as the published net does, which nothing reads.
    """

    def __init__(self, width: int, hidden: int, n_outputs: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width * SIZE * SIZE, hidden), nn.Linear(hidden, hidden)
        self.classes, self.offsets = nn.Linear(hidden, n_outputs + 1), nn.Linear(hidden, 4 * (n_outputs + 1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.relu(self.fc2(torch.relu(self.fc1(x.flatten(1)))))
        return self.classes(h), self.offsets(h).view(len(h), -1, 4)[:, 1:]


@dataclass(frozen=True)
class Parts:
    """What both nets are made of: arguments of `FasterRCNN`, and the width of the maps."""

    given: tuple[Any, ...]
    settings: dict[str, Any]
    width: int


@dataclass(frozen=True)
class RegionOptions:
    """The facts and options that both builders share; see `faster_rcnn`."""

    in_channels: int
    image_size: tuple[int, int]
    n_outputs: int
    backbone: str
    widths: tuple[int, ...]
    hidden: int
    anchor_scale: float
    n_anchors: int
    n_regions: int


def parts_of(name: str, asked: RegionOptions) -> Parts:
    """Maps, the proposal net, the head of regions, and anchors for pictures of this size."""
    hidden, anchor_scale, n_anchors, n_regions = asked.hidden, asked.anchor_scale, asked.n_anchors, asked.n_regions
    if hidden < 1 or anchor_scale <= 0 or n_anchors < 2 or n_regions < 4:
        raise SettingError(
            f"model {name!r}: hidden is at least 1, anchor_scale above 0, n_anchors at least 2 and n_regions at "
            f"least 4; got {hidden}, {anchor_scale}, {n_anchors}, {n_regions}"
        )
    check_image_size(name, asked.image_size, 16 if asked.backbone == "small" else 64)
    on = stand(
        name,
        backbone=asked.backbone,
        in_channels=asked.in_channels,
        image_size=asked.image_size,
        widths=asked.widths,
        first=1,
        pooled=True,
    )
    anchors, strides = [], []
    for grid, stride in grids_and_strides(on.maps, asked.in_channels, asked.image_size):
        side = math.sqrt(stride[0] * stride[1])
        anchors.append(anchors_on_grid(grid, anchor_sizes([anchor_scale * side], RATIOS), stride=stride))
        strides.append(side)
    looked_at = strides if on.small else strides[:-1]  # the pooled map proposes only
    maps = on.maps.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    proposer, head = Proposer(on.width, len(RATIOS)), RegionHead(on.width, hidden, asked.n_outputs)
    counts = {"n_anchors": n_anchors, "n_regions": n_regions}
    return Parts((maps, proposer, head, anchors, looked_at, asked.image_size), counts, on.width)


@model.register("detector")
def faster_rcnn(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    backbone: str = "small",
    widths: tuple[int, ...] = (64, 96, 128),
    hidden: int = 128,
    anchor_scale: float = 4.0,
    n_anchors: int = 64,
    n_regions: int = 32,
) -> FasterRCNN:
    """Faster R-CNN (Ren et al. 2015) on a feature pyramid, with RoIAlign: regions are proposed, then looked at.

    backbone="small" has a map for each of `widths`; "resnet18" to "resnet101" have four from stride 4, and a fifth that
    proposes only. Anchors are `anchor_scale` strides wide, with ratios 1:2, 1:1 and 2:1; `n_anchors` anchors and
    `n_regions` regions of each picture are learned from. The published net is backbone="resnet50", hidden=1024,
    anchor_scale=8, n_anchors=256, n_regions=512.

    Source: Ren et al. 2015; Lin et al. 2017 (feature pyramid networks).
    """
    asked = RegionOptions(
        in_channels, image_size, n_outputs, backbone, widths, hidden, anchor_scale, n_anchors, n_regions
    )
    made = parts_of("faster_rcnn", asked)
    return FasterRCNN(*made.given, **made.settings)
