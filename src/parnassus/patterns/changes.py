"""Where the level or the spread of a series changes."""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.timeseries.strand import strand_of
from ..errors import DataWarning, SettingError, check_count
from ..functional.changes import Cost, best_cuts, cuts_into, noise_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNEVEN, UNEVEN_STEPS = 4, 120  # times the least noise of a quarter, which even noise does not show in so many steps


@dataclass(frozen=True)
class Segments:
    """A series in pieces.

    Attributes
    ----------
    changes : the times at which a new piece begins; cuts : the same as steps of `series`.
    means, deviations : of each piece, one more than there are cuts.
    """

    changes: np.ndarray
    cuts: np.ndarray
    means: np.ndarray
    deviations: np.ndarray
    series: np.ndarray
    times: np.ndarray

    def table(self) -> Any:
        """A pandas frame, a row a piece: start, end (the time of its last step), n_steps, mean, deviation."""
        import pandas as pd

        edges = np.array([0, *self.cuts, len(self.series)])
        return pd.DataFrame(
            {
                "start": self.times[edges[:-1]],
                "end": self.times[edges[1:] - 1],
                "n_steps": np.diff(edges),
                "mean": self.means,
                "deviation": self.deviations,
            }
        )

    def __str__(self) -> str:
        edges = [0, *self.cuts.tolist()]
        rows = zip(edges, self.means, self.deviations, strict=True)
        lines = [f"  from {self.times[e]}: mean {m:.4g}, deviation {d:.4g}" for e, m, d in rows]
        return "\n".join([f"{len(self.means)} pieces of {len(self.series):,} steps", *lines])

    def plot(self) -> "Figure":
        """The series with the mean and the spread of each piece."""
        from ..insight.patterns import pieces_of_series

        return pieces_of_series(self.series, self.times, self.cuts.tolist(), self.means, self.deviations)


def segment_series(
    X: Any,
    *,
    n_pieces: int | None = None,
    cost: Cost = "mean",
    penalty: float | None = None,
    least: int | None = None,
    **reading: Any,
) -> Segments:
    """Cut a series where it changes, by the cheapest cuts of all.

    Parameters
    ----------
    X : one series: numbers, a pandas Series, a frame with a column of times, or a file.
    n_pieces : how many pieces; None takes as many as pay for the penalty.
    cost : "mean" looks for changes of the level, with noise that stays the same; "variance" of level or spread.
    penalty : what a piece must save, in units of minus twice the log likelihood; None takes 3 log n, or 4 log n
        for the variance.
    least : the least steps of a piece; None takes 1 for the mean, and for the variance, which a few steps do not say,
        twice the logarithm of the length.
    reading : how X is read: `target`, `time`, `missing`, ... as in `pn.Forecaster`.

    >>> segment_series([0, 0.1, 0, 0.1, 5, 5.1, 5, 5.1]).changes.tolist()
    [4]

    Source: Killick, Fearnhead and Eckley 2012; Auger and Lawrence 1989.
    """
    if n_pieces is not None:
        check_count("n_pieces", n_pieces)
    if n_pieces is not None and penalty is not None:
        raise SettingError("n_pieces says how many pieces, and penalty lets the series say it; give one of them")
    strand = strand_of(X, **reading)
    y = strand.y.numpy()
    if cost == "mean" and n_pieces is None:
        _warn_of_uneven_noise(y)
    if least is None and cost == "variance":
        least = max(2, min(int(2 * np.log(len(y))), len(y) // (n_pieces or 2)))
    if n_pieces is None:
        found = best_cuts(y, cost=cost, penalty=penalty, least=least)
    else:
        found = cuts_into(y, n_pieces, cost=cost, least=least)
    parts = np.split(y, found)
    cuts = np.array(found, dtype=int)
    means, deviations = (np.array([float(how(p)) for p in parts]) for how in (np.mean, np.std))
    return Segments(strand.times[cuts], cuts, means, deviations, y, strand.times)


def _warn_of_uneven_noise(y: np.ndarray) -> None:
    """A word where the noise is much larger in one quarter than in another, so that it is cut into pieces itself."""
    noises = [noise_of(part) for part in np.array_split(y, 4)] if len(y) >= UNEVEN_STEPS else []
    noises = [noise for noise in noises if noise > 0]
    if noises and max(noises) > UNEVEN * min(noises):
        warnings.warn(
            f"the noise around the level is {max(noises):.3g} in one quarter of the series and {min(noises):.3g} in "
            "another, and cost='mean' counts it as the same everywhere; take cost='variance'",
            DataWarning,
            stacklevel=3,
        )
