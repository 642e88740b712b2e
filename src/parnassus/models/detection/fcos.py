"""FCOS: a one-stage detector without anchors."""

import math

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...functional.boxes import anchors_on_grid
from ...layers.detection import by_place, started_flat, tower
from ...objectives.detection.anchor_free import FCOS
from ...objectives.detection.detector import check_image_size
from ...registry import model
from .pyramids import PyramidMaps, grids_and_strides, stand
from .retinanet import PRIOR

WILD = 8.0  # exp of more is no distance that a picture has


class FCOSHeads(nn.Module):
    """Two towers over every map: x -> logits (b, p, n_outputs), distances in strides (b, p, 4), centrality (b, p)."""

    answering = ("classes",)  # what is drawn anew for other classes

    def __init__(self, maps: PyramidMaps, width: int, *, n_outputs: int, depth: int) -> None:
        super().__init__()
        self.maps, self.n_outputs = maps, n_outputs
        groups = math.gcd(32, width)
        self.class_tower, self.box_tower = tower(width, depth, groups=groups), tower(width, depth, groups=groups)
        self.classes = started_flat(nn.Conv2d(width, n_outputs, 3, padding=1))
        self.distances = started_flat(nn.Conv2d(width, 4, 3, padding=1))
        self.centrality = started_flat(nn.Conv2d(width, 1, 3, padding=1))
        nn.init.constant_(self.classes.bias, -math.log((1 - PRIOR) / PRIOR))  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, distances, central = [], [], []
        for m in self.maps(x):
            h = self.box_tower(m)
            logits.append(by_place(self.classes(self.class_tower(m)), self.n_outputs))
            distances.append(by_place(self.distances(h), 4).clamp(max=WILD).exp())
            central.append(by_place(self.centrality(h), 1)[..., 0])
        return torch.cat(logits, 1), torch.cat(distances, 1), torch.cat(central, 1)


@model.register("detector")
def fcos(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    backbone: str = "small",
    widths: tuple[int, ...] = (64, 96, 128, 128),
    depth: int = 2,
    band: float = 4.0,
    radius: float = 1.5,
) -> FCOS:
    """FCOS (Tian et al. 2019): without anchors; every point says a class and its distances to the sides of a box.

    backbone="small" has a map for each of `widths`; "resnet18" to "resnet101" have five, from stride 8 to 128. A map
    takes boxes whose farthest side is up to `band` strides away, and points at most `radius` strides from a centre. The
    paper's is backbone="resnet50", depth=4, band=8.

    Source: Tian et al. 2019, with the centrality on the tower of the distances and centre sampling.
    """
    if depth < 0 or band <= 0 or radius <= 0:
        raise SettingError(f"model 'fcos': depth is at least 0, band and radius above 0; got {depth}, {band}, {radius}")
    check_image_size("fcos", image_size, 16 if backbone == "small" else 64)
    on = stand(
        "fcos", backbone=backbone, in_channels=in_channels, image_size=image_size, widths=widths, first=2, n_more=2
    )
    points, strides, bands = [], [], []
    grids = grids_and_strides(on.maps, in_channels, image_size)
    for i, (grid, stride) in enumerate(grids):
        at = anchors_on_grid(grid, torch.zeros(1, 2), stride=stride)[:, :2]
        size = math.sqrt(stride[0] * stride[1])
        low, high = 0.0 if i == 0 else band * size / 2, math.inf if i == len(grids) - 1 else band * size
        points.append(at)
        strides.append(torch.full((len(at),), size))
        bands.append(torch.tensor([[low, high]]).expand(len(at), 2))
    net = FCOSHeads(on.maps, on.width, n_outputs=n_outputs, depth=depth)
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return FCOS(net, torch.cat(points), torch.cat(strides), torch.cat(bands), image_size, radius=radius)
