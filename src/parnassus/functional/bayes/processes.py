"""Gaussian processes: kernels, and the exact posterior of a function at new points."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ...errors import DataError, SettingError
from ..probability import LOG_2PI

Kernel = Callable[[Tensor, Tensor], Tensor]


class GaussianProcess(NamedTuple):
    """The posterior at m new points: mean (m,), covariance (m, m) of the function, and the log evidence of y."""

    mean: Tensor
    covariance: Tensor
    log_evidence: float


def rbf_kernel(a: Tensor, b: Tensor, *, scale: Tensor | float = 1.0, variance: Tensor | float = 1.0) -> Tensor:
    """variance exp(-|a - b|^2 / (2 scale^2)) of points a (n, d) and b (m, d): (n, m); `scale` may be one a column.

    >>> rbf_kernel(torch.tensor([[0.0]]), torch.tensor([[0.0], [1.0]]))
    tensor([[1.0000, 0.6065]])
    """
    return variance * (-0.5 * _distances(a / scale, b / scale).square()).exp()


def matern_kernel(
    a: Tensor, b: Tensor, *, nu: float = 2.5, scale: Tensor | float = 1.0, variance: Tensor | float = 1.0
) -> Tensor:
    """Matern's kernel of smoothness nu in (0.5, 1.5, 2.5), with r = |a - b| / scale: (n, m).

    exp(-r), (1 + sqrt(3) r) exp(-sqrt(3) r), and (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r), times the variance.
    """
    if nu not in (0.5, 1.5, 2.5):
        raise SettingError(f"nu is 0.5, 1.5 or 2.5; got {nu}")
    r = math.sqrt(2 * nu) * _distances(a / scale, b / scale)
    factor = {0.5: torch.ones_like(r), 1.5: 1 + r, 2.5: 1 + r + r.square() / 3}[nu]
    return variance * factor * (-r).exp()


def periodic_kernel(
    a: Tensor,
    b: Tensor,
    *,
    period: Tensor | float = 1.0,
    scale: Tensor | float = 1.0,
    variance: Tensor | float = 1.0,
) -> Tensor:
    """variance exp(-2 sum_i sin^2(pi (a_i - b_i) / period) / scale^2): (n, m)."""
    a, b = 2 * math.pi * a / period, 2 * math.pi * b / period
    waves = a.shape[1] - a.cos() @ b.cos().T - a.sin() @ b.sin().T  # 2 sin^2(z) = 1 - cos(2 z)
    return variance * (-waves.clamp(min=0) / scale**2).exp()


def linear_kernel(a: Tensor, b: Tensor, *, variance: Tensor | float = 1.0, bias: Tensor | float = 1.0) -> Tensor:
    """variance a.b + bias: the process that Bayesian linear regression is, (n, m)."""
    return variance * a @ b.T + bias


def gaussian_process(x: Tensor, y: Tensor, new: Tensor, *, kernel: Kernel, noise: float) -> GaussianProcess:
    """The posterior of f at the rows `new` (m, d), given y = f(x) + N(0, noise), x (n, d), y (n,), prior mean 0.

        mean = K_*' (K + noise I)^-1 y,   covariance = K_** - K_*' (K + noise I)^-1 K_*

    Costs n^3 once. Add `noise` to the variance for a new answer's.

    Systems: gaussian-process
    Source: Rasmussen and Williams 2006, algorithm 2.1; Martinez-Ramon 7.3 names it.

    >>> x = torch.tensor([[0.0], [1.0]])
    >>> found = gaussian_process(x, torch.tensor([0.0, 1.0]), x, kernel=rbf_kernel, noise=1e-6)
    >>> found.mean.abs().round(decimals=3)
    tensor([0., 1.])
    """
    if x.ndim != 2 or new.ndim != 2 or x.shape[1] != new.shape[1] or y.shape != x.shape[:1] or not len(y):
        raise DataError(
            f"x, y and new have shapes {tuple(x.shape)}, {tuple(y.shape)} and {tuple(new.shape)}; "
            f"expected (n, d), (n,) and (m, d)"
        )
    if not noise >= 0:
        raise DataError(f"noise is a variance, not negative; got {noise}")
    within = kernel(x, x) + noise * torch.eye(len(x), dtype=x.dtype, device=x.device)
    factor = process_factor(within)
    across = kernel(x, new)
    weights = torch.cholesky_solve(y[:, None], factor)[:, 0]
    half = torch.linalg.solve_triangular(factor, across, upper=False)
    log_evidence = -0.5 * (y @ weights) - factor.diagonal().log().sum() - len(y) / 2 * LOG_2PI
    return GaussianProcess(across.T @ weights, kernel(new, new) - half.T @ half, float(log_evidence))


def process_factor(table: Tensor) -> Tensor:
    """The lower factor of a kernel's table (n, n); one that is not positive definite is refused."""
    factor, info = torch.linalg.cholesky_ex(table)
    if int(info):
        raise DataError(
            f"the kernel's table of {len(table)} rows is not positive definite (pivot {int(info)}): rows repeat and "
            f"the noise is next to none, or the function is no kernel; give more noise, or another kernel"
        )
    return factor


def _distances(a: Tensor, b: Tensor) -> Tensor:
    return torch.cdist(a[None], b[None], compute_mode="donot_use_mm_for_euclid_dist")[0]
