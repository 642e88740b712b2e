"""Mask R-CNN with a head of keypoints in place of masks: Faster R-CNN that says where the points of each thing are."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import DataError, SettingError
from ...layers.vision import started
from ...objectives.detection.instance_points import KeypointRCNN
from ...registry import model
from .faster_rcnn import RegionOptions, parts_of


class PointHead(nn.Module):
    """Convolutions on what lies in a region, enlarged fourfold: (n, c, 14, 14) -> logits (n, n_points, 56, 56).

    3 x 3 convolutions of `widths`, a 4 x 4 transposed convolution of stride 2 to a plane a keypoint, and twice as many
    cells by bilinear interpolation. Eight widths of 512 and 17 keypoints are the published head, of 17,838,097 weights.

    Source: He et al. 2017, section 5.
    """

    def __init__(self, width: int, widths: tuple[int, ...], n_points: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise((width, *widths)))
        self.enlarge = nn.ConvTranspose2d(widths[-1], n_points, 4, stride=2, padding=1)
        started(self)
        nn.init.kaiming_normal_(self.enlarge.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.enlarge.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        for convolution in self.convolutions:
            x = torch.relu(convolution(x))
        return F.interpolate(self.enlarge(x), scale_factor=2, mode="bilinear", align_corners=False)


@model.register("detector")
def keypoint_rcnn(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    n_points: int,
    backbone: str = "small",
    widths: tuple[int, ...] = (64, 96, 128),
    hidden: int = 128,
    point_widths: tuple[int, ...] = (64, 64, 64),
    anchor_scale: float = 4.0,
    n_anchors: int = 64,
    n_regions: int = 32,
) -> KeypointRCNN:
    """Mask R-CNN for poses (He et al. 2017): `faster_rcnn`, and for each region a map of 56 x 56 cells a keypoint.

    It learns from boxes with keypoints. `point_widths` are those of the convolutions of the keypoints' head; the other
    options are those of `faster_rcnn`. The published net is backbone="resnet50", hidden=1024, point_widths=(512,) * 8,
    anchor_scale=8, n_anchors=256, n_regions=512.

    Source: He et al. 2017, section 5.
    """
    if n_points < 1:
        raise DataError(
            "model 'keypoint_rcnn' learns keypoints of each box, and these boxes have none; give y as dicts with the "
            "keys 'boxes', 'labels' and 'points' (n, k, 2), or a COCO file's path, or take model 'faster_rcnn'"
        )
    if not point_widths or min(point_widths) < 1:
        raise SettingError(
            f"model 'keypoint_rcnn': point_widths holds at least one width of at least 1; got {point_widths}"
        )
    asked = RegionOptions(
        in_channels, image_size, n_outputs, backbone, widths, hidden, anchor_scale, n_anchors, n_regions
    )
    made = parts_of("keypoint_rcnn", asked)
    return KeypointRCNN(*made.given, point_head=PointHead(made.width, point_widths, n_points), **made.settings)
