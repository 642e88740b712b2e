"""What pixels are like on average, added up a piece at a time."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from ...functional.augmentation.colour import pca_axes

BLOCK = 1 << 22  # pixels worked on at a time


def moments_of(
    parts: Iterable[np.ndarray], shape: tuple[int, int, int], *, colours: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and standard deviation of each channel (channels, 1, 1), from 0 to 255, and the axes of colours if wanted.

    Parts are (n, height, width, channels), `shape` is (channels, height, width); bytes are added up as whole numbers,
    exactly. A channel that never varies has deviation 1.
    """
    total, squares, n = np.zeros(shape[0]), np.zeros(shape[0]), 0
    products = np.zeros((shape[0], shape[0]))
    rows = max(BLOCK // int(np.prod(shape)), 1)
    for pixels in parts:
        for start in range(0, len(pixels), rows):
            flat = pixels[start : start + rows].reshape(-1, shape[0])
            wide = flat.astype(np.float64 if flat.dtype.kind == "f" else np.int64)
            total, squares, n = total + wide.sum(0), squares + np.square(wide).sum(0), n + len(wide)
            if colours:
                unit = flat / 255
                products += unit.T @ unit
    mean = total / n
    std = np.sqrt(np.maximum(squares / n - mean * mean, 0))
    covariance = products / n - np.outer(mean, mean) / 255**2
    axes = pca_axes(torch.from_numpy(covariance)).float() if colours else torch.empty(0, 0)
    centre, spread = (torch.tensor(v, dtype=torch.float32)[:, None, None] for v in (mean, np.where(std > 1e-6, std, 1)))
    return centre, spread, axes
