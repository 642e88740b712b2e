"""Whether generated rows are like real ones, as varied, and not the training rows again: likelihoods, balls, tests."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ...errors import DataError, SettingError
from .rows import Rows, centred, vectors

BLOCK = 1024  # rows whose distances are held at a time
WIDTHS = tuple(10 ** (e / 4) for e in range(-8, 9))  # of a Parzen window, times the samples' spread


# --- likelihood by windows ------------------------------------------------------------------------------


class Parzen(NamedTuple):
    """The mean log-density of rows under windows about samples, its standard error, and the windows' width."""

    value: float
    error: float
    width: float


def parzen_log_density(rows: Rows, samples: Rows, width: float) -> Tensor:
    """ln 1/m sum_j N(x; s_j, width^2 I) of each row (n,), float64.

    Systems: parzen-log-likelihood

    >>> float(parzen_log_density(torch.zeros(1, 1), torch.zeros(2, 1), 1.0).exp().round(decimals=4))
    0.3989
    """
    if not width > 0:
        raise SettingError(f"a window's width is above 0; got {width}")
    s, x = centred(samples=samples, rows=rows)
    constant = math.log(len(s)) + x.shape[1] * math.log(width * math.sqrt(2 * math.pi))
    parts = [(-torch.cdist(part, s).square() / (2 * width**2)).logsumexp(1) for part in x.split(BLOCK)]
    return torch.cat(parts) - constant


def parzen_log_likelihood(
    rows: Rows, samples: Rows, *, validation: Rows | None = None, widths: Sequence[float] | None = None
) -> Parzen:
    """The mean log-density of held-out rows under Gaussian windows about samples of a generator.

        ln p(x) = ln 1/m sum_j (2 pi h^2)^(-d/2) exp(-|x - s_j|^2 / (2 h^2))

    h is the width that makes `validation` rows likeliest, of `widths` (else of 17 from 0.01 to 100 times the samples'
    mean deviation); without validation rows, the half of `rows` with even places chooses and the other is scored.
    In many dimensions it says little about how good samples look; numbers compare at one m and one d only.

    Systems: parzen-log-likelihood
    Source: Breuleux, Bengio and Vincent 2011; Goodfellow et al. 2014; Theis, van den Oord and Bethge 2016 on its
    limits; Martinez-Ramon 8.6.

    >>> g = torch.Generator().manual_seed(0)
    >>> a, b = torch.randn(2, 400, 1, generator=g, dtype=torch.float64)
    >>> abs(parzen_log_likelihood(a, b).value + 0.5 * math.log(2 * math.pi * math.e)) < 0.1
    True
    """
    x, s = vectors(rows=rows, samples=samples)
    if validation is None:
        if len(x) < 2:
            raise DataError("one row cannot choose a width and be scored; give validation rows")
        validation, x = x[::2], x[1::2]
    spread = float(s.std(0, correction=0).mean())
    if widths is None and not spread > 0:
        raise DataError(f"all {len(s)} samples are one row, which suggests no width of a window; give widths=")
    tried = [w * spread for w in WIDTHS] if widths is None else list(widths)
    if not tried:
        raise SettingError("widths is empty; give one width at least, or None for 17 by the samples' deviation")
    means = [float(parzen_log_density(validation, s, w).mean()) for w in tried]
    width = tried[max(range(len(tried)), key=lambda i: means[i])]
    found = parzen_log_density(x, s, width)
    error = float(found.std()) / math.sqrt(len(found)) if len(found) > 1 else math.nan
    return Parzen(float(found.mean()), error, width)


# --- balls about rows -----------------------------------------------------------------------------------


class Coverage(NamedTuple):
    """Precision and recall, density and coverage of generated rows."""

    precision: float
    recall: float
    density: float
    coverage: float


def _radii(rows: Tensor, k: int) -> Tensor:
    """The distance of each row to its k-th neighbour among the others."""
    own = torch.cdist(rows, rows)
    own.fill_diagonal_(0)
    return own.kthvalue(k + 1, dim=1).values


def precision_recall_coverage(real: Rows, made: Rows, *, k: int = 5) -> Coverage:
    """How much of what was made lies where real rows are, and how much of the real rows was reached.

    With B(r) the ball about a row that just holds its k nearest fellows:

        precision   share of made rows in the ball of any real row
        recall      share of real rows in the ball of any made row
        density     1 / (k m) sum over made rows of how many real rows' balls hold it; may exceed 1
        coverage    share of real rows whose ball holds a made row

    Density and coverage do not swell with a real row that lies apart, as precision and recall do. For two samples of
    one law with n rows each the expected density is 1, and coverage about 1 - 2^-k.

    Source: Kynkaanniemi et al. 2019; Naeem et al. 2020, eqs 3 to 6.

    >>> real = torch.tensor([[0.0], [1.0], [2.0], [10.0]])
    >>> precision_recall_coverage(real, torch.tensor([[0.5], [1.5], [30.0]]), k=1)
    Coverage(precision=0.6666666666666666, recall=1.0, density=1.3333333333333333, coverage=0.75)
    """
    x, y = centred(real=real, made=made)
    if isinstance(k, bool) or not 1 <= k < min(len(x), len(y)):
        raise SettingError(f"k neighbours are 1 or more and fewer than the rows, {len(x)} and {len(y)}; got {k}")
    apart = torch.cdist(x, y)
    inside, other = apart <= _radii(x, k)[:, None], apart <= _radii(y, k)[None]
    return Coverage(
        precision=float(inside.any(0).double().mean()),
        recall=float(other.any(1).double().mean()),
        density=float(inside.double().sum() / (k * len(y))),
        coverage=float(inside.any(1).double().mean()),
    )


# --- tests ----------------------------------------------------------------------------------------------


class TwoSamples(NamedTuple):
    """How often a classifier tells real rows from made ones that it has not seen, and how likely that is by chance."""

    accuracy: float
    p_value: float
    n_tested: int


def two_sample_test(real: Rows, made: Rows, *, k: int | None = None, seed: int = 0) -> TwoSamples:
    """Half of the rows teach a k-nearest-neighbour vote to tell real from made; the others test it.

    Under one law its accuracy is normal with mean 1/2 and variance 1 / (4 n_tested); p is the chance of as much or
    more. As many rows are taken of both. k is an odd number near the root of the rows that teach unless given.

    Source: Lopez-Paz and Oquab 2017, section 3.

    >>> two_sample_test(torch.zeros(40, 1), torch.ones(40, 1)).accuracy
    1.0
    """
    x, y = centred(real=real, made=made)
    n = min(len(x), len(y))
    if n < 4:
        raise DataError(f"a test needs 4 rows of each kind; got {len(x)} real and {len(y)} made")
    generator = torch.Generator().manual_seed(seed)
    x, y = x[torch.randperm(len(x), generator=generator)[:n]], y[torch.randperm(len(y), generator=generator)[:n]]
    half = n // 2
    rows, labels = torch.cat([x[:half], y[:half]]), torch.arange(2 * half) >= half
    k = int(math.sqrt(2 * half)) | 1 if k is None else k
    if k < 1 or k > 2 * half or k % 2 == 0:
        raise SettingError(f"k is odd, so that no vote is a tie, and from 1 to the {2 * half} rows that teach; got {k}")
    tested = torch.cat([x[half:], y[half:]])
    truth = torch.arange(len(tested)) >= n - half
    votes = torch.cat([labels[torch.cdist(p, rows).topk(k, largest=False).indices].double().mean(1)
                       for p in tested.split(BLOCK)])  # fmt: skip
    accuracy = float(((votes > 0.5) == truth).double().mean())
    z = (accuracy - 0.5) * 2 * math.sqrt(len(tested))
    return TwoSamples(accuracy, 0.5 * math.erfc(z / math.sqrt(2)), len(tested))


class Memory(NamedTuple):
    """How near made rows are to training rows, beside held-out ones.

    `nearer` is the chance that a made row lies nearer to its nearest training row than a held-out row to its own (ties
    count half): 1/2 where nothing is learned by heart, 1 where everything is. `copies` is the share of made rows that
    equal a training row.
    """

    made: float
    held_out: float
    nearer: float
    copies: float


def nearest_training(made: Rows, training: Rows, held_out: Rows) -> Memory:
    """Median distances to the nearest training row of made and of held-out rows, and what they say of memory.

    Source: Meehan, Chaudhuri and Dasgupta 2020, the statistic of Mann and Whitney without its cells.

    >>> training = torch.tensor([[0.0], [10.0]])
    >>> nearest_training(training, training, torch.tensor([[1.0], [12.0]]))
    Memory(made=0.0, held_out=1.5, nearer=1.0, copies=1.0)
    """
    rows, known, others = vectors(made=made, training=training, held_out=held_out)
    near = [torch.cat([_exact(part, known).min(1).values for part in side.split(BLOCK)]) for side in (rows, others)]
    less = (near[0][:, None] < near[1]).double() + 0.5 * (near[0][:, None] == near[1]).double()
    medians = [float(side.quantile(0.5)) for side in near]
    return Memory(medians[0], medians[1], float(less.mean()), float((near[0] == 0).double().mean()))


def _exact(a: Tensor, b: Tensor) -> Tensor:
    """Distances without the shortcut by products, under which equal rows do not lie exactly 0 apart."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
