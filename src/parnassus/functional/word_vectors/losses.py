"""What word2vec and GloVe lower, one pair at a time, with gradients written out."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ...errors import SettingError


class Step(NamedTuple):
    """A loss () and its gradients: of the vector that foretells (d,) and of the rows that are compared with it."""

    loss: Tensor
    of_input: Tensor
    of_outputs: Tensor


def softmax_step(v: Tensor, u: Tensor, target: int) -> Step:
    """-ln P(target | centre) of skip-gram with the full softmax, and its exact gradients.

        P(o | c) = exp(u_o^T v_c) / sum_w exp(u_w^T v_c)
        d/dv_c = sum_w P(w | c) u_w - u_o,   d/du_w = (P(w | c) - [w = o]) v_c

    v (d,) is the centre's vector, u (n_words, d) the contexts'; a word has one of each, and the v are kept. Only v_c
    changes among the centres, and every row of u. Baker and Jaiswal write the gradients of ln P, which have the other
    sign; Jaiswal's example names v_cat and u_cat where u_cute is meant.

    Systems: skip-gram-softmax
    Source: Mikolov et al. 2013; Baker A180 and A182; Jaiswal J128 (5.2.3).

    >>> step = softmax_step(torch.tensor([0.5, -0.5]), torch.tensor([[0.1, 0.2], [0.3, -0.1], [-0.2, 0.4]]), 1)
    >>> round(float(step.loss), 6), [round(g, 6) for g in step.of_input.tolist()]
    (0.869338, [-0.192437, 0.225086])
    """
    p = (u @ v).softmax(0)
    wrong = p.clone()
    wrong[target] -= 1
    return Step(-(u @ v).log_softmax(0)[target], u.mT @ wrong, wrong[:, None] * v)


def negative_sampling_step(v: Tensor, positive: Tensor, negatives: Tensor) -> Step:
    """-ln sigma(u_o^T v) - sum_k ln sigma(-u_k^T v), and its gradients; the rows are the positive one, then the others.

        d/dv = (sigma(u_o^T v) - 1) u_o + sum_k sigma(u_k^T v) u_k,   d/du_r = (sigma(u_r^T v) - [r = o]) v

    v (d,), positive (d,), negatives (K, d): K rows drawn from the noise, in place of the whole vocabulary.

    Systems: negative-sampling
    Source: Mikolov et al. 2013; Baker A183 (5 to 20 negatives for small data, 2 to 5 for large; objective only).

    >>> rows = torch.tensor([[0.1, 0.2], [0.3, -0.1], [-0.2, 0.4]])
    >>> step = negative_sampling_step(torch.tensor([0.5, -0.5]), rows[1], rows[[0, 2]])
    >>> round(float(step.loss), 6), [round(g, 6) for g in step.of_input.tolist()]
    (1.820954, [-0.171411, 0.31274])
    """
    rows = torch.cat([positive[None], negatives])
    sign = torch.ones(len(rows), dtype=v.dtype, device=v.device)
    sign[1:] = -1
    scores = sign * (rows @ v)
    wrong = -sign * (-scores).sigmoid()
    return Step(-logsigmoid(scores).sum(), rows.mT @ wrong, wrong[:, None] * v)


def context_mean(rows: Tensor) -> Tensor:
    """The vector that CBOW foretells a centre by: the mean of its C context words' input rows (C, d).

    Each row's gradient is that of the mean, over C. The vectors that are kept are these rows: Baker has it both ways.

    Systems: cbow
    Source: Mikolov et al. 2013; Baker A185.

    >>> context_mean(torch.tensor([[0.1, 0.2], [-0.2, 0.4]])).tolist()
    [-0.05000000074505806, 0.30000001192092896]
    """
    return rows.mean(0)


def glove_weight(x: Tensor, *, x_max: float = 100.0, power: float = 0.75) -> Tensor:
    """How much a pair of count x weighs: min(1, (x / x_max)^power).

    Source: Pennington, Socher and Manning 2014.

    >>> [round(f, 6) for f in glove_weight(torch.tensor([1.0, 50.0, 100.0, 1000.0])).tolist()]
    [0.031623, 0.594604, 1.0, 1.0]
    """
    if not x_max > 0 or not power > 0:
        raise SettingError(f"x_max and power of GloVe are above 0; got {x_max} and {power}")
    return (x / x_max).clamp(max=1).pow(power)


class GloveStep(NamedTuple):
    """J () and its gradients with respect to w, its context twin, and both biases, shaped as they are."""

    loss: Tensor
    of_words: Tensor
    of_contexts: Tensor
    of_word_biases: Tensor
    of_context_biases: Tensor


def glove_step(
    words: Tensor,
    contexts: Tensor,
    word_biases: Tensor,
    context_biases: Tensor,
    x: Tensor,
    *,
    x_max: float = 100.0,
    power: float = 0.75,
) -> GloveStep:
    """J = sum f(X_ij) (w_i^T w~_j + b_i + b~_j - ln X_ij)^2 over counts above 0, and its gradients.

    words and contexts (n_words, d), biases (n_words,), x (n_words, n_words). Baker names a squared loss on global
    counts and gives no formula; this is the paper's. The vectors that are kept are w + w~.

    Systems: glove
    Source: Pennington, Socher and Manning 2014; Baker A187.

    >>> one = torch.ones(1, 1)
    >>> step = glove_step(one, one, torch.zeros(1), torch.zeros(1), 100 * one)  # (1 - ln 100)^2
    >>> round(float(step.loss), 4)
    12.9973
    """
    known = x > 0
    f = torch.where(known, glove_weight(x, x_max=x_max, power=power), 0.0)
    said = words @ contexts.mT + word_biases[:, None] + context_biases
    gap = torch.where(known, said - torch.where(known, x, 1.0).log(), 0.0)
    pull = 2 * f * gap
    return GloveStep((f * gap * gap).sum(), pull @ contexts, pull.mT @ words, pull.sum(1), pull.sum(0))
