"""Quantiles of an answer: the loss that they minimise, and quantiles that do not cross."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import DataError, SettingError
from ..registry import loss
from .criteria import positive
from .losses import Loss


def pinball(outputs: Tensor, y: Tensor, quantiles: Tensor) -> Tensor:
    """max(q e, (q - 1) e) with e = y - outputs, for each element: least in the mean where P(y <= output) = q.

    The three broadcast. For q = 1/2 it is half the absolute error.

    Source: Koenker and Bassett 1978, eq. 1.

    >>> pinball(torch.tensor([0.0, 3.0]), torch.tensor([1.0, 1.0]), torch.tensor(0.9))
    tensor([0.9000, 0.2000])
    """
    error = y - outputs
    return torch.where(error >= 0, quantiles * error, (quantiles - 1) * error)


def pinball_derivative(outputs: Tensor, y: Tensor, quantiles: Tensor) -> Tensor:
    """d pinball / d outputs: -q where the output is below y, 1 - q where it is above."""
    return torch.where(y >= outputs, -quantiles, 1 - quantiles)


def uncrossed(quantiles: Tensor) -> Tensor:
    """The same numbers in ascending order along the last axis: never further from the true quantiles than before.

    Source: Chernozhukov, Fernandez-Val and Galichon 2010 (rearrangement), proposition 4.
    """
    return quantiles.sort(-1).values


def mixture_quantiles(means: Tensor, deviations: Tensor, levels: Sequence[float]) -> Tensor:
    """The quantiles (..., levels) of equal mixtures of normals, means and deviations (parts, ...), by bisection.

    >>> mixture_quantiles(torch.tensor([[-2.0], [2.0]]), torch.ones(2, 1), [0.5]).abs() < 1e-5
    tensor([[True]])
    """
    return torch.stack([_mixture_quantile(means, deviations, float(level)) for level in levels], -1)


def _mixture_quantile(means: Tensor, deviations: Tensor, level: float) -> Tensor:
    each = means + deviations * torch.special.ndtri(means.new_tensor(level))
    low, high = each.amin(0), each.amax(0)  # the mixture's lies between those of its parts
    for _ in range(60):
        middle = (low + high) / 2
        below = torch.special.ndtr((middle - means) / deviations).mean(0) < level
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


class QuantileLoss(Loss):
    """The mean pinball loss over rows, columns of y and quantiles. outputs (n, m Q), number by number; y (n, m)."""

    def __init__(self, quantiles: Sequence[float]) -> None:
        self.quantiles = tuple(quantiles)

    def _parts(self, outputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        n_quantiles = len(self.quantiles)
        if outputs.shape != (*y.shape[:-1], y.shape[-1] * n_quantiles):
            raise DataError(
                f"outputs {tuple(outputs.shape)} do not hold {n_quantiles} quantiles for each number of y "
                f"{tuple(y.shape)}; give (rows, numbers times quantiles)"
            )
        levels = torch.tensor(self.quantiles, dtype=outputs.dtype, device=outputs.device)
        return outputs.unflatten(-1, (y.shape[-1], n_quantiles)), y[..., None], levels

    def __call__(self, outputs: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
        each = pinball(*self._parts(outputs, y))
        if weight is None:
            return each.mean()
        return (each.flatten(1).mean(1) * weight).sum() / positive(weight.sum())

    def slope(self, outputs: Tensor, y: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        slope = pinball_derivative(*self._parts(outputs, y)).flatten(-2)
        if weight is None:
            return self(outputs, y), slope.mul_(1 / slope.numel())
        shares = weight * (len(y) / slope.numel()) / positive(weight.sum())
        return self(outputs, y, weight), slope.mul_(shares[:, None])

    def count(self, y: Tensor, weight: Tensor | None = None) -> Tensor | int:
        return len(y) if weight is None else weight.sum()


def check_quantiles(quantiles: Sequence[float]) -> tuple[float, ...]:
    """Levels between 0 and 1, ascending; anything else is refused."""
    taken = tuple(quantiles) if hasattr(quantiles, "__iter__") else ()
    numbers = all(isinstance(q, int | float) and not isinstance(q, bool) for q in taken)
    if not taken or not numbers or not all(0 < q < 1 for q in taken) or list(taken) != sorted(set(taken)):
        raise SettingError(f"quantiles are levels between 0 and 1, ascending, such as (0.1, 0.5, 0.9); got {quantiles}")
    return tuple(float(q) for q in taken)


@loss.register("quantiles")
def quantile(*, quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)) -> Loss:
    """The mean pinball loss of several quantiles of each number, for a regressor."""
    return QuantileLoss(check_quantiles(quantiles))
