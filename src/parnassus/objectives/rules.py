"""Learning without gradients: the perceptron's rule, Widrow and Hoff's, and least squares in one solve."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from ..functional.linear import as_signs, solve_moments
from ..functional.online import PerceptronState, lms, perceptron_labels, perceptron_signs
from ..train.phase import Batch, Objective, Phase

NEARLY = 1e-9  # below 0 by so much, a perceptron's no stays a no where a probability of one half is a yes
Targets = Callable[[Tensor], Tensor]


def as_given(y: Tensor) -> Tensor:
    """y itself: the targets of a regression."""
    return y


class Perceptron(Objective):
    """Planes that move at mistakes only, row by row in the order that training shows them.

    With one output the sign of w.x + b says the class; several labels are as many perceptrons. Classes 0 to K - 1 are
    learnt by Kesler's rule (the wrong winner loses x, the right class gains it) or `one_vs_rest` (K perceptrons, the
    highest score wins). A variant predicts with the last weights (`plain`), with their mean over all rows (`averaged`)
    or with those of the longest run of right answers (`pocket`): only the plain one wants separable classes. The loss
    is the rate of mistakes.

    Systems: perceptron, one-vs-rest
    Source: Rosenblatt 1958; Freund and Schapire 1999; Gallant 1990; Martinez-Ramon 1.2.1, Jaiswal J1 and J3, Keras
    course K4.
    """

    probabilistic = False

    def __init__(
        self,
        in_features: int,
        n_outputs: int,
        *,
        variant: Literal["plain", "averaged", "pocket"] = "plain",
        multiclass: Literal["kesler", "one_vs_rest"] = "kesler",
    ) -> None:
        super().__init__()
        self.variant, self.multiclass = variant, multiclass
        self.register_buffer("w", torch.zeros(n_outputs, in_features + 1))
        self.register_buffer("memory", torch.zeros(n_outputs, in_features + 1, dtype=torch.float64))
        self.register_buffer("clock", torch.zeros(n_outputs, 3, dtype=torch.float64))

    w: Tensor
    memory: Tensor
    clock: Tensor

    def phases(self) -> Sequence[Phase]:
        return [Phase("rule", self.correct)]

    def correct(self, batch: Batch) -> Tensor:
        """The (weighted) rate of mistakes in one pass over the rows, each judged before its own correction."""
        x, y, weight = batch["x"], batch["y"], batch.get("weight")
        if self.multiclass == "kesler" and not y.is_floating_point():
            mistakes = perceptron_labels(x, y, self._state(), weight=weight)
        else:
            signs = as_signs(y, n_outputs=len(self.w)).T
            mistakes = sum(perceptron_signs(x, s, self._state(k), weight=weight) for k, s in enumerate(signs))
            mistakes /= len(signs)
        return torch.as_tensor(mistakes / self.weight(batch), dtype=self.w.dtype, device=x.device)

    def outputs(self, batch: Batch) -> Tensor:
        """Scores (n, n_outputs): positive for yes, or highest for the class; 0 is a no, as the rule learnt it."""
        scores = _affine(batch["x"], self._state().read())
        return scores.where(scores != 0, -NEARLY)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        accuracy = _accuracy(self.outputs(batch), batch)
        return {"loss": 1 - accuracy, "accuracy": accuracy}

    def _state(self, k: int | None = None) -> PerceptronState:
        """All planes, which then learn together by the first clock, or the k-th alone; every clock counts all rows."""
        own = slice(None) if k is None else slice(k, k + 1)
        return PerceptronState(self.w[own], self.memory[own], self.clock[k or 0], variant=self.variant)


class LeastMeanSquares(Objective):
    """Linear units that every row moves against its own squared error: w -= lr (w.x + b - t) x.

    `targets` turns y into the numbers t: y itself for a regression, +1 and -1 for Adaline, whose answer is the sign.
    Without `lr` it is 0.02 / mean(|x|^2 + 1) over the first rows, which settles about 1 % above the least error; or
    0.5 / max(|x|^2 + 1) where a row is far longer than most: at 2 / (|x|^2 + 1) a row throws the weights as far past
    its target as they were short of it.

    Systems: lms-delta-rule, adaline
    Source: Widrow and Hoff 1960; Martinez-Ramon 1.2.4 and 2.5, Jaiswal J18.
    """

    probabilistic = False

    def __init__(
        self, in_features: int, n_outputs: int, *, lr: float | None = None, targets: Targets = as_given
    ) -> None:
        super().__init__()
        self.targets, self.chosen_lr = targets, lr
        self.register_buffer("w", torch.zeros(n_outputs, in_features + 1))
        self.register_buffer("lr", torch.tensor(float(lr or 0.0)))

    w: Tensor
    lr: Tensor

    def begin(self, batch: Batch) -> None:
        if self.chosen_lr is None:
            size = batch["x"].square().sum(1) + 1
            self.lr.copy_(torch.minimum(0.02 / size.mean(), 0.5 / size.amax()))

    def phases(self) -> Sequence[Phase]:
        return [Phase("rule", self.correct)]

    def correct(self, batch: Batch) -> Tensor:
        """The mean squared error in one pass over the rows, each measured before its own correction."""
        errors = lms(batch["x"], self.targets(batch["y"]), self.w, lr=float(self.lr), weight=batch.get("weight"))
        mean = errors / (self.weight(batch) * len(self.w))
        return torch.as_tensor(mean, dtype=self.w.dtype, device=self.w.device)

    def outputs(self, batch: Batch) -> Tensor:
        """The units' values (n, n_outputs)."""
        return _affine(batch["x"], self.w)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        return _squared_error(self.outputs(batch), self.targets(batch["y"]), batch)


class LeastSquares(Objective):
    """The weights that minimise sum |w.x + b - t|^2 + l2 |w|^2, solved once from sums over all rows; the bias is free.

    Sums of products are taken in float64 about the first rows' mean, a block of rows at a time, and added up over the
    batches that the rows are cut into, so what they need does not grow with them. One epoch is enough; the loss of a
    step is that before its solve. `targets` turns y into the numbers t: +1 and -1 make it the linear MMSE classifier.

    Systems: linear-regression, ridge-regression, linear-mmse-classifier
    Source: Hifny A4.3 and A14.5, Martinez-Ramon 2.2 and 3.5.5, Jaiswal J8 and J43.
    """

    full_batch = True
    epochs = 1
    block = 8192

    probabilistic = False

    def __init__(self, in_features: int, n_outputs: int, *, l2: float = 0.0, targets: Targets = as_given) -> None:
        super().__init__()
        self.l2, self.targets = l2, targets
        self.register_buffer("w", torch.zeros(n_outputs, in_features + 1))
        self.register_buffer("shift", torch.zeros(in_features, dtype=torch.float64))
        self._sums: list[Tensor] | None = None

    w: Tensor
    shift: Tensor

    def inputs(self, batch: Batch) -> Tensor:
        """What the weights are of (n, in_features)."""
        return batch["x"]

    def begin(self, batch: Batch) -> None:
        self.shift.copy_(self.inputs(batch).double().mean(0))

    def phases(self) -> Sequence[Phase]:
        return [Phase("solve", self.add, after=self.solve)]

    def add(self, batch: Batch) -> Tensor:
        """The mean squared error of the weights so far; adds the rows' products to the sums."""
        given, targets = self.inputs(batch), self.targets(batch["y"])
        weight = batch["weight"] if "weight" in batch else given.new_ones(len(given))
        for x, t, share in zip(*(part.split(self.block) for part in (given, targets, weight)), strict=True):
            self._add(x.double() - self.shift, t.double(), share.double())
        return _squared_error(_affine(given, self.w), targets, batch)["loss"]

    def _add(self, x: Tensor, t: Tensor, share: Tensor) -> None:
        weighted = share[:, None] * x
        parts = [share.sum(), share @ x, share @ t, weighted.T @ x, weighted.T @ t]
        self._sums = parts if self._sums is None else [a + b for a, b in zip(self._sums, parts, strict=True)]

    def solve(self) -> None:
        """Put the solution into the weights and forget the sums."""
        assert self._sums is not None
        n, x, t, xx, xt = self._sums
        self._sums = None
        x_mean, t_mean = x / n, t / n
        w = solve_moments(xx - n * x_mean[:, None] * x_mean, xt - n * x_mean[:, None] * t_mean, l2=self.l2)
        self.w[:, :-1] = w.T
        self.w[:, -1] = t_mean - (x_mean + self.shift) @ w

    def outputs(self, batch: Batch) -> Tensor:
        """The fitted numbers (n, n_outputs)."""
        return _affine(self.inputs(batch), self.w)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        return _squared_error(self.outputs(batch), self.targets(batch["y"]), batch)


def _affine(x: Tensor, w: Tensor) -> Tensor:
    return torch.addmm(w[:, -1], x.to(w.dtype), w[:, :-1].T)


def _accuracy(outputs: Tensor, batch: Batch) -> Tensor:
    y = batch["y"]
    if y.is_floating_point():
        return _mean(((outputs > 0) == (y > 0.5)).to(outputs.dtype).mean(1), batch)
    return _mean((outputs.argmax(1) == y).to(outputs.dtype), batch)


def _squared_error(outputs: Tensor, targets: Tensor, batch: Batch) -> dict[str, Tensor]:
    measured = {"loss": _mean((outputs - targets).square().mean(1), batch)}
    if targets is not batch["y"]:  # signs: a classifier
        measured["accuracy"] = _accuracy(outputs, batch)
    return measured


def _mean(values: Tensor, batch: Batch) -> Tensor:
    weight = batch.get("weight")
    return values.mean() if weight is None else (values * weight).sum() / weight.sum()
