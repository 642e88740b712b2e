"""Mask R-CNN: Faster R-CNN with a head that draws a mask in each region."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...layers.vision import started
from ...objectives.detection.instance_masks import MaskRCNN
from ...registry import model
from .faster_rcnn import RegionOptions, parts_of


class MaskHead(nn.Module):
    """Convolutions on what lies in a region, enlarged twofold: (n, c, 14, 14) -> logits (n, K + 1, 28, 28).

    3 x 3 convolutions of `widths`, a 2 x 2 transposed convolution of stride 2 and the last width, and a 1 x 1
    convolution to a plane a class. The first plane is that of background, as in the published net; nothing reads it.

    Source: He et al. 2017, figure 4, right.
    """

    def __init__(self, width: int, widths: tuple[int, ...], n_outputs: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise((width, *widths)))
        self.enlarge = nn.ConvTranspose2d(widths[-1], widths[-1], 2, stride=2)
        nn.init.kaiming_normal_(self.enlarge.weight, mode="fan_out", nonlinearity="relu")
        if self.enlarge.bias is not None:
            nn.init.zeros_(self.enlarge.bias)
        self.planes = nn.Conv2d(widths[-1], n_outputs + 1, 1)
        started(self)

    def forward(self, x: Tensor) -> Tensor:
        for convolution in self.convolutions:
            x = torch.relu(convolution(x))
        return self.planes(torch.relu(self.enlarge(x)))


@model.register("detector")
def mask_rcnn(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    backbone: str = "small",
    widths: tuple[int, ...] = (64, 96, 128),
    hidden: int = 128,
    mask_widths: tuple[int, ...] = (64, 64),
    anchor_scale: float = 4.0,
    n_anchors: int = 64,
    n_regions: int = 32,
) -> MaskRCNN:
    """Mask R-CNN (He et al. 2017): `faster_rcnn`, and for each region and class a mask of 28 x 28 cells.

    It learns from boxes with masks. `mask_widths` are those of the convolutions of the mask's head; the other options
    are those of `faster_rcnn`. The published net is backbone="resnet50", hidden=1024, mask_widths=(256, 256, 256, 256),
    anchor_scale=8, n_anchors=256, n_regions=512.

    Source: He et al. 2017.
    """
    if not mask_widths or min(mask_widths) < 1:
        raise SettingError(f"model 'mask_rcnn': mask_widths holds at least one width of at least 1; got {mask_widths}")
    asked = RegionOptions(
        in_channels, image_size, n_outputs, backbone, widths, hidden, anchor_scale, n_anchors, n_regions
    )
    made = parts_of("mask_rcnn", asked)
    return MaskRCNN(*made.given, mask_head=MaskHead(made.width, mask_widths, n_outputs), **made.settings)
