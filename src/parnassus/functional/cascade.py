"""Viola and Jones' detector: boosted stumps on Haar features, in stages that let windows of nothing go early."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from ..errors import DataError, SettingError, check_count
from .boxes import nms
from .haar import Floats, HaarFeatures, Ints, haar_features, integral_image

LEAST_SPREAD = 1e-3  # of pixels from 0 to 1: a window flatter than that shows nothing


@dataclass(frozen=True)
class Stage:
    """A vote of stumps: a window goes on if the sum of `votes` of those that say yes is at least `threshold`.

    Stump t says yes where polarity_t * feature_t < polarity_t * cut_t.
    """

    features: HaarFeatures
    cuts: Floats
    polarities: Floats
    votes: Floats
    threshold: float

    def scores(self, values: Floats) -> Floats:
        """The sum of votes (n,) for feature values (n, stumps)."""
        return (self.polarities * values < self.polarities * self.cuts) @ self.votes


@dataclass(frozen=True)
class Cascade:
    """Stages in the order in which they look at a window of `window` pixels a side."""

    stages: list[Stage]
    window: int


def best_stump(values: Floats, order: Ints, y: NDArray[np.bool_], weight: Floats) -> tuple[int, float, float, float]:
    """The stump with the least weighted error: its feature, cut, polarity (1: small values are positive) and error.

    Parameters
    ----------
    values : (n, features). order : (n, features), the argsort of each column. y : (n,). weight : (n,), of sum 1.

    Source: Viola and Jones 2001, table 1.
    """
    signed = np.where(y, weight, -weight)
    below = np.concatenate([np.zeros((1, values.shape[1])), signed[order].cumsum(0)])  # weight of yes less no, below
    total = weight[y].sum()
    errors = np.stack([total - below, (1 - total) + below])  # small says yes: missed plus wrongly taken; the other way
    ranked = np.take_along_axis(values, order, 0)
    tied = np.concatenate(
        [np.zeros((1, values.shape[1]), bool), ranked[1:] == ranked[:-1], np.zeros((1, values.shape[1]), bool)]
    )
    errors[:, tied] = np.inf  # no cut lies between equal values
    kind, place, feature = np.unravel_index(int(errors.argmin()), errors.shape)
    column = ranked[:, feature]
    if place == 0:
        cut = column[0] - 1.0
    elif place == len(column):
        cut = column[-1] + 1.0
    else:
        cut = (column[place - 1] + column[place]) / 2
    return int(feature), float(cut), 1.0 if kind == 0 else -1.0, float(errors[kind, place, feature])


def boosted_stage(
    values: Floats, y: NDArray[np.bool_], features: HaarFeatures, *, n_stumps: int, detection: float, false_alarm: float
) -> Stage:
    """Stumps added by AdaBoost until a threshold passes the share `detection` of the positives and at most the share
    `false_alarm` of the negatives, or there are `n_stumps`.

        beta = e / (1 - e);  w_i <- w_i beta where the stump is right;  vote = ln(1 / beta)

    Systems: viola-jones
    Source: Viola and Jones 2001, tables 1 and 2 (Jaiswal's words call the stages trees; they vote over stumps).
    """
    weight = np.where(y, 0.5 / max(y.sum(), 1), 0.5 / max((~y).sum(), 1))
    order = values.argsort(0, kind="stable")
    chosen: list[tuple[int, float, float, float]] = []
    sums = np.zeros(len(y))
    threshold = 0.0
    for _ in range(n_stumps):
        weight = weight / weight.sum()
        feature, cut, polarity, error = best_stump(values, order, y, weight)
        beta = max(error, 1e-10) / max(1 - error, 1e-10)
        says = polarity * values[:, feature] < polarity * cut
        weight = weight * np.where(says == y, beta, 1.0)
        chosen.append((feature, cut, polarity, -np.log(beta)))
        sums = sums + says * chosen[-1][3]
        threshold = float(np.quantile(sums[y], 1 - detection, method="lower")) - 1e-9
        if (sums[~y] >= threshold).mean() <= false_alarm:
            break
    at, cuts, polarities, votes = (np.array(column) for column in zip(*chosen, strict=True))
    return Stage(features.take(at.astype(np.int64)), cuts, polarities, votes, threshold)


def train_cascade(
    positives: Floats,
    negatives: Floats,
    *,
    n_stages: int = 6,
    n_stumps: int = 30,
    detection: float = 0.995,
    false_alarm: float = 0.4,
    n_features: int = 4000,
    seed: int = 0,
) -> Cascade:
    """A cascade that passes nearly all windows like the positives and few like the negatives.

    Each stage learns from the negatives that all stages before let pass; training ends when fewer than ten are left.

    Parameters
    ----------
    positives, negatives : (n, side, side) windows, pixels of any scale. n_features : how many of all Haar features are
        drawn to choose from; there are 162,336 in a window of 24.

    Systems: viola-jones
    Source: Viola and Jones 2001; Jaiswal J68.
    """
    positives, negatives = np.asarray(positives), np.asarray(negatives)
    for name, windows in (("positives", positives), ("negatives", negatives)):
        if windows.ndim != 3 or windows.shape[1] != windows.shape[2] or windows.shape[1] != positives.shape[1]:
            raise DataError(f"{name} are square windows (n, side, side) of one side; got {windows.shape}")
        if len(windows) < 10 or not np.isfinite(windows).all():
            raise DataError(f"{name} are at least 10 windows of finite numbers; got {len(windows)}")
    window = positives.shape[1]
    features = haar_features(window)
    drawn = np.random.default_rng(seed).permutation(len(features))[:n_features]
    features = features.take(np.sort(drawn))
    yes = features.values(integral_image(normalized(positives)))
    no = features.values(integral_image(normalized(negatives)))
    stages: list[Stage] = []
    for _ in range(n_stages):
        values, y = np.concatenate([yes, no]), np.arange(len(yes) + len(no)) < len(yes)
        stage = boosted_stage(values, y, features, n_stumps=n_stumps, detection=detection, false_alarm=false_alarm)
        stages.append(stage)
        kept = [stage.scores(part) >= stage.threshold for part in (_own(stage, features, v) for v in (yes, no))]
        yes, no = yes[kept[0]], no[kept[1]]
        if len(no) < 10:
            break
    return Cascade(stages, window)


def _own(stage: Stage, features: HaarFeatures, values: Floats) -> Floats:
    """Of the values of all features those of a stage's stumps."""
    keys = {f: i for i, f in enumerate(_keys(features))}
    return values[:, [keys[f] for f in _keys(stage.features)]]


def _keys(features: HaarFeatures) -> list[bytes]:
    table = np.concatenate([features.rows, features.columns, features.weights.astype(np.int64)], 1)
    return [row.tobytes() for row in table]


def normalized(windows: Floats) -> Floats:
    """Windows (..., h, w) divided by the standard deviation of each, so that light does not matter."""
    x = np.asarray(windows, dtype=np.float64)
    spread = x.std((-2, -1), keepdims=True)
    scale = max(float(np.abs(x).max(initial=0.0)), 1e-12)
    return x / np.maximum(spread, LEAST_SPREAD * scale)


def passes(cascade: Cascade, windows: Floats) -> NDArray[np.bool_]:
    """Which windows (n, side, side) every stage lets pass: (n,)."""
    integral = integral_image(normalized(windows))
    left = np.arange(len(windows))
    for stage in cascade.stages:
        left = left[stage.scores(stage.features.values(integral[left])) >= stage.threshold]
    found = np.zeros(len(windows), dtype=bool)
    found[left] = True
    return found


def scan(
    cascade: Cascade,
    picture: Floats,
    *,
    scales: Sequence[float] | None = None,
    step: int = 1,
    iou_threshold: float = 0.2,
) -> tuple[Floats, Floats]:
    """Boxes (n, 4) of what the cascade finds at every place and scale of a picture (height, width), and their scores.

    The picture is shrunk by a factor of 1.25 again and again (or by `scales`), and windows lie `step` pixels apart in
    each; overlapping finds are merged to the one with the greatest score of the last stage.

    Systems: viola-jones
    Source: Viola and Jones 2001, section 4 (which enlarges the features; shrinking the picture comes to the same).
    """
    picture = np.asarray(picture)
    if picture.ndim != 2 or not np.isfinite(picture).all():
        raise DataError(f"a picture to scan is finite and grey, (height, width); got shape {picture.shape}")
    if scales is not None and not all(scale > 0 for scale in scales):
        raise SettingError(f"scales are factors above 0 by which the picture is shrunk; got {list(scales)}")
    check_count("step", step)
    if scales is None:
        largest = min(picture.shape) / cascade.window
        scales = [1.25**k for k in range(64) if 1.25**k <= largest]
    boxes, scores = [np.zeros((0, 4))], [np.zeros(0)]
    for scale in scales:
        smaller = shrunk(picture, scale)
        y, x, score = _scan_once(cascade, smaller, step)
        ratio = np.divide(picture.shape, smaller.shape)[::-1]  # `scale`, but for whole pixels
        corner = np.stack([x, y], 1)
        boxes.append(np.concatenate([corner * ratio, (corner + cascade.window) * ratio], 1))
        scores.append(score)
    every, values = np.concatenate(boxes), np.concatenate(scores)
    kept = nms(torch.from_numpy(every), torch.from_numpy(values), iou_threshold).numpy()
    return every[kept], values[kept]


def _scan_once(cascade: Cascade, picture: Floats, step: int) -> tuple[Ints, Ints, Floats]:
    """Places (y, x) of windows that pass, and the last stage's score above its threshold."""
    side = cascade.window
    if min(picture.shape) < side:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0)
    y, x = np.mgrid[0 : picture.shape[0] - side + 1 : step, 0 : picture.shape[1] - side + 1 : step].reshape(2, -1)
    first, second = integral_image(picture), integral_image(picture**2)
    mean, square = (
        (table[y + side, x + side] - table[y, x + side] - table[y + side, x] + table[y, x]) / side**2
        for table in (first, second)
    )
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    spread = np.maximum(spread, LEAST_SPREAD * max(float(np.abs(picture).max()), 1e-12))
    score = np.zeros(len(y))
    for stage in cascade.stages:
        score = stage.scores(stage.features.values(first, y, x) / spread[:, None]) - stage.threshold
        kept = score >= 0
        y, x, spread, score = y[kept], x[kept], spread[kept], score[kept]
    return y, x, score


def shrunk(picture: Floats, scale: float) -> Floats:
    """A picture (height, width) made smaller by a factor, bilinear with antialiasing."""
    if scale == 1:
        return np.asarray(picture, dtype=np.float64)
    size = [max(round(n / scale), 1) for n in picture.shape]
    held = torch.from_numpy(np.ascontiguousarray(picture, dtype=np.float64))[None, None]
    return F.interpolate(held, size, mode="bilinear", antialias=True)[0, 0].numpy()
