"""More losses by name for numbers: amounts above 0 through their logarithms, directions, and Gaussian noise.

The loss "gaussian_nll" is of targets of the kind `gaussians`: outputs (n, m 2), of each number its mean and what its
standard deviation is made of; y (n, m).
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import DataError, SettingError
from ..registry import loss
from .criteria import Elementwise, positive, shapes_differ
from .losses import (
    Loss,
    cosine_distance,
    cosine_distance_derivative,
    percentage_error_from_log,
    percentage_error_from_log_derivative,
    squared_error,
    squared_log_error_from_log,
    squared_log_error_from_log_derivative,
)

LEAST = 1e-3  # of a scaled deviation, so that a density never becomes a spike


class Rowwise(Loss):
    """The mean over rows of an equation that gives one value for a row's numbers (n, n_numbers)."""

    def __init__(
        self, equation: Callable[[Tensor, Tensor], Tensor], derivative: Callable[[Tensor, Tensor], Tensor]
    ) -> None:
        self.equation, self.derivative = equation, derivative

    def __call__(self, outputs: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
        if outputs.shape != y.shape:
            raise shapes_differ(outputs, y)
        each = self.equation(outputs, y)
        return each.mean() if weight is None else (each * weight).sum() / positive(weight.sum())

    def slope(self, outputs: Tensor, y: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        share = 1 / len(y) if weight is None else (weight / positive(weight.sum()))[:, None]
        return self(outputs, y, weight), self.derivative(outputs, y).mul_(share)

    def count(self, y: Tensor, weight: Tensor | None = None) -> Tensor | int:
        return len(y) if weight is None else weight.sum()


@loss.register("numbers", name="percentage_error")
def percentage_error_loss() -> Loss:
    """The mean absolute percentage error of exp(outputs), for targets above 0."""
    return Elementwise(_percentage_of_positive, percentage_error_from_log_derivative, link="log")


def _percentage_of_positive(log_outputs: Tensor, y: Tensor) -> Tensor:
    if (y <= 0).any():
        raise DataError(
            f"loss 'percentage_error' takes targets above 0; got {float(y.min()):.4g}; try 'absolute_error'"
        )
    return percentage_error_from_log(log_outputs, y)


@loss.register("numbers", name="squared_log_error")
def squared_log_error_loss() -> Loss:
    """The mean squared difference of ln(1 + exp(outputs)) and ln(1 + y), for targets of at least 0."""
    return Elementwise(_squared_log_of_counts, squared_log_error_from_log_derivative, link="log")


def _squared_log_of_counts(log_outputs: Tensor, y: Tensor) -> Tensor:
    if (y < 0).any():
        raise DataError(f"loss 'squared_log_error' takes targets of at least 0; got {float(y.min()):.4g}")
    return squared_log_error_from_log(log_outputs, y)


@loss.register("numbers", name="cosine")
def cosine_loss() -> Loss:
    """1 minus the cosine between a row's outputs and its targets, for targets of several columns."""
    return Rowwise(_cosine_of_several, cosine_distance_derivative)


def _cosine_of_several(outputs: Tensor, y: Tensor) -> Tensor:
    if y.shape[-1] < 2:
        raise DataError("loss 'cosine' compares directions, and one number a row has only a sign; give several columns")
    return cosine_distance(outputs, y)


@loss.register("numbers", name="gaussian")
def gaussian_loss(*, scale: float = 1.0) -> Loss:
    """Minus the log-likelihood of Gaussian noise of this standard deviation (of y as it is learnt, standardised)."""
    if not scale > 0:
        raise SettingError(f"gaussian's scale is a positive number; got {scale!r}")
    variance = float(scale) ** 2
    constant = math.log(2 * math.pi * variance) / 2
    return Elementwise(
        lambda outputs, y: squared_error(outputs, y) / (2 * variance) + constant,
        lambda outputs, y: (outputs - y).div_(variance),
    )


def normal_parameters(outputs: Tensor) -> tuple[Tensor, Tensor]:
    """Means and standard deviations, softplus(raw) + .001, of outputs (..., m 2), number by number: (..., m) each.

    >>> normal_parameters(torch.tensor([[1.0, 0.0]]))
    (tensor([[1.]]), tensor([[0.6941]]))
    """
    mean, raw = outputs.unflatten(-1, (-1, 2)).unbind(-1)
    return mean, F.softplus(raw) + LEAST


def normal_outputs(mean: Tensor, deviation: Tensor) -> Tensor:
    """The outputs (..., m 2) whose `normal_parameters` these are, (..., m) each; a deviation is above .001."""
    s = (deviation - LEAST).clamp(min=torch.finfo(deviation.dtype).tiny)
    return torch.stack((mean, s + torch.log(-torch.expm1(-s))), -1).flatten(-2)


def normal_information(outputs: Tensor) -> Tensor:
    """Fisher's information (..., m 2) of each output by itself; that of a mean and a deviation together is 0.

    1 / s^2 of a mean, and 2 sigmoid(raw)^2 / s^2 of what a deviation s is made of.
    """
    s = normal_parameters(outputs)[1]
    return torch.stack((s**-2, 2 * (outputs[..., 1::2].sigmoid() / s).square()), -1).flatten(-2)


class GaussianNLL(Loss):
    """Minus the log-likelihood of numbers whose mean and noise a net says of each row: ln s + ((y - mean) / s)^2 / 2 +
    ln(2 pi) / 2, in the mean over rows and numbers. outputs (n, m 2), see `normal_parameters`; y (n, m).

    Source: Nix and Weigend 1994; Baker A162.
    """

    def __call__(self, outputs: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
        mean, s = self._parts(outputs, y)
        each = s.log() + 0.5 * ((y - mean) / s).square() + 0.5 * math.log(2 * math.pi)
        return each.mean() if weight is None else (each.flatten(1).mean(1) * weight).sum() / positive(weight.sum())

    def slope(self, outputs: Tensor, y: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        mean, s = self._parts(outputs, y)
        off = (mean - y) / s
        by_raw = (1 - off.square()) / s * outputs[..., 1::2].sigmoid()
        slope = torch.stack((off / s, by_raw), -1).flatten(-2)
        if weight is None:
            return self(outputs, y), slope.mul_(1 / y.numel())
        shares = weight * (len(y) / y.numel()) / positive(weight.sum())
        return self(outputs, y, weight), slope.mul_(shares.view(-1, *[1] * (y.ndim - 1)))

    def count(self, y: Tensor, weight: Tensor | None = None) -> Tensor | int:
        return len(y) if weight is None else weight.sum()

    def _parts(self, outputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        if outputs.shape != (*y.shape[:-1], 2 * y.shape[-1]):
            raise DataError(
                f"outputs {tuple(outputs.shape)} do not hold a mean and a deviation for each number of y "
                f"{tuple(y.shape)}; give (rows, numbers times 2)"
            )
        return normal_parameters(outputs)


@loss.register("gaussians", name="gaussian_nll")
def gaussian_nll_loss() -> Loss:
    """Minus the log-likelihood of Gaussian noise whose deviation the net says of each row, for a regressor."""
    return GaussianNLL()
