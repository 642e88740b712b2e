"""Many models as one: votes, the variance of a mean, the weights of AdaBoost, the residuals that boosting fits.

Rows come first: `wrong` is (n,) of 0 and 1, `weight` (n,) sums to 1, votes are (n, n_models) class numbers.
"""

import math

import torch
from torch import Tensor


def variance_of_mean(variance: Tensor | float, n_models: int, *, correlation: float = 0.0) -> Tensor | float:
    """rho s^2 + (1 - rho) s^2 / M: the variance of the mean of M models, each of variance s^2, correlated by rho.

    However many there are, rho s^2 is left over, so that it pays to make members differ.

    Systems: bagging
    Source: Breiman 2001, Hifny A14.17 (eq. 14.28). Hifny F45 prints s^2 / M, which takes models drawn from one data set
    to be uncorrelated.

    >>> variance_of_mean(1.0, 5), round(variance_of_mean(1.0, 5, correlation=0.5), 12)
    (0.2, 0.6)
    """
    return correlation * variance + (1 - correlation) * variance / n_models


def vote_shares(votes: Tensor, n_classes: int, *, weight: Tensor | None = None) -> Tensor:
    """The share of the models' weight that each class gets, (n, n_classes); each row sums to 1.

    votes : class numbers (n, n_models), int64; a vote below 0 is none given.
    weight : of each model (n_models,); all alike unless given.

    Systems: majority-voting
    Source: Hifny A14.18. A tie between classes is left to who reads the shares.

    >>> vote_shares(torch.tensor([[0, 2, 2, 1]]), 3)
    tensor([[0.2500, 0.2500, 0.5000]])
    """
    weight = torch.ones(votes.shape[1], dtype=torch.get_default_dtype()) if weight is None else weight
    given = weight * (votes >= 0)
    shares = weight.new_zeros(len(votes), n_classes).scatter_add_(1, votes.clamp(min=0), given)
    return shares / given.sum(1, keepdim=True)


def member_weight(error: Tensor | float, *, n_classes: int = 2) -> float:
    """alpha = 1/2 (ln((1 - e) / e) + ln(K - 1)): how much a member of weighted error e has to say in AdaBoost.

    It is 0 for a guess among K classes (e = 1 - 1/K), below 0 for what is worse, and without bound as e goes to 0.
    For two classes it is the alpha that makes the exponential loss least; scikit-learn's is twice this, with updates
    of e^alpha and votes to match.

    Systems: adaboost
    Source: Freund and Schapire 1997; Zhu, Zou, Rosset and Hastie 2009 (SAMME, halved); Jaiswal J51, in words.

    >>> round(member_weight(0.3), 6), member_weight(0.5), round(member_weight(2 / 3, n_classes=3), 12)
    (0.423649, 0.0, 0.0)
    """
    e = float(error)
    return (math.log((1 - e) / e) + math.log(n_classes - 1)) / 2


def reweighted(weight: Tensor, wrong: Tensor, alpha: float) -> Tensor:
    """The rows' weights after a member that speaks with alpha: those answered wrongly gain; they sum to 1.

    D'(i) = D(i) e^(-alpha) where the answer is right, D(i) e^alpha where it is wrong, divided by their sum. With two
    classes the rows answered wrongly then weigh one half together, so that the same member would be a mere guess.

    Systems: adaboost
    Source: Freund and Schapire 1997; Jaiswal J51.

    >>> reweighted(torch.full((4,), 0.25), torch.tensor([1, 0, 0, 0]), member_weight(0.25))
    tensor([0.5000, 0.1667, 0.1667, 0.1667])
    """
    raised = weight * torch.exp(alpha * (2 * wrong.to(weight.dtype) - 1))
    return raised / raised.sum()


def exponential_loss(margin: Tensor, weight: Tensor | None = None) -> Tensor:
    """sum_i w_i exp(-y_i F(x_i)), a mean unless weights are given; margin = y F (n,), y being -1 or 1.

    It lies above the share of wrong answers, and each round of AdaBoost multiplies it by 2 sqrt(e (1 - e)).

    Source: Friedman, Hastie and Tibshirani 2000, section 4.

    >>> exponential_loss(torch.tensor([0.0, 0.0]))
    tensor(1.)
    """
    weight = torch.full_like(margin, 1 / len(margin)) if weight is None else weight
    return (weight * torch.exp(-margin)).sum()


def error_bound(errors: Tensor) -> Tensor:
    """prod_t 2 sqrt(e_t (1 - e_t)): what the share of wrong training answers of AdaBoost (two classes) cannot exceed.

    errors : the members' weighted errors (n_rounds,). With a_m = 1/2 ln((1 - e) / e) it is the exponential loss itself.

    Source: Freund and Schapire 1997, theorem 6.

    >>> error_bound(torch.tensor([0.3, 0.5]))
    tensor(0.9165)
    """
    return torch.prod(2 * torch.sqrt(errors * (1 - errors)))


def relative_errors(error: Tensor) -> Tensor:
    """|e_i| / max |e|, in [0, 1]: the loss of each row in AdaBoost.R2, (n,); all 0 where nothing is wrong.

    Source: Drucker 1997, the linear loss.

    >>> relative_errors(torch.tensor([1.0, -4.0]))
    tensor([0.2500, 1.0000])
    """
    size = error.abs()
    return size / size.max() if size.max() > 0 else size


def weighted_median(values: Tensor, weight: Tensor) -> Tensor:
    """The least value at which half of the weight or more is reached, over the last axis (..., m); weight (m,).

    Source: Drucker 1997.

    >>> weighted_median(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([0.2, 0.2, 0.6]))
    tensor([2.])
    """
    ordered, order = values.sort(-1)
    reached = weight[order].cumsum(-1) >= weight.sum() / 2
    return ordered.gather(-1, reached.to(torch.uint8).argmax(-1, keepdim=True)).squeeze(-1)


def class_residual(score: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """(y - p, p (1 - p)): the negative slope of the log-loss in each score, and its curvature along that score alone.

    score : (n, 1) logits of the second of two classes, p being their sigmoid; or (n, K), p being their softmax.
    y : 0 and 1, of the same shape.

    Systems: residual-boosting
    Source: Friedman 2001, algorithms 5 and 6; Hifny A14.19, Jaiswal J53.

    >>> residual, curvature = class_residual(torch.zeros(1, 1), torch.ones(1, 1))
    >>> residual.item(), curvature.item()
    (0.5, 0.25)
    """
    p = score.sigmoid() if score.shape[1] == 1 else score.softmax(1)
    return y - p, p * (1 - p)


def step_along(member: Tensor, residual: Tensor, curvature: Tensor, *, weight: Tensor | None = None) -> float:
    """alpha = sum w f r / sum w f^2 c: how far to go along a member's answers f, by one Newton step from 0.

    For squared errors (c = 1) it is exact, and 1 for a member that least squares fitted to the residuals r. All are
    (n, outputs), weight (n,). It is 0 where the member answers 0.

    Systems: residual-boosting
    Source: Friedman 2001, algorithm 1, line 5. Hifny eq. 14.29 sums alpha_m f_m; F45: it has no rule for alpha_m.

    >>> f = torch.tensor([[1.0], [1.0]])
    >>> step_along(f, torch.tensor([[3.0], [1.0]]), torch.ones(2, 1))
    2.0
    """
    share = torch.ones(len(member), 1, dtype=member.dtype) if weight is None else weight[:, None]
    below = float((share * member.square() * curvature).sum())
    return float((share * member * residual).sum()) / below if below > 0 else 0.0
