"""What all generators answer: rows drawn out of noise."""

import math
from typing import overload

import torch
from torch import Tensor, nn

from ...train.phase import Batch, Objective


class Generating(Objective):
    """A generator of rows of one shape, of which `n_classes` classes, or `n_told` numbers, may be asked for.

    0 of both knows neither. A condition is ids (n,) or numbers (n, n_told); one that is not told is the id `n_classes`,
    or numbers that are NaN.
    """

    probabilistic = False

    def __init__(self, shape: tuple[int, ...], n_classes: int, n_told: int = 0) -> None:
        super().__init__()
        self.shape, self.n_classes, self.n_told = shape, n_classes, n_told

    @property
    def noise_shape(self) -> tuple[int, ...] | None:
        """The shape of a row's noise where noise and condition decide the row; None where more is drawn on the way."""
        return None

    def rows_of(self, noise: Tensor, condition: Tensor | None, generator: torch.Generator | None = None) -> Tensor:
        """Rows (n, *shape) out of normal noises (n, *noise_shape); a generator serves those that draw on the way."""
        raise NotImplementedError

    def drawn(self, n: int, condition: Tensor | None, generator: torch.Generator) -> Tensor:
        """Rows (n, *shape), one for each `condition` where such are known."""
        raise NotImplementedError

    def outputs(self, batch: Batch) -> Tensor:
        return batch["x"]

    def condition_of(self, batch: Batch) -> Tensor | None:
        """The class of each row (n,), its numbers (n, n_told), or None; of two classes the answer is one number."""
        if self.n_told:
            return batch["y"]
        return batch["y"].flatten().long() if self.n_classes else None

    @overload
    def told(self, condition: Tensor) -> Tensor: ...

    @overload
    def told(self, condition: None) -> None: ...

    def told(self, condition: Tensor | None) -> Tensor | None:
        """Classes as unit vectors (n, n_classes); numbers as they are."""
        if condition is None or self.n_told:
            return condition
        return nn.functional.one_hot(condition, self.n_classes).to(torch.float32)

    def untold(self, condition: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Conditions of which those `hidden` (n,) bool, or all, are not told."""
        nothing = torch.full_like(condition, math.nan if self.n_told else self.n_classes)
        if hidden is None:
            return nothing
        return torch.where(hidden.view(-1, *(1,) * (condition.ndim - 1)), nothing, condition)
