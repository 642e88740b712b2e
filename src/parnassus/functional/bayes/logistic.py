"""Bayesian logistic and softmax regression: Laplace's approximation of the weights' posterior, and its evidence."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ...errors import DataError
from .linear import refuse_gaps

MAX_NEWTON = 60
CLOSE = 1e-9
WIDEST = (1e-6, 1e6)  # precisions between which the evidence is looked at


class LogisticPosterior(NamedTuple):
    """N(mean, covariance) of the weights (d, k), two classes having k = 1, under prior precisions (d,).

    covariance (k d, k d) is that of mean.T.flatten(): first all weights of the first class.
    """

    mean: Tensor
    covariance: Tensor
    precision: Tensor
    log_evidence: float

    def scores(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (m, k) and covariance (m, k, k) of the scores of rows x (m, d)."""
        d, k = self.mean.shape
        blocks = self.covariance.view(k, d, k, d)
        half = torch.einsum("md,cdke->mcke", x, blocks)
        return x @ self.mean, torch.einsum("mcke,me->mck", half, x)

    @property
    def determined(self) -> Tensor:
        """How far each weight is determined by the data, 1 - precision times its variance: (d, k), from 0 to 1."""
        d, k = self.mean.shape
        return 1 - self.precision[:, None] * self.covariance.diagonal().view(k, d).T


def logistic_posterior(
    x: Tensor, y: Tensor, *, precision: Tensor, weight: Tensor | None = None, start: Tensor | None = None
) -> LogisticPosterior:
    """The weights of p = sigmoid(x w), y (n,) of 0 and 1, or p = softmax(x W), y one-hot (n, k); x (n, d).

        ln p(y) ~ sum_i w_i ln p(y_i | W*) - sum precision W*^2 / 2 + ln |prior precisions| / 2 - ln |A| / 2,
        A = prior precisions - Hessian of the log-likelihood,   covariance = A^-1

    The prior of each weight is N(0, 1 / precision_d); put a column of ones in x for a bias. `weight` (n,) is how often
    each row counts, `start` (d, k) where Newton's steps begin.

    Source: MacKay 1992, the evidence framework applied to classification networks; Bishop 2006, section 4.5.

    >>> x, y = torch.tensor([[1.0], [1.0], [1.0]]).double(), torch.tensor([1.0, 1.0, 0.0]).double()
    >>> found = logistic_posterior(x, y, precision=torch.tensor([1e-8]).double())
    >>> round(float(found.mean), 4), round(float(found.covariance), 4)  # ln 2, and 1 / (3 p (1 - p))
    (0.6931, 1.5)
    """
    if x.ndim != 2 or len(y) != len(x) or precision.shape != x.shape[1:] or not bool((precision > 0).all()):
        raise DataError(
            f"x is (n, d), y has n rows, and precision (d,) is above 0; got shapes {tuple(x.shape)}, "
            f"{tuple(y.shape)} and {tuple(precision.shape)}"
        )
    answers = y[:, None] if y.ndim == 1 else y
    refuse_gaps(x, answers[:, 0])
    held = torch.ones_like(x[:, 0]) if weight is None else weight
    w = x.new_zeros(x.shape[1], answers.shape[1]) if start is None else start
    height = _height(x, answers, w, precision, held)
    for _ in range(MAX_NEWTON):
        slope = x.T @ (held[:, None] * (answers - _probabilities(x @ w))) - precision[:, None] * w
        factor = torch.linalg.cholesky(_bends(x, w, precision, held))
        step = torch.cholesky_solve(slope.T.reshape(-1, 1), factor).view(w.shape[1], -1).T
        w, height = _climbed(x, answers, w, step, precision, held, height)
        if float(step.abs().max()) < CLOSE:
            break
    factor = torch.linalg.cholesky(_bends(x, w, precision, held))
    logs = 0.5 * w.shape[1] * precision.log().sum() - factor.diagonal().log().sum()
    return LogisticPosterior(w, torch.cholesky_inverse(factor), precision, float(height + logs))


def logistic_evidence_maximum(x: Tensor, y: Tensor, *, free: Tensor, weight: Tensor | None = None) -> LogisticPosterior:
    """The posterior under the one prior precision of all weights that makes y likeliest, by the approximate evidence.

    free (d,) : precisions that stay as they are, such as a bias's; 0 for weights that share the one that is found.

    The maximum itself is found, by Brent's search. MacKay's re-estimate, precision = determined weights / |w|^2, is
    close to it, and forgets that the mode moves with the precision.

    Source: MacKay 1992; Bishop 2006, section 4.5.1.
    """
    from scipy.optimize import minimize_scalar

    found: list[LogisticPosterior] = []

    def fallen(log_precision: float) -> float:
        precision = torch.where(free > 0, free, math.exp(log_precision))
        start = found[-1].mean if found else None
        found.append(logistic_posterior(x, y, precision=precision, weight=weight, start=start))
        return -found[-1].log_evidence

    low, high = (math.log(end) for end in WIDEST)
    grid = (
        torch.linspace(low, high, 13, dtype=torch.float64).flip(0).tolist()
    )  # from stiff to loose, each from the last
    values = [fallen(at) for at in grid]
    best = grid[values.index(min(values))]
    step = grid[0] - grid[1]
    minimize_scalar(fallen, bounds=(max(low, best - step), min(high, best + step)), method="bounded",
                    options={"xatol": 1e-4})  # fmt: skip
    return max(found, key=lambda one: one.log_evidence)


def _probabilities(z: Tensor) -> Tensor:
    return z.sigmoid() if z.shape[1] == 1 else z.softmax(1)


def _height(x: Tensor, y: Tensor, w: Tensor, precision: Tensor, weight: Tensor) -> Tensor:
    z = x @ w
    log_p = F.logsigmoid((2 * y - 1) * z)[:, 0] if z.shape[1] == 1 else (y * z.log_softmax(1)).sum(1)
    return weight @ log_p - 0.5 * (precision[:, None] * w.square()).sum()


def _bends(x: Tensor, w: Tensor, precision: Tensor, weight: Tensor) -> Tensor:
    """Minus the Hessian of the log posterior, (k d, k d)."""
    d, k = w.shape
    p = _probabilities(x @ w)
    bent = x.new_zeros(k, d, k, d)
    for i in range(k):
        for j in range(i + 1):
            share = p[:, i] * ((1.0 if i == j else 0.0) - p[:, j]) * weight
            bent[i, :, j] = x.T @ (share[:, None] * x)
            bent[j, :, i] = bent[i, :, j].T.clone()
    return bent.view(k * d, k * d) + torch.diag(precision.repeat(k))


def _climbed(
    x: Tensor, y: Tensor, w: Tensor, step: Tensor, precision: Tensor, weight: Tensor, height: Tensor
) -> tuple[Tensor, Tensor]:
    """A Newton step, halved until it climbs."""
    share = 1.0
    while share > 1e-8:
        tried = w + share * step
        higher = _height(x, y, tried, precision, weight)
        if bool(higher >= height - 1e-12 * height.abs()):
            return tried, higher
        share /= 2
    return w, height
