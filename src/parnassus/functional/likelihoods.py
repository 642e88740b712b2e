"""Gaussian likelihoods of numbers, and how several tasks share one loss."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .losses import (
    binary_cross_entropy,
    binary_cross_entropy_derivative,
    sigmoid_squared_error,
    sigmoid_squared_error_derivative,
)


def gaussian_nll(outputs: Tensor, y: Tensor, variance: Tensor) -> Tensor:
    """|y - z|^2 / (2 s^2) + (K / 2) ln(2 pi s^2), a value a row, for outputs and y (..., K).

    `variance` is s^2 for all K numbers, or (..., K), one for each of them (as many tasks as columns), whose terms are
    added. At a fixed variance its minimum is that of the squared error, and its slope is (z - y) / s^2.

    Systems: gaussian-nll
    Source: Gauss 1809; Martinez-Ramon 1.5.2.3 (eq. 1.81), who leaves out the logarithm of the constant.

    >>> gaussian_nll(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 2.5]), torch.tensor(0.25))
    tensor(2.9516)
    """
    return ((outputs - y).square() / variance + (2 * math.pi * variance).log()).sum(-1) / 2


def gaussian_nll_derivative(outputs: Tensor, y: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """(z - y) / s^2 by the outputs, and (1 / s^2 - (z - y)^2 / s^4) / 2 by each number's variance."""
    error = outputs - y
    return error / variance, (1 / variance - (error / variance).square()) / 2


def correlated_gaussian_nll(outputs: Tensor, y: Tensor, covariance: Tensor) -> Tensor:
    """(r' S^-1 r + ln det S + K ln(2 pi)) / 2 with r = y - z, a value a row, for a covariance S (K, K) or (..., K, K).

    Systems: gaussian-nll
    Source: Martinez-Ramon problem 1.7, which leaves out the constant.

    >>> correlated_gaussian_nll(torch.zeros(2), torch.tensor([1.0, 1.0]), torch.tensor([[2.0, 1.0], [1.0, 2.0]]))
    tensor(2.7205)
    """
    root = torch.linalg.cholesky(covariance)
    residual = torch.linalg.solve_triangular(root, (y - outputs)[..., None], upper=False)[..., 0]
    log_det = 2 * root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return (residual.square().sum(-1) + log_det + y.shape[-1] * math.log(2 * math.pi)) / 2


def uncertainty_weighted(losses: Tensor, log_variance: Tensor) -> Tensor:
    """sum_k (e^-v_k losses_k + v_k) / 2: squared errors of several tasks (..., K), weighted by learned variances e^v_k.

    It is the Gaussian likelihood of the K tasks without its constant; at its least e^v_k is the task's own mean loss,
    so no task wins by the size of its unit.

    Source: Kendall, Gal and Cipolla 2018; Martinez-Ramon 1.5.2.3.
    """
    return ((-log_variance).exp() * losses + log_variance).sum(-1) / 2


class Saturation(NamedTuple):
    """Values and slopes of the two criteria by the logit."""

    logits: Tensor
    cross_entropy: Tensor
    cross_entropy_slope: Tensor
    squared_error: Tensor
    squared_error_slope: Tensor


def saturation(logits: Tensor, *, y: float = 1.0) -> Saturation:
    """Cross-entropy and squared error of sigmoid(z) against `y`, with their slopes by z.

    Where the unit is certain and wrong the slope of the cross-entropy tends to -1 (for y = 1), that of the squared
    error to 0: it learns from its worst mistakes least. `insight.curves.saturation_curves` draws it.

    Systems: ce-vs-squared-error
    Source: Martinez-Ramon example 1.5.1 and figure 1.20.

    >>> float(saturation(torch.tensor(-10.0)).cross_entropy_slope) < -0.99
    True
    """
    target = torch.full_like(logits, y)
    return Saturation(
        logits,
        binary_cross_entropy(logits, target),
        binary_cross_entropy_derivative(logits, target),
        sigmoid_squared_error(logits, target),
        sigmoid_squared_error_derivative(logits, target),
    )
