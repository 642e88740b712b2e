"""A hidden state that moves linearly under Gaussian noise: Kalman's filter, the smoother, and the log-likelihood.

    state_1 ~ N(mean, covariance);  state_{t+1} = F state_t + N(0, Q);  y_t = H state_t + N(0, R)

Series are (..., time, p): leading dimensions are series of their own, filtered side by side. A value that is NaN was
not observed. Use float64: covariances lose digits in float32.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import DataError
from .probability import LOG_2PI


@dataclass(frozen=True)
class LinearGaussian:
    """F (n, n), H (p, n), noises Q (n, n) and R (p, p), and the first state's mean (n,) and covariance (n, n)."""

    transition: Tensor
    observation: Tensor
    state_noise: Tensor
    observation_noise: Tensor
    mean: Tensor
    covariance: Tensor


@dataclass(frozen=True)
class Filtered:
    """States given the past (`predicted`), and given the present too: means (..., time, n), covariances (..., n, n).

    `log_likelihood` (..., time) is that of each step's values given those before it.
    """

    predicted_means: Tensor
    predicted_covariances: Tensor
    means: Tensor
    covariances: Tensor
    log_likelihood: Tensor


def kalman_filter(y: Tensor, model: LinearGaussian) -> Filtered:
    """The state at each time given the series so far.

    Predict F m and F P F' + Q; then, with S = H P H' + R and gain K = P H' S^-1, correct by K (y - H m). The covariance
    is updated in Joseph's form, (I - K H) P (I - K H)' + K R K', which stays symmetric and positive.

    Source: Kalman 1960.

    >>> one = torch.eye(1, dtype=torch.float64)
    >>> walk = LinearGaussian(one, one, one, one, torch.zeros(1, dtype=torch.float64), one)
    >>> kalman_filter(torch.tensor([[2.0], [2.0]], dtype=torch.float64), walk).means[:, 0]
    tensor([1.0000, 1.6000], dtype=torch.float64)
    """
    _check(y, model)
    mean = model.mean.expand(*y.shape[:-2], -1)
    covariance = model.covariance.expand(*y.shape[:-2], -1, -1)
    steps = []
    for t, values in enumerate(y.unbind(-2)):
        if t:
            mean = mean @ model.transition.T
            covariance = model.transition @ covariance @ model.transition.T + model.state_noise
        steps.append((mean, covariance, *_corrected(values, mean, covariance, model)))
        mean, covariance = steps[-1][2:4]
    means, covariances, new_means, new_covariances, log_p = zip(*steps, strict=True)
    return Filtered(
        torch.stack(means, -2),
        torch.stack(covariances, -3),
        torch.stack(new_means, -2),
        torch.stack(new_covariances, -3),
        torch.stack(log_p, -1),
    )


def _corrected(values: Tensor, mean: Tensor, covariance: Tensor, model: LinearGaussian) -> tuple[Tensor, ...]:
    """Mean and covariance once the values are seen, and the values' log-likelihood; NaN among them is unseen."""
    seen = ~values.isnan()
    observation = model.observation * seen[..., None]
    p = values.shape[-1]
    eye = torch.eye(p, dtype=mean.dtype, device=mean.device)
    both = seen[..., :, None] & seen[..., None, :]
    noise = torch.where(both, model.observation_noise, 0.0) + eye * (~seen)[..., None]  # unseen: unit, gain nothing
    gap = torch.where(seen, values - mean @ model.observation.T, 0.0)
    factor = torch.linalg.cholesky(observation @ covariance @ observation.mT + noise)
    gain = torch.cholesky_solve(observation @ covariance, factor).mT
    left = torch.eye(mean.shape[-1], dtype=mean.dtype, device=mean.device) - gain @ observation
    new = left @ covariance @ left.mT + gain @ noise @ gain.mT
    whitened = torch.linalg.solve_triangular(factor, gap[..., None], upper=False)[..., 0]
    log_root = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    log_p = -0.5 * (seen.sum(-1).to(mean.dtype) * LOG_2PI + whitened.square().sum(-1)) - log_root
    return mean + (gain @ gap[..., None])[..., 0], new, log_p


def kalman_smoother(y: Tensor, model: LinearGaussian) -> tuple[Tensor, Tensor]:
    """Means (..., time, n) and covariances (..., time, n, n) of the states given the whole series.

    Backwards, with J = P_t F' (P_{t+1} predicted)^-1: m_t + J (smoothed - predicted)_{t+1}.

    Source: Rauch, Tung and Striebel 1965.
    """
    found = kalman_filter(y, model)
    means, covariances = [found.means[..., -1, :]], [found.covariances[..., -1, :, :]]
    for t in range(y.shape[-2] - 2, -1, -1):
        ahead, held = found.predicted_covariances[..., t + 1, :, :], found.covariances[..., t, :, :]
        gain = torch.linalg.solve(ahead, model.transition @ held).mT
        gap = means[-1] - found.predicted_means[..., t + 1, :]
        means.append(found.means[..., t, :] + (gain @ gap[..., None])[..., 0])
        covariances.append(held + gain @ (covariances[-1] - ahead) @ gain.mT)
    return torch.stack(means[::-1], -2), torch.stack(covariances[::-1], -3)


def kalman_forecast(y: Tensor, model: LinearGaussian, *, horizon: int) -> tuple[Tensor, Tensor]:
    """Means (..., horizon, p) and covariances (..., horizon, p, p) of the values to come."""
    unseen = y.new_full((*y.shape[:-2], horizon, y.shape[-1]), math.nan)
    found = kalman_filter(torch.cat([y, unseen], -2), model)
    states, spread = found.means[..., -horizon:, :], found.covariances[..., -horizon:, :, :]
    observed = model.observation @ spread @ model.observation.T + model.observation_noise
    return states @ model.observation.T, observed


def _check(y: Tensor, model: LinearGaussian) -> None:
    p, n = model.observation.shape
    if y.ndim < 2 or y.shape[-1] != p:
        raise DataError(f"y is (..., time, {p}), one value for each row of H; got {tuple(y.shape)}")
    if model.transition.shape != (n, n) or model.mean.shape != (n,):
        raise DataError(
            f"H has {n} columns, so that F is ({n}, {n}) and the mean ({n},); got {tuple(model.transition.shape)} "
            f"and {tuple(model.mean.shape)}"
        )
