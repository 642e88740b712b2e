"""Forecasts of parts and totals made to add up: bottom-up, and projections of least trace."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import DataError, SettingError, did_you_mean

Weighting = Literal["ols", "structural", "variance", "covariance", "shrinkage"]


def summing_matrix(groups: Mapping[str, Sequence[str]], bottom: Sequence[str]) -> tuple[list[str], NDArray[np.float64]]:
    """The names of all series, totals first, and S (all, bottom) of zeros and ones: y_all = S y_bottom.

    `groups` says which series of the bottom each total adds up.

    Systems: hierarchical-reconciliation
    Source: Hyndman et al. 2011; Baker A162.

    >>> names, S = summing_matrix({"all": ["a", "b"]}, ["a", "b"])
    >>> names, S.tolist()
    (['all', 'a', 'b'], [[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    """
    place = {name: i for i, name in enumerate(bottom)}
    if len(place) < len(bottom):
        raise DataError(f"bottom names a series twice: {list(bottom)}")
    rows = []
    for total, parts in groups.items():
        row = np.zeros(len(place))
        for part in parts:
            if part not in place:
                raise DataError(
                    f"the total {total!r} adds up {part!r}, which is no bottom series; {did_you_mean(part, place)}"
                )
            row[place[part]] = 1
        rows.append(row)
    return [*groups, *bottom], np.concatenate([np.array(rows).reshape(-1, len(place)), np.eye(len(place))])


def bottom_up(forecasts: ArrayLike, summing: ArrayLike) -> NDArray[np.float64]:
    """Totals are the sums of the bottom forecasts, whatever their own said: S f_bottom; forecasts (all, horizon).

    Systems: hierarchical-reconciliation
    Source: Baker A162 (hierarchical sums); Hyndman et al. 2011.

    >>> bottom_up([[9.0], [1.0], [2.0]], [[1, 1], [1, 0], [0, 1]]).T.tolist()
    [[3.0, 1.0, 2.0]]
    """
    said, S = _checked(forecasts, summing)
    return S @ said[-S.shape[1] :]


def min_trace(
    forecasts: ArrayLike, summing: ArrayLike, *, errors: ArrayLike | None = None, weighting: Weighting = "ols"
) -> NDArray[np.float64]:
    """S (S' W^-1 S)^-1 S' W^-1 f: the unbiased way of adding up whose errors have the least total variance (MinT).

    W is the covariance of the one-step errors (rows, all): the identity ("ols"), how many series a total adds up
    ("structural"), their variances ("variance"), the covariance itself ("covariance"), or that drawn towards its
    diagonal ("shrinkage": Schafer and Strimmer 2005). Forecasts that add up already stay as they are.

    Systems: hierarchical-reconciliation
    Source: Wickramasuriya, Athanasopoulos and Hyndman 2019, theorem 1.

    >>> min_trace([[4.0], [1.0], [2.0]], [[1, 1], [1, 0], [0, 1]]).round(4).T.tolist()
    [[3.6667, 1.3333, 2.3333]]
    """
    said, S = _checked(forecasts, summing)
    W = _weights(S, errors, weighting)
    weighted = np.linalg.solve(W, S)  # W^-1 S
    return S @ np.linalg.solve(S.T @ weighted, weighted.T @ said)


def shrunk_covariance(errors: ArrayLike) -> NDArray[np.float64]:
    """The covariance (mean 0) with its correlations drawn towards 0 by the share that has the least expected error.

    Source: Schafer and Strimmer 2005; Wickramasuriya et al. 2019, section 2.4.
    """
    e = np.asarray(errors, dtype=np.float64)
    n = len(e)
    variance = np.square(e).mean(0)
    unit = e / np.sqrt(variance)
    correlation = unit.T @ unit / n
    noise = (np.square(unit).T @ np.square(unit) / n - correlation**2) / (n - 1)  # variance of each correlation
    off = ~np.eye(e.shape[1], dtype=bool)
    below = np.square(correlation[off]).sum()
    share = float(np.clip(noise[off].sum() / below, 0, 1)) if below > 0 else 1.0
    shrunk = np.where(off, (1 - share) * correlation, 1.0)
    return shrunk * np.sqrt(np.outer(variance, variance))


def _weights(S: np.ndarray, errors: ArrayLike | None, weighting: str) -> np.ndarray:
    if weighting == "ols":
        return np.eye(len(S))
    if weighting == "structural":
        return np.diag(S.sum(1))
    if weighting not in ("variance", "covariance", "shrinkage"):
        known = ("ols", "structural", "variance", "covariance", "shrinkage")
        raise SettingError(f"weighting={weighting!r}; {did_you_mean(weighting, known)}")
    if errors is None:
        raise SettingError(f"weighting={weighting!r} needs the one-step errors of all series: give errors= (rows, all)")
    e = np.asarray(errors, dtype=np.float64)
    if e.ndim != 2 or e.shape[1] != len(S) or len(e) < 2 or not np.isfinite(e).all():
        raise DataError(f"errors are two rows or more of finite numbers (rows, {len(S)}); got shape {e.shape}")
    variance = np.square(e).mean(0)
    if not (variance > 0).all():
        raise DataError(
            f"series {int((variance <= 0).argmax())} was never wrong, so that it has no variance; use 'ols'"
        )
    if weighting == "variance":
        return np.diag(variance)
    found = e.T @ e / len(e) if weighting == "covariance" else shrunk_covariance(e)
    if np.linalg.matrix_rank(found) < len(found):
        raise DataError(f"{len(e)} rows of errors give no whole covariance of {len(S)} series; use 'shrinkage'")
    return found


def _checked(forecasts: ArrayLike, summing: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    said, S = np.asarray(forecasts, dtype=np.float64), np.asarray(summing, dtype=np.float64)
    if said.ndim != 2 or S.ndim != 2 or len(said) != len(S):
        raise DataError(f"forecasts are (all, horizon) and summing (all, bottom); got {said.shape} and {S.shape}")
    if not np.isfinite(said).all():
        raise DataError("forecasts hold NaN or infinity; only finite numbers can be made to add up")
    if not np.array_equal(S[-S.shape[1] :], np.eye(S.shape[1])):
        raise DataError("the last rows of summing are the bottom series themselves; see summing_matrix")
    return said, S
