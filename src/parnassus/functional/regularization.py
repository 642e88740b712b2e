"""What holds a net back: penalties and their slopes, projections, dropout, softened targets, gates.

Penalties are sums over weights with an explicit strength; the half in front of L2 is named by a word.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ..errors import SettingError

Over = Literal["all", "others"]
Scaling = Literal["training", "prediction"]
Convention = Literal["half", "whole"]
Rule = Literal["best", "previous"]
ENUMERABLE = 20  # columns whose subsets are still counted one by one


# --- Penalties -------------------------------------------------------------------------------------------------------


def l0_penalty(w: Tensor, *, strength: float) -> Tensor:
    """strength times the number of weights that are not 0: no slope anywhere, 2^n supports to try.

    Source: Hifny A14.3.

    >>> l0_penalty(torch.tensor([0.5, -2.0, 0.0]), strength=0.1)
    tensor(0.2000)
    """
    return strength * (w != 0).sum()


def l1_penalty(w: Tensor, *, strength: float) -> Tensor:
    """strength sum |w|.

    Systems: l1-penalty
    Source: Tibshirani 1996; Hifny A14.4, Martinez-Ramon 2.3.1 (eq. 2.3), Jaiswal J44; Baker A196 cites the lasso for L2
    (F111): the lasso is L1, ridge is L2.

    >>> l1_penalty(torch.tensor([0.5, -2.0, 0.0]), strength=0.1)
    tensor(0.2500)
    """
    return strength * w.abs().sum()


def l1_slope(w: Tensor, *, strength: float) -> Tensor:
    """strength sign(w), the subgradient that is 0 at 0; of one layer's weights, without a sum over layers.

    Source: Martinez-Ramon eq. 2.4, which prints a sum over layers in the gradient of one.
    """
    return strength * w.sign()


def soft_threshold(w: Tensor, step: float) -> Tensor:
    """sign(w) max(0, |w| - step): the proximal step of L1, which is what sets weights to exactly 0.

    Source: Donoho 1995; Jaiswal J44, whose plain subgradient never lands on 0.

    >>> soft_threshold(torch.tensor([1.0, -0.2, 0.25]), 0.25).tolist()
    [0.75, 0.0, 0.0]
    """
    return (w.abs() - step).relu() * w.sign() + 0.0


def l2_penalty(w: Tensor, *, strength: float, convention: Convention = "half") -> Tensor:
    """strength / 2 sum w^2 (`half`, so that its slope is strength w), or strength sum w^2 (`whole`).

    Systems: l2-penalty
    Source: Hoerl and Kennard 1970; half: Hifny A14.5, Martinez-Ramon 2.3.1 (eq. 2.1), Jaiswal J43; whole: Baker A196,
    Keras course K59, scikit-learn's Ridge on the sum of squares.

    >>> l2_penalty(torch.tensor([1.0, 2.0]), strength=1e-4, convention="whole")
    tensor(0.0005)
    """
    return strength * w.square().sum() / (2 if convention == "half" else 1)


def l2_slope(w: Tensor, *, strength: float, convention: Convention = "half") -> Tensor:
    """strength w (`half`) or 2 strength w (`whole`).

    Under plain gradient descent it is weight decay, w <- (1 - lr strength) w - lr slope; under Adam it is not, and
    `weight_decay` of the optimizer is the decoupled one (Jaiswal F15 takes them for one).
    """
    return (1 if convention == "half" else 2) * strength * w


def max_norm(weight: Tensor, *, limit: float) -> Tensor:
    """Each unit's weights, a row of (out, in, ...), brought to a norm of at most `limit`: w min(1, limit / |w|).

    Systems: max-norm
    Source: Srebro and Shraibman 2005; Martinez-Ramon 2.3.2, whose units are columns.

    >>> max_norm(torch.tensor([[3.0, 4.0], [1.0, 0.0]]), limit=2.0)
    tensor([[1.2000, 1.6000],
            [1.0000, 0.0000]])
    """
    norms = weight.flatten(1).norm(dim=1).view(-1, *[1] * (weight.ndim - 1))
    return weight * (limit / norms.clamp(min=limit))


# --- Choosing columns ------------------------------------------------------------------------------------------------


class Subset(NamedTuple):
    """The columns that best-subset search kept, their weights (0 elsewhere), the intercept, and the cost."""

    support: tuple[int, ...]
    weights: Tensor
    intercept: Tensor
    cost: float


def best_subset(x: Tensor, y: Tensor, *, strength: float) -> Subset:
    """The least of sum (y - x w - b)^2 + strength |w|_0 over all 2^n sets of columns of x (rows, n), y (rows,).

    Every support is solved by least squares, so more than 20 columns are refused. Among equal costs the smallest set
    wins.

    Systems: l0-best-subset
    Source: Hocking and Leslie 1967; Hifny A14.3.

    >>> x = torch.eye(4, dtype=torch.float64) - 0.25
    >>> best_subset(x[:, :2], 3 * x[:, 1], strength=0.1).support
    (1,)
    """
    n = x.shape[1]
    if n > ENUMERABLE:
        raise SettingError(
            f"best_subset tries all 2^{n} sets of columns; give at most {ENUMERABLE}, or take an l1 penalty"
        )
    mean_x, mean_y = x.mean(0), y.mean()
    x, y = x - mean_x, y - mean_y
    best, kept = float(y.square().sum()), (tuple[int, ...](), y.new_zeros(0))
    for size in range(1, n + 1):
        for support in itertools.combinations(range(n), size):
            part = x[:, support]
            w = torch.linalg.lstsq(part, y[:, None], driver="gelsd").solution[:, 0]
            cost = float((y - part @ w).square().sum()) + strength * size
            if cost < best * (1 - 1e-12):
                best, kept = cost, (support, w)
    weights = y.new_zeros(n)
    weights[list(kept[0])] = kept[1]
    return Subset(kept[0], weights, mean_y - mean_x @ weights, best)


# --- Dropout ---------------------------------------------------------------------------------------------------------


def dropout_at_training(h: Tensor, keep: Tensor, *, rate: float, scaling: Scaling = "training") -> Tensor:
    """h times a mask `keep` of 0 and 1, over 1 - rate where the scaling is done in training (inverted dropout).

    `rate` is the probability to DROP. Both conventions give one mean: h for `training`, (1 - rate) h for `prediction`,
    which `dropout_at_prediction` then multiplies in. A mask of shape (1, features) is shared by the batch.

    Systems: dropout
    Source: Srivastava et al. 2014; Hifny A14.7 (drop rate), Baker A197, Martinez-Ramon 2.3.2 (p there is the
    probability to KEEP, one mask a mini-batch, scaled at prediction), Jaiswal J55 (F19: passes the probability to keep
    to a layer that takes the one to drop), Keras course K60.

    >>> dropout_at_training(torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([1.0, 0, 0, 1]), rate=0.5).tolist()
    [2.0, 0.0, 0.0, 8.0]
    """
    dropped = h * keep
    return dropped / (1 - rate) if scaling == "training" else dropped


def dropout_at_prediction(h: Tensor, *, rate: float, scaling: Scaling = "training") -> Tensor:
    """h itself where training was scaled; (1 - rate) h where it was not."""
    return h if scaling == "training" else h * (1 - rate)


# --- Softened targets ------------------------------------------------------------------------------------------------


def smooth_targets(targets: Tensor, *, rate: float, over: Over = "all") -> Tensor:
    """One-hot targets (..., K) softened: `rate` spread over all K classes, or over the K - 1 others.

        all:    (1 - rate) t + rate / K               the right class keeps 1 - rate + rate / K
        others: (1 - rate) t + rate / (K - 1) (1 - t)   it keeps 1 - rate

    Systems: label-smoothing
    Source: Szegedy et al. 2016; all: Hifny A14.6, whose example has 0.9 where its formula gives 0.9333 (F39),
    Martinez-Ramon A6.13 (part 2b); others: Jaiswal J46.

    >>> smooth_targets(torch.tensor([0.0, 1.0, 0.0]), rate=0.1)
    tensor([0.0333, 0.9333, 0.0333])
    """
    n = targets.shape[-1]
    rate = rate_over_all(rate, n, over=over)
    return (1 - rate) * targets + rate / n


def rate_over_all(rate: float, n_classes: int, *, over: Over) -> float:
    """The rate that, spread over all classes, is `rate` spread over the others: rate K / (K - 1)."""
    spread = rate if over == "all" else rate * n_classes / (n_classes - 1)
    if spread > 1:
        raise SettingError(
            f"label smoothing of {rate} over the others of {n_classes} classes leaves the right one less than each "
            f"of them; take at most {(n_classes - 1) / n_classes:.3g}"
        )
    return spread


def mixed(x: Tensor, other: Tensor, share: Tensor | float) -> Tensor:
    """share x + (1 - share) other: a row between two rows (mixup).

    Source: Zhang et al. 2018; Hifny A14.15 and Jaiswal J57 for augmentation at large.
    """
    return other + (x - other) * share


def cut_out(pictures: Tensor, centers: Tensor, *, size: int, fill: float = 0.0) -> Tensor:
    """Pictures (n, channels, height, width) with a square of `size` about `centers` (n, 2) filled; it may hang over.

    Source: DeVries and Taylor 2017.
    """
    height, width = pictures.shape[-2:]
    low = centers - size // 2

    def inside(n: int, start: Tensor) -> Tensor:
        at = torch.arange(n, device=pictures.device)
        return (at >= start[:, None]) & (at < start[:, None] + size)

    square = inside(height, low[:, 0])[:, :, None] & inside(width, low[:, 1])[:, None, :]
    return pictures.masked_fill(square[:, None], fill)


# --- Stopping early --------------------------------------------------------------------------------------------------


class Stop(NamedTuple):
    """The epochs, counted from 0: after which training stopped (None: never), and whose weights are kept."""

    after: int | None
    best: int


def early_stop(losses: Sequence[float], *, patience: int, rule: Rule = "best") -> Stop:
    """Where training stops on these validation losses, and the epoch whose weights it brings back.

    `best`: after `patience` epochs in a row that were not below the best so far; an equal loss is no improvement. It is
    what `patience` of every estimator does. `previous`: after as many that were not below the one before, as Jaiswal
    prints it (F20), which never ends a slow recovery from a jump.

    Systems: early-stopping
    Source: Prechelt 1998; Baker A032, Martinez-Ramon 2.3.3, Jaiswal J56.

    >>> early_stop([0.9, 0.7, 0.6, 0.61, 0.6, 0.62, 0.55], patience=2)
    Stop(after=4, best=2)
    """
    best, worse = 0, 0
    for epoch in range(1, len(losses)):
        worse = 0 if losses[epoch] < losses[best if rule == "best" else epoch - 1] else worse + 1
        best = epoch if losses[epoch] < losses[best] else best
        if worse == patience:
            return Stop(epoch, best)
    return Stop(None, best)


# --- Gates -----------------------------------------------------------------------------------------------------------

TEMPERATURE, LOW, HIGH = 2 / 3, -0.1, 1.1


def hard_concrete(log_alpha: Tensor, noise: Tensor) -> Tensor:
    """Gates in [0, 1] that are exactly 0 or 1 with some probability, from uniform noise in (0, 1).

        s = sigmoid((ln u - ln(1 - u) + log_alpha) / (2/3))    gate = clip(1.2 s - 0.1, 0, 1)

    Source: Louizos, Welling and Kingma 2018, eqs. 10 and 11.
    """
    s = torch.sigmoid((noise.logit() + log_alpha) / TEMPERATURE)
    return (s * (HIGH - LOW) + LOW).clamp(0, 1)


def hard_concrete_at_prediction(log_alpha: Tensor) -> Tensor:
    """The gate without noise: clip(1.2 sigmoid(log_alpha) - 0.1, 0, 1)."""
    return (torch.sigmoid(log_alpha) * (HIGH - LOW) + LOW).clamp(0, 1)


def open_probability(log_alpha: Tensor) -> Tensor:
    """P(gate > 0) = sigmoid(log_alpha - 2/3 ln(0.1 / 1.1)): what L0 counts, with a slope.

    Source: Louizos, Welling and Kingma 2018, eq. 12.
    """
    return torch.sigmoid(log_alpha - TEMPERATURE * math.log(-LOW / HIGH))
