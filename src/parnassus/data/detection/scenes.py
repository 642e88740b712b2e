"""Scenes of scattered digits: small pictures with boxes and masks, made in code from scikit-learn's digits."""

from typing import NamedTuple

import numpy as np

from ...errors import SettingError
from ...imports import imported
from .boxes import Boxes

TRIALS = 30


KITE = np.array([[1.0, 0.0], [0.2, 0.6], [-0.9, 0.0], [0.2, -0.6]])  # nose, left, tail, right, of a kite flying along x


class Scenes(NamedTuple):
    """Pictures (n, size, size) uint8; boxes, a `Boxes` a picture; masks (n, size, size), 0 for nothing and digit + 1;
    instances (n, size, size), 0 for nothing and 1, 2, ... for the boxes in their order.
    """

    pictures: np.ndarray
    boxes: list[Boxes]
    masks: np.ndarray
    instances: np.ndarray


def digit_scenes(
    n: int,
    *,
    size: int = 64,
    n_digits: tuple[int, int] = (1, 5),
    zoom: tuple[float, float] = (1.5, 3.0),
    noise: float = 0.1,
    overlap: float = 0.1,
    split: str = "train",
    seed: int = 0,
) -> Scenes:
    """n scenes, each with digits of several sizes at drawn places on a noisy ground.

    Parameters
    ----------
    n_digits : the fewest and the most digits of a scene; those that find no place are left out.
    zoom : the least and the greatest size; scikit-learn's digits have 8 x 8 pixels.
    noise : standard deviation of the noise, of a full range of 1.
    overlap : the share of its own box up to which a digit may lie over another.
    split : "train" takes its digits from the first 1,200, "test" from the other 597, so that none is in both.

    >>> scenes = digit_scenes(2, seed=1)
    >>> scenes.pictures.shape, len(scenes.boxes)
    ((2, 64, 64), 2)
    """
    if split not in ("train", "test"):
        raise SettingError(f"split is 'train' or 'test'; got {split!r}")
    digits = imported("sklearn.datasets").load_digits()
    pool = np.arange(1200) if split == "train" else np.arange(1200, len(digits.target))
    rng = np.random.default_rng([seed, split == "test"])
    pictures = np.zeros((n, size, size), dtype=np.uint8)
    masks, instances = np.zeros_like(pictures), np.zeros_like(pictures)
    found = []
    for i in range(n):
        canvas = np.zeros((size, size))
        rows: list[tuple[list[float], int]] = []
        for _ in range(rng.integers(n_digits[0], n_digits[1] + 1)):
            which = int(rng.choice(pool))
            side = round(8 * float(np.exp(rng.uniform(*np.log(zoom)))))
            ink = enlarged(digits.images[which] / 16.0, side)
            box = _placed(canvas, ink, [row[0] for row in rows], overlap, rng)
            if box is None:
                continue
            y, x = box
            label = int(digits.target[which])
            region = (slice(y, y + side), slice(x, x + side))
            dark = ink > 0.25
            canvas[region] = np.maximum(canvas[region], ink)
            rows.append((tight(dark, x, y), label))
            masks[i][region][dark], instances[i][region][dark] = label + 1, len(rows)
        pictures[i] = np.rint(255 * np.clip(0.8 * canvas + 0.1 + rng.normal(0, noise, canvas.shape), 0, 1))
        corners = np.array([row[0] for row in rows], dtype=np.float64).reshape(-1, 4)
        found.append(Boxes(corners, np.array([row[1] for row in rows], dtype=np.int64), size=(size, size)))
    return Scenes(pictures, found, masks, instances)


def enlarged(picture: np.ndarray, side: int) -> np.ndarray:
    """A square picture as side x side, bilinear, values 0 to 1."""
    from PIL import Image

    image = Image.fromarray((picture * 255).astype(np.uint8)).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(image) / 255.0


def tight(ink: np.ndarray, x: int, y: int) -> list[float]:
    """The box around what is drawn, of a picture that lies at (x, y)."""
    rows, columns = np.flatnonzero(np.any(ink, axis=1)), np.flatnonzero(np.any(ink, axis=0))
    return [x + columns[0], y + rows[0], x + columns[-1] + 1, y + rows[-1] + 1]


def _placed(
    canvas: np.ndarray, ink: np.ndarray, others: list[list[float]], overlap: float, rng: np.random.Generator
) -> tuple[int, int] | None:
    """A place (y, x) where the digit lies little over others; None where there is none after some trials."""
    size, side = len(canvas), len(ink)
    for _ in range(TRIALS):
        y, x = (int(v) for v in rng.integers(0, size - side + 1, 2))
        low, high = np.array([x, y]), np.array([x + side, y + side])
        covered = [
            np.clip(np.minimum(high, box[2:]) - np.maximum(low, box[:2]), 0, None).prod()
            / min(side * side, (box[2] - box[0]) * (box[3] - box[1]))
            for box in others
        ]
        if max(covered, default=0.0) <= overlap:
            return y, x
    return None


def kite_scenes(
    n: int, *, size: int = 48, noise: float = 0.1, hidden: float = 0.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """n pictures (n, size, size) of a kite each, uint8, and where its nose, left, tail and right corner are (n, 4, 2).

    Kites are of several sizes and fly in all directions; the left half is brighter than the right.

    Parameters
    ----------
    noise : standard deviation of the noise, of a full range of 1.
    hidden : the share of corners whose place is not told: NaN.

    >>> pictures, points = kite_scenes(3)
    >>> pictures.shape, points.shape, bool((points > 0).all() and (points < 48).all())
    ((3, 48, 48), (3, 4, 2), True)
    """
    rng = np.random.default_rng(seed)
    angle, reach = rng.uniform(0, 2 * np.pi, n), size * rng.uniform(0.2, 0.35, n)
    middle = rng.uniform(reach[:, None], size - reach[:, None], (n, 2))
    along = np.stack([np.cos(angle), np.sin(angle)], 1)
    across = np.stack([np.sin(angle), -np.cos(angle)], 1)  # to the left of who flies, y being down
    axes = np.stack([along, across], 1) * reach[:, None, None]
    points = middle[:, None] + KITE @ axes
    rows, columns = np.indices((size, size)) + 0.5
    at = np.stack([columns, rows], -1)[None] - middle[:, None, None]
    own = np.einsum("nhwd,nkd->nhwk", at, axes) / np.square(reach)[:, None, None, None]  # in each kite's axes
    ends, inside = np.roll(KITE, -1, axis=0), np.ones(own.shape[:3], dtype=bool)
    for (x0, y0), (x1, y1) in zip(KITE, ends, strict=True):  # corners turn one way: inside is on one side of each edge
        inside &= (x1 - x0) * (own[..., 1] - y0) - (y1 - y0) * (own[..., 0] - x0) >= 0
    bright = np.where(inside, np.where(own[..., 1] > 0, 0.9, 0.55), 0.1)
    pictures = np.clip(bright + rng.normal(0, noise, bright.shape), 0, 1)
    untold = rng.random(points.shape[:2]) < hidden
    return np.rint(255 * pictures).astype(np.uint8), np.where(untold[..., None], np.nan, points)
