"""A normal distribution beside a density: the prior that a slice turns in, or where tempered particles begin."""

from typing import Any

import torch
from torch import Tensor

from ..errors import DataError, SettingError
from ..functional.probability import LOG_2PI
from .density import Density


class Reference:
    """N(mean, covariance) over a density's flat parameters.

    mean : as `start` is, or flat (d,); the start where it is None. covariance : (d, d), or (d,) variances, or a number.
    """

    def __init__(self, density: Density, mean: Any, covariance: Any) -> None:
        d = density.size
        self.mean = density.start.clone() if mean is None else _flat(density, mean)
        given = numbers_in("covariance", covariance)
        whole = torch.diag(given.expand(d)) if given.numel() in (1, d) and given.ndim < 2 else given
        if whole.shape != (d, d) or self.mean.shape != (d,):
            raise SettingError(
                f"mean and covariance have shapes {tuple(self.mean.shape)} and {tuple(given.shape)}; there are {d} "
                f"parameters: ({d},) and ({d}, {d})"
            )
        self.reshape(self.mean, whole)

    def reshape(self, mean: Tensor, covariance: Tensor) -> None:
        """Take another mean (d,) and covariance (d, d); one that is none is refused."""
        self.mean, self.factor = mean, factor_of(covariance)

    def log_density(self, points: Tensor) -> Tensor:
        """ln N(points), (...), of points (..., d)."""
        flat = (points - self.mean).reshape(-1, len(self.mean))
        white = torch.linalg.solve_triangular(self.factor, flat.T, upper=False).T.reshape(points.shape)
        half = self.factor.diagonal().log().sum() + len(self.mean) / 2 * LOG_2PI
        return -0.5 * white.square().sum(-1) - half

    def draw(self, noise: Tensor) -> Tensor:
        """Draws (..., d) from standard normal noise."""
        return self.mean + noise @ self.factor.T


def numbers_in(name: str, value: Any) -> Tensor:
    """A setting as a tensor of numbers, (), (d,) or (d, d); what holds none is refused by its name."""
    try:
        return torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        raise SettingError(f"{name} is {value!r}; give numbers over the flat parameters: one, (d,) or (d, d)") from None


def factor_of(covariance: Tensor) -> Tensor:
    """L with L L' = covariance, lower; one that is not symmetric and positive definite is refused, with why."""
    if not bool(covariance.isfinite().all()):
        raise DataError("the covariance holds NaN or infinite numbers")
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if int(failed) or not torch.allclose(covariance, covariance.T):
        least = float(torch.linalg.eigvalsh((covariance + covariance.T) / 2).min())
        skew = "" if torch.allclose(covariance, covariance.T) else "it is not its own transpose, and "
        raise DataError(
            f"the covariance is not symmetric and positive definite ({skew}its least eigenvalue is {least:.4g}); "
            f"add a little to its diagonal, or leave out parameters that others fix"
        )
    return factor


def _flat(density: Density, mean: Any) -> Tensor:
    if not isinstance(mean, dict):
        return numbers_in("mean", mean)
    if set(mean) != set(density.shapes):
        raise SettingError(f"mean names {sorted(mean)}; the parameters are {sorted(density.shapes)}")
    return torch.cat([torch.as_tensor(mean[k]).double().flatten() for k in density.shapes])
