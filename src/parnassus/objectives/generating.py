"""What all generators answer: rows drawn out of noise."""

import torch
from torch import Tensor

from ..train.phase import Batch, Objective


class Generating(Objective):
    """A generator of rows of one shape, of which `n_classes` classes may be asked for (0 knows none)."""

    probabilistic = False

    def __init__(self, shape: tuple[int, ...], n_classes: int) -> None:
        super().__init__()
        self.shape, self.n_classes = shape, n_classes

    @property
    def noise_shape(self) -> tuple[int, ...] | None:
        """The shape of a row's noise where noise and condition decide the row; None where more is drawn on the way."""
        return None

    def rows_of(self, noise: Tensor, condition: Tensor | None, generator: torch.Generator | None = None) -> Tensor:
        """Rows (n, *shape) out of normal noises (n, *noise_shape); a generator serves those that draw on the way."""
        raise NotImplementedError

    def drawn(self, n: int, condition: Tensor | None, generator: torch.Generator) -> Tensor:
        """Rows (n, *shape), one a class of `condition` (n,) where classes are known."""
        raise NotImplementedError

    def outputs(self, batch: Batch) -> Tensor:
        return batch["x"]

    def condition_of(self, batch: Batch) -> Tensor | None:
        """The class of each row (n,), or None where none are known; of two classes the answer is one number."""
        return batch["y"].flatten().long() if self.n_classes else None
