"""More losses by name for numbers: amounts above 0 through their logarithms, directions, and Gaussian noise."""

import math
from collections.abc import Callable

from torch import Tensor

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
