"""Attention, layer normalisation and softmax, forward and backward: q, k and v are (..., length, width)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .diagram import Diagram, chain_diagram
from .worked import Section, Worked

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Attended:
    """One pass of attention: scores before the softmax, weights after it (each row sums to 1), outputs z."""

    scores: Array
    weights: Array
    z: Array


@dataclass(frozen=True)
class Normalized:
    """One layer normalisation: mean and deviation a row, the standardised values, and outputs z."""

    mean: Array
    deviation: Array
    standard: Array
    z: Array


def softmax(z: ArrayLike) -> Array:
    """e^z over its sum along the last axis, the greatest z taken off before."""
    z = np.asarray(z, dtype=float)
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def softmax_backward(by_y: ArrayLike, y: Array) -> Array:
    """The slope by z of y = softmax(z): y (g - sum of g y), the whole Jacobian diag(y) - y y' at work.

    Source: Hifny eq. 6.8, Baker A016 (whose chain at L1431 keeps the diagonal alone).
    """
    by_y = np.asarray(by_y, dtype=float)
    return y * (by_y - (by_y * y).sum(-1, keepdims=True))


def scaled_dot_product(q: ArrayLike, k: ArrayLike, v: ArrayLike, *, mask: ArrayLike | None = None) -> Attended:
    """z = softmax(q k' / sqrt(width)) v; `mask` is True where a query may look.

    Source: Vaswani et al. 2017; Hifny eq. 11.3, Martinez-Ramon eq. 6.11 (which prints sqrt(D) as a factor).

    >>> scaled_dot_product([[1, 0]], [[1, 0], [0, 1], [1, 1]], [[1], [2], [3]]).weights.round(6)
    array([[0.401112, 0.197776, 0.401112]])
    """
    q, k, v = (np.asarray(a, dtype=float) for a in (q, k, v))
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    if mask is not None:
        scores = np.where(np.asarray(mask), scores, -np.inf)
    weights = softmax(scores)
    return Attended(scores, weights, weights @ v)


def scaled_dot_product_backward(
    by_z: ArrayLike, attended: Attended, q: ArrayLike, k: ArrayLike, v: ArrayLike
) -> tuple[Array, Array, Array]:
    """The slopes by q, k and v: by_v = weights' by_z; by_scores = softmax_backward(by_z v'); and so on down.

    Source: Martinez-Ramon eqs. 6.14 to 6.17 and problem 6.2, there with columns as queries.
    """
    by_z, q, k, v = (np.asarray(a, dtype=float) for a in (by_z, q, k, v))
    by_scores = softmax_backward(by_z @ v.swapaxes(-1, -2), attended.weights) / np.sqrt(q.shape[-1])
    by_v = attended.weights.swapaxes(-1, -2) @ by_z
    return by_scores @ k, by_scores.swapaxes(-1, -2) @ q, by_v


@dataclass(frozen=True)
class SelfAttention(Worked):
    """One step of self-attention on x (length, width) with everything in it; `by_z` is the loss's slope by z."""

    x: Array
    q: Array
    k: Array
    v: Array
    attended: Attended
    by_z: Array
    by_x: Array
    by_w_q: Array
    by_w_k: Array
    by_w_v: Array

    def sections(self) -> list[Section]:
        """Projections, attention, gradients."""
        a = self.attended
        return [
            Section("projections", {"x": self.x, "q": self.q, "k": self.k, "v": self.v}),
            Section("attention", {"scores": a.scores, "weights": a.weights, "z": a.z}),
            Section(
                "slopes",
                {"by z": self.by_z, "by x": self.by_x, "by w_q": self.by_w_q, "by w_k": self.by_w_k}
                | {"by w_v": self.by_w_v},
            ),
        ]

    def diagram(self) -> Diagram:
        """The chain of its parts."""
        return chain_diagram("self-attention", ["x", "q k v", "q k' / sqrt d", "softmax", "weights v"])


def self_attention(
    x: ArrayLike, w_q: ArrayLike, w_k: ArrayLike, w_v: ArrayLike, *, by_z: ArrayLike, mask: ArrayLike | None = None
) -> SelfAttention:
    """Forward and backward through attention of x (..., length, width) on itself: q = x w_q, k = x w_k, v = x w_v.

    `by_z` is the slope of the loss by z; a batch's slopes by the weights are summed.

    Source: Hifny eq. 11.3, Martinez-Ramon eqs. 6.12 to 6.17.
    """
    x, w_q, w_k, w_v, by_z = (np.asarray(a, dtype=float) for a in (x, w_q, w_k, w_v, by_z))
    q, k, v = x @ w_q, x @ w_k, x @ w_v
    attended = scaled_dot_product(q, k, v, mask=mask)
    by_q, by_k, by_v = scaled_dot_product_backward(by_z, attended, q, k, v)
    by_x = by_q @ w_q.T + by_k @ w_k.T + by_v @ w_v.T
    by_ws = (_by_weight(x, slope) for slope in (by_q, by_k, by_v))
    return SelfAttention(x, q, k, v, attended, by_z, by_x, *by_ws)


def _by_weight(x: Array, slope: Array) -> Array:
    return x.reshape(-1, x.shape[-1]).T @ slope.reshape(-1, slope.shape[-1])


def layer_norm(x: ArrayLike, gamma: ArrayLike, beta: ArrayLike, *, eps: float = 1e-5) -> Normalized:
    """gamma (x - mean) / sqrt(var + eps) + beta, mean and biased variance of each row over its last axis.

    Source: Ba, Kiros and Hinton 2016; Hifny eq. 11.14 (footnote 3 of the book mixes batch normalisation in),
    Martinez-Ramon eq. 6.27 (whose sigma is the variance).
    """
    x = np.asarray(x, dtype=float)
    mean = x.mean(-1, keepdims=True)
    deviation = np.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + eps)
    standard = (x - mean) / deviation
    return Normalized(mean, deviation, standard, standard * np.asarray(gamma) + np.asarray(beta))


def layer_norm_backward(by_z: ArrayLike, normalized: Normalized, gamma: ArrayLike) -> tuple[Array, Array, Array]:
    """The slopes by x, gamma and beta: by_x = (g - mean g - s mean(g s)) / deviation with g = by_z gamma.

    Source: Hifny eqs. 14.13 to 14.16 (14.15 lacks a factor 1/2).
    """
    by_z, s = np.asarray(by_z, dtype=float), normalized.standard
    g = by_z * np.asarray(gamma)
    by_x = (g - g.mean(-1, keepdims=True) - s * (g * s).mean(-1, keepdims=True)) / normalized.deviation
    rows = tuple(range(by_z.ndim - 1))
    return by_x, (by_z * s).sum(rows), by_z.sum(rows)


def layer_norm_jacobian(x: ArrayLike, *, eps: float = 1e-5) -> Array:
    """dz_i / dx_j of one row without gamma and beta: (delta_ij - 1/n - s_i s_j / n) / deviation.

    Source: Hifny eqs. 14.13 to 14.16.

    >>> layer_norm_jacobian([1, 2, 3, 4], eps=0)[0].round(6)
    array([ 0.268328, -0.357771, -0.089443,  0.178885])
    """
    x = np.asarray(x, dtype=float)
    one = layer_norm(x, np.ones(len(x)), np.zeros(len(x)), eps=eps)
    return (np.eye(len(x)) - 1 / len(x) - np.outer(one.standard, one.standard) / len(x)) / one.deviation
