"""Ordered classes: cumulative logits that cannot cross, their probabilities and their likelihood.

Outputs z (n, K - 1) say for K ordered classes 0 to K - 1

    l_0 = z_0,   l_k = l_(k-1) - softplus(z_k)          P(y > k) = sigmoid(l_k),   k = 0 ... K - 2

so that P(y > k) falls with k whatever z is, and no probability is negative. Where the steps do not depend on x it is
the proportional-odds model.

Source: McCullagh 1980; Agresti 2010, chapter 3 (cumulative logits with unequal slopes).
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from ..registry import loss
from .criteria import Labelled
from .losses import Loss


def cumulative_logits(z: Tensor) -> Tensor:
    """Logits of P(y > k), k = 0 ... K - 2, falling along the last axis, from free outputs z (..., K - 1).

    >>> cumulative_logits(torch.tensor([1.0, 0.0]))
    tensor([1.0000, 0.3069])
    """
    return z[..., :1] - F.pad(F.softplus(z[..., 1:]).cumsum(-1), (1, 0))


def ordinal_log_probabilities(z: Tensor) -> Tensor:
    """log P(y = k) of each class (..., K) from outputs z (..., K - 1), without a difference of close numbers.

    log P(y = k) = log s(l_(k-1)) + log s(-l_k) + log s(z_k), s being the sigmoid, because
    s(a) - s(b) = s(a) s(-b) (1 - e^(b-a)) and 1 - e^(-softplus(z)) = s(z). The first class lacks the first and third
    term, the last the second and third.
    """
    logits = cumulative_logits(z)
    above = F.pad(F.logsigmoid(logits), (1, 0))
    below = F.pad(F.logsigmoid(-logits), (0, 1))
    return above + below + F.pad(F.logsigmoid(z[..., 1:]), (1, 1))


def ordinal_nll(z: Tensor, y: Tensor) -> Tensor:
    """-log P(y) of each row (n,), from outputs z (n, K - 1) and class numbers y (n,).

    >>> ordinal_nll(torch.tensor([[0.0]]), torch.tensor([1]))
    tensor([0.6931])
    """
    return -ordinal_log_probabilities(z).gather(-1, y[:, None])[:, 0]


def ordinal_nll_derivative(z: Tensor, y: Tensor) -> Tensor:
    """d ordinal_nll / dz (n, K - 1).

    With g_k = s(l_k) where y = k and -s(-l_k) where y = k + 1 (else 0), the slope is sum_k g_k for z_0, and
    -s(z_j) sum_(k >= j) g_k for z_j, less s(-z_j) where y = j is no last class.
    """
    logits, classes = cumulative_logits(z), torch.arange(z.shape[1], device=z.device)
    here, next_one = y[:, None] == classes, y[:, None] == classes + 1
    slope = torch.where(here, logits.sigmoid(), 0.0) - torch.where(next_one, (-logits).sigmoid(), 0.0)
    tails = slope.flip(1).cumsum(1).flip(1)
    tails[:, 1:] = -z[:, 1:].sigmoid() * tails[:, 1:] - torch.where(here[:, 1:], (-z[:, 1:]).sigmoid(), 0.0)
    return tails


@loss.register("ordinal")
def ordinal(*, order: tuple = ()) -> Loss:
    """The likelihood of ordered classes by cumulative logits; `order` names the classes, lowest first."""
    return Labelled(ordinal_nll, ordinal_nll_derivative)
