"""How near generated rows are to real ones: distances of samples, scores by a classifier, modes that were missed."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ...errors import DataError, SettingError
from .rows import Rows, centred, vectors

ROUNDED = 1e-14  # of the squares of two rows: what is left of their distance where they are equal


def frechet_distance(mean: Tensor, covariance: Tensor, other_mean: Tensor, other_covariance: Tensor) -> float:
    """The squared Frechet distance of two Gaussians: |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)).

    It is called FID where the moments are those of an Inception net's features, and only there; it depends on how many
    rows they were measured on. The text calls the distance what is its square (F8-17).

    Systems: fid
    Source: Martinez-Ramon 8.8.1, eq. 8.15 (fixture B8.13); Heusel et al. 2017.

    >>> one = torch.eye(2, dtype=torch.float64)
    >>> round(frechet_distance(torch.zeros(2), one, torch.tensor([1.0, 2.0]), torch.diag(torch.tensor([4.0, 9.0]))), 6)
    10.0
    """
    given = [torch.as_tensor(t).double() for t in (mean, covariance, other_mean, other_covariance)]
    d = given[0].numel()
    if [tuple(t.shape) for t in given] != [(d,), (d, d)] * 2:
        raise DataError(
            f"means (d,) and covariances (d, d) of one d; got {', '.join(str(tuple(t.shape)) for t in given)} "
            "(frechet_between takes rows of features)"
        )
    if not all(t.isfinite().all() for t in given):
        raise DataError("a mean or a covariance holds NaN or infinite numbers; two rows at least give a covariance")
    first, one, second, two = given
    values, axes = torch.linalg.eigh(one)
    root = axes * values.clamp(min=0).sqrt() @ axes.mT
    crossed = torch.linalg.eigvalsh(root @ two @ root).clamp(min=0).sqrt().sum()
    return float((first - second).square().sum() + one.trace() + two.trace() - 2 * crossed)


def frechet_between(real: Rows, made: Rows) -> float:
    """The squared Frechet distance of Gaussians fitted to features of real rows (n, d) and of made ones (m, d).

    Name the net that gave the features beside the number: it is FID for an Inception net's alone. Covariances are over
    n - 1. Fewer rows than numbers in a feature make it smaller in a way that says nothing; compare equal counts only.

    Systems: fid
    Source: Heusel et al. 2017.

    >>> round(frechet_between([[0.0], [2.0]], [[3.0], [5.0], [7.0]]), 4)
    16.3431
    """
    x, y = vectors(real=real, made=made)
    if min(len(x), len(y)) < 2:
        raise DataError(f"a covariance takes two rows at least; got {len(x)} real and {len(y)} made")
    moments = [(rows.mean(0), rows.T.cov().reshape(rows.shape[1], -1)) for rows in (x, y)]
    return frechet_distance(*moments[0], *moments[1])


def inception_score(probabilities: Rows) -> float:
    """exp mean KL(p(y | x) || p(y)) of generated rows, from 1 to the number of classes; more is better.

    p(y) is the mean over the rows. It looks at no real row, and not at how rows of one class differ (F8-21).

    Systems: inception-score
    Source: Martinez-Ramon 8.9.1, eq. 8.21 (fixture B8.14); Salimans et al. 2016.

    >>> round(inception_score(torch.eye(10)), 6), round(inception_score(torch.full((5, 4), 0.25)), 6)
    (10.0, 1.0)
    """
    p = torch.as_tensor(probabilities).double()
    if p.ndim != 2 or not len(p):
        raise DataError(f"probabilities are (rows, classes); got {tuple(p.shape)}")
    if not ((p >= 0).all() and (p.sum(1) - 1).abs().max() < 1e-3):  # NaN is neither
        raise DataError("probabilities are 0 or more and add up to 1 in each row; give a classifier's, not its logits")
    terms = torch.special.xlogy(p, p) - torch.special.xlogy(p, p.mean(0))
    return float(terms.sum(1).mean().exp())


def squared_mmd(x: Rows, y: Rows, *, width: float | None = None) -> float:
    """The squared maximum mean discrepancy of two samples under exp(-|a - b|^2 / (2 width^2)): 0 for equal ones.

    `width` None takes the median distance between rows of both. It is the biased estimate, never negative.

    Source: Gretton et al. 2012, eq. 5.

    >>> a = torch.tensor([[0.0], [1.0]])
    >>> squared_mmd(a, a), round(squared_mmd(a, a + 100, width=1.0), 4)
    (0.0, 1.6065)
    """
    if width is not None and not width > 0:
        raise SettingError(f"width is above 0, or None for the median distance; got {width}")
    one, two = centred(x=x, y=y)
    both, n = torch.cat([one, two]), len(one)
    squares, norms = torch.cdist(both, both).square().fill_diagonal_(0), both.square().sum(1)
    if width is None:
        apart = squares[squares > ROUNDED * (norms[:, None] + norms)]  # else equal rows are apart by rounding
        width = float(apart.median().sqrt()) if len(apart) else 1.0
    k = (-squares / (2 * width**2)).exp()
    return max(float(k[:n, :n].mean() + k[n:, n:].mean() - 2 * k[:n, n:].mean()), 0.0)


class Modes(NamedTuple):
    """How samples are spread over known modes: which are covered, and what share of samples is near none."""

    counts: Tensor  # samples near each mode (k,)
    covered: Tensor  # whether a mode has its share (k,) bool
    astray: float
    duplicates: float  # share of samples that another equals


def mode_coverage(samples: Rows, modes: Rows, *, radius: float, least: float = 0.1) -> Modes:
    """Which modes samples cover: those with at least `least` of an even share within `radius`.

    Collapse is many noises to few rows: few modes covered, or many duplicates (F8-22).

    Systems: gan-mode-collapse
    Source: Martinez-Ramon 8.2, problem 8.2; Metz et al. 2017.

    >>> found = mode_coverage(torch.zeros(8, 2), torch.tensor([[0.0, 0.0], [5.0, 5.0]]), radius=1.0)
    >>> found.covered.tolist(), found.astray, found.duplicates
    ([True, False], 0.0, 0.875)
    """
    if not 0 < radius < math.inf or not 0 < least <= 1:
        raise SettingError(
            f"radius is how near a mode a sample of it lies, above 0, and least a share above 0; got {radius}, {least}"
        )
    rows, centres = vectors(samples=samples, modes=modes)
    one, two = centred(samples=rows, modes=centres)
    apart = torch.cdist(one, two)
    nearest = apart.argmin(1)
    near = apart.gather(1, nearest[:, None])[:, 0] <= radius
    counts = torch.bincount(nearest[near], minlength=len(centres))
    n_distinct = len(torch.unique(rows, dim=0))
    covered = counts >= least * len(rows) / len(centres)
    return Modes(counts, covered, 1 - float(near.double().mean()), 1 - n_distinct / len(rows))
