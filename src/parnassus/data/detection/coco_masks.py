"""Masks as COCO writes them: run lengths, plain and as a text, and polygons."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import DataError


def mask_of(segmentation: Any, size: tuple[int, int], where: str) -> np.ndarray:
    """The mask (height, width) of an annotation: polygons, or run lengths down the columns, plain or as COCO's text."""
    try:
        if isinstance(segmentation, dict):
            given = (int(segmentation["size"][0]), int(segmentation["size"][1]))
            if given != tuple(size):
                raise DataError(f"{where} has a mask of {given} (height, width), and its picture is {tuple(size)}")
            counts = segmentation["counts"]
            return mask_of_runs(runs_of_text(counts) if isinstance(counts, str | bytes) else counts, given)
        if isinstance(segmentation, list) and segmentation:
            return mask_of_polygons([np.asarray(one, dtype=np.float64).reshape(-1, 2) for one in segmentation], size)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(
            f"{where} has a segmentation that cannot be read ({error}); expected polygons or RLE"
        ) from error
    raise DataError(f"{where} has no segmentation; give polygons [[x1, y1, x2, y2, ...]] or run lengths")


def mask_of_runs(counts: Sequence[int], size: tuple[int, int]) -> np.ndarray:
    """A mask from run lengths: pixels down the columns, first how many are 0, then how many are 1, and so on.

    >>> mask_of_runs([1, 2, 1], (2, 2)).astype(int).tolist()
    [[0, 1], [1, 0]]
    """
    runs = np.asarray(counts, dtype=np.int64)
    if runs.sum() != size[0] * size[1] or (runs < 0).any():
        raise ValueError(f"run lengths add up to {runs.sum()}, and the picture has {size[0] * size[1]} pixels")
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(size[1], size[0]).T


def runs_of_mask(mask: np.ndarray) -> list[int]:
    """The run lengths of a mask, as `mask_of_runs` reads them.

    >>> runs_of_mask(np.array([[True, False], [True, True]]))
    [0, 2, 1, 1]
    """
    down = np.asarray(mask, dtype=bool).T.ravel()
    ends = np.flatnonzero(np.diff(down)) + 1
    runs = np.diff(np.concatenate([[0], ends, [down.size]])).tolist()
    return [0, *runs] if down.size and down[0] else runs


def runs_of_text(text: str | bytes) -> list[int]:
    """The run lengths that COCO's text stands for.

    Numbers are written five bits a character, low bits first, 32 marking that more follow and 16 in the last that it is
    negative; from the fourth on each is what its run has more than the one two before.

    >>> runs_of_text("1321")  # the last is 1 more than the 3
    [1, 3, 2, 4]
    """
    codes = [(b if isinstance(b, int) else ord(b)) - 48 for b in text]
    runs: list[int] = []
    at = 0
    while at < len(codes):
        value, shift = 0, 0
        while True:
            code = codes[at]
            value |= (code & 31) << shift
            shift, at = shift + 5, at + 1
            if not code & 32:
                break
        if code & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
    return runs


def mask_of_polygons(polygons: Sequence[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """The pixels (height, width) whose centre lies in one of the polygons (corners, 2), x before y.

    A centre lies inside where a ray to the left crosses an odd number of edges. COCO's own code draws edges on a grid
    five times as fine, so that a pixel at an edge may differ.

    >>> mask_of_polygons([np.array([[0, 0], [2.5, 0], [0, 2.5]])], (3, 3)).astype(int).tolist()
    [[1, 1, 0], [1, 0, 0], [0, 0, 0]]
    """
    found = np.zeros(size, dtype=bool)
    x = np.arange(size[1]) + 0.5
    for corners in polygons:
        if len(corners) < 3:
            raise ValueError(f"a polygon of {len(corners)} corners has no inside")
        (x1, y1), (x2, y2) = corners.T, np.roll(corners, -1, axis=0).T
        inside = np.zeros(size, dtype=bool)
        for row in range(max(int(y1.min()), 0), min(int(np.ceil(y1.max())), size[0])):
            y = row + 0.5
            cut = (y1 <= y) != (y2 <= y)
            crossings = x1[cut] + (y - y1[cut]) * (x2[cut] - x1[cut]) / (y2[cut] - y1[cut])
            inside[row] = (crossings[:, None] < x).sum(0) % 2 == 1
        found |= inside
    return found
