"""Predictive distributions that are written down: means and deviations of numbers, without draws of weights."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from ...data.rows import batches as batches_of
from ...objectives.bayes.predictive import SolvedNumbers
from ...train.timetable import cuts_of
from ..answers.using import EVALUATED
from ..fitting.assembly import device_under
from ..protocol import fitted

if TYPE_CHECKING:
    from ..base import Estimator


class Numbers(NamedTuple):
    """Of each row, in the units of y, (rows,) or (rows, outputs): the mean, and standard deviations.

    `epistemic` is what the data leave open of the function, `aleatoric` the noise of one answer around it.
    """

    mean: np.ndarray
    epistemic: np.ndarray
    aleatoric: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """The standard deviation of a new answer."""
        return np.sqrt(self.epistemic**2 + self.aleatoric**2)


def is_written_down(estimator: "Estimator") -> bool:
    """Whether the model has a normal distribution for each number."""
    return isinstance(fitted(estimator).objective_, SolvedNumbers)


def moments_of(estimator: "Estimator", X: Any) -> Numbers:
    """What the model says of raw rows."""
    objective, codec = fitted(estimator).objective_, estimator.codec_
    assert isinstance(objective, SolvedNumbers)
    rows, device = codec.encode(X), device_under(objective)
    objective.eval()
    parts = []
    with torch.inference_mode():
        for taken in batches_of(rows, torch.arange(len(rows)), cuts_of(len(rows), EVALUATED)):
            batch = codec.prepare({k: t.to(device) for k, t in taken.items()}, estimator.view_)
            parts.append(torch.stack(tuple(objective.moments(batch))).cpu())
    mean, variance, noise = torch.cat(parts, 1)
    decode = estimator.target_.decode
    origin = decode(torch.zeros_like(mean))
    return Numbers(decode(mean), decode(variance.sqrt()) - origin, decode(noise.sqrt()) - origin)


def normal_interval(found: Numbers, level: float) -> np.ndarray:
    """The ends between which a new answer lies with probability `level`, (rows, 2) or (rows, outputs, 2)."""
    from scipy.special import ndtri

    wide = ndtri(0.5 + level / 2) * found.total
    return np.stack([found.mean - wide, found.mean + wide], axis=-1)


def normal_samples(found: Numbers, n: int, seed: int) -> np.ndarray:
    """n answers a row, each row for itself: (n, rows[, outputs])."""
    rng = np.random.default_rng(seed)
    return found.mean + found.total * rng.normal(size=(n, *found.mean.shape))
