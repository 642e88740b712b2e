"""The mean loss on rows that trained a model, and on rows that did not."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from .result import json_values, shown


@dataclass(frozen=True)
class Risk:
    """The mean of losses with its standard error; None for a single row."""

    value: float
    error: float | None
    n_rows: int


@dataclass(frozen=True)
class GeneralisationGap:
    """Empirical risk, estimated risk, and the interval of the gap between them."""

    empirical: Risk
    held_out: Risk
    gap: float
    low: float | None
    high: float | None

    def table(self) -> str:
        """Aligned text."""
        between = "" if self.low is None or self.high is None else f"  ({shown(self.low)} to {shown(self.high)})"
        return (
            f"on training rows   {shown(self.empirical.value)}\non held-out rows   {shown(self.held_out.value)}\n"
            f"gap                {shown(self.gap)}{between}"
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return json_values(vars(self) | {"empirical": vars(self.empirical), "held_out": vars(self.held_out)})


def risk(losses: ArrayLike) -> Risk:
    """The mean of losses (rows,): the empirical risk on training rows, an estimate of the true risk on others.

    Source: Baker A045, section 3.6.1; Jaiswal, section 1.5.

    >>> risk([1.0, 3.0])
    Risk(value=2.0, error=1.0, n_rows=2)
    """
    values = np.asarray(losses, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise DataError(f"losses are one finite number a row; got shape {values.shape}")
    error = float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else None
    return Risk(float(values.mean()), error, len(values))


def generalisation_gap(
    training_losses: ArrayLike, held_out_losses: ArrayLike, *, confidence: float = 0.95
) -> GeneralisationGap:
    """Held-out risk minus empirical risk, with the normal interval that the rows' spread leaves.

    The empirical risk is what training minimised, so it is no estimate of the risk; only held-out rows give one, and
    only for rows drawn alike (`evaluation.shift` is for others).

    Systems: empirical-risk
    Source: Baker A045, section 3.6.1; Martinez-Ramon 2.2 calls this gap the overfitting.
    """
    seen, held = risk(training_losses), risk(held_out_losses)
    gap = held.value - seen.value
    if seen.error is None or held.error is None:
        return GeneralisationGap(seen, held, gap, None, None)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * math.hypot(seen.error, held.error)
    return GeneralisationGap(seen, held, gap, gap - half, gap + half)
