"""Bootstrap intervals, batched: a resample is a column of row weights, and a metric takes a matrix of them."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from ..functional.metrics.inputs import Floats

Numbers = dict[str, Floats]

CHUNK = 1_000_000  # entries of a weight matrix: 8 MB, within reach of the last cache level
WORK = 50_000_000  # rows * resamples * passes that one statistic may cost: about a second
FEWEST = 100  # resamples that an interval needs, whatever they cost


@dataclass(frozen=True)
class Statistic:
    """Numbers as a function of row weights (n_rows, b): every value is (b,) or (k, b).

    `n_passes` says how many times one call walks the weights, so that costly statistics get fewer resamples.
    """

    compute: Callable[[Floats], Numbers]
    n_passes: int = 1


@dataclass(frozen=True)
class Bootstrap:
    """Resamples of rows with replacement; the same seed and row count give the same resamples.

    A column of weights says how often each row was drawn, times the row's own weight.

    Source: Efron (1979).
    """

    weight: Floats
    n_bootstrap: int = 1000
    seed: int = 0

    @property
    def n_resamples(self) -> int:
        """Resamples that one pass over the rows affords."""
        return self.affordable(1)

    def affordable(self, n_passes: int) -> int:
        """Resamples for a statistic that walks the rows so many times."""
        return min(self.n_bootstrap, max(FEWEST, WORK // (len(self.weight) * max(1, n_passes))))

    def chunks(self) -> Iterator[Floats]:
        """Weights (n_rows, b), b resamples at a time."""
        n_rows = len(self.weight)
        generator = np.random.default_rng(self.seed)
        size = max(1, CHUNK // n_rows)
        for start in range(0, self.n_resamples, size):
            b = min(size, self.n_resamples - start)
            drawn = generator.integers(n_rows, size=(b, n_rows)) * b + np.arange(b)[:, None]
            counts = np.bincount(drawn.ravel(), minlength=n_rows * b).reshape(n_rows, b)
            yield counts * self.weight[:, None]

    def run(self, statistics: Sequence[Statistic]) -> tuple[Numbers, Numbers]:
        """The numbers on the rows themselves, and on every resample (last axis)."""
        point: Numbers = {}
        for statistic in statistics:
            point |= {k: v[..., 0] for k, v in statistic.compute(self.weight[:, None]).items()}
        parts: dict[str, list[Floats]] = {}
        start = 0
        for weights in self.chunks() if self.n_bootstrap else ():
            for statistic in statistics:
                left = self.affordable(statistic.n_passes) - start
                if left > 0:
                    for name, values in statistic.compute(weights[:, :left]).items():
                        parts.setdefault(name, []).append(values)
            start += weights.shape[1]
        return point, {name: np.concatenate(values, axis=-1) for name, values in parts.items()}

    def fingerprint(self, *arrays: np.ndarray) -> str:
        """A short name for these rows and resamples."""
        digest = hashlib.sha256(f"{self.n_bootstrap} {self.seed}".encode())
        for array in (self.weight, *arrays):
            digest.update(f"{array.shape} {array.dtype.str}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]


def interval(replicates: Floats | None, confidence: float) -> tuple[float | None, float | None]:
    """The percentile interval of resampled numbers; None where half of them or more are undefined."""
    if replicates is None or not len(replicates):
        return None, None
    defined = replicates[np.isfinite(replicates)]
    if 2 * len(defined) <= len(replicates):
        return None, None
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def wilson(share: float, n_rows: float, confidence: float) -> tuple[float, float]:
    """The interval of a share of n rows by the normal score test, which is not empty at 0 and 1.

    Source: Wilson (1927).

    >>> [round(bound, 4) for bound in wilson(1.0, 100, 0.95)]
    [0.963, 1.0]
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = (share + z * z / (2 * n_rows)) / (1 + z * z / n_rows)
    half = z / (1 + z * z / n_rows) * ((share * (1 - share) + z * z / (4 * n_rows)) / n_rows) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def centred(replicates: Floats, value: float) -> Floats:
    """Resampled numbers of a quantity that cannot be negative, moved by their bias.

    A calibration error adds up absolute gaps; resampling adds noise to each, so the resampled errors lie above the
    error itself, and a plain percentile interval may miss the number it belongs to.
    """
    return np.maximum(0.0, replicates - (np.nanmean(replicates) - value))
