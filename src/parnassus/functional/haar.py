"""Integral images, and the light and dark rectangles that are read off them in a few look-ups."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# cells across and down, and the weight of each cell, row by row
SHAPES: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "left-right": (2, 1, (1, -1)),
    "above-below": (1, 2, (1, -1)),
    "three across": (3, 1, (1, -2, 1)),
    "three down": (1, 3, (1, -2, 1)),
    "four": (2, 2, (1, -1, -1, 1)),
}
MOST_CORNERS = 9
LOOKED_UP = 1 << 22  # places of integral images that are held at a time


def integral_image(pictures: Floats) -> Floats:
    """Sums over all pixels above and to the left: (..., h, w) -> (..., h + 1, w + 1), the first row and column 0.

        I(y, x) = sum over y' < y, x' < x of picture(y', x')

    Source: Viola and Jones 2001, section 2.1; Jaiswal J68.

    >>> integral_image(np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]]))[1:, 1:].tolist()
    [[1.0, 3.0, 6.0], [5.0, 12.0, 21.0], [12.0, 27.0, 45.0]]
    """
    summed = np.asarray(pictures, dtype=np.float64).cumsum(-1).cumsum(-2)
    return np.pad(summed, [(0, 0)] * (summed.ndim - 2) + [(1, 0), (1, 0)])


def rectangle_sum(integral: Floats, x1: int, y1: int, x2: int, y2: int) -> Floats:
    """The sum over rows y1 to y2 and columns x1 to x2 (ends not included), by four look-ups: (...).

    >>> float(rectangle_sum(integral_image(np.arange(1, 10).reshape(3, 3)), 1, 1, 3, 3))  # 5 + 6 + 8 + 9
    28.0
    """
    return integral[..., y2, x2] - integral[..., y1, x2] - integral[..., y2, x1] + integral[..., y1, x1]


@dataclass(frozen=True)
class HaarFeatures:
    """Features of a window: each is a weighted sum of look-ups in its integral image.

    rows, columns : (n, 9) where to look, counted from the window's corner. weights : (n, 9), 0 where fewer are needed.
    window : pixels a side.
    """

    rows: Ints
    columns: Ints
    weights: Floats
    window: int

    def __len__(self) -> int:
        return len(self.weights)

    def take(self, chosen: Ints) -> "HaarFeatures":
        """Some of the features."""
        return HaarFeatures(self.rows[chosen], self.columns[chosen], self.weights[chosen], self.window)

    def values(self, integral: Floats, y: Ints | int = 0, x: Ints | int = 0) -> Floats:
        """Each feature of windows: of (n, h, w) integral images at their corner, or of one (h, w) at places (n,)."""
        n = len(integral) if integral.ndim == 3 else len(np.asarray(y))
        found, step = np.empty((n, len(self))), max(LOOKED_UP // max(self.rows.size, 1), 1)
        for i in range(0, n, step):
            some = slice(i, i + step)
            if integral.ndim == 3:
                looked = integral[some, self.rows, self.columns]
            else:
                down, across = np.asarray(y)[some, None, None], np.asarray(x)[some, None, None]
                looked = integral[down + self.rows, across + self.columns]
            np.einsum("nfk,fk->nf", looked, self.weights, out=found[some])
        return found


def haar_features(window: int, *, step: int = 1, shapes: Sequence[str] = tuple(SHAPES)) -> HaarFeatures:
    """All features of a window: every shape at every place and size that is a multiple of `step`.

    In a window of 24 pixels there are 43,200 + 43,200 + 27,600 + 27,600 + 20,736 = 162,336. The middle of three cells
    counts twice, so that every feature of an even window is 0 (the paper's counts once).

    Source: Viola and Jones 2001, section 2; Jaiswal J68.

    >>> len(haar_features(24)), len(haar_features(8))
    (162336, 2056)
    """
    rows, columns, weights = [], [], []
    for across, down, signs in (SHAPES[name] for name in shapes):
        table = corner_weights(across, down, signs)
        for w in range(step, window // across + 1, step):
            for h in range(step, window // down + 1, step):
                y, x = np.mgrid[0 : window - h * down + 1 : step, 0 : window - w * across + 1 : step].reshape(2, -1)
                rows.append(y[:, None] + _padded([r * h for r, _, _ in table]))
                columns.append(x[:, None] + _padded([c * w for _, c, _ in table]))
                weights.append(np.broadcast_to(_padded([v for *_, v in table]), rows[-1].shape))
    return HaarFeatures(np.concatenate(rows), np.concatenate(columns), np.concatenate(weights).astype(float), window)


def corner_weights(across: int, down: int, signs: Sequence[int]) -> list[tuple[int, int, int]]:
    """(row, column, weight) of the corners of a grid of cells whose sums count with these signs."""
    grid = np.zeros((down + 1, across + 1), dtype=int)
    for k, sign in enumerate(signs):
        r, c = divmod(k, across)
        grid[r : r + 2, c : c + 2] += sign * np.array([[1, -1], [-1, 1]])
    return [(int(r), int(c), int(grid[r, c])) for r, c in zip(*np.nonzero(grid), strict=True)]


def _padded(values: list[int]) -> Ints:
    return np.array([*values, *[0] * (MOST_CORNERS - len(values))], dtype=np.int64)
