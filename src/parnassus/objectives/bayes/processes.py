"""Gaussian processes that learn their kernel's settings by the evidence: regression and classes."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ...functional.bayes.kernel_sums import KernelSum
from ...functional.bayes.laplace_process import (
    binary_factor,
    binary_mode,
    binary_scores,
    learn_classes,
    softmax_mode,
    softmax_parts,
    softmax_scores,
)
from ...functional.bayes.process_evidence import learn_process, process_evidence, repeated_rows
from ...functional.bayes.processes import process_factor
from ...train.phase import Batch
from .predictive import Moments, SolvedClasses, SolvedNumbers

MOST_ROWS = 5_000
MOST_CLASSIFIED = 3_000
MOST_NUMBERS = 50_000_000  # in the tables of all classes
REMEDY = "take some of them, or n_inducing=100, which learns points that stand for all rows"
BLOCK = 512  # new rows whose covariance with the training rows is held at once


class ProcessRegression(SolvedNumbers):
    """A Gaussian process for each column of y, all with one kernel and one noise, those of the largest evidence.

    The evidence is that of the standardised numbers; `settings` says what was learned, in standardised units too.

    Systems: gaussian-process
    Source: Rasmussen and Williams 2006, algorithm 2.1 and section 5.4.1.
    """

    called = "a Gaussian process"
    most_rows = MOST_ROWS
    remedy = REMEDY

    x: Tensor
    spread: Tensor
    coefficients: Tensor
    logs: Tensor
    factor: Tensor

    def __init__(self, in_features: int, n_outputs: int, *, kernel: str, ard: bool, n_restarts: int) -> None:
        super().__init__(n_outputs)
        self.kernel, self.n_restarts = KernelSum(kernel, in_features, ard=ard), n_restarts
        of_none: dict[str, Any] = {"dtype": torch.float64}
        self.register_buffer("x", torch.zeros(0, in_features, **of_none))
        self.register_buffer("spread", torch.zeros(0, **of_none))  # each row's noise variance
        self.register_buffer("coefficients", torch.zeros(0, n_outputs, **of_none))
        self.register_buffer("logs", torch.cat([self.kernel.start, torch.zeros(1, **of_none)]))
        self.register_buffer("factor", torch.zeros(0, 0, **of_none), persistent=False)  # made of the rest when needed

    @property
    def settings(self) -> dict[str, float]:
        """The kernel's settings and the noise variance, of standardised columns and numbers."""
        names = [setting.name for setting in self.kernel.settings] + ["noise"]
        return dict(zip(names, self.logs.exp().tolist(), strict=True))

    def solve(self, x: Tensor, y: Tensor, weight: Tensor) -> None:
        logs, value = learn_process(x, y, kernel=self.kernel, weight=weight, n_restarts=self.n_restarts)
        self.logs.copy_(logs)
        self.log_evidence.fill_(value)
        self.x, self.spread = x, repeated_rows(self.logs[-1].exp(), weight)[0]
        found = process_evidence(self._table(x, x), y, noise=self.spread)
        self.coefficients, self.factor = found.weights, found.factor

    def _table(self, a: Tensor, b: Tensor) -> Tensor:
        return self.kernel(self.logs[:-1].exp(), a, b)

    def _held(self) -> Tensor:
        if len(self.factor) != len(self.x):
            self.factor = process_factor(self._table(self.x, self.x) + self.spread.diag())
        return self.factor

    def outputs(self, batch: Batch) -> Tensor:
        """The means (rows, outputs)."""
        return torch.cat([self._table(new, self.x) @ self.coefficients for new in batch["x"].double().split(BLOCK)])

    def moments(self, batch: Batch) -> Moments:
        means, variances = [], []
        for new in batch["x"].double().split(BLOCK):
            across = self._table(self.x, new)
            half = torch.linalg.solve_triangular(self._held(), across, upper=False)
            means.append(across.T @ self.coefficients)
            variances.append(self.kernel.diagonal(self.logs[:-1].exp(), new) - half.square().sum(0))
        mean = torch.cat(means)
        variance = torch.cat(variances).clamp(min=0)[:, None].expand_as(mean)
        return Moments(mean, variance, self.logs[-1].exp().expand_as(mean))


class ProcessClassification(SolvedClasses):
    """Gaussian processes of scores by Laplace's approximation: log-odds of two classes, or a score a class.

    Probabilities are means over the scores' distribution, so that they go to the shares of nothing known away from the
    data. `settings` says what the evidence chose, of standardised columns.

    Systems: gaussian-process
    Source: Rasmussen and Williams 2006, sections 3.4 and 3.5.
    """

    called = "a Gaussian process of classes"
    remedy = REMEDY

    x: Tensor
    counts: Tensor
    pull: Tensor
    p: Tensor
    logs: Tensor
    blocks: Tensor
    joint: Tensor

    def __init__(self, in_features: int, n_outputs: int, *, kernel: str, ard: bool, n_restarts: int) -> None:
        super().__init__(n_outputs)
        self.kernel, self.n_restarts = KernelSum(kernel, in_features, ard=ard), n_restarts
        self.most_rows = min(MOST_CLASSIFIED, math.isqrt(MOST_NUMBERS // n_outputs))
        of_none: dict[str, Any] = {"dtype": torch.float64}
        self.register_buffer("x", torch.zeros(0, in_features, **of_none))
        self.register_buffer("counts", torch.zeros(0, **of_none))  # how often each row counts
        self.register_buffer("pull", torch.zeros(0, n_outputs, **of_none))
        self.register_buffer("p", torch.zeros(0, n_outputs, **of_none))
        self.register_buffer("logs", self.kernel.start.clone())
        # made of the rest when needed: E of each class (two: the factor alone), and the factor of their sum
        self.register_buffer("blocks", torch.zeros(n_outputs, 0, 0, **of_none), persistent=False)
        self.register_buffer("joint", torch.zeros(0, 0, **of_none), persistent=False)

    @property
    def settings(self) -> dict[str, float]:
        """The kernel's settings, of standardised columns."""
        return dict(zip((s.name for s in self.kernel.settings), self.logs.exp().tolist(), strict=True))

    def solve(self, x: Tensor, y: Tensor, weight: Tensor) -> None:
        y = y if self.n_outputs == 1 else one_hot(y.long(), self.n_outputs).double()
        logs, value = learn_classes(x, y, kernel=self.kernel, weight=weight, n_restarts=self.n_restarts)
        self.logs.copy_(logs)
        self.log_evidence.fill_(value)
        self.x, self.counts = x, weight
        found = (binary_mode if self.n_outputs == 1 else softmax_mode)(self._table(x, x), y, weight=weight)
        self.pull, self.p = found.pull, found.p
        self.blocks, self.joint = x.new_zeros(self.n_outputs, 0, 0), x.new_zeros(0, 0)

    def _table(self, a: Tensor, b: Tensor) -> Tensor:
        return self.kernel(self.logs.exp(), a, b)

    def _held(self) -> tuple[Tensor, Tensor]:
        if self.blocks.shape[1] != len(self.x):
            table = self._table(self.x, self.x)
            if self.n_outputs == 1:
                self.blocks = binary_factor(table, self._root())[None]
            else:
                parts = softmax_parts(table, self.p, weight=self.counts)
                self.blocks, self.joint = parts.blocks, parts.whole
        return self.blocks, self.joint

    def _root(self) -> Tensor:
        return (self.counts * self.p[:, 0] * (1 - self.p[:, 0])).sqrt()

    def scores(self, x: Tensor) -> tuple[Tensor, Tensor]:
        blocks, joint = self._held()
        means, covariances = [], []
        for new in x.double().split(BLOCK):
            across, prior = self._table(self.x, new), self.kernel.diagonal(self.logs.exp(), new)
            if self.n_outputs == 1:
                pull, root = self.pull[:, 0], self._root()
                mean, variance = binary_scores(across, prior, pull=pull, root=root, factor=blocks[0])
                means.append(mean[:, None])
                covariances.append(variance[:, None, None])
            else:
                mean, covariance = softmax_scores(across, prior, pull=self.pull, blocks=blocks, whole=joint)
                means.append(mean)
                covariances.append(covariance)
        return torch.cat(means), torch.cat(covariances)
