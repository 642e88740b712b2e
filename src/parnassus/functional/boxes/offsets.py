"""A box as its offset from an anchor, which a net can say, and back."""

import torch
from torch import Tensor

from .formats import centers_of, corners_of

SSD_VARIANCES = (0.1, 0.1, 0.2, 0.2)
LARGEST_LOG = 4.135166556742356  # ln(1000 / 16): a wild offset makes a large box, and no infinite one


def encode_offsets(
    boxes: Tensor,
    anchors: Tensor,
    *,
    variances: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0),
) -> Tensor:
    """Boxes (..., 4) as offsets (..., 4) from anchors (..., 4), both given by corners.

        t_x = (g_x - a_x) / a_w,  t_y = (g_y - a_y) / a_h,  t_w = ln(g_w / a_w),  t_h = ln(g_h / a_h),

    each divided by its variance; g is the box and a the anchor, (x, y) their centres and (w, h) their sizes.

    Systems: box-offset-codec
    Source: Girshick 2015, Liu et al. 2016 (variances 0.1, 0.1, 0.2, 0.2); Baker A112, which leaves the code unstated.

    >>> anchor, box = torch.tensor([0.0, 0, 10, 10]), torch.tensor([0.0, 0, 12, 8])
    >>> [round(t, 4) for t in encode_offsets(box, anchor).tolist()]
    [0.1, -0.1, 0.1823, -0.2231]
    """
    g, a = centers_of(boxes), centers_of(anchors)
    t = torch.cat([(g[..., :2] - a[..., :2]) / a[..., 2:], (g[..., 2:] / a[..., 2:]).log()], -1)
    return t / t.new_tensor(variances)


def decode_offsets(
    offsets: Tensor,
    anchors: Tensor,
    *,
    variances: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0),
) -> Tensor:
    """The boxes (..., 4) at offsets (..., 4) from anchors (..., 4), by corners; the inverse of `encode_offsets`.

    Sizes grow by a factor of 62.5 at most, which is ln(1000 / 16), so that no net can say an infinite box.

    Systems: box-offset-codec
    Source: Girshick 2015, Liu et al. 2016; Baker A112.
    """
    t, a = offsets * offsets.new_tensor(variances), centers_of(anchors)
    middle = t[..., :2] * a[..., 2:] + a[..., :2]
    size = t[..., 2:].clamp(max=LARGEST_LOG).exp() * a[..., 2:]
    return corners_of(torch.cat([middle, size], -1))
