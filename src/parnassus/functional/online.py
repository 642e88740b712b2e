"""Rules that learn one row after another, in the order given: the perceptron's and Widrow and Hoff's (LMS).

Each rule changes the weights it is given in place: `w` is (n_outputs, in_features + 1), the bias in the last column.
On the CPU a compiled kernel runs over the rows; the `_twin` of each function gives the same weights, up to the
rounding of a dot product, by torch operations alone: blocks of rows, in which a Gram matrix tells how the change at
one row moves the scores of those after it.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .. import kernels
from ..errors import DataError

Mistakes = Callable[[Tensor, Tensor], Tensor]
Changes = Callable[[Tensor, Tensor], list[tuple[int, float]]]

VARIANTS = ("plain", "averaged", "pocket")
BLOCK = 256


class PerceptronState:
    """What a perceptron's rule carries from row to row; `w` is what it learns, `read` what the variant predicts with.

    `memory` is, for `averaged`, the sum of (rows seen before) x (change), so that the mean of the weights over all
    rows is w - memory / rows; for `pocket`, the weights with the longest run of right answers. `clock` holds the rows
    seen, the present run and the longest. Both are float64: float32 would lose the mean in a long run's sum.
    """

    def __init__(self, w: Tensor, memory: Tensor, clock: Tensor, *, variant: str = "plain") -> None:
        for name, tensor in (("memory", memory), ("clock", clock)):
            if tensor.dtype != torch.float64 or not tensor.is_contiguous():
                raise DataError(f"a perceptron's {name} is contiguous and float64, as built; got {tensor.dtype}")
        self.w, self.memory, self.clock, self.variant = w, memory, clock, variant

    @classmethod
    def zeros(
        cls, n_outputs: int, in_features: int, *, variant: str = "plain", dtype: torch.dtype = torch.float32
    ) -> "PerceptronState":
        """All weights 0, nothing seen."""
        w = torch.zeros(n_outputs, in_features + 1, dtype=dtype)
        return cls(w, torch.zeros_like(w, dtype=torch.float64), torch.zeros(3, dtype=torch.float64), variant=variant)

    def read(self) -> Tensor:
        """The weights to predict with: the last ones, their mean over all rows, or the pocket's."""
        if self.variant == "pocket":
            return self.memory.to(self.w.dtype)
        if self.variant == "averaged":
            return (self.w - self.memory / self.clock[0].clamp(min=1)).to(self.w.dtype)
        return self.w


def perceptron_signs(x: Tensor, y: Tensor, state: PerceptronState, *, weight: Tensor | None = None) -> float:
    """The (weighted) number of mistakes of one pass over the rows; changes `state`, whose `w` is (1, in_features + 1).

    y is +1 or -1. A row is a mistake when sign(w.x + b) is not y, where sign(0) = -1; then w += y x and b += y (times
    the row's weight). With labels 0 and 1 and err = y - yhat the changes are the same: w += err x, b += err.

    Systems: perceptron-epochs
    Source: Rosenblatt 1958; Martinez-Ramon 1.2.2, Jaiswal J2, Keras course K9 and K10. Averaged: Freund and Schapire
    1999. Pocket: Gallant 1990, by the longest run of right answers.
    """
    kernel = _kernel(x)
    if kernel is None:
        return perceptron_signs_twin(x, y, state, weight=weight)
    rows = _rows(x, y, weight, state.w, cast=True)
    return kernel.signs(*rows, state.w, state.memory, state.clock, _variant(state))


def perceptron_labels(x: Tensor, y: Tensor, state: PerceptronState, *, weight: Tensor | None = None) -> float:
    """The (weighted) number of mistakes of one pass over the rows; changes `state`, one row of `w` a class.

    y is the class, int64. The class with the highest score (the first of equals) is the answer; a wrong one loses x
    from its weights and the right one gains it: the perceptron rule on Kesler's doubled-up features.

    Source: Duda and Hart 1973 (Kesler's construction); Collins 2002.
    """
    kernel = _kernel(x)
    if kernel is None:
        return perceptron_labels_twin(x, y, state, weight=weight)
    rows = _rows(x, _known(y, state.w), weight, state.w)
    return kernel.labels(*rows, state.w, state.memory, state.clock, _variant(state))


def lms(x: Tensor, y: Tensor, w: Tensor, *, lr: float, weight: Tensor | None = None) -> float:
    """The (weighted) sum of squared errors of one pass, each before its own correction; changes `w`.

    For each row in turn, with f = w.x + b and e = f - y: w -= lr e x and b -= lr e. y is (n, n_outputs). The factor 2
    of the squared error's slope is part of lr. Right or wrong, every row moves the weights; steps stay stable while lr
    is well below 2 / (|x|^2 + 1).

    Systems: lms-delta-rule
    Source: Widrow and Hoff 1960; Martinez-Ramon 1.2.4 eqs. 1.28 and 1.29, Jaiswal J18.
    """
    kernel = _kernel(x)
    if kernel is None:
        return lms_twin(x, y, w, lr=lr, weight=weight)
    return kernel.numbers(*_rows(x, y, weight, w, cast=True), w, lr)


def perceptron_signs_twin(x: Tensor, y: Tensor, state: PerceptronState, *, weight: Tensor | None = None) -> float:
    """What `perceptron_signs` does, one Python step a mistake instead of one a row."""

    def mistakes(scores: Tensor, y: Tensor) -> Tensor:
        return (scores[:, 0] > 0) != (y > 0)

    def changes(scores: Tensor, y: Tensor) -> list[tuple[int, float]]:
        return [(0, float(y))]

    return _perceptron_twin(x, y, state, weight, mistakes, changes)


def perceptron_labels_twin(x: Tensor, y: Tensor, state: PerceptronState, *, weight: Tensor | None = None) -> float:
    """What `perceptron_labels` does, one Python step a mistake instead of one a row."""

    def mistakes(scores: Tensor, y: Tensor) -> Tensor:
        return _first_argmax(scores) != y

    def changes(scores: Tensor, y: Tensor) -> list[tuple[int, float]]:
        return [(int(y), 1.0), (int(_first_argmax(scores[None])), -1.0)]

    return _perceptron_twin(x, _known(y, state.w), state, weight, mistakes, changes)


def lms_twin(x: Tensor, y: Tensor, w: Tensor, *, lr: float, weight: Tensor | None = None) -> float:
    """What `lms` does, without a step a row: a block's errors solve one triangular system.

    In a block with scores s by the weights it starts from, e_k = s_k - y_k - lr sum_{j<k} e_j (x_j . x_k + 1).
    """
    x, y, weight = _rows(x, y, weight, w, cast=True)
    total = 0.0
    for start in range(0, len(x), BLOCK):
        rows = _with_ones(x[start : start + BLOCK])
        share = weight[start : start + BLOCK]
        effect = torch.tril(rows @ rows.T, -1) * (lr * share)
        error = torch.linalg.solve_triangular(
            effect + torch.eye(len(rows), dtype=x.dtype, device=x.device),
            rows @ w.T - y[start : start + BLOCK],
            upper=False,
            unitriangular=True,
        )
        w -= (error * (lr * share)[:, None]).T @ rows
        total += float((error.square().sum(1) * share).sum(dtype=torch.float64))
    return total


def _perceptron_twin(
    x: Tensor, y: Tensor, state: PerceptronState, weight: Tensor | None, mistakes: Mistakes, changes: Changes
) -> float:
    x, y, weight = _rows(x, y, weight, state.w)
    total = 0.0
    for start in range(0, len(x), BLOCK):
        block = slice(start, start + BLOCK)
        total += _perceptron_block(_with_ones(x[block]), y[block], weight[block], state, mistakes, changes)
    _end_run(state)
    return total


def _perceptron_block(
    rows: Tensor, y: Tensor, weight: Tensor, state: PerceptronState, mistakes: Mistakes, changes: Changes
) -> float:
    scores, effect = rows @ state.w.T, rows @ rows.T
    shares = weight.double().cumsum(0)
    seen, counted, total, at = float(state.clock[0]), 0.0, 0.0, 0
    while True:
        wrong = mistakes(scores[at:], y[at:]).nonzero()
        if not len(wrong):
            break
        at += int(wrong[0])
        state.clock[1] += shares[at] - weight[at].double() - counted
        _end_run(state)
        state.clock[1] = 0
        counted, size = float(shares[at]), float(weight[at])
        total += size
        for k, sign in changes(scores[at], y[at]):
            state.w[k] += sign * size * rows[at]
            scores[:, k] += sign * size * effect[at]
            if state.variant == "averaged":
                state.memory[k] += sign * size * (seen + at) * rows[at].double()
        at += 1
    state.clock[0] += len(rows)
    state.clock[1] += shares[-1] - counted
    return total


def _end_run(state: PerceptronState) -> None:
    if state.clock[1] > state.clock[2]:
        state.clock[2] = state.clock[1]
        if state.variant == "pocket":
            state.memory.copy_(state.w)


def _first_argmax(scores: Tensor) -> Tensor:
    # argmax may return any of equals; the first that reaches the maximum is the same everywhere
    return (scores == scores.amax(1, keepdim=True)).to(torch.uint8).argmax(1)


def _with_ones(x: Tensor) -> Tensor:
    return torch.cat([x, x.new_ones(len(x), 1)], 1)


def _rows(
    x: Tensor, y: Tensor, weight: Tensor | None, w: Tensor, *, cast: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """x, y and the rows' weights as the kernels read them: contiguous, in the dtype of `w` (y where `cast`)."""
    if w.dtype not in (torch.float32, torch.float64) or not w.is_contiguous():
        raise DataError(f"a rule's weights are contiguous, float32 or float64; got {w.dtype}")
    expected = (len(x), w.shape[0]) if y.ndim == 2 else (len(x),)
    if x.ndim != 2 or x.shape[1] + 1 != w.shape[1] or y.shape != expected:
        raise DataError(
            f"a rule with weights {tuple(w.shape)} (the bias last) takes x (n, {w.shape[1] - 1}) and y {expected}; "
            f"got x {tuple(x.shape)} and y {tuple(y.shape)}"
        )
    weight = w.new_ones(len(x)) if weight is None else weight.to(w.dtype)
    return x.to(w.dtype).contiguous(), (y.to(w.dtype) if cast else y).contiguous(), weight.contiguous()


def _known(y: Tensor, w: Tensor) -> Tensor:
    """y, once every label is known to be a row of `w`."""
    if len(y) and not 0 <= int(y.min()) <= int(y.max()) < len(w):
        raise DataError(f"labels are 0 to {len(w) - 1}; got {int(y.min())} to {int(y.max())}")
    return y


def _variant(state: PerceptronState) -> int:
    return VARIANTS.index(state.variant)


def _kernel(x: Tensor) -> Any | None:
    return kernels.load("online") if x.device.type == "cpu" else None
