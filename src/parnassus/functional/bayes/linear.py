"""Bayesian linear regression: the posterior of the weights, what it predicts, and the evidence of the settings."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ...errors import DataError
from ..probability import LOG_2PI


class LinearPosterior(NamedTuple):
    """N(mean, covariance) of the weights (d,), with the noise variance and prior precision it was made under."""

    mean: Tensor
    covariance: Tensor
    noise: float
    precision: float
    log_evidence: float

    def predict(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, variance from not knowing the weights, and variance of a new answer, each (m,), at rows x (m, d)."""
        mean = x @ self.mean
        epistemic = ((x @ self.covariance) * x).sum(-1)
        return mean, epistemic, epistemic + self.noise


def refuse_gaps(x: Tensor, y: Tensor) -> None:
    """Refuses rows x (n, d) and answers y (n,) that hold NaN or infinite numbers."""
    bad = ~(x.isfinite().all(1) & y.isfinite())
    if bool(bad.any()):
        raise DataError(f"row {int(bad.nonzero()[0])} holds NaN or an infinite number; fill it or leave it out")


def linear_posterior(
    x: Tensor, y: Tensor, *, noise: float, precision: float, weight: Tensor | None = None
) -> LinearPosterior:
    """The weights' posterior in y = x w + N(0, noise), prior w ~ N(0, I / precision); x (n, d), y (n,).

    `weight` (n,) is how often each row counts; n below is then their sum.

        A = precision I + X'X / noise,   covariance = A^-1,   mean = A^-1 X'y / noise
        ln p(y) = (d ln precision - n ln noise - n ln 2 pi - ln |A|) / 2 - E,
        E = |y - X mean|^2 / (2 noise) + precision |mean|^2 / 2

    The mean is ridge's answer with l2 = noise * precision. Put a column of ones in x for a bias.

    Systems: conjugate-gaussian
    Source: Martinez-Ramon problem 9.3; Bishop 2006, eqs 3.53, 3.54, 3.58, 3.59 and 3.86.

    >>> found = linear_posterior(torch.ones(3, 1), torch.tensor([1.0, 2.0, 3.0]), noise=1.0, precision=1.0)
    >>> found.mean, found.covariance, round(found.log_evidence, 5)
    (tensor([1.5000]), tensor([[0.2500]]), -5.94996)
    """
    if x.ndim != 2 or y.shape != x.shape[:1] or not len(y):
        raise DataError(f"x has shape {tuple(x.shape)} and y {tuple(y.shape)}; expected (n, d) and (n,), n above 0")
    if not (noise > 0 and precision > 0):
        raise DataError(f"noise and precision are above 0; got {noise} and {precision}")
    refuse_gaps(x, y)
    n, d = float(len(y)) if weight is None else float(weight.sum()), x.shape[1]
    if weight is not None:
        x, y = weight.sqrt()[:, None] * x, weight.sqrt() * y
    inner = x.T @ x / noise + precision * torch.eye(d, dtype=x.dtype, device=x.device)
    factor = torch.linalg.cholesky(inner)
    mean = torch.cholesky_solve((x.T @ y / noise)[:, None], factor)[:, 0]
    cost = (y - x @ mean).square().sum() / (2 * noise) + precision * mean.square().sum() / 2
    logs = d * math.log(precision) - n * math.log(noise) - n * LOG_2PI
    log_evidence = logs / 2 - factor.diagonal().log().sum() - cost
    return LinearPosterior(mean, torch.cholesky_inverse(factor), noise, precision, float(log_evidence))


def evidence_maximum(
    x: Tensor, y: Tensor, *, weight: Tensor | None = None, max_iterations: int = 300, tol: float = 1e-8
) -> LinearPosterior:
    """The posterior under the noise and the prior precision that make y likeliest (empirical Bayes).

    With gamma = d - precision tr(covariance), the number of weights that the data determine, repeats
    precision = gamma / |mean|^2 and noise = |y - X mean|^2 / (n - gamma).

    Source: MacKay 1992; Bishop 2006, eqs 3.91, 3.92 and 3.95.
    """
    refuse_gaps(x, y)
    if len(y) < 2:
        raise DataError(f"noise and precision are told from 2 rows or more; got {len(y)}")
    d = x.shape[1]
    held = torch.ones_like(y) if weight is None else weight
    n = float(held.sum())
    spread = float(held @ (y - held @ y / n).square()) / n
    if not spread > 0:
        raise DataError("y is constant; noise and precision cannot be told from it")
    noise, precision = spread / 2, 1.0
    found = linear_posterior(x, y, noise=noise, precision=precision, weight=weight)
    for _ in range(max_iterations):
        known = d - precision * float(found.covariance.trace())
        precision = known / max(float(found.mean.square().sum()), 1e-300) if known > 0 else math.inf
        noise = max(float(held @ (y - x @ found.mean).square()) / max(n - known, 1e-8), 1e-12 * spread)
        precision = min(precision, 1e12 / spread)
        before = found.log_evidence
        found = linear_posterior(x, y, noise=noise, precision=precision, weight=weight)
        if abs(found.log_evidence - before) <= tol * max(1.0, abs(before)):
            break
    return found
