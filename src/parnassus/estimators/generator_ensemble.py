"""Rows drawn by several generators together: averaged, voted for, or mixed."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from ..errors import SettingError, did_you_mean
from .generator import Generator

How = Literal["average", "vote", "blend"]
Judge = Callable[[np.ndarray], np.ndarray]


def sample_together(
    generators: Sequence[Generator],
    n: int,
    *,
    how: How = "blend",
    judge: Judge | None = None,
    weights: Sequence[float] | None = None,
    condition: Any = None,
    seed: int = 0,
) -> np.ndarray:
    """n rows of several generators of the same kind of rows.

    Parameters
    ----------
    how : "blend" draws each row from one generator, chosen by `weights`: the law is the mixture of theirs. "vote" lets
        each draw a row and keeps the one that `judge` gives the most. "average" takes the mean of their rows, which are
        of one class (`condition`) where that means anything: pictures blur, as their noises have nothing in common.
    judge : rows -> one number each, such as `lambda rows: classifier.predict_proba(rows).max(1)`.
    weights : shares of the generators; None takes even ones.
    condition : as of `Generator.sample`.
    seed : of all draws; each generator has draws of its own.

    Systems: gan-ensemble
    Source: Martinez-Ramon, problems 8.4 to 8.6.
    """
    if not generators or how not in ("average", "vote", "blend"):
        hint = did_you_mean(str(how), ("average", "vote", "blend"))
        raise SettingError(f"give generators, and a way to join them; got {len(generators)} and {how!r}: {hint}")
    if (judge is None) == (how == "vote") or (weights is not None and how == "vote"):
        raise SettingError("judge goes with how='vote' and weights with the others; how='vote' needs a judge")
    share = np.asarray([1.0] * len(generators) if weights is None else weights, dtype=np.float64)
    if share.shape != (len(generators),) or not (share >= 0).all() or not share.sum() > 0:
        raise SettingError(f"weights are {len(generators)} numbers of at least 0, not all 0; got {weights!r}")
    drawn = [np.asarray(g.sample(n, condition=condition, seed=seed + i)) for i, g in enumerate(generators)]
    if len({rows.shape for rows in drawn}) > 1:
        raise SettingError(f"the generators draw rows of shapes {[rows.shape[1:] for rows in drawn]}; join equal ones")
    rows, share = np.stack(drawn), share / share.sum()
    if how == "average":
        mean = np.tensordot(share, rows.astype(np.float64), 1)
        return np.rint(mean).astype(rows.dtype) if rows.dtype == np.uint8 else mean.astype(rows.dtype)
    if how == "blend":
        chosen = np.random.default_rng(seed).choice(len(rows), size=n, p=share)
    else:
        assert judge is not None
        chosen = np.stack([np.asarray(judge(one), dtype=np.float64) for one in drawn]).argmax(0)
    return rows[chosen, np.arange(n)]
