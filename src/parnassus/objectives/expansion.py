"""Least squares on powers and products of the columns."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..functional.polynomial import polynomial_features, terms
from ..train.phase import Batch, Objective, Phase
from .rules import LeastSquares


class PolynomialLeastSquares(Objective):
    """The polynomial that minimises sum |f(x) - y|^2 + sum_terms l2 growth^(degree - 1) w^2, solved at once.

    A `growth` above 1 punishes high powers harder: a heavy one leaves a polynomial of lower degree. The penalty is had
    by shrinking the columns of degree d by growth^((d - 1) / 2).

    Systems: polynomial-regression
    Source: Hifny A14.1, Martinez-Ramon 3.5.3, Jaiswal J42 (the penalty on the third and fourth power).
    """

    full_batch = True
    epochs = 1
    probabilistic = False

    def __init__(self, in_features: int, n_outputs: int, *, degree: int, l2: float, growth: float) -> None:
        super().__init__()
        self.degree = degree
        degrees = torch.tensor([float(len(t)) for t in terms(in_features, degree)])
        self.register_buffer("shrink", growth ** (-(degrees - 1) / 2), persistent=False)
        self.linear = LeastSquares(len(degrees), n_outputs, l2=l2)

    shrink: Tensor

    def begin(self, batch: Batch) -> None:
        self.linear.begin(self.expanded(batch))

    def phases(self) -> Sequence[Phase]:
        return [Phase("solve", lambda batch: self.linear.add(self.expanded(batch)), after=self.linear.solve)]

    def outputs(self, batch: Batch) -> Tensor:
        return self.linear.outputs(self.expanded(batch))

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        return self.linear.evaluate(self.expanded(batch))

    def expanded(self, batch: Batch) -> Batch:
        """The batch with powers and products in place of its columns."""
        return batch | {"x": polynomial_features(batch["x"].double(), self.degree) * self.shrink}
