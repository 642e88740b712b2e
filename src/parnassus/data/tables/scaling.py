"""Columns of numbers to comparable sizes and back: scaling, filling, binning.

Arrays are float64 (rows, columns). `Moments` gathers what a scaling needs from blocks of rows, so that a table larger
than memory and the same table in memory give the same numbers.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self

import numpy as np

from ...errors import DataError, SettingError, did_you_mean

Array = np.ndarray
SCALINGS = ("standard", "minmax", "log", "quantile", "none")
FILLS = ("refuse", "mean", "median", "mode", "constant")
SAMPLE_ROWS = 1 << 18
WIDE = 1024  # numbers side by side in a reduction
KNOTS = np.linspace(0, 1, 257)


class Moments:
    """Count, mean, spread, range and a bounded sample of each column, added up block by block.

    Means and squares merge exactly (Chan, Golub and LeVeque 1983). Medians, modes and quantiles come from the sample:
    all rows up to `SAMPLE_ROWS`, then every second, every fourth, and so on. NaN counts as missing.
    """

    def __init__(self, n_columns: int, *, sampled: bool = True) -> None:
        self.n_rows = 0
        self.count = np.zeros(n_columns)
        self.mean = np.zeros(n_columns)
        self.squares = np.zeros(n_columns)
        self.low = np.full(n_columns, np.inf)
        self.high = np.full(n_columns, -np.inf)
        self.sampled, self.stride, self.kept = sampled, 1, 0
        self.samples: list[Array] = []

    def add(self, block: Array) -> None:
        """Takes in the next rows."""
        if not len(block):
            return
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused by whoever scales by it
            self._merge(block)
        self._sample(block)
        self.n_rows += len(block)

    def _merge(self, block: Array) -> None:
        mean = down(np.add, block) / len(block)
        if np.isnan(mean).any():  # else there is none in the block
            missing = np.isnan(block)
            count = (~missing).sum(0).astype(np.float64)
            mean = np.where(missing, 0, block).sum(0) / np.maximum(count, 1)
            squares = np.nansum(np.square(block - mean), 0)
            low, high = np.where(missing, np.inf, block), np.where(missing, -np.inf, block)
        else:
            off = block - mean
            count, squares = np.full(block.shape[1], float(len(block))), down(np.add, np.square(off, out=off))
            low = high = block
        both = self.count + count
        share = count / np.maximum(both, 1)
        step = mean - self.mean
        self.mean = self.mean + step * share
        self.squares = self.squares + squares + step * step * self.count * share
        self.count = both
        self.low = np.minimum(self.low, down(np.minimum, low))
        self.high = np.maximum(self.high, down(np.maximum, high))

    def _sample(self, block: Array) -> None:
        if not self.sampled:
            return
        self.samples.append(block[-self.n_rows % self.stride :: self.stride].copy())
        self.kept += len(self.samples[-1])
        while self.kept > SAMPLE_ROWS:
            rows = np.concatenate(self.samples)[::2]
            self.stride, self.samples, self.kept = self.stride * 2, [rows], len(rows)

    def narrowed(self, columns: Array) -> "Moments":
        """The moments of some columns."""
        part = Moments(0)
        for name in ("count", "mean", "squares", "low", "high"):
            setattr(part, name, getattr(self, name)[columns])
        part.n_rows, part.samples = self.n_rows, [sample[:, columns] for sample in self.samples]
        return part

    def middle(self, how: str) -> Array:
        """The mean, median or mode of each column; 0 where it has no number."""
        if how == "mean":
            return self.mean.copy()
        known = [column[~np.isnan(column)] for column in self.sample.T]
        return np.array([(mode(k) if how == "mode" else np.median(k)) if len(k) else 0.0 for k in known])

    @property
    def std(self) -> Array:
        """Population standard deviation."""
        return np.sqrt(self.squares / np.maximum(self.count, 1))

    @property
    def sample(self) -> Array:
        return np.concatenate(self.samples) if self.samples else np.zeros((0, len(self.mean)))


def down(how: np.ufunc, block: Array) -> Array:
    """A sum, minimum or maximum down a block's columns, many short rows at a time: a fifth of the time of `reduce`."""
    n, width = block.shape
    abreast = max(WIDE // max(width, 1), 1)
    whole = n // abreast * abreast
    if abreast == 1 or not whole:
        return how.reduce(block, axis=0)
    sides = how.reduce(block[:whole].reshape(-1, abreast * width), axis=0).reshape(abreast, width)
    return how.reduce(np.concatenate([sides, block[whole:]]), axis=0)


class Scaler:
    """One scaling a column, learned from Moments; `forward` and `back` undo each other.

    "standard" takes the mean away and divides by the population standard deviation; "minmax" maps the training range
    to [0, 1]; a pair (low, high) maps that declared range to [0, 1]; "log" takes sign(x) log(1 + |x|) and standardises
    it; "quantile" replaces a number by its rank among the training rows, as a uniform score of mean 0 and variance 1
    (range -sqrt(3) to sqrt(3)); ("bins", n) by the number of its quantile bin, standardised; "none" leaves the column
    alone. A column that never varies is only centred.

    Systems: minmax-scaling, standardisation, log-scaling, discretisation
    Source: Hifny A3.2; Hifny's text (section 3.1) calls the division by 100 and 100000 of its table a normalisation to
    [0, 1], which is the declared range (0, 100) and not the min-max of the column.
    """

    def __init__(self, kinds: list[Any]) -> None:
        self.logged = np.array([k == "log" for k in kinds], dtype=bool)
        self.binned = [j for j, k in enumerate(kinds) if is_bins(k)]
        self.ranked = np.flatnonzero([k == "quantile" or is_bins(k) for k in kinds])
        self.kinds = kinds
        self.center = np.zeros(len(kinds))
        self.scale = np.ones(len(kinds))
        self.knots = np.zeros((len(self.ranked), len(KNOTS)))

    def before(self, block: Array) -> Array:
        """The numbers whose moments are learned: logarithms where they are asked for. May work in place."""
        if self.logged.any():
            part = block[:, self.logged]
            block[:, self.logged] = np.sign(part) * np.log1p(np.abs(part))
        return block

    def fit(self, moments: Moments) -> Self:
        """Learn from the moments of what `before` gives."""
        for j, kind in enumerate(self.kinds):
            if kind in ("standard", "log"):
                self.center[j], self.scale[j] = moments.mean[j], moments.std[j]
            elif kind == "minmax":
                self.center[j], self.scale[j] = moments.low[j], moments.high[j] - moments.low[j]
            elif kind == "quantile":
                self.center[j], self.scale[j] = 0.5, 12**-0.5
            elif kind != "none" and not is_bins(kind):
                self.center[j], self.scale[j] = kind[0], kind[1] - kind[0]
        still = (moments.low >= moments.high) & np.isin(np.arange(len(self.kinds)), self.ranked, invert=True)
        self.scale[~(self.scale > 0) | (still & ~self._declared)] = 1.0
        self.center[moments.count == 0] = 0.0
        sample = moments.sample[:, self.ranked] if len(self.ranked) else np.zeros((0, 0))
        for i in range(len(self.ranked)):
            known = sample[:, i][~np.isnan(sample[:, i])]
            self.knots[i] = np.quantile(known, KNOTS) if len(known) else KNOTS
            if self.ranked[i] in self.binned:
                self._bin(i, known)
        return self

    def _bin(self, i: int, known: Array) -> None:
        """Edges of the bins in place of knots, filled up with infinity, and the moments of bin numbers."""
        j = self.ranked[i]
        edges = bin_edges(known, self.kinds[j][1]) if len(known) else np.zeros(0)
        self.knots[i] = np.inf
        self.knots[i, : len(edges)] = edges
        numbers = np.searchsorted(edges, known, side="right")
        self.center[j], self.scale[j] = numbers.mean() if len(known) else 0.0, numbers.std() or 1.0

    @property
    def _declared(self) -> Array:
        return np.array([isinstance(k, tuple | list) and not is_bins(k) for k in self.kinds], dtype=bool)

    def forward(self, block: Array) -> Array:
        """Scaled numbers, from what `before` gives. Works in place."""
        for i, j in enumerate(self.ranked):
            x, knots = block[:, j], self.knots[i]
            if j in self.binned:
                block[:, j] = np.searchsorted(knots, x, side="right")
                continue
            # Ties make the ranks a step; the mean of the two sides stands in its middle, as in scikit-learn.
            block[:, j] = (np.interp(x, knots, KNOTS) - np.interp(-x, -knots[::-1], -KNOTS[::-1])) / 2
        block -= self.center
        block /= self.scale
        return block

    def back(self, block: Array) -> Array:
        """The original numbers. Works in place."""
        block *= self.scale
        block += self.center
        for i, j in enumerate(self.ranked):
            if j in self.binned:
                block[:, j] = bin_middles(self.knots[i])[np.rint(block[:, j]).astype(np.int64)]
            else:
                block[:, j] = np.interp(block[:, j], KNOTS, self.knots[i])
        part = block[:, self.logged]
        block[:, self.logged] = np.sign(part) * np.expm1(np.abs(part))
        return block


def check_scaling(scaling: Any) -> None:
    """Refuses a scaling, or a mapping of column to scaling, that does not exist."""
    for kind in scaling.values() if isinstance(scaling, Mapping) else [scaling]:
        if isinstance(kind, str) and kind in SCALINGS:
            continue
        if is_bins(kind):
            if isinstance(kind[1], int) and 2 <= kind[1] <= len(KNOTS):
                continue
            raise SettingError(f"scaling=('bins', n) takes 2 to {len(KNOTS)} bins; got {kind[1]!r}")
        if isinstance(kind, tuple | list) and len(kind) == 2 and kind[0] < kind[1]:
            continue
        hint = did_you_mean(kind, SCALINGS) if isinstance(kind, str) else "or a pair (low, high) with low < high"
        raise SettingError(f"scaling is one of {', '.join(SCALINGS)}; got {kind!r}: {hint}")


def is_bins(kind: Any) -> bool:
    """Whether a scaling is ("bins", n)."""
    return isinstance(kind, tuple | list) and len(kind) == 2 and isinstance(kind[0], str) and kind[0] == "bins"


def bin_middles(edges: Array) -> Array:
    """A number for each bin between edges (filled up with infinity): the middle, and the edge itself for the outer two.

    >>> bin_middles(np.array([1.0, 3.0, np.inf]))
    array([1., 2., 3.])
    """
    inner = edges[np.isfinite(edges)]
    if not len(inner):
        return np.zeros(1)
    return np.concatenate([inner[:1], (inner[1:] + inner[:-1]) / 2, inner[-1:]])


def fill_values(x: Array, how: str, *, value: float = 0.0) -> Array:
    """What stands for NaN in each column: its mean, median, mode (the least of several) or a constant.

    Systems: missing-values
    Source: Hifny A3.4; scikit-learn's SimpleImputer agrees.

    >>> fill_values(np.array([[1.0, np.nan], [3.0, 5.0]]), "mean")
    array([2., 5.])
    """
    if how not in FILLS[1:]:
        raise SettingError(f"missing numbers are filled by one of {', '.join(FILLS[1:])}; got {how!r}")
    if how == "constant":
        return np.full(x.shape[1], float(value))
    filled = np.zeros(x.shape[1])
    for j in range(x.shape[1]):
        known = x[~np.isnan(x[:, j]), j]
        if not len(known):
            raise DataError(f"column {j} is missing in every row; drop it, or fill it with a constant")
        if how == "mode":
            filled[j] = mode(known)
        else:
            filled[j] = known.mean() if how == "mean" else np.median(known)
    return filled


def mode(values: Array) -> float:
    """The commonest value, the least of several."""
    found, counts = np.unique(values, return_counts=True)
    return float(found[counts.argmax()])


def fill_missing(x: Array, how: str, *, value: float = 0.0) -> Array:
    """The table with NaN filled column by column; see `fill_values`."""
    return np.where(np.isnan(x), fill_values(x, how, value=value), x)


def drop_missing(x: Array) -> Array:
    """The row numbers without NaN.

    >>> drop_missing(np.array([[1.0], [np.nan], [2.0]]))
    array([0, 2])
    """
    return np.flatnonzero(~np.isnan(x).any(1))


def interpolate_missing(x: Array) -> Array:
    """NaN filled along the rows by a straight line between its neighbours; the ends take the nearest number."""
    filled = x.astype(np.float64, copy=True)
    for j in range(x.shape[1]):
        known = np.flatnonzero(~np.isnan(x[:, j]))
        if not len(known):
            raise DataError(f"column {j} is missing in every row; drop it, or fill it with a constant")
        filled[:, j] = np.interp(np.arange(len(x)), known, x[known, j])
    return filled


def unit_rows(x: Array) -> Array:
    """Rows divided by their Euclidean norm; a row of zeros stays.

    Systems: sample-normaliser
    Source: Martinez-Ramon, Ajith and Kurup, section 3.5.3; scikit-learn's Normalizer agrees.

    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(norm > 0, norm, 1)


def bin_edges(
    x: Array, n_bins: int, *, strategy: Literal["uniform", "quantile", "kmeans"] = "quantile", n_rounds: int = 300
) -> Array:
    """The inner edges (at most n_bins - 1) that cut one column into bins.

    "uniform" bins are equally wide, "quantile" bins hold equally many rows, "kmeans" edges lie halfway between the
    centres of one-dimensional k-means started from the uniform bins' middles.

    Systems: discretisation
    Source: Martinez-Ramon, Ajith and Kurup, section 3.5.3; Keras course K45 states its edges: give those to `binned`.
    """
    x = np.sort(np.asarray(x, dtype=np.float64))
    if n_bins < 2 or not len(x) or not np.isfinite(x).all():
        raise DataError(f"bins need finite numbers and n_bins >= 2; got {len(x)} numbers and n_bins={n_bins}")
    if strategy == "quantile":
        return np.unique(np.quantile(x, np.arange(1, n_bins) / n_bins))
    walls = np.linspace(x[0], x[-1], n_bins + 1)
    if strategy == "uniform":
        return walls[1:-1]
    if strategy != "kmeans":
        raise SettingError(f"strategy is 'uniform', 'quantile' or 'kmeans'; got {strategy!r}")
    sums = np.concatenate([[0.0], x.cumsum()])
    centers = (walls[1:] + walls[:-1]) / 2
    for _ in range(n_rounds):
        at = np.concatenate([[0], np.searchsorted(x, (centers[1:] + centers[:-1]) / 2, side="right"), [len(x)]])
        n = np.diff(at)
        moved = np.where(n > 0, np.diff(sums[at]) / np.maximum(n, 1), centers)
        if np.array_equal(moved, centers):
            break
        centers = moved
    return (centers[1:] + centers[:-1]) / 2


def binned(x: Array, edges: Iterable[float]) -> Array:
    """The bin number of each entry: how many edges it reaches (an entry on an edge lies in the upper bin).

    >>> binned(np.array([70, 73, 78, 82]), [73, 76, 79])
    array([0, 1, 2, 3])
    """
    return np.searchsorted(np.asarray(list(edges), dtype=np.float64), x, side="right")


def binarised(x: Array, threshold: float = 0.0) -> Array:
    """1 where the entry is above the threshold, else 0.

    >>> binarised(np.array([1.0, 2.0, 3.0]), 2.0)
    array([0, 0, 1])
    """
    return (np.asarray(x) > threshold).astype(np.int64)
