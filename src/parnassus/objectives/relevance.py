"""Relevance vector machines: a few of the training rows, with a kernel around each, and weights with a distribution."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, one_hot

from ..functional.bayes.kernel_sums import FUNCTIONS
from ..functional.bayes.relevance import RelevanceVectors, relevance_classification, relevance_regression
from ..train.phase import Batch
from .predictive import Moments, Solved, SolvedClasses, SolvedNumbers, normal_points

MOST_ROWS = 3_000
COMPARED = 400  # rows on which scales are compared
STEPS = range(-8, 4)  # scales are compared at sqrt(columns) times 2^(step / 2)
Search = Callable[..., RelevanceVectors]


class _Vectors(Solved):
    """What both machines keep: vectors (v, d), and of every output the weights (v + 1,) and their covariance."""

    called = "a relevance vector machine"
    most_rows = MOST_ROWS
    remedy = "take some of them"
    search: Search

    vectors: Tensor
    scale: Tensor
    w: Tensor
    covariances: Tensor
    noise: Tensor

    def __init__(self, in_features: int, n_outputs: int, *, kernel: str, scale: float | None) -> None:
        super().__init__(n_outputs)
        self.kernel, self.given = kernel, scale
        of: dict[str, Any] = {"dtype": torch.float64}
        self.register_buffer("vectors", torch.zeros(0, in_features, **of))
        self.register_buffer("scale", torch.ones((), **of))
        self.register_buffer("w", torch.zeros(1, n_outputs, **of))
        self.register_buffer("covariances", torch.zeros(n_outputs, 1, 1, **of))
        self.register_buffer("noise", torch.ones(n_outputs, **of))

    @property
    def n_vectors(self) -> int:
        """How many training rows are kept."""
        return len(self.vectors)

    @property
    def settings(self) -> dict[str, float]:
        """The kernel's scale, of standardised columns, and how many training rows are kept."""
        return {"scale": float(self.scale), "vectors": self.n_vectors}

    def basis(self, x: Tensor, vectors: Tensor, scale: float) -> Tensor:
        """Kernels of rows x (n, d) around the vectors, and a column of ones: (n, v + 1)."""
        settings = {} if self.kernel == "linear" else {"scale": scale}
        return torch.cat([FUNCTIONS[self.kernel](x, vectors, **settings), torch.ones_like(x[:, :1])], 1)

    def found(self, x: Tensor, y: Tensor, weight: Tensor, scale: float) -> list[RelevanceVectors]:
        """The vectors of every output, of columns y (n, outputs)."""
        basis = self.basis(x, x, scale)
        return [self.search(basis, column, weight=weight) for column in y.T]

    def best_scale(self, x: Tensor, y: Tensor, weight: Tensor) -> float:
        """The scale of the largest evidence, unless it is given."""
        if self.given is not None or self.kernel == "linear":
            return self.given or 1.0
        some = torch.arange(len(x))
        if len(x) > COMPARED:
            some = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:COMPARED]
        some = some.to(x.device)
        scales = [math.sqrt(x.shape[1]) * 2 ** (step / 2) for step in STEPS]
        values = [sum(f.log_evidence for f in self.found(x[some], y[some], weight[some], s)) for s in scales]
        return scales[values.index(max(values))]

    def solve_columns(self, x: Tensor, y: Tensor, weight: Tensor) -> None:
        """Keep what the search finds for columns y (n, outputs)."""
        self.scale.fill_(self.best_scale(x, y, weight))
        found = self.found(x, y, weight, float(self.scale))
        used = torch.cat([f.kept for f in found]).unique()
        rows = used[used < len(x)]
        places = torch.full((len(x) + 1,), -1, device=x.device)
        places[rows] = torch.arange(len(rows), device=x.device)
        places[-1] = len(rows)
        self.vectors = x[rows]
        self.w = x.new_zeros(len(rows) + 1, self.n_outputs)
        self.covariances = x.new_zeros(self.n_outputs, len(rows) + 1, len(rows) + 1)
        for i, one in enumerate(found):
            at = places[one.kept]
            self.w[at, i] = one.mean
            self.covariances[i, at[:, None], at] = one.covariance
            self.noise[i] = one.noise
        self.log_evidence.fill_(sum(f.log_evidence for f in found))

    def said(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance (rows, outputs) of the sums of kernels at rows x."""
        basis = self.basis(x.double(), self.vectors, float(self.scale))
        variance = torch.stack([((basis @ c) * basis).sum(1) for c in self.covariances], 1)
        return basis @ self.w, variance.clamp(min=0)


class RelevanceRegression(_Vectors, SolvedNumbers):
    """A sum of kernels around a few training rows, chosen by the evidence; several columns of y have their own.

    Source: Tipping 2001; Tipping and Faul 2003.
    """

    search = staticmethod(relevance_regression)

    def solve(self, x: Tensor, y: Tensor, weight: Tensor) -> None:
        self.solve_columns(x, y, weight)

    def moments(self, batch: Batch) -> Moments:
        mean, variance = self.said(batch["x"])
        return Moments(mean, variance, self.noise.expand_as(mean))


class RelevanceClassification(_Vectors, SolvedClasses):
    """Log-odds as sums of kernels around a few training rows; of several classes each is told from the rest.

    Source: Tipping 2001, section 3; Tipping and Faul 2003, section 4.
    """

    search = staticmethod(relevance_classification)

    def solve(self, x: Tensor, y: Tensor, weight: Tensor) -> None:
        columns = y[:, None] if self.n_outputs == 1 else one_hot(y.long(), self.n_outputs).double()
        self.solve_columns(x, columns, weight)

    def scores(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, variance = self.said(x)
        return mean, torch.diag_embed(variance)

    def draws(self, batch: Batch) -> Tensor:
        """Scores of two classes; of several the logarithms of their sigmoids, as shares of the sum."""
        if self.n_outputs == 1:
            return super().draws(batch)
        mean, variance = self.said(batch["x"])
        drawn = mean + variance.sqrt() * normal_points(self.n_outputs).to(mean)[:, None]
        return logsigmoid(drawn).log_softmax(-1)
