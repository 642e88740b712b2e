"""Tone curves of RandAugment: posterize, solarize, autocontrast, equalize, sharpness; of pictures from 0 to 1.

Each equals Pillow's of the same name on bytes, to a rounding.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def posterize(x: Tensor, bits: int) -> Tensor:
    """Only the highest `bits` of the eight bits of each value."""
    step = 2 ** (8 - bits)
    return (x * 255).round().div(step, rounding_mode="floor") * step / 255


def solarize(x: Tensor, threshold: Tensor) -> Tensor:
    """Values at or above the threshold (batch,) are turned round: x -> 1 - x."""
    return torch.where(x >= threshold.view(-1, 1, 1, 1), 1 - x, x)


def autocontrast(x: Tensor) -> Tensor:
    """Each channel stretched so that its least value is 0 and its greatest 1; a flat channel stays."""
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    return torch.where(high > low, (x - low) / (high - low).clamp(min=1e-12), x)


def equalize(x: Tensor) -> Tensor:
    """Each channel with its 256 levels spread so that all are about equally frequent.

    With n_k the pixels at level k, and step = (all pixels but those at the highest level) // 255, level k becomes
    (step // 2 + n_0 + ... + n_{k-1}) // step; a channel whose step is 0 stays.
    """
    levels = (x * 255).round().long().flatten(0, 1).flatten(1)
    counts = torch.zeros(len(levels), 256, dtype=torch.long, device=x.device)
    counts.scatter_add_(1, levels, torch.ones_like(levels))
    highest = counts.gather(1, levels.amax(1, keepdim=True))
    step = (levels.shape[1] - highest) // 255
    before = counts.cumsum(1) - counts
    table = ((before + step // 2) // step.clamp(min=1)).clamp(max=255)
    several = (counts > 0).sum(1, keepdim=True) > 1
    table = torch.where((step > 0) & several, table, torch.arange(256, device=x.device))
    return (table.gather(1, levels).to(x.dtype) / 255).view_as(x)


def sharpness(x: Tensor, factor: Tensor) -> Tensor:
    """factor * x + (1 - factor) * x smoothed by (1 1 1, 1 5 1, 1 1 1) / 13; the outermost pixels stay."""
    if min(x.shape[-2:]) < 3:
        return x
    kernel = x.new_tensor([[1.0, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
    smooth = x.clone()
    smooth[..., 1:-1, 1:-1] = F.conv2d(x.flatten(0, 1)[:, None], kernel[None, None]).view(
        *x.shape[:2], x.shape[2] - 2, x.shape[3] - 2
    )
    return (smooth + factor.view(-1, 1, 1, 1) * (x - smooth)).clamp(0, 1)
