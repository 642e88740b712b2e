"""Scaled dot-product attention with its weights and its hand-derived slopes, and what is built of it."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ...errors import DataError


class Attended(NamedTuple):
    """What attention gives: z (..., n_queries, n_values) and the weights (..., n_queries, n_keys)."""

    z: Tensor
    weights: Tensor


def attend(scores: Tensor, v: Tensor, *, mask: Tensor | None = None) -> Attended:
    """z = softmax(scores) v along the keys; weights of queries that may look nowhere are 0.

    scores (..., n_queries, n_keys), v (..., n_keys, n_values), mask broadcasts to scores, True where one may look.

    Masked scores become -inf before the softmax. Multiplied scores leak what they should hide, and weights that are
    multiplied after the softmax no longer sum to 1.

    Systems: attention-masks
    Source: Hifny eq. 11.5; Martinez-Ramon 6.2.6 and eq. 6.24, which masks by multiplication and takes the softmax of
    the product with the values.
    """
    if scores.shape[-1] != v.shape[-2]:
        raise DataError(f"scores {tuple(scores.shape)} are of {scores.shape[-1]} keys, and v {tuple(v.shape)} is not")
    if mask is not None:
        check_mask(mask, scores)
        scores = scores.masked_fill(~mask, -math.inf)
        greatest = scores.amax(-1, keepdim=True).clamp(min=torch.finfo(scores.dtype).min)
        e = (scores - greatest).exp()
        weights = e / e.sum(-1, keepdim=True).clamp(min=torch.finfo(scores.dtype).tiny)
    else:
        weights = scores.softmax(-1)
    return Attended(weights @ v, weights)


def check_mask(mask: Tensor, scores: Tensor) -> None:
    """Refuse masks that are not boolean, or do not fit the scores.

    Raises
    ------
    DataError : says both, and what is due.
    """
    if mask.dtype != torch.bool:
        raise DataError(f"a mask is boolean, True where one may look; got {mask.dtype}: give mask.bool()")
    behind = scores.shape[max(scores.ndim - mask.ndim, 0) :]
    if mask.ndim > scores.ndim or any(a not in (1, b) for a, b in zip(mask.shape, behind, strict=True)):
        raise DataError(
            f"a mask {tuple(mask.shape)} does not fit scores {tuple(scores.shape)} (..., n_queries, n_keys)"
        )


def pool(scores: Tensor, v: Tensor) -> Tensor:
    """sum_i alpha_i v_i with alpha = softmax(scores): a mean of values, weighted, inside their convex hull.

    scores (..., n), v (..., n, width) -> (..., width).

    Systems: attention-pooling
    Source: Martinez-Ramon eqs. 6.9 and 6.10 (whose text has the exponential of the NEGATIVE product, which would rank
    what is unlike first); Jaiswal 5.3, which weights the states h where the values v are meant.

    >>> pool(torch.tensor([1.0, 0.5, 1.5]), torch.tensor([[1.0, 0], [0, 1], [1, 1]])).tolist()
    [0.81367..., 0.69280...]
    """
    return attend(scores[..., None, :], v).z[..., 0, :]


def rank_keys(q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
    """The products q'k over sqrt(width), and the keys' places from the most to the least like q.

    q (width,), k (n, width). Products of entries of variance s^2 have variance width s^4; the root takes the width
    away, and the softmax of the scores stays soft whatever the width.

    Systems: dot-product-ranking
    Source: Hifny 11.1, eqs. 11.1 and 11.2; Jaiswal 5.3.1.
    """
    scores = k @ q / math.sqrt(q.shape[-1])
    return scores, scores.argsort(descending=True)


def scaled_dot_product(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
    scale: float | None = None,
) -> Attended:
    """softmax(q k' / sqrt(width) + bias) v, and the weights.

    q (..., n_queries, width), k (..., n_keys, width), v (..., n_keys, n_values); `bias` is added to the scores
    (relative positions, ALiBi); `scale` in place of 1 / sqrt(width).

    Systems: scaled-dot-product-attention
    Source: Vaswani et al. 2017; Hifny eq. 11.3 (its form for one query, L3582, drops the root), Baker A148, Jaiswal
    J132, Keras course K109; Martinez-Ramon eq. 6.11 prints sqrt(D) as a factor.

    >>> x = torch.eye(2)
    >>> scaled_dot_product(x, x, x).weights.tolist()
    [[0.669761..., 0.330238...], [0.330238..., 0.669761...]]
    """
    mixed = len({q.dtype, k.dtype, v.dtype}) > 1 and not torch.is_autocast_enabled(q.device.type)
    if q.shape[-1] != k.shape[-1] or mixed or not q.is_floating_point():
        told = ", ".join(f"{n} {tuple(a.shape)} {a.dtype}" for n, a in (("q", q), ("k", k), ("v", v)))
        raise DataError(f"q and k have one width, and q, k and v are numbers of one floating-point kind; got {told}")
    scores = q @ k.mT * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    return attend(scores if bias is None else scores + bias, v, mask=mask)


def scaled_dot_product_backward(
    slope: Tensor, weights: Tensor, q: Tensor, k: Tensor, v: Tensor, *, scale: float | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """The slopes by q, k and v from the slope by z: dS k, dS' q and A' slope.

    dS = A (G - sum of A G) with G = slope v' is the slope by the scores, which the scale multiplies.

    Masks need no mention: where a weight is 0, so is its slope.

    Source: Martinez-Ramon eqs. 6.14 to 6.17 and problem 6.2, there with queries in columns.
    """
    g = slope @ v.mT
    by_scores = weights * (g - (weights * g).sum(-1, keepdim=True))
    by_scores = by_scores * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    return by_scores @ k, by_scores.mT @ q, weights.mT @ slope


def self_attention(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, *, mask: Tensor | None = None, scale: float | None = None
) -> Attended:
    """Attention of x (..., n, width) to itself: q = x W_q, k = x W_k, v = x W_v, with W_q and W_k (width, d_k).

    Rows permuted are answers permuted. Two such layers are not one: the weights of the second depend on the first's
    outputs through a softmax (Hifny 11.3 derives the opposite by taking the weights for constants).

    Systems: self-attention
    Source: Hifny eq. 11.3, Martinez-Ramon eqs. 6.12 and 6.13, Jaiswal J120, Keras course K104 and K109.
    """
    return scaled_dot_product(x @ w_q, x @ w_k, x @ w_v, mask=mask, scale=scale)


def self_attention_backward(
    slope: Tensor, x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, *, mask: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The slopes by x, W_q, W_k and W_v of whatever has `slope` by z; of a batch the slopes by weights are summed.

    Systems: self-attention-backward
    Source: Martinez-Ramon eqs. 6.14 to 6.17; the slopes by W_q and W_k are its problem 6.2.
    """
    q, k, v = x @ w_q, x @ w_k, x @ w_v
    weights = scaled_dot_product(q, k, v, mask=mask).weights
    slopes = scaled_dot_product_backward(slope, weights, q, k, v)
    by_x = sum((s @ w.mT for s, w in zip(slopes, (w_q, w_k, w_v), strict=True)), torch.zeros_like(x))
    by_q, by_k, by_v = (x.flatten(0, -2).mT @ s.flatten(0, -2) for s in slopes)
    return by_x, by_q, by_k, by_v


def parameter_free(x: Tensor) -> Attended:
    """softmax(x x') x: attention without anything to learn, and without a scale.

    Systems: parameter-free-attention
    Source: Keras course 6.5.2 (K108).

    >>> parameter_free(torch.tensor([[1.0, 0], [0, 1], [1, 1]])).z[0].tolist()
    [0.844637..., 0.577681...]
    """
    return attend(x @ x.mT, x)


def multi_head(
    x: Tensor,
    context: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    w_o: Tensor | None = None,
    *,
    mask: Tensor | None = None,
) -> Attended:
    """Heads one after the other, side by side in z, times W_o: the slow twin of `layers.attention.MultiHeadAttention`.

    x (..., n, width) asks, context (..., m, width) answers; w_q, w_k, w_v (n_heads, width, d), w_o (n_heads d, width).
    The weights come back by head, (..., n_heads, n, m).

    Systems: multi-head-attention, cross-attention
    Source: Vaswani et al. 2017; Hifny eq. 11.4 (its text splits x, its equations project the whole of it: so here),
    Jaiswal J133, Keras course K110; Martinez-Ramon eqs. 6.18 to 6.20 stack n x n vectors up to N where heads are meant.
    """
    heads = [
        scaled_dot_product(x @ q, context @ k, context @ v, mask=mask)
        for q, k, v in zip(w_q, w_k, w_v, strict=True)
    ]  # fmt: skip
    z = torch.cat([one.z for one in heads], -1)
    return Attended(z if w_o is None else z @ w_o, torch.stack([one.weights for one in heads], -3))
