"""Pictures with holes: where nothing is known of them, and what stands there meanwhile."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError


def laid_out(raw: np.ndarray | Tensor) -> np.ndarray:
    """A stack of pictures as (n, height, width, channels), sharing its memory.

    >>> laid_out(np.zeros((2, 5, 4))).shape, laid_out(torch.zeros(2, 3, 5, 4)).shape
    ((2, 5, 4, 1), (2, 5, 4, 3))
    """
    first = isinstance(raw, Tensor)
    x = raw.numpy(force=True) if isinstance(raw, Tensor) else raw
    if x.ndim not in (3, 4) or not x.size:
        raise DataError(
            f"X has shape {x.shape}; pictures are (n, height, width) or (n, height, width, channels), none of them 0; "
            "a single picture is X[None]"
        )
    if x.ndim == 3:
        return x[..., None]
    known = (1, 2, 3, 4)
    if (first and x.shape[1] in known) or (x.shape[3] not in known and x.shape[1] in known):
        return x.transpose(0, 2, 3, 1)
    return x


def without_holes(raw: Any) -> tuple[Any, np.ndarray | None]:
    """Pictures with 0 in their holes, and where these are (n, height, width, channels); None where there are none.

    >>> whole, missing = without_holes(np.array([[[0.5, np.nan]]]))
    >>> whole.tolist(), missing.tolist()
    ([[[[0.5], [0.0]]]], [[[[False], [True]]]])
    """
    floats = raw.is_floating_point() if isinstance(raw, Tensor) else getattr(raw, "dtype", np.dtype(int)).kind == "f"
    if not floats:
        return raw, None
    x = laid_out(raw)
    missing = np.isnan(x)
    return (np.where(missing, x.dtype.type(0), x), missing) if missing.any() else (raw, None)


def mean_picture(pixels: Sequence[np.ndarray] | Tensor, missing: np.ndarray | None) -> Tensor:
    """The mean of pictures (n, height, width, channels) whose holes are 0, as (channels, height, width) float32.

    A pixel that is seen in no picture is as the mean of all that are seen. What is a mean picture already stays one.
    """
    if isinstance(pixels, Tensor):
        return pixels.float().clone()
    total = sum(part.sum(0, dtype=np.float64) for part in pixels)
    n = np.full_like(total, sum(map(len, pixels))) if missing is None else (~missing).sum(0).astype(np.float64)
    mean = np.where(n > 0, total / np.maximum(n, 1), total.sum() / max(float(np.sum(n)), 1.0))
    return torch.from_numpy(mean).permute(2, 0, 1).float().contiguous()


def filled_pictures(given: np.ndarray | Tensor, missing: np.ndarray, made: np.ndarray) -> np.ndarray | Tensor:
    """A copy of pictures whose holes hold what was made (n, height, width[, channels]), bytes; the rest is their own.

    >>> filled_pictures(np.array([[[0.5, np.nan]]]), np.array([[[False, True]]]), np.array([[[9, 51]]])).tolist()
    [[[0.5, 0.2]]]
    """
    copy = given.detach().cpu().clone() if isinstance(given, Tensor) else np.array(given)
    there = laid_out(copy)
    hole, kind = missing.reshape(there.shape), there.dtype.kind
    values = made.reshape(there.shape)[hole] / (1 if kind in "iu" else 255)
    there[hole] = values if kind == "f" else np.rint(values)
    return copy
