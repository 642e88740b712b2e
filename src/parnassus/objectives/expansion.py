"""Least squares on powers and products of the columns."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..functional.polynomial import legendre_features, polynomial_features, terms
from ..train.phase import Batch, Objective, Phase
from .rules import LeastSquares


class PolynomialLeastSquares(Objective):
    """The polynomial that minimises sum |f(x) - y|^2 + sum_terms l2 growth^(degree - 1) w^2, solved at once.

    A `growth` above 1 punishes high powers harder: a heavy one leaves a polynomial of lower degree. The penalty is had
    by shrinking the columns of degree d by growth^((d - 1) / 2). Without a penalty, where nothing depends on what the
    polynomial is written in, it is written in Legendre's, over the range of the training rows.

    Systems: polynomial-regression
    Source: Hifny A14.1, Martinez-Ramon 3.5.3, Jaiswal J42 (the penalty on the third and fourth power).
    """

    full_batch = True
    epochs = 1
    probabilistic = False

    def __init__(self, in_features: int, n_outputs: int, *, degree: int, l2: float, growth: float) -> None:
        super().__init__()
        self.degree, self.punished = degree, l2 > 0
        degrees = torch.tensor([float(len(t)) for t in terms(in_features, degree)])
        self.register_buffer("shrink", growth ** (-(degrees - 1) / 2), persistent=False)
        self.register_buffer("low", torch.zeros(in_features, dtype=torch.float64))
        self.register_buffer("width", torch.ones(in_features, dtype=torch.float64))
        self.linear = LeastSquares(len(degrees), n_outputs, l2=l2).double()

    shrink: Tensor
    low: Tensor
    width: Tensor

    def begin(self, batch: Batch) -> None:
        x = batch["x"].double()
        self.low.copy_(x.amin(0))
        self.width.copy_(torch.where(x.amax(0) > self.low, x.amax(0) - self.low, 1.0))
        self.linear.begin(self.expanded(batch))

    def phases(self) -> Sequence[Phase]:
        return [Phase("solve", lambda batch: self.linear.add(self.expanded(batch)), after=self.linear.solve)]

    def outputs(self, batch: Batch) -> Tensor:
        return self.linear.outputs(self.expanded(batch))

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        return self.linear.evaluate(self.expanded(batch))

    def expanded(self, batch: Batch) -> Batch:
        """The batch with powers and products in place of its columns."""
        x = batch["x"].double()
        if self.punished:
            return batch | {"x": polynomial_features(x, self.degree) * self.shrink}
        return batch | {"x": legendre_features(2 * (x - self.low) / self.width - 1, self.degree)}
