"""What detectors are taught by: the classes of anchors and the offsets of those that answer for a box."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ..losses import binary_focal, huber
from .matching import hard_negatives


def ssd_loss(
    scores: Tensor,
    offsets: Tensor,
    classes: Tensor,
    goals: Tensor,
    *,
    alpha: float = 1.0,
    ratio: float = 3.0,
    weight: Tensor | None = None,
) -> Tensor:
    """(L_conf + alpha L_loc) / N: the loss of SSD, 0 where no anchor answers for a box.

    L_conf is the softmax cross-entropy of the N anchors that answer for a box and of the hardest of the others, at most
    `ratio` times as many in each picture; L_loc the sum of Huber losses (delta 1) of the four offsets of those N.

    Parameters
    ----------
    scores : (b, a, K + 1) logits, class 0 being background. offsets : (b, a, 4).
    classes : (b, a) 0 for background, 1 to K, and less than 0 for anchors that are left out.
    goals : (b, a, 4) the offsets to say; read where classes > 0.
    weight : (b,) how much each picture counts; N is weighted too.

    Systems: ssd-loss
    Source: Liu et al. 2016, equation 1; Baker A119, which leaves N = 0 and alpha unstated: L = 0, alpha = 1.

    >>> scores, offsets = torch.zeros(1, 3, 2), torch.zeros(1, 3, 4)
    >>> round(float(ssd_loss(scores, offsets, torch.tensor([[1, 0, 0]]), torch.full((1, 3, 4), 2.0))), 4)  # 3 ln 2 + 6
    8.0794
    """
    positive = classes > 0
    each = F.cross_entropy(scores.flatten(0, 1), classes.clamp(min=0).flatten(), reduction="none").view_as(classes)
    hard = hard_negatives(each, positive, ratio=ratio, candidates=classes == 0)
    along = huber(torch.where(positive[..., None], offsets - goals, 0.0)).sum(-1)
    rows = (each * (positive | hard)).sum(1) + alpha * along.sum(1)
    n = positive.sum(1).to(rows.dtype)
    if weight is not None:
        rows, n = rows * weight, n * weight
    return rows.sum() / n.sum().clamp(min=torch.finfo(rows.dtype).tiny) if bool(n.sum() > 0) else rows.sum() * 0.0


def focal_box_loss(
    logits: Tensor, classes: Tensor, *, balance: float = 0.25, focus: float = 2.0, weight: Tensor | None = None
) -> Tensor:
    """The sum over anchors and classes of the balanced focal loss; anchors below class 0 are left out.

        FL = -a_t (1 - p_t)^focus ln p_t,  a_t = balance for what is true and 1 - balance for what is not

    Parameters
    ----------
    logits : (b, a, K), one sigmoid a class. classes : (b, a) 0 for background, 1 to K, less than 0 for left out.
    weight : (b,) how much each picture counts.

    Source: Lin et al. 2017, equation 5.
    """
    y = F.one_hot(classes.clamp(min=0), logits.shape[-1] + 1)[..., 1:].to(logits.dtype)
    share = balance * y + (1 - balance) * (1 - y)
    each = (share * binary_focal(logits, y, focus=focus)).sum(-1) * (classes >= 0)
    rows = each.sum(1)
    return (rows if weight is None else rows * weight).sum()
