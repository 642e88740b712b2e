"""Gaussian densities and what data say of them, and log-probabilities of counts.

Rows x are (n, d). Logarithms are natural. Covariances are factored by Cholesky, never inverted.
"""

import math

import torch
from torch import Tensor

from ..errors import DataError

LOG_2PI = math.log(2 * math.pi)


# --- Gaussian densities ----------------------------------------------------------------------------------------------


def log_normal(x: Tensor, mean: Tensor | float = 0.0, variance: Tensor | float = 1.0) -> Tensor:
    """ln N(x; mean, variance) of numbers: -(ln 2 pi + ln variance + (x - mean)^2 / variance) / 2.

    Systems: multivariate-gaussian
    Source: Hifny A13.3 eqs. 13.17 to 13.32.

    >>> log_normal(torch.tensor([0.0, 1.0])).exp()
    tensor([0.3989, 0.2420])
    """
    spread = torch.as_tensor(variance, dtype=x.dtype, device=x.device)
    return -0.5 * (LOG_2PI + spread.log() + (x - mean).square() / spread)


def mass_within(n_deviations: float) -> float:
    """The probability that a Gaussian number lies within so many standard deviations of its mean.

    Source: Hifny A13.3 (the rule of 68, 95 and 99.7 per cent).

    >>> [round(mass_within(k), 4) for k in (1, 2, 3)]
    [0.6827, 0.9545, 0.9973]
    """
    return math.erf(n_deviations / math.sqrt(2))


def cholesky(covariance: Tensor) -> Tensor:
    """Lower factors L of L L' = covariance (..., d, d); a matrix that is not positive definite is refused by number."""
    factor, info = torch.linalg.cholesky_ex(covariance)
    if info.any():
        at = int(info.flatten().ne(0).nonzero()[0])
        raise DataError(
            f"covariance {at} is not positive definite (pivot {int(info.flatten()[at])}): columns depend on each other "
            f"or do not vary; raise the floor (reg_covar), or take diagonal covariances"
        )
    return factor


def log_gaussian(x: Tensor, means: Tensor, covariances: Tensor) -> Tensor:
    """ln N(x_n; means_k, covariances_k) (n, k) for full covariances (k, d, d), or one tied (d, d), means (k, d).

    With L L' = covariance: -(d ln 2 pi + |L^-1 (x - mean)|^2) / 2 - sum ln L_ii.

    Systems: multivariate-gaussian
    Source: Hifny A13.4 eqs. 13.33 to 13.38.

    >>> x, mean = torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2)
    >>> log_gaussian(x, mean, torch.eye(2)[None]).exp() * 2 * math.pi  # e^(-1/2)
    tensor([[0.6065]])
    """
    factors = cholesky(covariances).expand(len(means), *covariances.shape[-2:])
    gaps = (x - means[:, None]).mT  # (k, d, n)
    distance = torch.linalg.solve_triangular(factors, gaps, upper=False).square().sum(1).T
    log_root = factors.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return -0.5 * (x.shape[1] * LOG_2PI + distance) - log_root


def log_diagonal(x: Tensor, means: Tensor, variances: Tensor) -> Tensor:
    """ln N(x_n; means_k, diag(variances_k)) (n, k), means and variances (k, d); (k, 1) are spheres."""
    d = x.shape[1]
    gaps = (x[:, None] - means).square() / variances
    log_root = 0.5 * variances.expand(len(means), d).log().sum(1)
    return -0.5 * (d * LOG_2PI + gaps.sum(2)) - log_root


# --- What data say of them -------------------------------------------------------------------------------------------


def gaussian_mle(x: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The likeliest mean (d,) and covariance (d, d) of rows: sample mean, and scatter about it over n.

    Systems: gaussian-mle
    Source: Hifny A13.6 eqs. 13.39 to 13.52.

    >>> gaussian_mle(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 9.0]]))
    (tensor([3., 5.]), tensor([[2.6667, 4.6667],
            [4.6667, 8.6667]]))
    """
    share = x.new_ones(len(x)) if weight is None else weight
    mean = share @ x / share.sum()
    gaps = x - mean
    return mean, (share[:, None] * gaps).T @ gaps / share.sum()


def bessel(covariance: Tensor, n: int) -> Tensor:
    """The unbiased covariance: that of the likelihood times n / (n - 1), whose mean over samples is (n - 1) / n of it.

    Systems: gaussian-mle
    Source: Hifny A13.7.

    >>> bessel(torch.tensor(0.8), 5)
    tensor(1.)
    """
    if n < 2:
        raise DataError(f"a covariance without bias needs 2 rows or more; got {n}")
    return covariance * (n / (n - 1))


def ellipse_axes(covariance: Tensor, *, n_deviations: float = 1.0) -> tuple[Tensor, Tensor]:
    """Half-lengths (d,) and directions (d, d; a column each) of the contour so many deviations out, longest first.

    covariance = Q diag(lambda) Q'; the axes lie along Q, half-lengths n sqrt(lambda).

    Systems: multivariate-gaussian
    Source: Hifny A13.5 eq. 13.34.

    >>> ellipse_axes(torch.tensor([[2.0, 1.0], [1.0, 2.0]]))[0].square()
    tensor([3., 1.])
    """
    values, vectors = torch.linalg.eigh(covariance)
    return n_deviations * values.clamp(min=0).sqrt().flip(-1), vectors.flip(-1)


# --- Counts ----------------------------------------------------------------------------------------------------------


def multinomial_log_probabilities(counts: Tensor, *, alpha: float = 1.0) -> Tensor:
    """ln (N_ik + alpha) / (N_k + alpha V) (classes, V) from counts of V things in each class; alpha 1 is Laplace's.

    Systems: multinomial-nb
    Source: Hifny A13.1 and A13.2 eqs. 13.1 to 13.8.

    >>> multinomial_log_probabilities(torch.tensor([[3.0, 0.0]])).exp()
    tensor([[0.8000, 0.2000]])
    """
    smoothed = counts + alpha
    return smoothed.log() - smoothed.sum(-1, keepdim=True).log()


def bernoulli_log_probabilities(present: Tensor, n_rows: Tensor, *, alpha: float = 1.0) -> tuple[Tensor, Tensor]:
    """ln p and ln (1 - p) (classes, V), p = (rows with the thing + alpha) / (rows + 2 alpha), n_rows (classes,)."""
    rows = n_rows[:, None] + 2 * alpha
    return ((present + alpha) / rows).log(), ((rows - present - alpha) / rows).log()


def log_posterior(log_joint: Tensor) -> Tensor:
    """ln P(class given x) (n, classes) from ln P(class) + ln p(x given class): Bayes' rule."""
    return log_joint - log_joint.logsumexp(-1, keepdim=True)
