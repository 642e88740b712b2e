"""Losses as equations: one value an element (or a row) and no mean, each with its slope.

Every scaling is the caller's and visible: `.sum()`, `.mean()`, `.sum() / 2`, `.sum() / (2 * n)`. The losses that
training looks up by name, which always mean over rows and columns, are in `criteria`; `Loss` is what they promise.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

IGNORED = -100
"""A target that is no target: the padding of a sequence, a row without a label."""
SMALLEST = 1e-8  # a length below which a vector has no direction


class Loss(ABC):
    """What training lowers: a weighted mean over rows, with its slope by the outputs in closed form.

    `link` says what the outputs estimate: y itself (`identity`; for classes they are logits), or its logarithm (`log`:
    targets must then be left as they are, and exp(outputs) is the prediction).
    """

    link: Literal["identity", "log"] = "identity"

    @abstractmethod
    def __call__(self, outputs: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
        """sum_i w_i l_i / sum_i w_i as a tensor without axes; `weight` is (n,), all ones by default."""

    @abstractmethod
    def slope(self, outputs: Tensor, y: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The loss and its gradient by the outputs, a tensor of its own that the caller may overwrite."""

    def slopes(self, outputs: Tensor, y: Tensor, weight: Tensor | None, n_rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The losses (n_nets,) of several nets, each over its first rows, and their slopes, which are 0 beyond those.

        outputs: (n_nets, n, ...), y: (n_nets, n, ...), weight: (n_nets, n) or None, n_rows: n_nets numbers up to n.
        """
        losses, slopes = [], torch.zeros_like(outputs)
        for i, n in enumerate(n_rows):
            value, slope = self.slope(outputs[i, :n], y[i, :n], None if weight is None else weight[i, :n])
            slopes[i, :n] = slope
            losses.append(value)
        return torch.stack(losses), slopes

    @abstractmethod
    def count(self, y: Tensor, weight: Tensor | None = None) -> Tensor | int:
        """What the mean is over: the sum of the weights of everything that has a target."""


# --- Equations for numbers -------------------------------------------------------------------------------------------


def squared_error(outputs: Tensor, y: Tensor) -> Tensor:
    """(outputs - y)^2 for each element, without a factor 1/2.

    The books scale it four ways; say which one by what follows it: `.sum()` (sum of squares), `.mean()` (mean squared
    error, also what frameworks call MSE), `.sum() / 2` (so that the slope is the error itself), `.sum() / (2 * n)`.
    On one-hot targets the sum over the last axis is the K-class sum of squared errors.

    Systems: mse-loss
    Source: Legendre 1805; Hifny A4.2, Baker A019, A020 and A025, Martinez-Ramon 3.5.6 and A7.10, Jaiswal J10,
    Keras course K17 and K34.

    >>> squared_error(torch.tensor([2.0, 0.5]), torch.tensor([1.0, 1.0]))
    tensor([1.0000, 0.2500])
    """
    return (outputs - y).square()


def squared_error_derivative(outputs: Tensor, y: Tensor) -> Tensor:
    """2 (outputs - y): the slope of `squared_error` by the outputs."""
    return (outputs - y).mul_(2)


def absolute_error(outputs: Tensor, y: Tensor) -> Tensor:
    """|outputs - y| for each element; its slope is the sign of the error, 0 at no error.

    The negative log-likelihood of Laplace noise of scale 1, up to log 2.

    Systems: mae-loss
    Source: Laplace 1774; Baker A021, Martinez-Ramon G35 (part 2c), Keras course K35.
    """
    return (outputs - y).abs()


def absolute_error_derivative(outputs: Tensor, y: Tensor) -> Tensor:
    """sign(outputs - y), the subgradient that is 0 where they are equal."""
    return (outputs - y).sign_()


def huber(error: Tensor, *, delta: float = 1.0) -> Tensor:
    """Quadratic near zero, linear beyond `delta`.

        huber(e) = e^2 / 2                    if |e| <= delta
                   delta (|e| - delta / 2)    otherwise

    Its slope is e clipped to [-delta, delta]. Smooth L1 with beta is huber(e, delta=beta) / beta, so the two agree at
    delta = 1 only.

    Systems: huber-loss
    Source: Huber 1964; Baker A120, which calls the two names one loss at any delta.

    >>> huber(torch.tensor([0.5, 3.0]))
    tensor([0.1250, 2.5000])
    """
    small = error.abs().clamp(max=delta)
    return small * (error.abs() - small / 2)


def huber_derivative(error: Tensor, *, delta: float = 1.0) -> Tensor:
    """The error clipped to [-delta, delta]: the slope of `huber`."""
    return error.clamp(-delta, delta)


def poisson(log_rate: Tensor, y: Tensor) -> Tensor:
    """exp(log_rate) - y log_rate: minus the log-likelihood of counts `y`, without the constant ln y!.

    Systems: poisson-loss
    Source: Keras course K37, which writes it by the rate: rate - y ln rate (see `poisson_from_rate`).

    >>> poisson(torch.tensor(2.0).log(), torch.tensor(3.0))
    tensor(-0.0794)
    """
    return log_rate.exp() - y * log_rate


def poisson_derivative(log_rate: Tensor, y: Tensor) -> Tensor:
    """exp(log_rate) - y: the slope of `poisson` by the log-rate."""
    return log_rate.exp().sub_(y)


def poisson_from_rate(rate: Tensor, y: Tensor) -> Tensor:
    """rate - y ln rate, with 0 ln 0 = 0; add `torch.lgamma(y + 1)` for the full negative log-likelihood.

    Source: Keras course K37.
    """
    return rate - torch.special.xlogy(y, rate)


def percentage_error(outputs: Tensor, y: Tensor) -> Tensor:
    """100 |outputs - y| / |y| for each element; y must not be 0.

    It is free of scale (Baker says the contrary, F30: both times ten leave it as it is) and without bound near y = 0.

    Systems: mape-loss
    Source: Baker A022.

    >>> percentage_error(torch.tensor([2.5, 8.0]), torch.tensor([3.0, 7.0]))
    tensor([16.6667, 14.2857])
    """
    return 100 * ((outputs - y) / y).abs()


def percentage_error_from_log(log_outputs: Tensor, y: Tensor) -> Tensor:
    """`percentage_error` of exp(log_outputs), for y above 0."""
    return percentage_error(log_outputs.exp(), y)


def percentage_error_from_log_derivative(log_outputs: Tensor, y: Tensor) -> Tensor:
    """100 sign(exp(z) - y) exp(z) / y: its slope by the logarithms z."""
    outputs = log_outputs.exp()
    return (outputs - y).sign_().mul_(100).mul_(outputs).div_(y)


def squared_log_error(outputs: Tensor, y: Tensor) -> Tensor:
    """(ln(1 + outputs) - ln(1 + y))^2 for each element, both above -1; too little costs more than too much.

    Systems: msle-loss
    Source: Baker A023.

    >>> squared_log_error(torch.tensor([80.0, 120.0]), torch.tensor([100.0, 100.0]))
    tensor([0.0487, 0.0326])
    """
    return (outputs.log1p() - y.log1p()).square()


def squared_log_error_from_log(log_outputs: Tensor, y: Tensor) -> Tensor:
    """`squared_log_error` of exp(log_outputs), without overflow: (softplus(z) - ln(1 + y))^2."""
    return (torch.logaddexp(log_outputs, torch.zeros_like(log_outputs)) - y.log1p()).square()


def squared_log_error_from_log_derivative(log_outputs: Tensor, y: Tensor) -> Tensor:
    """2 (softplus(z) - ln(1 + y)) sigmoid(z): its slope by the logarithms z."""
    away = torch.logaddexp(log_outputs, torch.zeros_like(log_outputs)) - y.log1p()
    return away.mul_(2).mul_(torch.sigmoid(log_outputs))


def cosine_distance(outputs: Tensor, y: Tensor) -> Tensor:
    """1 - outputs.y / (|outputs| |y|): one value a row (..., n), 1 where either is all zeros.

    Baker A024 lists the similarity itself among the losses (F31): what is minimised is 1 minus it.

    >>> cosine_distance(torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1.0]))
    tensor(0.2929)
    """
    return 1 - F.cosine_similarity(outputs, y, dim=-1, eps=SMALLEST)


def cosine_distance_derivative(outputs: Tensor, y: Tensor) -> Tensor:
    """-(u_y - cos u_z) / |z| with the unit vectors u of y and z: at a right angle to z."""
    size = outputs.norm(dim=-1, keepdim=True).clamp(min=SMALLEST)
    unit, towards = outputs / size, y / y.norm(dim=-1, keepdim=True).clamp(min=SMALLEST)
    return (unit * (unit * towards).sum(-1, keepdim=True)).sub_(towards).div_(size)


# --- Equations for classes -------------------------------------------------------------------------------------------


def binary_cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """softplus(z) - y z for each element: minus the log-probability of `y` under sigmoid(z), without overflow.

    For y in {0, 1} it equals softplus((1 - 2 y) z), and the softmax cross-entropy of the two logits (0, z). Its slope
    is sigmoid(z) - y. The sum over labels is the multilabel loss; frameworks take the mean.

    Systems: binary-cross-entropy, multilabel-bce
    Source: Hifny A5.3 and A7.3, Martinez-Ramon 1.5.2.1 and A7.10 (part 2c), Keras course K21, K22 and K36.

    >>> binary_cross_entropy(torch.tensor([0.0, 100.0]), torch.tensor([1.0, 0.0]))
    tensor([  0.6931, 100.0000])
    """
    return F.binary_cross_entropy_with_logits(logits, y, reduction="none")


def binary_cross_entropy_derivative(logits: Tensor, y: Tensor) -> Tensor:
    """sigmoid(z) - y: the slope of `binary_cross_entropy` by the logits."""
    return torch.sigmoid(logits).sub_(y)


def binary_cross_entropy_from_probabilities(p: Tensor, y: Tensor) -> Tensor:
    """-(y ln p + (1 - y) ln(1 - p)), with 0 ln 0 = 0; infinite where p is certain and wrong.

    Source: Hifny A5.3, Keras course K21.
    """
    return -torch.special.xlogy(y, p) - torch.special.xlog1py(1 - y, -p)


def categorical_cross_entropy(p: Tensor, targets: Tensor) -> Tensor:
    """-sum_k t_k ln p_k over the last axis, for probabilities `p` and one-hot or soft `targets`, with 0 ln 0 = 0.

    Systems: categorical-cross-entropy
    Source: Hifny A6.4, Baker A026, Martinez-Ramon 1.5.2.2, Jaiswal J15, Keras course K48.

    >>> categorical_cross_entropy(torch.tensor([0.25, 0.75]), torch.tensor([0.0, 1.0]))
    tensor(0.2877)
    """
    return -torch.special.xlogy(targets, p).sum(-1)


def softmax_cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """logsumexp(z) - z_y: minus the log-probability of class `y` (...,) under softmax of logits (..., n_classes).

    Its slope by the logits is softmax(z) - onehot(y). Positions whose target is IGNORED give 0; over the tokens of
    sequences `.sum()` is the sequence's minus log-likelihood.

    Systems: softmax-cross-entropy, sequence-cross-entropy
    Source: Hifny A6.6 and A11.27, Baker A037, Martinez-Ramon 1.5.2.2 and A5.4 (part 2b), Jaiswal J27 and J102.

    >>> softmax_cross_entropy(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([2]))
    tensor([0.4076])
    """
    flat = F.cross_entropy(logits.flatten(0, -2), y.flatten(), reduction="none", ignore_index=IGNORED)
    return flat.view(y.shape)


def sigmoid_squared_error(logits: Tensor, y: Tensor) -> Tensor:
    """(sigmoid(z) - y)^2 for each element: the neuron's mean-square-error criterion, flat where confidently wrong.

    Source: Martinez-Ramon 1.2.3 and 1.5.2.1, Keras course K17.
    """
    return (torch.sigmoid(logits) - y).square()


def sigmoid_squared_error_derivative(logits: Tensor, y: Tensor) -> Tensor:
    """2 (p - y) p (1 - p) with p = sigmoid(z)."""
    p = torch.sigmoid(logits)
    return (p - y).mul_(2).mul_(p).mul_(1 - p)


def softmax_squared_error(logits: Tensor, y: Tensor) -> Tensor:
    """sum_k (p_k - t_k)^2 with p = softmax(z) and t = onehot(y): one value a row, Brier's score of K classes."""
    return _minus_onehot(logits.softmax(1), y).square().sum(1)


def softmax_squared_error_derivative(logits: Tensor, y: Tensor) -> Tensor:
    """2 p (e - sum_k p_k e_k) with e = p - onehot(y): the slope through softmax's Jacobian."""
    p = logits.softmax(1)
    error = _minus_onehot(p, y)
    return error.sub_((p * error).sum(1, keepdim=True)).mul_(p).mul_(2)


def hinge(scores: Tensor, y: Tensor, *, power: int = 1) -> Tensor:
    """max(0, 1 - s z)^power with s = 2 y - 1 for y of 0 and 1; power 2 is the squared hinge.

    Systems: hinge-loss
    Source: Cortes and Vapnik 1995; Keras course K38, whose targets are already -1 and 1.

    >>> hinge(torch.tensor([0.3, -2.0]), torch.tensor([1.0, 0.0]))
    tensor([0.7000, 0.0000])
    """
    return _power((1 - (2 * y - 1) * scores).relu(), power)


def hinge_derivative(scores: Tensor, y: Tensor, *, power: int = 1) -> Tensor:
    """-s where the margin is missed, times 2 (1 - s z) for power 2; 0 at the kink."""
    sign = 2 * y - 1
    return -sign * _power_slope((1 - sign * scores).relu(), power)


def multiclass_hinge(scores: Tensor, y: Tensor, *, power: int = 1) -> Tensor:
    """max(0, 1 + max_{j != y} z_j - z_y)^power: one value a row, the margin against the best wrong class.

    Source: Crammer and Singer 2001.
    """
    return _power(_missed_margin(scores, y)[0], power)


def multiclass_hinge_derivative(scores: Tensor, y: Tensor, *, power: int = 1) -> Tensor:
    """+1 on the best wrong class and -1 on the right one where the margin is missed, times 2 margin for power 2."""
    margin, rival = _missed_margin(scores, y)
    size = _power_slope(margin, power)[:, None]
    return torch.zeros_like(scores).scatter_(1, rival, size).scatter_(1, y[:, None], -size)


def binary_focal(logits: Tensor, y: Tensor, *, focus: float = 2.0) -> Tensor:
    """-(1 - p_t)^focus ln p_t with p_t the probability of what is true: easy examples count little.

    At focus 0 it is the binary cross-entropy.

    Source: Lin et al. 2017, eq. 4.

    >>> binary_focal(torch.tensor([0.0]), torch.tensor([1.0]))
    tensor([0.1733])
    """
    log_p = F.logsigmoid((2 * y - 1) * logits)
    return -((-torch.expm1(log_p)) ** focus) * log_p


def binary_focal_derivative(logits: Tensor, y: Tensor, *, focus: float = 2.0) -> Tensor:
    """s (1 - p_t)^focus (focus p_t ln p_t - (1 - p_t)) with s = 2 y - 1."""
    sign = 2 * y - 1
    log_p = F.logsigmoid(sign * logits)
    wrong = -torch.expm1(log_p)
    return sign * wrong**focus * (focus * log_p.exp() * log_p - wrong)


def softmax_focal(logits: Tensor, y: Tensor, *, focus: float = 2.0) -> Tensor:
    """-(1 - p_y)^focus ln p_y with p = softmax(z): one value a row of (n, n_classes)."""
    log_p = logits.log_softmax(1).gather(1, y[:, None])[:, 0]
    return -((-torch.expm1(log_p)) ** focus) * log_p


def softmax_focal_derivative(logits: Tensor, y: Tensor, *, focus: float = 2.0) -> Tensor:
    """(focus p_y (1 - p_y)^(focus - 1) ln p_y - (1 - p_y)^focus) (onehot(y) - p)."""
    log_all = logits.log_softmax(1)
    log_p = log_all.gather(1, y[:, None])
    wrong = (-torch.expm1(log_p)).clamp(min=torch.finfo(log_p.dtype).tiny)
    size = wrong**focus - focus * log_p.exp() * wrong ** (focus - 1) * log_p
    return _minus_onehot(log_all.exp_(), y).mul_(size)


def _missed_margin(scores: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    right = y[:, None]
    best, rival = scores.scatter(1, right, float("-inf")).max(1, keepdim=True)
    return (1 + best - scores.gather(1, right)).relu_()[:, 0], rival


def _power(margin: Tensor, power: int) -> Tensor:
    return margin if power == 1 else margin**power


def _power_slope(margin: Tensor, power: int) -> Tensor:
    return (margin > 0).to(margin.dtype) if power == 1 else power * margin ** (power - 1)


def _minus_onehot(p: Tensor, y: Tensor) -> Tensor:
    return p.scatter_add(1, y[:, None], p.new_full((len(p), 1), -1.0))
