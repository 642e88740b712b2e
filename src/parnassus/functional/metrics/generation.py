"""How near generated rows are to real ones: distances of samples, scores by a classifier, modes that were missed."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

Array = np.ndarray


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
    values, vectors = torch.linalg.eigh(covariance.double())
    root = vectors * values.clamp(min=0).sqrt() @ vectors.mT
    crossed = torch.linalg.eigvalsh(root @ other_covariance.double() @ root).clamp(min=0).sqrt().sum()
    apart = (mean.double() - other_mean.double()).square().sum()
    return float(apart + covariance.double().trace() + other_covariance.double().trace() - 2 * crossed)


def inception_score(probabilities: Tensor) -> float:
    """exp mean KL(p(y | x) || p(y)) of generated rows, from 1 to the number of classes; more is better.

    p(y) is the mean over the rows. It looks at no real row, and not at how rows of one class differ (F8-21).

    Systems: inception-score
    Source: Martinez-Ramon 8.9.1, eq. 8.21 (fixture B8.14); Salimans et al. 2016.

    >>> round(inception_score(torch.eye(10)), 6), round(inception_score(torch.full((5, 4), 0.25)), 6)
    (10.0, 1.0)
    """
    p = probabilities.double()
    terms = torch.special.xlogy(p, p) - torch.special.xlogy(p, p.mean(0))
    return float(terms.sum(1).mean().exp())


def squared_mmd(x: Tensor, y: Tensor, *, width: float | None = None) -> float:
    """The squared maximum mean discrepancy of two samples under exp(-|a - b|^2 / (2 width^2)): 0 for equal ones.

    `width` None takes the median distance between rows of both. It is the biased estimate, never negative.

    Source: Gretton et al. 2012, eq. 5.

    >>> a = torch.tensor([[0.0], [1.0]])
    >>> squared_mmd(a, a), round(squared_mmd(a, a + 100, width=1.0), 4)
    (0.0, 1.6065)
    """
    both = torch.cat([x, y]).double()
    squares = torch.cdist(both, both).square()
    if width is None:
        apart = squares[squares > 0]
        width = float(apart.median().sqrt()) if len(apart) else 1.0
    k, n = (-squares / (2 * width**2)).exp(), len(x)
    return max(float(k[:n, :n].mean() + k[n:, n:].mean() - 2 * k[:n, n:].mean()), 0.0)


class Modes(NamedTuple):
    """How samples are spread over known modes: which are covered, and what share of samples is near none."""

    counts: Tensor  # samples near each mode (k,)
    covered: Tensor  # whether a mode has its share (k,) bool
    astray: float
    duplicates: float  # share of samples that another equals


def mode_coverage(samples: Tensor, modes: Tensor, *, radius: float, least: float = 0.1) -> Modes:
    """Which modes samples cover: those with at least `least` of an even share within `radius`.

    Collapse is many noises to few rows: few modes covered, or many duplicates (F8-22).

    Systems: gan-mode-collapse
    Source: Martinez-Ramon 8.2, problem 8.2; Metz et al. 2017.

    >>> found = mode_coverage(torch.zeros(8, 2), torch.tensor([[0.0, 0.0], [5.0, 5.0]]), radius=1.0)
    >>> found.covered.tolist(), found.astray, found.duplicates
    ([True, False], 0.0, 0.875)
    """
    apart = torch.cdist(samples, modes)
    nearest = apart.argmin(1)
    near = apart.gather(1, nearest[:, None])[:, 0] <= radius
    counts = torch.bincount(nearest[near], minlength=len(modes))
    n_distinct = len(torch.unique(samples, dim=0))
    covered = counts >= least * len(samples) / len(modes)
    return Modes(counts, covered, 1 - float(near.double().mean()), 1 - n_distinct / len(samples))
