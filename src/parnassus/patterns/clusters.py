"""Groups of series that have one shape."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from ..data.timeseries.series import Reading, read_panel, where_of
from ..errors import DataError, SettingError, check_count, did_you_mean
from ..functional.dtw import dtw_distances
from ..functional.series_shapes import barycentre, shape_centre, shape_distances, z_normalized

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Method = Literal["kmeans", "kshape", "dtw"]
METHODS = ("kmeans", "kshape", "dtw")


@dataclass(frozen=True)
class SeriesClusters:
    """Which group each series is in.

    Attributes
    ----------
    labels : (series,) the group of each, 0 being the largest; names : of the series.
    centres : (n_clusters, time) the z-normalised shape in the middle of each.
    distances : (series, n_clusters) how far each is from each centre; inertia : the squares of the own ones, summed.
    """

    labels: np.ndarray
    names: list[str]
    centres: np.ndarray
    distances: np.ndarray
    inertia: float
    series: list[np.ndarray]

    def table(self) -> Any:
        """A pandas frame, a row a series: series, cluster, distance."""
        import pandas as pd

        near = self.distances[np.arange(len(self.labels)), self.labels]
        return pd.DataFrame({"series": self.names, "cluster": self.labels, "distance": near})

    def __str__(self) -> str:
        lines = [f"{len(self.labels)} series in {len(self.centres)} groups, inertia {self.inertia:.4g}"]
        for k in range(len(self.centres)):
            names = [n for n, label in zip(self.names, self.labels, strict=True) if label == k]
            lines.append(f"  {k}: {len(names)} series ({', '.join(names[:6])}{', ...' if len(names) > 6 else ''})")
        return "\n".join(lines)

    def plot(self) -> "Figure":
        """The groups side by side: the z-normalised series of each, and its centre over them."""
        from ..insight.patterns import groups_of_series

        return groups_of_series(self.series, self.labels, self.centres)


def cluster_series(
    X: Any,
    n_clusters: int,
    *,
    method: Method = "kmeans",
    band: int | None = None,
    n_init: int = 5,
    max_iter: int = 50,
    seed: int = 0,
    **reading: Any,
) -> SeriesClusters:
    """Group series by shape: each is z-normalised first, so that size and level do not count.

    Parameters
    ----------
    X : many series: an array (time, series), a list or dict of arrays, or a frame with a column of names (`series=`).
    method : "kmeans" compares step by step; "kshape" lets a series come earlier or later as a whole; "dtw" lets time
        stretch, and takes series of different lengths.
    band : for "dtw", steps that time may be off; None takes a tenth of the longest.
    n_init : starts, of which the one with the least inertia is kept; max_iter : rounds of each at most.
    reading : how X is read: `target`, `time`, `series`, `missing`, ... as in `pn.Forecaster`.

    >>> rising, falling = np.arange(5.0), -np.arange(5.0)
    >>> cluster_series([rising, falling, 3 * rising, rising + 7], 2).labels.tolist()
    [0, 1, 0, 0]

    Systems: sequence-clustering
    Source: Baker 6.2.3; k-shape: Paparrizos and Gravano 2015; barycentres: Petitjean et al. 2011.
    """
    if method not in METHODS:
        raise SettingError(f"method={method!r}; {did_you_mean(str(method), METHODS)}")
    if band is not None and (isinstance(band, bool) or not isinstance(band, int | np.integer) or band < 0):
        raise SettingError(f"band is a whole number of steps, at least 0; got {band!r}")
    if band is not None and method != "dtw":
        raise SettingError(f"band is of method='dtw'; method={method!r} takes none")
    for name, value in (("n_clusters", n_clusters), ("n_init", n_init), ("max_iter", max_iter)):
        check_count(name, value)
    panel = read_panel(X, Reading.of(reading))
    rows = [z_normalized(torch.from_numpy(np.ascontiguousarray(t.y))[None])[0] for t in panel.tracks]
    if n_clusters > len(rows):
        raise SettingError(f"n_clusters is from 1 to the {len(rows)} series; got {n_clusters!r}")
    longest = max(len(r) for r in rows)
    odd = next((t for t in panel.tracks if len(t) != longest), None)
    if odd is not None and method != "dtw":
        raise DataError(
            f"{where_of(odd.name)} has {len(odd)} steps and another has {longest}; method={method!r} compares series "
            "of one length, method='dtw' of any"
        )
    measure = _Measure(rows, method, max(1, longest // 10) if band is None else band)
    generator = torch.Generator().manual_seed(seed)
    runs = [_run(measure, n_clusters, max_iter, generator) for _ in range(n_init)]
    labels, centres, distance = min(runs, key=lambda run: _inertia(run[2], run[0]))
    order = torch.bincount(labels, minlength=n_clusters).argsort(descending=True, stable=True)
    rank = order.argsort()
    return SeriesClusters(
        rank[labels].numpy(),
        panel.names,
        torch.stack([centres[k] for k in order]).numpy(),
        distance[:, order].numpy(),
        _inertia(distance, labels),
        [r.numpy() for r in rows],
    )


def _inertia(distance: Tensor, labels: Tensor) -> float:
    return float(distance.gather(1, labels[:, None]).square().sum())


class _Measure:
    """How far series are from centres by a method, and what lies in the middle of some of them."""

    def __init__(self, rows: list[Tensor], method: Method, band: int) -> None:
        self.rows, self.method, self.band = rows, method, band
        self.table = torch.stack(rows) if method != "dtw" else torch.empty(0)

    def distances(self, centres: Tensor) -> Tensor:
        if self.method == "kmeans":
            return torch.cdist(self.table, centres, compute_mode="donot_use_mm_for_euclid_dist")
        if self.method == "kshape":
            return shape_distances(self.table, centres)[0]
        sides = ([r[:, None] for r in self.rows], [c[:, None] for c in centres])
        return dtw_distances(*sides, band=self.band, squared=True).sqrt()

    def middle(self, own: list[int], centre: Tensor) -> Tensor:
        if self.method == "kmeans":
            return self.table[own].mean(0)
        if self.method == "kshape":
            return shape_centre(self.table[own], centre)
        return barycentre([self.rows[i] for i in own], centre, band=self.band)


def _run(measure: _Measure, k: int, max_iter: int, generator: torch.Generator) -> tuple[Tensor, list[Tensor], Tensor]:
    """From series drawn far from each other: assign, take the middle, again, until nothing moves."""
    rows = measure.rows
    length = max(len(r) for r in rows)
    whole = [i for i, r in enumerate(rows) if len(r) == length]
    chosen = [whole[int(torch.randint(len(whole), (1,), generator=generator))]]
    while len(chosen) < k:
        near = measure.distances(torch.stack([_as_long(rows[i], length) for i in chosen])).min(1).values.square()
        near = near if near.sum() > 0 else torch.ones_like(near)
        weight = near.index_fill(0, torch.tensor(chosen), 0)
        chosen.append(int(torch.multinomial(weight, 1, generator=generator)))
    centres = [_as_long(rows[i], length) for i in chosen]
    labels = torch.full((len(rows),), -1)
    for _ in range(max_iter):
        distance = measure.distances(torch.stack(centres))
        after = distance.argmin(1)
        for j in range(k):
            if not (after == j).any():
                after[_loneliest(distance, after)] = j
        if torch.equal(after, labels):
            break
        labels = after
        centres = [measure.middle(torch.nonzero(labels == j)[:, 0].tolist(), centres[j]) for j in range(k)]
    return labels, centres, measure.distances(torch.stack(centres))


def _loneliest(distance: Tensor, labels: Tensor) -> int:
    """The series that is furthest from its centre, among those that are not alone with it."""
    own = distance.gather(1, labels[:, None])[:, 0]
    alone = torch.bincount(labels, minlength=distance.shape[1])[labels] == 1
    return int(own.masked_fill(alone, -1).argmax())


def _as_long(row: Tensor, length: int) -> Tensor:
    """A series at `length` steps, by straight lines between its own: a centre to start from."""
    if len(row) == length:
        return row
    return torch.nn.functional.interpolate(row[None, None], size=length, mode="linear", align_corners=True)[0, 0]
