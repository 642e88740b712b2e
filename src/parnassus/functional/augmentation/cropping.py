"""Random crops that keep enough of some true box: the Jaccard-constrained crop of SSD."""

import torch
from torch import Tensor

from ..boxes.overlaps import iou

LEAST_OVERLAPS = (0.1, 0.3, 0.5, 0.7, 0.9)
TRIALS = 50


def jaccard_crops(
    boxes: Tensor,
    n_boxes: Tensor,
    *,
    size: tuple[int, int],
    least: Tensor,
    shares: tuple[float, float] = (0.3, 1.0),
    ratios: tuple[float, float] = (0.5, 2.0),
    n_trials: int = TRIALS,
    generator: torch.Generator | None = None,
) -> Tensor:
    """A random region of each picture (batch, 4), in pixels, whose IoU with some true box is at least `least`.

    Widths and heights are drawn from `shares` of the picture's, their ratio must lie in `ratios`, and of `n_trials`
    regions the first that meets the rule is taken; where none does, or there are no boxes, the region is the picture.

    Parameters
    ----------
    boxes, n_boxes : (batch, m, 4) and (batch,); the first n_boxes of a row are boxes.
    least : (batch,) the least IoU with some box; SSD draws it from 0.1, 0.3, 0.5, 0.7, 0.9, and 0 takes any region.

    Systems: jaccard-crop
    Source: Liu et al. 2016, section 2.2; Baker A122.
    """
    height, width = size
    extent = boxes.new_tensor([width, height])
    b, m = len(boxes), boxes.shape[1]
    low, high = shares

    def drawn() -> Tensor:
        return torch.rand(b, n_trials, 2, device=boxes.device, dtype=boxes.dtype, generator=generator)

    sides = (low + (high - low) * drawn()) * extent
    corner = drawn() * (extent - sides)
    regions = torch.cat([corner, corner + sides], -1)  # (batch, trials, 4)
    ratio = sides[..., 0] / sides[..., 1]
    shaped = (ratio >= ratios[0]) & (ratio <= ratios[1])
    real = torch.arange(m, device=boxes.device) < n_boxes[:, None]
    overlap = iou(regions, boxes).nan_to_num(0.0).masked_fill(~real[:, None], -1.0)
    best = overlap.amax(2) if m else overlap.new_full((b, n_trials), -1.0)
    fits = shaped & (best >= least[:, None])
    whole = torch.cat([torch.zeros_like(extent), extent]).expand(b, 4)
    first = fits.to(torch.uint8).argmax(1)
    chosen = regions[torch.arange(b, device=boxes.device), first]
    return torch.where(fits.any(1)[:, None], chosen, whole)
