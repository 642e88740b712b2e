"""RetinaNet: anchors on a feature pyramid, and a loss under which easy background counts little."""

import math

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...functional.boxes import anchor_sizes, anchors_on_grid
from ...layers.detection import by_place, started_flat, tower
from ...objectives.detection.detector import RetinaNet, check_image_size
from ...registry import model
from .pyramids import PyramidMaps, grids_and_strides, stand

PRIOR = 0.01  # the share of anchors that are of a class when training begins
RATIOS = (0.5, 1.0, 2.0)


class RetinaHeads(nn.Module):
    """Two towers over every map of a pyramid, shared by all: x -> scores (b, a, n_outputs) and offsets (b, a, 4)."""

    answering = ("classes",)  # what is drawn anew for other classes

    def __init__(self, maps: PyramidMaps, width: int, *, n_anchors: int, n_outputs: int, depth: int) -> None:
        super().__init__()
        self.maps, self.n_outputs = maps, n_outputs
        self.class_tower, self.box_tower = tower(width, depth), tower(width, depth)
        self.classes = started_flat(nn.Conv2d(width, n_anchors * n_outputs, 3, padding=1))
        self.offsets = started_flat(nn.Conv2d(width, n_anchors * 4, 3, padding=1))
        nn.init.constant_(self.classes.bias, -math.log((1 - PRIOR) / PRIOR))  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.maps(x)
        scores = torch.cat([by_place(self.classes(self.class_tower(m)), self.n_outputs) for m in maps], 1)
        return scores, torch.cat([by_place(self.offsets(self.box_tower(m)), 4) for m in maps], 1)


@model.register("detector")
def retinanet(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    backbone: str = "small",
    widths: tuple[int, ...] = (64, 96, 128, 128),
    depth: int = 2,
    anchor_scale: float = 3.0,
    balance: float = 0.25,
    focus: float = 2.0,
) -> RetinaNet:
    """RetinaNet (Lin et al. 2017): a feature pyramid, nine anchors a place, and the focal loss on all of them.

    backbone="small" has a map for each of `widths`; "resnet18" to "resnet101" have five, from stride 8 to 128. Anchors
    are `anchor_scale` strides wide, times 1, 2^(1/3) and 2^(2/3), with ratios 1:2, 1:1 and 2:1. The paper's is
    backbone="resnet50", depth=4, anchor_scale=4.

    Source: Lin et al. 2017.
    """
    if depth < 0 or anchor_scale <= 0 or not 0 < balance < 1 or focus < 0:
        raise SettingError(
            "model 'retinanet': depth and focus are at least 0, anchor_scale above 0, balance between 0 and 1; got "
            f"{depth}, {focus}, {anchor_scale}, {balance}"
        )
    check_image_size("retinanet", image_size, 16 if backbone == "small" else 64)
    on = stand(
        "retinanet",
        backbone=backbone,
        in_channels=in_channels,
        image_size=image_size,
        widths=widths,
        first=2,
        n_more=2,
    )
    anchors = []
    for grid, stride in grids_and_strides(on.maps, in_channels, image_size):
        base = anchor_scale * math.sqrt(stride[0] * stride[1])
        sizes = anchor_sizes([base * 2 ** (k / 3) for k in range(3)], RATIOS)
        anchors.append(anchors_on_grid(grid, sizes, stride=stride))
    net = RetinaHeads(on.maps, on.width, n_anchors=9, n_outputs=n_outputs, depth=depth)
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return RetinaNet(net, torch.cat(anchors), image_size, balance=balance, focus=focus)
