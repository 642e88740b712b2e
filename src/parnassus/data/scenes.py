"""Scenes of scattered digits: small pictures with boxes and masks, made in code from scikit-learn's digits."""

from typing import NamedTuple

import numpy as np

from ..errors import SettingError
from ..imports import imported
from .detection import Boxes

TRIALS = 30


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
