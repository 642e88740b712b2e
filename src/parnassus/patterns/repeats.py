"""Stretches of a series that come again, and those that never do."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.timeseries.strand import strand_of
from ..errors import SettingError, check_count
from ..functional.subsequences import matrix_profile
from ..functional.subsequences.repeats import Motif, discords, motifs

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Motifs:
    """The stretches that repeat best, and those most unlike any other.

    Attributes
    ----------
    found : the motifs, nearest pair first: each has `distance`, its `pair` and all its `places`, as steps of `series`.
    discords : places of the stretches that are furthest from any other, the oddest first.
    profile : (n_windows,) the distance of every stretch to its nearest neighbour; neighbours : where that is.
    """

    found: list[Motif]
    discords: np.ndarray
    profile: np.ndarray
    neighbours: np.ndarray
    window: int
    series: np.ndarray
    times: np.ndarray

    def table(self) -> Any:
        """A pandas frame, a row a place: kind ("motif" or "discord"), its number, start, end, distance."""
        import pandas as pd

        rows = [("motif", k, p, m.distance) for k, m in enumerate(self.found) for p in m.places]
        rows += [("discord", k, p, self.profile[p]) for k, p in enumerate(self.discords)]
        kinds, numbers, places, distances = (list(column) for column in zip(*rows, strict=True))
        at = np.array(places, dtype=int)
        return pd.DataFrame(
            {
                "kind": kinds,
                "number": numbers,
                "start": self.times[at],
                "end": self.times[at + self.window - 1],
                "distance": distances,
            }
        )

    def __str__(self) -> str:
        lines = [f"{len(self.found)} motifs of {self.window} steps among {len(self.series):,}"]
        for k, motif in enumerate(self.found):
            first, second = (self.times[p] for p in motif.pair)
            lines.append(f"  {k}: {first} and {second}, distance {motif.distance:.4g}, {len(motif.places)} places")
        lines += [f"  discord: {self.times[p]}, distance {self.profile[p]:.4g}" for p in self.discords]
        return "\n".join(lines)

    def plot(self) -> "Figure":
        """The series with motifs and discords marked, the profile below it, and each motif's stretches laid over."""
        from ..insight.patterns import motifs_on_series

        return motifs_on_series(
            self.series, self.times, self.profile, [m.places for m in self.found], self.discords.tolist(), self.window
        )


def find_motifs(
    X: Any,
    window: int,
    *,
    n: int = 3,
    radius: float = 2.0,
    n_discords: int = 1,
    exclusion: int | None = None,
    **reading: Any,
) -> Motifs:
    """The stretches of a series that come again most alike, in shape, and those that stand out.

    Parameters
    ----------
    X : one series: numbers, a pandas Series, a frame with a column of times, or a file.
    window : steps of a stretch.
    n : motifs at most; n_discords : stretches that stand out, at most.
    radius : a stretch belongs to a motif where it is within `radius` times the distance of the motif's pair.
    exclusion : stretches that start no further apart than this are not compared; None takes a quarter of a window.
    reading : how X is read: `target`, `time`, `missing`, ... as in `pn.Forecaster`.

    For strings, such as DNA, see `functional.strings.kmer_counts`.

    >>> found = find_motifs([0, 1, 3, 0, 0, 0, 0, 2, 6, 0, 1, 0], 4, n=1)
    >>> found.found[0].pair
    (0, 6)

    Systems: motif-detection
    Source: Yeh et al. 2016; Baker 6.2.5-6.
    """
    for name, value, least in (("n", n, 1), ("n_discords", n_discords, 0)):
        check_count(name, value, least=least)
    if radius < 1:
        raise SettingError(f"radius is at least 1, which takes the pair alone; got {radius}")
    strand = strand_of(X, **reading)
    profile = matrix_profile(strand.y, window, exclusion=exclusion)
    return Motifs(
        motifs(strand.y, profile, n, radius=radius),
        np.array(discords(profile, n_discords), dtype=int),
        profile.distance.numpy(),
        profile.neighbour.numpy(),
        window,
        strand.y.numpy(),
        strand.times,
    )
