"""Which rows to have labelled next: the ones that a model is least sure of, or that are least like those it knows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError, SettingError, did_you_mean
from ..estimators.answers.using import hidden_of
from ..estimators.base import Estimator
from ..functional.metrics.inputs import Floats

BY_PROBABILITY = ("least_confidence", "margin", "entropy")
WAYS = (*BY_PROBABILITY, "bald", "core_set", "random")


def uncertainty(probability: ArrayLike, how: str = "margin") -> Floats:
    """How unsure a model is of each row, (rows,), larger for less sure.

    probability : (rows, classes), or (members, rows, classes) of several models; those are averaged, and for "bald" set
        against each other.

    "least_confidence" is 1 - max p, "margin" 1 - (largest p - second largest p), "entropy" -sum p ln p, and "bald" the
    entropy of the mean less the mean of the entropies: what the models disagree on, not what is open for all of them.

    Source: Baker, section 5.1 (1:A090), which names uncertainty alone; Lewis and Gale (1994), Scheffer et al. (2001),
    Houlsby et al. (2011).

    Systems: active-learning

    >>> uncertainty([[0.5, 0.3, 0.2], [0.9, 0.05, 0.05]], "least_confidence").round(2).tolist()
    [0.5, 0.1]
    >>> uncertainty([[0.5, 0.3, 0.2]], "margin").round(2).tolist()
    [0.8]
    """
    p = np.asarray(probability, dtype=np.float64)
    if p.ndim not in (2, 3) or p.shape[-1] < 2:
        raise DataError(f"probability has shape {p.shape}; expected (rows, classes), two classes at least")
    if not (np.isfinite(p).all() and np.allclose(p.sum(-1), 1, atol=1e-4) and (p >= 0).all()):
        raise DataError("probability holds rows that are no probabilities: each sums to 1 and holds no NaN")
    mean = p.mean(0) if p.ndim == 3 else p
    if how == "bald":
        if p.ndim == 2 or len(p) < 2:
            raise SettingError(
                "bald compares several models: give (members, rows, classes), several estimators, or one with "
                "inference='mc_dropout' or another; or use how='entropy'"
            )
        return np.maximum(_entropy(mean) - _entropy(p).mean(0), 0.0)
    if how == "entropy":
        return _entropy(mean)
    top = np.partition(mean, -2, axis=1)[:, -2:]
    if how == "margin":
        return 1 - (top[:, 1] - top[:, 0])
    if how == "least_confidence":
        return 1 - top[:, 1]
    raise SettingError(f"how is one of {', '.join((*BY_PROBABILITY, 'bald'))}; {did_you_mean(how, WAYS)}")


def _entropy(p: Floats) -> Floats:
    return -(p * np.log(np.where(p > 0, p, 1.0))).sum(-1)


def core_set(features: ArrayLike, known: ArrayLike, n: int) -> np.ndarray:
    """n rows that, with those known, cover the features best: each time the row farthest from all chosen.

    features : (rows, features); known : numbers of rows that have a label. The greedy rule for k centers, whose radius
    is at most twice the best.

    Source: Gonzalez (1985); Sener and Savarese (2018).

    >>> core_set([[0.0], [1.0], [10.0], [11.0], [5.0]], known=[0], n=2).tolist()
    [3, 4]
    """
    points = np.asarray(features, dtype=np.float64)
    chosen = np.asarray(known, dtype=np.intp)
    if points.ndim != 2 or not np.isfinite(points).all():
        raise DataError(f"features has shape {points.shape}; expected finite numbers, (rows, features)")
    if not len(chosen):
        raise DataError("known is empty; a core set grows from one row at least")
    if n > len(points) - len(np.unique(chosen)):
        raise DataError(f"{n} rows to choose, and {len(points) - len(np.unique(chosen))} are not known yet")
    nearest = np.full(len(points), np.inf)
    for row in chosen:
        np.minimum(nearest, ((points - points[row]) ** 2).sum(1), out=nearest)
    nearest[chosen] = -1.0
    found = []
    for _ in range(n):
        row = int(nearest.argmax())
        found.append(row)
        np.minimum(nearest, ((points - points[row]) ** 2).sum(1), out=nearest)
        nearest[row] = -1.0
    return np.array(found, dtype=np.intp)


def to_label_next(
    estimator: Any, X: Any, n: int = 10, *, how: str = "margin", known: Any = None, seed: int = 0
) -> np.ndarray:
    """The numbers of the n rows of X to have labelled next, the most telling first.

    Parameters
    ----------
    estimator : a fitted classifier, or several (their mean is asked). "bald" needs several, or one with `inference`,
        which is asked what its draws of the weights disagree on.
    X : the pool, rows with and without labels.
    how : "least_confidence", "margin" or "entropy" (see `uncertainty`), "bald", "core_set" (rows unlike the known ones,
        by what the last layer is given, or by X itself for an estimator of another library), or "random".
    known : numbers of rows that have a label already; they are not named again.
    """
    if how not in WAYS:
        raise SettingError(f"how is one of {', '.join(WAYS)}; {did_you_mean(how, WAYS)}")
    members = list(estimator) if isinstance(estimator, Sequence) else [estimator]
    n_rows = len(X)
    taken = np.zeros(n_rows, dtype=bool)
    if known is not None:
        taken[np.asarray(known, dtype=np.intp)] = True
    free = np.flatnonzero(~taken)
    if not 0 < n <= len(free):
        raise SettingError(f"{n} rows asked for, and {len(free)} of {n_rows} have no label")
    if how == "random":
        return np.random.default_rng(seed).permutation(free)[:n]
    if how == "core_set":
        return core_set(_features(members[0], X), np.flatnonzero(taken), n)
    if how == "bald" and len(members) == 1 and draws_weights(members[0]):
        unsure = members[0].uncertainty(X).epistemic[free]
        if unsure.ndim > 1:
            raise SettingError("bald asks of one label a row, and this classifier gives several")
        return free[np.argsort(-unsure, kind="stable")[:n]]
    said = np.stack([np.asarray(member.predict_proba(X)) for member in members])
    unsure = uncertainty(said if len(members) > 1 or how == "bald" else said[0], how)[free]
    return free[np.argsort(-unsure, kind="stable")[:n]]


def draws_weights(estimator: Any) -> bool:
    """Whether one estimator is several: a classifier of this library that learns a distribution of its weights."""
    return isinstance(estimator, Estimator) and estimator.inference is not None and hasattr(estimator, "uncertainty")


def _features(estimator: Any, X: Any) -> np.ndarray:
    """What the model makes of the rows; of another library's estimator, the rows themselves."""
    if isinstance(estimator, Estimator):
        return hidden_of(estimator, X)
    found = np.asarray(X)
    if found.dtype.kind not in "biuf":
        raise SettingError(f"core_set compares numbers, and X holds {found.dtype}; use how='margin'")
    return found.reshape(len(found), -1)
