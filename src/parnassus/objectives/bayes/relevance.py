"""Relevance vector machines: a few of the training rows, with a kernel around each, and weights with a distribution."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, one_hot

from ...errors import DataError, DataWarning
from ...functional.bayes.kernel_sums import FUNCTIONS
from ...functional.bayes.points import normal_points
from ...functional.bayes.relevance import (
    LEAST_NOISE,
    RelevanceVectors,
    relevance_classification,
    relevance_regression,
)
from ...functional.bayes.sparse import expected_sigmoid
from ...functional.probability import LOG_2PI
from ...train.phase import Batch
from .predictive import Moments, Solved, SolvedClasses, SolvedNumbers

MOST_ROWS = 3_000
COMPARED = 250  # rows on which scales are compared
FOLDS = 5
STEPS = (4, 2, 0, -2, -4)  # scales are compared at the median distance of rows times 2^(step / 2), and beside the best
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
        """The scale by which held-out rows are likeliest, unless it is given; x (n, d), y (n, outputs).

        The evidence cannot choose it: it grows without end as kernels get so narrow that each row has one of its own.
        """
        if self.given is not None or self.kernel == "linear":
            return self.given or 1.0
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:COMPARED].to(x.device)
        x, y, weight = x[order], y[order], weight[order]
        apart = torch.pdist(x)
        middle = float(apart[apart > 0].median()) if bool((apart > 0).any()) else 1.0
        if len(x) < FOLDS:
            return middle
        values: dict[int, float] = {}
        for steps in (STEPS, (1, -1)):
            best = max(values, key=lambda step: values[step], default=0)
            values |= {step + best: self.held_out(x, y, weight, middle * 2 ** ((step + best) / 2)) for step in steps}
        return middle * 2 ** (max(values, key=lambda step: values[step]) / 2)

    def held_out(self, x: Tensor, y: Tensor, weight: Tensor, scale: float) -> float:
        """The log density of every fold's answers by a model of the other folds, summed.

        Rows of a class are dealt out evenly. An output that does not vary in the rows left is passed over.
        """
        basis, total = self.basis(x, x, scale), 0.0
        for column in y.T:
            fold = torch.empty(len(x), dtype=torch.int64, device=x.device)
            fold[column.argsort(stable=True)] = torch.arange(len(x), device=x.device) % FOLDS
            for out in (fold == i for i in range(FOLDS)):
                left = (~out).nonzero()[:, 0]
                places = torch.cat([left, left.new_tensor([len(x)])])
                try:
                    found = self.search(basis[left][:, places], column[left], weight=weight[left])
                except DataError:
                    continue
                new = basis[out][:, places[found.kept]]
                variance = ((new @ found.covariance) * new).sum(1).clamp(min=0)
                total += float(weight[out] @ self.log_density(column[out], new @ found.mean, variance, found.noise))
        return total

    def log_density(self, y: Tensor, mean: Tensor, variance: Tensor, noise: float) -> Tensor:
        """What answers y (n,) have where the sums of kernels are N(mean (n,), variance (n,))."""
        raise NotImplementedError

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
        floors = (LEAST_NOISE * (weight @ y.square()) / weight.sum()).tolist()
        floored = any(0 < one.noise < 1.01 * floor for one, floor in zip(found, floors, strict=True))
        self._warn_of_certainty(len(x), max(int((f.kept < len(x)).sum()) for f in found), floored)

    def _warn_of_certainty(self, n: int, kept: int, floored: bool) -> None:
        """A word where the model repeats its rows, or says that answers hold no noise."""
        if 2 * kept > n:
            what = f"kept {kept} of {n} rows, so that it repeats them and is far too sure of rows beside them"
        elif floored:
            what = "found no noise: either the answers hold none, or it follows each row and is far too sure of others"
        else:
            return
        wider = "" if self.kernel == "linear" else f" take a larger scale than {float(self.scale):.3g},"
        warnings.warn(
            f"{self.called} {what}; judge it on rows held out,{wider} give more rows, or take 'gaussian_process'",
            DataWarning,
            stacklevel=2,
        )

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

    def log_density(self, y: Tensor, mean: Tensor, variance: Tensor, noise: float) -> Tensor:
        spread = variance + noise
        return -0.5 * ((y - mean).square() / spread + spread.log() + LOG_2PI)

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

    def log_density(self, y: Tensor, mean: Tensor, variance: Tensor, noise: float) -> Tensor:
        return expected_sigmoid((2 * y - 1) * mean, variance).clamp(min=1e-12).log()

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
