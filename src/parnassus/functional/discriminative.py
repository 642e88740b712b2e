"""What tells hypotheses apart, rather than what makes the right one likely: MMI, expected accuracy, error losses.

`log_joint` (n, hypotheses) holds log p(X_r | w) P(w) of each utterance's hypotheses (N-best lists or all words); what a
list lacks is -inf. Everything is differentiable, so that any of these may train by gradient through
`functional.chains.forward`; `extended_baum_welch` is the update without one.
"""

from typing import NamedTuple

import torch
from torch import Tensor


def map_decision(log_likelihood: Tensor, log_prior: Tensor) -> Tensor:
    """The hypothesis of largest log p(X | w) + log P(w): acoustic and language model together, (n,) int64.

    Systems: asr-map-decision
    Source: Hifny A13.16, eqs 13.75 and 13.76.
    """
    return (log_likelihood + log_prior).argmax(-1)


def mmi(log_joint: Tensor, correct: Tensor) -> Tensor:
    """Conditional (log) likelihood of the right hypotheses (n,), to be raised: log num - log den.

    `correct` (n,) are their places. The mean of it is the mutual information between words and sounds, to a constant.

    Systems: mmi-training
    Source: Hifny A13.23, eq 13.99.
    """
    return log_joint.gather(-1, correct[..., None])[..., 0] - torch.logsumexp(log_joint, -1)


def expected_accuracy(log_joint: Tensor, accuracy: Tensor) -> Tensor:
    """sum_w P(w | X) A(w) (n,), to be raised: MPE where A (n, hypotheses) counts phones, MWE where it counts words.

    With a risk in place of the accuracy it is the overall risk (ORCE), to be lowered.

    Systems: mpe-criteria
    Source: Hifny A13.26, eq 13.103.
    """
    return (log_joint.softmax(-1) * accuracy).sum(-1)


def mce(log_joint: Tensor, correct: Tensor, *, slope: float = 1.0, sharpness: float = 1.0) -> Tensor:
    """A smoothed count of errors (n,), to be lowered: sigmoid(slope d).

        d = -g_right + log(mean over the wrong of exp(sharpness g)) / sharpness

    A large `sharpness` compares with the best of the wrong ones alone, a large `slope` counts errors as 0 or 1. Where
    nothing is wrong that could be said, there is no error: 0.

    Systems: mce-risk-decoding
    Source: Juang and Katagiri 1992; Hifny A13.27 (named there).
    """
    own = log_joint.gather(-1, correct[..., None])
    wrong = log_joint.scatter(-1, correct[..., None], -torch.inf)
    n_wrong = (wrong > -torch.inf).sum(-1).clamp(min=1)
    rival = (torch.logsumexp(sharpness * wrong, -1) - n_wrong.to(wrong).log()) / sharpness
    return torch.sigmoid(slope * (rival - own[..., 0]))


def minimum_risk(log_joint: Tensor, risk: Tensor) -> Tensor:
    """The hypothesis of least expected risk (n,) int64; risk (h, w) is what h costs where w was said.

    With a risk of 1 for every error it is the MAP decision; with edit distances it asks for few wrong words.

    Systems: mce-risk-decoding
    Source: Hifny A13.27 (named there).
    """
    return (log_joint.softmax(-1) @ risk.T).argmin(-1)


class Reestimated(NamedTuple):
    """New means and variances (K, features), and the smoothing constants D (K,)."""

    means: Tensor
    variances: Tensor
    smoothing: Tensor


Accumulated = tuple[Tensor, Tensor, Tensor]  # C(1) (K,), C(x) and C(x^2) (K, features)


def extended_baum_welch(
    means: Tensor,
    variances: Tensor,
    numerator: Accumulated,
    denominator: Accumulated,
    *,
    factor: float = 2.0,
    smoothing: Tensor | None = None,
) -> Reestimated:
    """Means and variances of diagonal Gaussians (K, features) that raise MMI.

        m = (C_num(x) - C_den(x) + D m0) / (C_num(1) - C_den(1) + D)
        v = (C_num(x^2) - C_den(x^2) + D (m0^2 + v0)) / (C_num(1) - C_den(1) + D) - m^2

    Accumulators are counts under the right words (numerator) and under all (denominator). `smoothing` (K,) is D; None
    takes max(2 D_min, factor C_den(1)), D_min being the least D that leaves every variance positive.

    Systems: extended-baum-welch
    Source: Hifny A13.24 and A13.25, eqs 13.100 to 13.102; the book's variance lacks the last term, - m^2 (F35).
    """
    count, first, second = (a - b for a, b in zip(numerator, denominator, strict=True))
    if smoothing is None:
        least = least_smoothing(means, variances, (count, first, second))
        smoothing = torch.maximum(2 * least, factor * denominator[0])
    d = smoothing[:, None]
    total = count[:, None] + d
    new = (first + d * means) / total
    return Reestimated(new, (second + d * (means.square() + variances)) / total - new.square(), smoothing)


def least_smoothing(means: Tensor, variances: Tensor, difference: Accumulated) -> Tensor:
    """D_min (K,), above which every variance of the update is positive: the larger root, over all features, of

        v D^2 + b D + C(x^2) C(1) - C(x)^2 = 0;   b = C(x^2) + (m^2 + v) C(1) - 2 m C(x)

    Source: Hifny A13.25, after Normandin 1991; derived from the corrected update.
    """
    count, first, second = difference[0][:, None], difference[1], difference[2]
    b = second + (means.square() + variances) * count - 2 * means * first
    c = second * count - first.square()
    inside = b.square() - 4 * variances * c
    root = (-b + inside.clamp(min=0).sqrt()) / (2 * variances)
    root = torch.where(inside >= 0, root, 0.0)
    return torch.maximum(root, -count).clamp(min=0).amax(1)


def extended_weights(weights: Tensor, numerator: Tensor, denominator: Tensor, *, smoothing: float) -> Tensor:
    """Discrete probabilities (K, M) that raise MMI: (C_num - C_den + D p) over its sum; none falls below 0.

    Systems: extended-baum-welch
    Source: Gopalakrishnan et al. 1991.
    """
    difference = numerator - denominator
    needed = torch.where(weights > 0, -difference / weights.clamp(min=1e-300), 0.0).amax(-1, keepdim=True)
    d = torch.maximum(torch.full_like(needed, smoothing), 1.01 * needed)
    raised = (difference + d * weights).clamp(min=0)
    return raised / raised.sum(-1, keepdim=True)


def scaled_likelihood(log_posterior: Tensor, log_prior: Tensor) -> Tensor:
    """log P(s | x) - log P(s) (frames, K): a network's posteriors as the emission scores of an HMM.

    By Bayes it is log p(x | s) less log p(x), which is the same for all states of a frame. A state that training never
    saw (log prior -inf) stays impossible.

    Systems: hybrid-nn-hmm
    Source: Bourlard and Morgan 1994; Hifny A13.30, eq 13.104.
    """
    return torch.where(log_prior > -torch.inf, log_posterior - log_prior, -torch.inf)
