"""The losses that training looks up by name and by kind of target; their equations are in `losses`.

A builder returns a `Loss`: called with outputs, y and the rows' weights it gives the mean, and `slope` gives the mean
and its gradient by the outputs in closed form. Kinds of target:

- `binary`: outputs (n, 1) logits, y (n, 1) of 0 and 1 (or probabilities);
- `multilabel`: outputs (n, n_labels) logits, y of the same shape, 0 and 1; the mean is over labels too;
- `labels`: outputs (n, n_classes) logits, or (n, time, n_classes); y int64 (n,) or (n, time), IGNORED is skipped;
- `numbers`: outputs and y (n, n_numbers); the mean is over columns too;
- `quantiles`: outputs (n, n_numbers * n_quantiles), number by number, y (n, n_numbers); see `quantiles`;
- `gaussians`: outputs (n, n_numbers * 2), a mean and a deviation's raw number each, y (n, n_numbers); see `quantities`;
- `ordinal`: outputs (n, n_classes - 1), cumulative logits, y int64 (n,) ranks; see `ordinal`.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from .. import kernels
from ..errors import DataError, SettingError
from ..registry import loss
from .losses import (
    IGNORED,
    Loss,
    absolute_error,
    absolute_error_derivative,
    binary_cross_entropy,
    binary_cross_entropy_derivative,
    binary_focal,
    binary_focal_derivative,
    hinge,
    hinge_derivative,
    huber,
    huber_derivative,
    multiclass_hinge,
    multiclass_hinge_derivative,
    poisson,
    poisson_derivative,
    sigmoid_squared_error,
    sigmoid_squared_error_derivative,
    softmax_focal,
    softmax_focal_derivative,
    softmax_squared_error,
    softmax_squared_error_derivative,
    squared_error,
    squared_error_derivative,
)
from .regularization import Over, rate_over_all

_nll = torch.ops.aten.nll_loss_forward.default
_nll_slope = torch.ops.aten.nll_loss_backward.default
_log_softmax_slope = torch.ops.aten._log_softmax_backward_data.default
FEW_CLASSES, SMALL = 64, 1 << 16  # beyond which torch's own operators, which use all threads, are as fast
_MEAN = 1  # the reduction's number in those three


class Elementwise(Loss):
    """The mean of an equation over all elements of outputs and y, which have one shape (n, ...)."""

    def __init__(
        self,
        equation: Callable[[Tensor, Tensor], Tensor],
        derivative: Callable[[Tensor, Tensor], Tensor],
        *,
        link: Literal["identity", "log"] = "identity",
    ) -> None:
        self.equation, self.derivative, self.link = equation, derivative, link

    def __call__(self, outputs: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
        if outputs.shape != y.shape:
            raise shapes_differ(outputs, y)
        each = self.equation(outputs, y)
        if weight is None:
            return each.mean()
        return (each.flatten(1).mean(1) * weight).sum() / positive(weight.sum())

    def slope(self, outputs: Tensor, y: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        slope = self.derivative(outputs, y)
        if weight is None:
            return self(outputs, y), slope.mul_(1 / y.numel())
        scale = weight * (len(y) / y.numel()) / positive(weight.sum())
        return self(outputs, y, weight), slope.mul_(scale.view(-1, *[1] * (y.ndim - 1)))

    def slopes(self, outputs: Tensor, y: Tensor, weight: Tensor | None, n_rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        if weight is not None or set(n_rows) != {y.shape[1]}:
            return super().slopes(outputs, y, weight, n_rows)
        losses = self.equation(outputs, y).flatten(1).mean(1)
        return losses, self.derivative(outputs, y).mul_(1 / y[0].numel())

    def count(self, y: Tensor, weight: Tensor | None = None) -> Tensor | int:
        return len(y) if weight is None else weight.sum()


class Labelled(Loss):
    """The mean over labelled positions of an equation that takes logits (n, n_classes) and y (n,)."""

    def __init__(
        self, equation: Callable[[Tensor, Tensor], Tensor], derivative: Callable[[Tensor, Tensor], Tensor]
    ) -> None:
        self.equation, self.derivative = equation, derivative

    def __call__(self, outputs: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
        each = self.equation(outputs.flatten(0, -2), y.flatten().clamp(min=0))
        return (each * _shares(y, weight, each.dtype)).sum()

    def slope(self, outputs: Tensor, y: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        logits, labels = outputs.flatten(0, -2), y.flatten().clamp(min=0)
        shares = _shares(y, weight, outputs.dtype)
        loss = (self.equation(logits, labels) * shares).sum()
        return loss, self.derivative(logits, labels).mul_(shares[:, None]).view_as(outputs)

    def count(self, y: Tensor, weight: Tensor | None = None) -> Tensor | int:
        return _counted(y, weight)


class SoftmaxCrossEntropy(Loss):
    """Softmax cross-entropy, with targets (1 - s) onehot(y) + s / n_classes for a label smoothing of s.

    `smoothed_over="others"` spreads s over the other classes alone; see `regularization.smooth_targets`.
    Rows of a classifier without weights take fused kernels; weights, sequences and smoothing take the equations.
    """

    def __init__(self, *, label_smoothing: float = 0.0, smoothed_over: Over = "all") -> None:
        self.label_smoothing, self.over = _fraction(label_smoothing), _one_of_two(smoothed_over)

    def smoothing(self, outputs: Tensor) -> float:
        """What is spread over all classes of these outputs."""
        return rate_over_all(self.label_smoothing, outputs.shape[-1], over=self.over)

    def __call__(self, outputs: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
        logits, labels = outputs.flatten(0, -2), y.flatten()
        if weight is None and y.ndim == 1:
            return F.cross_entropy(logits, labels, ignore_index=IGNORED, label_smoothing=self.smoothing(outputs))
        each = F.cross_entropy(
            logits, labels, ignore_index=IGNORED, label_smoothing=self.smoothing(outputs), reduction="none"
        )
        return (each * _shares(y, weight, each.dtype)).sum()

    def slope(self, outputs: Tensor, y: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if weight is not None or y.ndim > 1 or self.label_smoothing:
            return self._slope(outputs, y, weight)
        compiled = _compiled() if _few(outputs) else None
        if compiled is not None:
            slope = torch.empty_like(outputs)
            return compiled(outputs, y.contiguous(), slope), slope
        by_class = outputs.stride(0) == 1 and outputs.device.type == "cpu"
        logp = outputs.t().log_softmax(0).t() if by_class else outputs.log_softmax(1)
        loss, total = _nll(logp, y, None, _MEAN, IGNORED)
        if by_class and total.item() == len(y):
            return loss, _error_by_class(logp.t(), y)
        slope = _nll_slope(logp.new_ones(()), logp, y, None, _MEAN, IGNORED, total)
        return loss, _log_softmax_slope(slope, logp, 1, logp.dtype)

    def slopes(self, outputs: Tensor, y: Tensor, weight: Tensor | None, n_rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        plain = weight is None and y.ndim == 2 and not self.label_smoothing and set(n_rows) == {y.shape[1]}
        compiled = _compiled() if plain and _few(outputs[0]) else None
        if compiled is None:
            return super().slopes(outputs, y, weight, n_rows)
        slope = torch.empty_like(outputs)
        return compiled(outputs, y.contiguous(), slope), slope

    def _slope(self, outputs: Tensor, y: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
        logp = outputs.flatten(0, -2).log_softmax(1)
        right = y.flatten().clamp(min=0)[:, None]
        shares = _shares(y, weight, logp.dtype)
        smooth = self.smoothing(outputs)
        each = logp.gather(1, right)[:, 0].mul_(smooth - 1)
        if smooth:
            each -= smooth * logp.mean(1)
        slope = logp.exp_().sub_(smooth / logp.shape[1])
        slope.scatter_add_(1, right, logp.new_full(right.shape, smooth - 1))
        return (each * shares).sum(), slope.mul_(shares[:, None]).view_as(outputs)

    def count(self, y: Tensor, weight: Tensor | None = None) -> Tensor | int:
        return _counted(y, weight)


@cache
def _compiled() -> Callable[..., Tensor] | None:
    """The compiled mean and slope, looked up once: the way to it takes as long as its work."""
    found = kernels.load("dense")
    return None if found is None else found.cross_entropy.default


def _few(outputs: Tensor) -> bool:
    """Whether these are few classes in float32 on the processor, which the compiled loop is for."""
    few = outputs.shape[1] <= FEW_CLASSES and outputs.numel() <= SMALL
    return few and outputs.dtype == torch.float32 and outputs.device.type == "cpu"


def _error_by_class(logp: Tensor, y: Tensor) -> Tensor:
    """(p - onehot(y)) / n for log-probabilities (n_classes, n), as (n, n_classes); overwrites `logp`.

    In memory class by class, sums over classes run along vectors and take a tenth of the time.
    """
    n = logp.shape[1]
    return logp.exp_().scatter_add_(0, y[None], logp.new_full((1, n), -1.0)).mul_(1 / n).t()


def _weights(y: Tensor, weight: Tensor | None) -> Tensor:
    """The weight of each position of y: its row's weight, 0 where there is no target."""
    counts = y != IGNORED
    return counts if weight is None else counts * weight.view(-1, *[1] * (y.ndim - 1))


def _counted(y: Tensor, weight: Tensor | None) -> Tensor:
    return _weights(y, weight).sum()


def _shares(y: Tensor, weight: Tensor | None, dtype: torch.dtype) -> Tensor:
    """Each position's share of the mean, flat; all zero where no position counts, so the loss is 0 and not NaN."""
    weights = _weights(y, weight).flatten().to(dtype)
    return weights / positive(weights.sum())


def positive(total: Tensor) -> Tensor:
    """A sum of weights as something to divide by."""
    return total.clamp(min=torch.finfo(total.dtype).tiny)


def shapes_differ(outputs: Tensor, y: Tensor) -> DataError:
    """The refusal of outputs and targets that would broadcast."""
    return DataError(
        f"outputs {tuple(outputs.shape)} and y {tuple(y.shape)} must have one shape, or they would broadcast; reshape y"
    )


def _fraction(label_smoothing: float) -> float:
    if not 0 <= label_smoothing < 1:
        raise SettingError(f"label_smoothing is a fraction from 0 to below 1; got {label_smoothing!r}")
    return float(label_smoothing)


def _one_of_two(over: Over) -> Over:
    if over not in ("all", "others"):
        raise SettingError(f"smoothed_over is 'all' (classes) or 'others'; got {over!r}")
    return over


# --- The names -------------------------------------------------------------------------------------------------------


@loss.register("binary", "multilabel", name="cross_entropy")
def binary_cross_entropy_loss(*, label_smoothing: float = 0.0, smoothed_over: Over = "all") -> Loss:
    """Binary cross-entropy from logits; smoothing s turns y into (1 - s) y + s / 2, or (1 - s) y + s (1 - y)."""
    s = rate_over_all(_fraction(label_smoothing), 2, over=_one_of_two(smoothed_over))
    if not s:
        return Elementwise(binary_cross_entropy, binary_cross_entropy_derivative)
    return Elementwise(
        lambda z, y: binary_cross_entropy(z, (1 - s) * y + s / 2),
        lambda z, y: binary_cross_entropy_derivative(z, (1 - s) * y + s / 2),
    )


@loss.register("labels", name="cross_entropy")
def softmax_cross_entropy_loss(*, label_smoothing: float = 0.0, smoothed_over: Over = "all") -> Loss:
    """Softmax cross-entropy from logits; smoothing s is spread evenly over all classes, or over the others."""
    return SoftmaxCrossEntropy(label_smoothing=label_smoothing, smoothed_over=smoothed_over)


@loss.register("numbers", name="squared_error")
def squared_error_loss() -> Loss:
    """The mean squared error, without a factor 1/2."""
    return Elementwise(squared_error, squared_error_derivative)


@loss.register("binary", "multilabel", name="squared_error")
def sigmoid_squared_error_loss() -> Loss:
    """The mean squared error of sigmoid(outputs): the MMSE neuron's criterion, Brier's score."""
    return Elementwise(sigmoid_squared_error, sigmoid_squared_error_derivative)


@loss.register("labels", name="squared_error")
def softmax_squared_error_loss() -> Loss:
    """The squared error of softmax(outputs) on one-hot targets, summed over classes: Brier's score."""
    return Labelled(softmax_squared_error, softmax_squared_error_derivative)


@loss.register("numbers", name="absolute_error")
def absolute_error_loss() -> Loss:
    """The mean absolute error."""
    return Elementwise(absolute_error, absolute_error_derivative)


@loss.register("numbers", name="huber")
def huber_loss(*, delta: float = 1.0) -> Loss:
    """Half the squared error up to `delta`, linear beyond; outliers pull no harder than `delta`."""
    if not delta > 0:
        raise SettingError(f"huber's delta is a positive number; got {delta!r}")
    return Elementwise(
        lambda outputs, y: huber(outputs - y, delta=delta),
        lambda outputs, y: huber_derivative(outputs - y, delta=delta),
    )


@loss.register("numbers", name="poisson")
def poisson_loss() -> Loss:
    """Minus the log-likelihood of counts whose log-rates are the outputs: exp(outputs) is the count to expect."""
    return Elementwise(_poisson_of_counts, poisson_derivative, link="log")


def _poisson_of_counts(log_rate: Tensor, y: Tensor) -> Tensor:
    if (y < 0).any():  # centred targets would be learnt without a word
        raise DataError(
            f"loss 'poisson' takes counts, 0 and above, neither centred nor scaled; got {float(y.min()):.4g}"
        )
    return poisson(log_rate, y)


@loss.register("binary", "multilabel", name="hinge")
def hinge_loss() -> Loss:
    """The mean of the missed margins, max(0, 1 - (2 y - 1) outputs)."""
    return Elementwise(hinge, hinge_derivative)


@loss.register("labels", name="hinge")
def multiclass_hinge_loss() -> Loss:
    """The mean missed margin against the best wrong class."""
    return Labelled(multiclass_hinge, multiclass_hinge_derivative)


@loss.register("binary", "multilabel", name="squared_hinge")
def squared_hinge_loss() -> Loss:
    """The mean squared missed margin."""
    return Elementwise(partial(hinge, power=2), partial(hinge_derivative, power=2))


@loss.register("labels", name="squared_hinge")
def squared_multiclass_hinge_loss() -> Loss:
    """The mean squared missed margin against the best wrong class."""
    return Labelled(partial(multiclass_hinge, power=2), partial(multiclass_hinge_derivative, power=2))


@loss.register("labels", name="focal")
def softmax_focal_loss(*, focus: float = 2.0) -> Loss:
    """Softmax cross-entropy times (1 - p)^focus: easy rows count little."""
    return Labelled(partial(softmax_focal, focus=_not_negative(focus)), partial(softmax_focal_derivative, focus=focus))


@loss.register("binary", "multilabel", name="focal")
def binary_focal_loss(*, focus: float = 2.0) -> Loss:
    """Binary cross-entropy times (1 - p)^focus: easy labels count little."""
    return Elementwise(partial(binary_focal, focus=_not_negative(focus)), partial(binary_focal_derivative, focus=focus))


def _not_negative(focus: float) -> float:
    if not focus >= 0:
        raise SettingError(f"focal's focus is 0 or more; got {focus!r}")
    return focus
