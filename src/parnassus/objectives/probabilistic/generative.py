"""Classifiers by Bayes' rule: sums over each class's rows, one solve, and ln P(class) + ln p(x given class)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ...errors import DataError, SettingError
from ...functional.probability import log_posterior
from ...train.phase import Batch, Objective, Phase

BLOCK = 4096


def class_numbers(y: Tensor, n_outputs: int) -> Tensor:
    """The class of each row (n,), from class numbers or from 0 and 1 in one column; sets of labels are refused."""
    if not y.is_floating_point():
        return y
    if n_outputs > 1:
        raise SettingError(
            "a model of each class's rows wants one class a row, and y holds sets of labels; fit one such model a "
            "label, or choose 'logistic' or 'mlp'"
        )
    return (y[:, 0] > 0.5).long()


def class_shares(batch: Batch, n_classes: int) -> Tensor:
    """How much each row counts for each class (n, classes), float64: its weight in its own class's column."""
    classes = class_numbers(batch["y"], 1 if n_classes == 2 and batch["y"].ndim == 2 else n_classes)
    share = torch.nn.functional.one_hot(classes, n_classes).double()
    return share * batch["weight"].double()[:, None] if "weight" in batch else share


def class_scores(log_joint: Tensor, n_outputs: int) -> Tensor:
    """What a target decodes (n, n_outputs): ln posteriors, or for two classes in one output their log-odds."""
    return log_joint[:, 1:] - log_joint[:, :1] if n_outputs == 1 else log_posterior(log_joint)


def measured(log_joint: Tensor, batch: Batch, n_outputs: int) -> dict[str, Tensor]:
    """Cross-entropy of the posteriors and accuracy, means over the (weighted) rows."""
    classes, weight = class_numbers(batch["y"], n_outputs), batch.get("weight")
    losses = -log_posterior(log_joint).gather(1, classes[:, None])[:, 0]
    right = (log_joint.argmax(1) == classes).to(losses.dtype)
    if weight is None:
        return {"loss": losses.mean(), "accuracy": right.mean()}
    total = weight.sum()
    return {"loss": (losses * weight).sum() / total, "accuracy": (right * weight).sum() / total}


class ClassConditional(Objective):
    """A density of each class, learned in one pass, with Bayes' rule on top; all in float64.

    A subclass adds up what it needs of a block of rows (`gather`) and makes the model of the sums (`solve`).
    Classes that training shows no row of have the log-prior of none. Rows are taken about the first rows' mean where
    the subclass says `centered`, so that squares lose no digits.
    """

    full_batch = True
    epochs = 1
    centered = True

    def __init__(self, in_features: int, n_outputs: int) -> None:
        super().__init__()
        self.n_outputs, self.n_classes = n_outputs, 2 if n_outputs == 1 else n_outputs
        prior = torch.full((self.n_classes,), 1 / self.n_classes, dtype=torch.float64)
        self.register_buffer("log_prior", prior.log())
        self.register_buffer("shift", torch.zeros(in_features, dtype=torch.float64))
        self._sums: list[Tensor] | None = None

    log_prior: Tensor
    shift: Tensor

    def gather(self, x: Tensor, share: Tensor) -> list[Tensor]:
        """Sums over a block of rows x (n, d) float64; share (n, classes)."""
        raise NotImplementedError

    def solve(self, counts: Tensor, sums: list[Tensor]) -> None:
        """Make the model; counts (classes,) are the rows' weights."""
        raise NotImplementedError

    def log_likelihood(self, x: Tensor) -> Tensor:
        """ln p(x given class) (n, classes), of rows about `shift`."""
        raise NotImplementedError

    @property
    def block(self) -> int:
        """How many rows are worked on at a time."""
        return BLOCK

    # --- the game ---------------------------------------------------------------------------------

    def begin(self, batch: Batch) -> None:
        if self.centered:
            self.shift.copy_(batch["x"].double().mean(0))

    def phases(self) -> Sequence[Phase]:
        return [Phase("solve", self.add, after=self.finish)]

    def add(self, batch: Batch) -> Tensor:
        """The cross-entropy of the model so far; adds the rows to the sums."""
        share = class_shares(batch, self.n_classes)
        for x, own in zip(batch["x"].split(self.block), share.split(self.block), strict=True):
            parts = [own.sum(0), (own > 0).double().sum(0), *self.gather(x.double() - self.shift, own)]
            self._sums = parts if self._sums is None else [a + b for a, b in zip(self._sums, parts, strict=True)]
        return self.evaluate(batch)["loss"]

    def finish(self) -> None:
        """Priors, and the model of the sums, which are then forgotten."""
        assert self._sums is not None
        counts, self.n_rows, *sums = self._sums
        self._sums = None
        self.log_prior.copy_(counts.log() - counts.sum().log())
        self.solve(counts, sums)

    def log_joint(self, batch: Batch) -> Tensor:
        """ln P(class) + ln p(x given class) (n, classes), float64; classes without rows get the lowest number."""
        parts = [self.log_likelihood(x.double() - self.shift) for x in batch["x"].split(self.block)]
        return (torch.cat(parts) + self.log_prior).nan_to_num(nan=-1e300, neginf=-1e300)

    def outputs(self, batch: Batch) -> Tensor:
        return class_scores(self.log_joint(batch), self.n_outputs)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        return measured(self.log_joint(batch), batch, self.n_outputs)

    def need_rows(self, least: int, why: str) -> None:
        """Refuses a class with fewer rows, by its number."""
        few = ((self.n_rows > 0) & (self.n_rows < least)).nonzero()[:, 0].tolist()
        if few:
            raise DataError(
                f"class number {few[0]} has {int(self.n_rows[few[0]])} row, and {why}; give {least} rows or more of "
                f"each class, or leave the class out"
            )
