"""Where a series is like a given pattern."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from ..data.timeseries.strand import Strand, strand_of
from ..errors import DataError, SettingError, check_count, did_you_mean
from ..functional.dtw import dtw_distances
from ..functional.series_shapes import z_normalized
from ..functional.subsequences import distance_profile
from ..functional.subsequences.repeats import nearest_places
from ..functional.subsequences.windows import checked

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Method = Literal["shape", "values", "warped"]
METHODS = ("shape", "values", "warped")


@dataclass(frozen=True)
class Matches:
    """Stretches of a series like a query, the nearest first.

    Attributes
    ----------
    starts : the times at which they start; distances : how far each is from the query.
    places : the same starts as steps of `series`.
    profile : (n_windows,) the distance of every stretch.
    """

    starts: np.ndarray
    distances: np.ndarray
    places: np.ndarray
    profile: np.ndarray
    query: np.ndarray
    series: np.ndarray
    times: np.ndarray

    def table(self) -> Any:
        """A pandas frame: start, end (the time of the last step), distance."""
        import pandas as pd

        ends = self.times[self.places + len(self.query) - 1]
        return pd.DataFrame({"start": self.starts, "end": ends, "distance": self.distances})

    def __str__(self) -> str:
        head = f"{len(self.places)} stretches of {len(self.query)} steps among {len(self.series):,}"
        rows = [f"  {s}: distance {d:.4g}" for s, d in zip(self.starts, self.distances, strict=True)]
        return "\n".join([head, *rows[:10], *([f"  and {len(rows) - 10} more"] if len(rows) > 10 else [])])

    def plot(self) -> "Figure":
        """The series with the stretches marked, and each of them over the query."""
        from ..insight.patterns import matches_on_series

        return matches_on_series(self.series, self.times, self.places.tolist(), self.query, distances=self.distances)


def match_pattern(
    X: Any,
    query: Any,
    *,
    n: int | None = 5,
    within: float = float("inf"),
    method: Method = "shape",
    band: int | None = None,
    **reading: Any,
) -> Matches:
    """Where a series is most like a query.

    Parameters
    ----------
    X : one series: numbers, a pandas Series, a frame with a column of times, or a file.
    query : (window,) the pattern looked for.
    n : how many stretches at most, none of which overlap; None takes all that are `within`.
    within : the largest distance that still counts.
    method : "shape" compares z-normalised stretches (their size and level do not count); "values" takes the numbers as
        they are, by Euclidean distance; "warped" z-normalises and lets time stretch, by dynamic time warping.
    band : for "warped", steps that time may be off; None takes a tenth of the query.
    reading : how X is read: `target`, `time`, `missing`, ... as in `pn.Forecaster`.

    >>> found = match_pattern([0, 3, 2, 0, 5, 9, 5, 0], [1, 2, 1], n=1)
    >>> found.starts.tolist(), found.distances.tolist()
    ([4], [0.0])

    Systems: pattern-matching
    Source: Mueen et al. 2010; Sakoe and Chiba 1978; Baker 6.2.4.
    """
    if method not in METHODS:
        raise SettingError(f"method={method!r}; {did_you_mean(str(method), METHODS)}")
    if n is not None:
        check_count("n", n)
    if n is None and within == float("inf"):
        raise SettingError("n=None takes every stretch within a distance; say within= too")
    if not within >= 0:
        raise SettingError(f"within is a distance of at least 0; got {within!r}")
    if band is not None and (isinstance(band, bool) or not isinstance(band, int | np.integer) or band < 0):
        raise SettingError(f"band is a whole number of steps, at least 0; got {band!r}")
    if band is not None and method != "warped":
        raise SettingError(f"band is of method='warped'; method={method!r} takes none")
    strand, pattern = strand_of(X, **reading), strand_of(query).y
    profile = _profile(strand, pattern, method, band)
    places = np.array(nearest_places(profile, n, len(pattern), within=within), dtype=int)
    values = profile.numpy()
    return Matches(
        strand.times[places], values[places], places, values, pattern.numpy(), strand.y.numpy(), strand.times
    )


def _profile(strand: Strand, query: Tensor, method: Method, band: int | None) -> Tensor:
    series = checked(strand.y, len(query), "X")
    if method != "values" and float(query.amax() - query.amin()) <= 1e-12 * float(query.abs().amax()):
        raise DataError("the query is constant, so it has no shape; use method='values' or another query")
    if method == "shape":
        return distance_profile(query, series)
    windows = series.unfold(0, len(query), 1)
    if method == "values":
        return torch.cdist(windows, query[None], compute_mode="donot_use_mm_for_euclid_dist")[:, 0]
    reach = max(1, len(query) // 10) if band is None else band
    shapes = z_normalized(windows)[:, :, None]
    return dtw_distances([z_normalized(query[None])[0][:, None]], list(shapes), band=reach, squared=True)[0].sqrt()
