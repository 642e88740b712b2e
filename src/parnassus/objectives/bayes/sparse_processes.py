"""Gaussian processes of many rows, through inducing points: numbers and classes."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ...functional.bayes.kernel_sums import KernelSum
from ...functional.bayes.learned_sparse import learn_sparse_process
from ...functional.bayes.process_evidence import repeated_rows
from ...functional.bayes.sparse import inducing_factor, solved
from ...functional.bayes.sparse_classes import learn_sparse_classes
from ...train.phase import Batch
from .predictive import Moments, SolvedClasses, SolvedNumbers


class SparseProcessRegression(SolvedNumbers):
    """A Gaussian process through a few points that stand for all rows; `log_evidence` is a bound from below.

    Settings, noise and points are those of the largest bound; several columns of y share them.

    Systems: gaussian-process
    Source: Titsias 2009.
    """

    called = "a Gaussian process through inducing points"

    points: Tensor
    logs: Tensor
    weights: Tensor
    outer: Tensor
    inner: Tensor

    def __init__(
        self, in_features: int, n_outputs: int, *, kernel: str, ard: bool, n_restarts: int, n_inducing: int
    ) -> None:
        super().__init__(n_outputs)
        self.kernel = KernelSum(kernel, in_features, ard=ard)
        self.n_restarts, self.n_inducing = n_restarts, n_inducing
        of_none: dict[str, Any] = {"dtype": torch.float64}
        self.register_buffer("points", torch.zeros(0, in_features, **of_none))
        self.register_buffer("logs", torch.cat([self.kernel.start, torch.zeros(1, **of_none)]))
        self.register_buffer("weights", torch.zeros(0, n_outputs, **of_none))
        self.register_buffer("outer", torch.zeros(0, 0, **of_none))  # the factor of K_uu
        self.register_buffer("inner", torch.zeros(0, 0, **of_none))

    @property
    def settings(self) -> dict[str, float]:
        """The kernel's settings and the noise variance, of standardised columns and numbers."""
        names = [setting.name for setting in self.kernel.settings] + ["noise"]
        return dict(zip(names, self.logs.exp().tolist(), strict=True))

    def _table(self, a: Tensor, b: Tensor) -> Tensor:
        return self.kernel(self.logs[:-1].exp(), a, b)

    def solve(self, x: Tensor, y: Tensor, weight: Tensor) -> None:
        logs, points, value = learn_sparse_process(
            x, y, kernel=self.kernel, n_inducing=self.n_inducing, weight=weight, n_restarts=self.n_restarts
        )
        self.logs.copy_(logs)
        self.log_evidence.fill_(value)
        self.points = points.to(x).contiguous()
        noise, _ = repeated_rows(self.logs[-1].exp(), weight)
        prior = self.kernel.diagonal(self.logs[:-1].exp(), x).expand(len(x))
        found = [solved(x, column, self.points, self._table, noise, prior) for column in y.T]
        self.outer, self.inner = (factor.contiguous() for factor in found[0][1:3])  # as a file gives them back
        self.weights = torch.cat([one[3] for one in found], 1).contiguous()

    def moments(self, batch: Batch) -> Moments:
        new = batch["x"].double()
        first = torch.linalg.solve_triangular(self.outer, self._table(self.points, new), upper=False)
        second = torch.linalg.solve_triangular(self.inner, first, upper=False)
        mean = second.T @ self.weights
        prior = self.kernel.diagonal(self.logs[:-1].exp(), new)
        variance = (prior - first.square().sum(0) + second.square().sum(0)).clamp(min=0)
        return Moments(mean, variance[:, None].expand_as(mean), self.logs[-1].exp().expand_as(mean))


class SparseProcessClassification(SolvedClasses):
    """Gaussian processes of scores through a few points that stand for all rows; `log_evidence` is a bound from below.

    The scores' posterior is the best normal one, without dependence between classes.

    Systems: gaussian-process
    Source: Hensman, Matthews and Ghahramani 2015.
    """

    called = "a Gaussian process of classes through inducing points"

    points: Tensor
    logs: Tensor
    mean: Tensor
    roots: Tensor
    outer: Tensor

    def __init__(
        self, in_features: int, n_outputs: int, *, kernel: str, ard: bool, n_restarts: int, n_inducing: int
    ) -> None:
        super().__init__(n_outputs)
        self.kernel = KernelSum(kernel, in_features, ard=ard)
        self.n_restarts, self.n_inducing = n_restarts, n_inducing
        of_none: dict[str, Any] = {"dtype": torch.float64}
        self.register_buffer("points", torch.zeros(0, in_features, **of_none))
        self.register_buffer("logs", self.kernel.start.clone())
        self.register_buffer("mean", torch.zeros(n_outputs, 0, **of_none))
        self.register_buffer("roots", torch.zeros(n_outputs, 0, 0, **of_none))  # factors of the precisions
        self.register_buffer("outer", torch.zeros(0, 0, **of_none))  # the factor of K_uu

    @property
    def settings(self) -> dict[str, float]:
        """The kernel's settings, of standardised columns."""
        return dict(zip((s.name for s in self.kernel.settings), self.logs.exp().tolist(), strict=True))

    def _table(self, a: Tensor, b: Tensor) -> Tensor:
        return self.kernel(self.logs.exp(), a, b)

    def solve(self, x: Tensor, y: Tensor, weight: Tensor) -> None:
        y = y if self.n_outputs == 1 else one_hot(y.long(), self.n_outputs).double()
        logs, points, found = learn_sparse_classes(
            x, y, kernel=self.kernel, n_inducing=self.n_inducing, weight=weight, n_restarts=self.n_restarts
        )
        self.logs.copy_(logs)
        self.log_evidence.fill_(found.bound)
        self.points, self.mean, self.roots = points.contiguous(), found.mean.contiguous(), found.roots.contiguous()
        self.outer = inducing_factor(self._table, self.points).contiguous()

    def scores(self, x: Tensor) -> tuple[Tensor, Tensor]:
        new = x.double()
        a = torch.linalg.solve_triangular(self.outer, self._table(self.points, new), upper=False)
        spread = torch.linalg.solve_triangular(self.roots, a.expand(self.n_outputs, -1, -1), upper=False)
        spare = self.kernel.diagonal(self.logs.exp(), new) - a.square().sum(0)
        return a.T @ self.mean.T, torch.diag_embed((spare + spread.square().sum(1)).T.clamp(min=0))
