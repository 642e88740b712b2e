"""Masks of single things: the box around one, the part of one in a region, the loss of that part, and the way back."""

import torch
from torch import Tensor
from torch.nn import functional as F

from .regions import roi_align


def boxes_of_masks(masks: Tensor) -> Tensor:
    """The smallest box around each mask, corners (n, 4): masks are (n, height, width) of booleans, none of them empty.

    >>> boxes_of_masks(torch.tensor([[[False, True, True], [False, True, False]]]))
    tensor([[1., 0., 3., 2.]])
    """
    rows, columns = masks.any(2), masks.any(1)
    (y1, y2), (x1, x2) = _span(rows), _span(columns)
    return torch.stack([x1, y1, x2, y2], 1).float()


def _span(filled: Tensor) -> tuple[Tensor, Tensor]:
    """The first filled place of each row (n, places), and the one after the last."""
    marks = filled.to(torch.uint8)
    return marks.argmax(1), filled.shape[1] - marks.flip(1).argmax(1)


def mask_targets(masks: Tensor, regions: Tensor, *, size: int = 28) -> Tensor:
    """What of each mask lies in its region, (n, size, size) of 0 and 1.

        t_ij = [RoIAlign(mask, region)_ij >= 1/2]

    masks : (n, height, width) of 0 and 1. regions : (n, 4) corners in their pixels, one a mask.

    Source: He et al. 2017, section 3: the target is the part of the mask that lies in the region, not in the true box.

    >>> mask_targets(torch.eye(4)[None], torch.tensor([[0.0, 0.0, 4.0, 4.0]]), size=2)
    tensor([[[1., 0.],
             [0., 1.]]])
    """
    rows = torch.arange(len(masks), device=masks.device)
    return (roi_align(masks[:, None].to(regions.dtype), regions, rows, size=size)[:, 0] >= 0.5).to(regions.dtype)


def mask_loss(logits: Tensor, classes: Tensor, targets: Tensor) -> Tensor:
    """The loss of each region's mask (n,): the mean over pixels of the binary cross-entropy of its own class alone.

        L = -1/m^2 sum_ij t_ij log s(z_ij) + (1 - t_ij) log(1 - s(z_ij)),   z = logits of the region's class

    Classes do not compete for pixels, which class it is being said elsewhere; masks of other classes get no gradient.

    logits : (n, classes, m, m). classes : (n,) int64, the plane that counts. targets : (n, m, m) of 0 and 1.

    Systems: instance-segmentation
    Source: He et al. 2017, section 3; Baker A126.

    >>> z = torch.tensor([[[[0.0, 0.0], [0.0, 0.0]], [[9.0, -9.0], [-9.0, 9.0]]]])
    >>> [round(float(mask_loss(z, torch.tensor([k]), torch.eye(2)[None])), 4) for k in (0, 1)]
    [0.6931, 0.0001]
    """
    own = logits[torch.arange(len(logits), device=logits.device), classes]
    return F.binary_cross_entropy_with_logits(own, targets, reduction="none").flatten(1).mean(1)


def mask_loss_twin(logits: Tensor, classes: Tensor, masks: Tensor, regions: Tensor) -> Tensor:
    """`mask_loss` of `mask_targets`, pixel by pixel: four samples of a cell, each the mean of four pixels around it."""
    size, found = logits.shape[-1], []
    for z, k, mask, (left, top, right, bottom) in zip(
        logits.tolist(), classes.tolist(), masks.tolist(), regions.tolist(), strict=True
    ):
        total = logits.new_zeros(())
        for i in range(size):
            for j in range(size):
                sampled = 0.0
                for di in (0.25, 0.75):
                    for dj in (0.25, 0.75):
                        y, x = top + (bottom - top) * (i + di) / size, left + (right - left) * (j + dj) / size
                        sampled += _between(mask, y - 0.5, x - 0.5) / 4
                logit = torch.tensor(z[k][i][j], dtype=logits.dtype)
                total = total - (torch.sigmoid(logit) if sampled >= 0.5 else 1 - torch.sigmoid(logit)).log()
        found.append(total / size**2)
    return torch.stack(found)


def _between(mask: list[list[float]], y: float, x: float) -> float:
    """The bilinear mean of the four pixels around a place, cut at the edges; 0 from half a pixel outside on."""
    height, width = len(mask), len(mask[0])
    if not (-1 <= y <= height and -1 <= x <= width):
        return 0.0
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    i, j = min(int(y), max(height - 2, 0)), min(int(x), max(width - 2, 0))
    below, right = min(i + 1, height - 1), min(j + 1, width - 1)
    upper = mask[i][j] * (1 - (x - j)) + mask[i][right] * (x - j)
    lower = mask[below][j] * (1 - (x - j)) + mask[below][right] * (x - j)
    return upper * (1 - (y - i)) + lower * (y - i)


def pasted_masks(shares: Tensor, boxes: Tensor, size: tuple[int, int], *, threshold: float = 0.5) -> Tensor:
    """Masks (n, height, width) of booleans from shares (n, m, m), each laid bilinearly over its box and cut at 1/2.

    A pixel belongs to a thing where its centre lies in the box and the share there is at least the threshold. The m x m
    shares stand at the centres of equal cells of the box, and go on as they end up to its edge. A box without an area
    has no pixels.

    Source: He et al. 2017, section 3.1.

    >>> pasted_masks(torch.ones(1, 2, 2), torch.tensor([[1.0, 0.0, 3.0, 1.0]]), (2, 4)).int()
    tensor([[[0, 1, 1, 0],
             [0, 0, 0, 0]]], dtype=torch.int32)
    """
    found = torch.zeros(len(shares), *size, dtype=torch.bool, device=shares.device)
    for k, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        if x2 <= x1 or y2 <= y1:
            continue
        top, bottom = _covered(y1, y2, size[0])
        left, right = _covered(x1, x2, size[1])
        down = _weights(y1, y2, top, bottom, shares[k])
        across = _weights(x1, x2, left, right, shares[k])
        found[k, top:bottom, left:right] = down @ shares[k] @ across.T >= threshold
    return found


def _covered(low: float, high: float, extent: int) -> tuple[int, int]:
    """The pixels, first and one after the last, whose centres lie between two places."""
    first = min(max(int(-((0.5 - low) // 1)), 0), extent)
    return first, max(min(int((high - 0.5) // 1) + 1, extent), first)


def _weights(low: float, high: float, first: int, last: int, like: Tensor) -> Tensor:
    """How much each pixel's centre takes of each of m cells between two places (pixels, m): bilinear along one axis."""
    m = like.shape[-1]
    at = torch.arange(first, last, dtype=like.dtype, device=like.device) + 0.5
    place = ((at - low) * (m / (high - low)) - 0.5).clamp(0, m - 1)
    cells = torch.arange(m, dtype=like.dtype, device=like.device)
    return (1 - (place[:, None] - cells).abs()).clamp(min=0)
