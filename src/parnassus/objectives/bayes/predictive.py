"""Models of all training rows at once, whose predictive distribution can be written down."""

import math
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...errors import DataError, DataWarning
from ...functional.bayes.points import normal_points
from ...functional.bayes.sparse import expected_sigmoid
from ...functional.probability import LOG_2PI, cholesky
from ...train.phase import Batch, Objective, Phase
from ..probabilistic.generative import class_numbers, measured

BLOCK = 512  # rows whose probabilities are averaged at once
FEW_ROWS = 10  # beyond the columns: with fewer, intervals of 95% were seen to hold as little as 17% of new answers


class Moments(NamedTuple):
    """Of each row's numbers, standardised as y is, (rows, outputs): mean, variance left open, variance of the noise."""

    mean: Tensor
    variance: Tensor
    noise: Tensor


class Solved(Objective):
    """A model that is solved for once, from all rows together, in float64; rows that weigh nothing are left out.

    A subclass solves in `solve`, says the most rows that it takes in `most_rows`, and its name in `called`.
    """

    full_batch = True
    epochs = 1
    called = ""
    most_rows: int | None = None
    remedy = "take some of the rows"

    def __init__(self, n_outputs: int) -> None:
        super().__init__()
        self.n_outputs = n_outputs
        self._seen: list[tuple[Tensor, Tensor, Tensor]] = []
        self.register_buffer("log_evidence", torch.tensor(-math.inf, dtype=torch.float64))

    log_evidence: Tensor

    def solve(self, x: Tensor, y: Tensor, weight: Tensor) -> None:
        """Make the model of rows x (n, d), answers y as the target encodes them, weights (n,), all float64."""
        raise NotImplementedError

    def weigh_up(self, n_rows: int, n_columns: int) -> None:
        """Refuse rows that are too few for this model, or warn of them."""

    def checked(self, y: Tensor) -> Tensor:
        """Answers as `solve` takes them; what this model is not for is refused."""
        return y

    def phases(self) -> Sequence[Phase]:
        return [Phase("solve", self.keep, after=self.finish)]

    def keep(self, batch: Batch) -> Tensor:
        """The loss of the model so far; keeps the rows."""
        x, y = batch["x"].double(), self.checked(batch["y"])
        weight = batch["weight"].double() if "weight" in batch else torch.ones_like(x[:, 0])
        self._seen.append((x, y.double(), weight))
        n = max(self.n_training, sum(len(part[0]) for part in self._seen))
        if self.most_rows is not None and n > self.most_rows:
            self._seen = []
            raise DataError(
                f"{self.called} takes {self.most_rows:,} rows at most, as its work grows with their cube and its "
                f"memory with their square, and there are {n:,}; {self.remedy}"
            )
        return self.evaluate(batch)["loss"]

    def finish(self) -> None:
        """Solve, and forget the rows."""
        x, y, weight = (torch.cat(parts) for parts in zip(*self._seen, strict=True))
        self._seen = []
        counted = weight > 0
        self.weigh_up(int(counted.sum()), x.shape[1])
        self.solve(x[counted], y[counted], weight[counted])

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take on as many rows as there were; what is made of them is made anew."""
        for name, own in self.named_buffers(recurse=False):
            held = state.get(prefix + name)
            if name in self._non_persistent_buffers_set:
                setattr(self, name, own.new_zeros(*own.shape[:-2], 0, 0))
            elif held is not None and held.shape != own.shape:
                setattr(self, name, torch.empty_like(held, device=own.device))
        super()._load_from_state_dict(state, prefix, *rest)


class SolvedNumbers(Solved):
    """Of numbers: a normal distribution for each."""

    probabilistic = False

    def weigh_up(self, n_rows: int, n_columns: int) -> None:
        if n_rows < 2:
            raise DataError(
                f"{self.called} needs 2 rows or more that weigh anything, to tell noise from a law, and there are "
                f"{n_rows}; give more rows (intervals begin to hold from about {FEW_ROWS + n_columns})"
            )
        if n_rows < FEW_ROWS + n_columns:
            warnings.warn(
                f"{self.called} has {n_rows} rows of {n_columns} columns: its noise is a guess, and intervals may be "
                f"far too narrow; give {FEW_ROWS + n_columns} rows or more, or fewer columns",
                DataWarning,
                stacklevel=2,
            )

    def moments(self, batch: Batch) -> Moments:
        """What a batch's numbers are expected to be."""
        raise NotImplementedError

    def outputs(self, batch: Batch) -> Tensor:
        return self.moments(batch).mean

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        """Minus the mean log density of the rows' numbers, and their squared error."""
        found, weight = self.moments(batch), batch.get("weight")
        squares = (batch["y"].double() - found.mean).square()
        variance = found.variance + found.noise
        losses = 0.5 * (squares / variance + variance.log() + LOG_2PI).sum(1)
        share = torch.full_like(losses, 1 / len(losses)) if weight is None else (weight / weight.sum()).to(losses)
        return {"loss": share @ losses, "squared_error": share @ squares.mean(1)}


class SolvedClasses(Solved):
    """Of classes: a normal distribution of the scores, over which probabilities are averaged."""

    def checked(self, y: Tensor) -> Tensor:
        return class_numbers(y, self.n_outputs)

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return 2 if self.n_outputs == 1 else self.n_outputs

    def scores(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (rows, outputs) and covariance (rows, outputs, outputs) of the scores of rows x (rows, columns)."""
        raise NotImplementedError

    def draws(self, batch: Batch) -> Tensor:
        """Scores that stand for their distribution, all alike: (points, rows, outputs)."""
        mean, covariance = self.scores(batch["x"])
        size = 1 + covariance.diagonal(dim1=1, dim2=2).amax(1)
        covariance = covariance + 1e-9 * torch.diag_embed(size[:, None].expand_as(mean))
        return mean + torch.einsum("rij,pj->pri", cholesky(covariance), normal_points(self.n_outputs).to(mean))

    def outputs(self, batch: Batch) -> Tensor:
        """The logarithms of mean probabilities, or of two classes their log-odds; 0 before there is a model."""
        if not bool(self.log_evidence.isfinite()):
            return self.log_evidence.new_zeros(len(batch["x"]), self.n_outputs)
        if self.n_outputs > 1:
            each = [self.draws({"x": x}).log_softmax(-1).logsumexp(0) for x in batch["x"].split(BLOCK)]
            return torch.cat(each) - math.log(len(normal_points(self.n_outputs)))
        mean, variance = self.scores(batch["x"])
        yes, no = (expected_sigmoid(sign * mean, variance[:, :, 0]).log() for sign in (1, -1))
        return yes - no

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        said = self.outputs(batch)
        log_p = torch.nn.functional.logsigmoid(torch.cat([-said, said], 1)) if self.n_outputs == 1 else said
        return measured(log_p, batch, self.n_outputs)
