"""Regions of a picture: what a click selects, what is alike, what surrounds a pixel, and how much two masks share."""

from operator import index
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, SettingError

Mask = NDArray[np.bool_]


def grow_region(picture: ArrayLike, point: tuple[int, int], *, tolerance: float, diagonal: bool = False) -> Mask:
    """The connected pixels around a point whose value is within `tolerance` of the value there, (height, width).

    picture : (height, width), or (height, width, channels), where every channel must be within the tolerance.
    point : (row, column). `diagonal` also connects pixels that touch at a corner.

    Source: Adams and Bischof (1994) for growing from a seed; Baker, section 5.1 (1:A092): click inside, get a mask.

    >>> grow_region([[0, 0, 9], [9, 0, 9], [0, 9, 9]], (0, 0), tolerance=1).astype(int).tolist()
    [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    """
    from scipy.ndimage import label

    pixels = np.asarray(picture, dtype=np.float64)
    if pixels.ndim not in (2, 3) or not pixels.size or not np.isfinite(pixels).all():
        raise DataError(f"the picture has shape {pixels.shape}; expected finite (height, width) or with channels")
    row, column = (index(place) if isinstance(place, SupportsIndex) else -1 for place in point)
    if not tolerance >= 0:
        raise SettingError(f"tolerance is a difference of values, 0 or more; got {tolerance!r}")
    if not (0 <= row < pixels.shape[0] and 0 <= column < pixels.shape[1]):
        raise DataError(
            f"the point {point} lies outside the picture of {pixels.shape[0]} rows, {pixels.shape[1]} columns; it is "
            "a row and a column, whole numbers"
        )
    near = np.abs(pixels - pixels[row, column]) <= tolerance
    near = near.all(-1) if near.ndim == 3 else near
    parts, _ = label(near, structure=np.ones((3, 3)) if diagonal else None)
    return parts == parts[row, column]


def mask_iou(a: ArrayLike, b: ArrayLike) -> float:
    """The shared pixels over all pixels of two masks of one shape; 1 for two empty ones.

    >>> round(mask_iou([[1, 1, 0]], [[0, 1, 1]]), 4)
    0.3333
    """
    first, second = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    if first.shape != second.shape:
        raise DataError(f"the masks have shapes {first.shape} and {second.shape}; give masks of one picture")
    either = int((first | second).sum())
    return int((first & second).sum()) / either if either else 1.0


def pixel_features(pictures: ArrayLike) -> NDArray[np.float64]:
    """Nine numbers a pixel and channel of pictures (n, height, width[, channels]): itself, and what surrounds it at two
    scales; (n, height, width, 9), or (n, height, width, 9 channels), those of a channel side by side.

    The value, and for standard deviations of 1 and 2 pixels the Gaussian mean, the size of the slope, the Laplacian and
    the spread around. With a forest on top this is the classical pixel classifier.

    Systems: rf-pixel-classifier
    Source: Baker A127; the features are those of scikit-image's trainable segmentation, in the same spirit.
    """
    values = np.asarray(pictures, dtype=np.float64)
    if values.ndim not in (3, 4) or not values.size or not np.isfinite(values).all():
        raise DataError(f"pictures have shape {values.shape}; expected finite ones, (n, height, width[, channels])")
    if values.ndim == 4:
        return np.concatenate([_features(values[..., c]) for c in range(values.shape[3])], -1)
    if values.shape[2] in (3, 4) and values.shape[1] > 4:
        raise DataError(f"pictures have shape {values.shape}; of a single one in colours give picture[None]")
    return _features(values)


def _features(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nine numbers a pixel of one channel (n, height, width)."""
    from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude, gaussian_laplace

    found = [values]
    for scale in (1.0, 2.0):
        sigma = (0.0, scale, scale)
        mean = gaussian_filter(values, sigma)
        slope = np.stack([gaussian_gradient_magnitude(one, scale) for one in values])
        bend = np.stack([gaussian_laplace(one, scale) for one in values])
        spread = np.sqrt(np.maximum(gaussian_filter(values**2, sigma) - mean**2, 0.0))
        found += [mean, slope, bend, spread]
    return np.stack(found, -1)


def cluster_regions(picture: ArrayLike, n_colours: int = 4, *, seed: int = 0) -> NDArray[np.intp]:
    """Connected regions of like colour: k-means on the pixels' values, then connected parts, numbered from 0.

    picture : (height, width) or (height, width, channels). Pixels that touch at a corner are not connected.

    Systems: unsupervised-segmentation
    Source: Baker A124.

    >>> cluster_regions([[0, 0, 9], [0, 9, 9], [9, 9, 0]], 2).max()
    np.int64(2)
    """
    from scipy.cluster.vq import kmeans2
    from scipy.ndimage import label

    pixels = np.asarray(picture, dtype=np.float64)
    if pixels.ndim not in (2, 3) or not pixels.size or not np.isfinite(pixels).all():
        raise DataError(f"the picture has shape {pixels.shape}; expected finite (height, width) or with channels")
    height, width = pixels.shape[:2]
    colours = pixels.reshape(height * width, -1)
    distinct = np.unique(colours, axis=0)
    if n_colours < 1:
        raise DataError(f"n_colours is 1 or more; got {n_colours}")
    if len(distinct) <= n_colours:
        nearest = np.unique(colours, axis=0, return_inverse=True)[1].reshape(-1)
    else:
        _, nearest = kmeans2(colours, n_colours, minit="++", rng=np.random.default_rng(seed))
    classes = nearest.reshape(height, width)
    regions = np.zeros((height, width), dtype=np.intp)
    n = 0
    for colour in np.unique(classes):
        parts, n_parts = label(classes == colour)
        regions[parts > 0] = parts[parts > 0] - 1 + n
        n += n_parts
    return regions
