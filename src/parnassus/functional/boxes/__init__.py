"""Boxes: formats, overlaps, anchors, offsets, matching, and the suppression of all but the best of each heap.

A box is (x1, y1, x2, y2), its corners as points and not as pixels: a box from 0 to 1 has width 1. x runs to the right
and y down.
"""

from .anchors import anchor_sizes, anchors_on_grid, default_scales
from .formats import areas, centers_of, clipped, corners_of, corners_of_sizes, sizes_of
from .losses import focal_box_loss, ssd_loss
from .masks import boxes_of_masks, mask_loss, mask_loss_twin, mask_targets, pasted_masks
from .matching import BACKGROUND, IGNORED, hard_negatives, match_anchors, match_by_bands
from .offsets import SSD_VARIANCES, decode_offsets, encode_offsets
from .overlaps import area, diou, giou, iou, iou_rows
from .points import point_cells, point_loss, points_of_maps
from .regions import roi_align, roi_align_twin
from .suppression import matrix_nms, nms, nms_by_class, nms_twin, soft_nms

__all__ = [
    "BACKGROUND",
    "IGNORED",
    "SSD_VARIANCES",
    "anchor_sizes",
    "anchors_on_grid",
    "area",
    "areas",
    "boxes_of_masks",
    "centers_of",
    "clipped",
    "corners_of",
    "corners_of_sizes",
    "decode_offsets",
    "default_scales",
    "diou",
    "encode_offsets",
    "focal_box_loss",
    "giou",
    "hard_negatives",
    "iou",
    "iou_rows",
    "mask_loss",
    "mask_loss_twin",
    "mask_targets",
    "match_anchors",
    "match_by_bands",
    "matrix_nms",
    "nms",
    "nms_by_class",
    "nms_twin",
    "pasted_masks",
    "point_cells",
    "point_loss",
    "points_of_maps",
    "roi_align",
    "roi_align_twin",
    "sizes_of",
    "soft_nms",
    "ssd_loss",
]
