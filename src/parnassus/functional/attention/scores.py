"""Scores other than plain products: additive, multiplicative, and attention of a decoder's state to an encoder's."""

import torch
from torch import Tensor

from .products import Attended, attend


def additive_scores(q: Tensor, k: Tensor, w: Tensor, v: Tensor) -> Tensor:
    """v' tanh(W [q; k]) for every query and key: (..., n_queries, n_keys).

    q (..., n_queries, n_q), k (..., n_keys, n_k), w (n, n_q + n_k), v (n,).

    Systems: additive-attention
    Source: Bahdanau, Cho and Bengio 2015; Hifny A11.18, Martinez-Ramon eqs. 6.5 to 6.8, Jaiswal J120.
    """
    w_q, w_k = w.split([q.shape[-1], k.shape[-1]], -1)
    return torch.tanh((q @ w_q.mT)[..., :, None, :] + (k @ w_k.mT)[..., None, :, :]) @ v


def multiplicative_scores(q: Tensor, k: Tensor, w: Tensor | None = None) -> Tensor:
    """q' W k for every query and key, or q'k without W: (..., n_queries, n_keys). Not scaled.

    q (..., n_queries, n_q), k (..., n_keys, n_k), w (n_q, n_k).

    Source: Luong, Pham and Manning 2015 ("general" and "dot").
    """
    return (q if w is None else q @ w) @ k.mT


def seq2seq_attention(
    state: Tensor, states: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, *, mask: Tensor | None = None
) -> Attended:
    """The context of a decoder's state (..., n_s) over an encoder's states (..., time, n_h), and the weights.

    e_t = (W_q s)'(W_k h_t), alpha = softmax(e), c = sum_t alpha_t W_v h_t. Weights that are all on the last state give
    the plain encoder-decoder; see `last_state_weights`. mask (..., time) is True where a state is real.

    Systems: seq2seq-dot-attention
    Source: Jaiswal 5.3 (J129, which sums h_t where the values v_t were defined), Keras course 6.4 (K103).
    """
    scores = multiplicative_scores(state[..., None, :] @ w_q.mT, states @ w_k.mT)
    found = attend(scores, states @ w_v.mT, mask=None if mask is None else mask[..., None, :])
    return Attended(found.z[..., 0, :], found.weights[..., 0, :])


def last_state_weights(lengths: Tensor, time: int) -> Tensor:
    """1 at each row's last step and 0 elsewhere, (batch, time): the attention that an encoder-decoder without any has.

    Source: Jaiswal J130.

    >>> last_state_weights(torch.tensor([1, 3]), 3).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    return (torch.arange(time, device=lengths.device) == lengths[:, None] - 1).to(torch.get_default_dtype())
