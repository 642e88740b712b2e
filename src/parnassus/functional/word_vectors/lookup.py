"""Rows of a table by their numbers, and what flows back to them."""

import torch
from torch import Tensor


def lookup(table: Tensor, ids: Tensor) -> Tensor:
    """The rows of a table (n_words, d) for ids (...): (..., d).

        E_t = W[id_t] = onehot(id_t)^T W

    The product says what is meant; nobody computes it: a row of 16 numbers becomes one of 5 without 16 x 5 products.

    Systems: embedding-layer
    Source: Hifny A3.6 (3.2.1); Baker A178; Jaiswal J122; Martinez-Ramon 5.8.

    >>> lookup(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1, 1, 0])).tolist()
    [[3.0, 4.0], [3.0, 4.0], [1.0, 2.0]]
    """
    return table[ids]


def lookup_backward(gradient: Tensor, ids: Tensor, *, n_words: int) -> Tensor:
    """dL/dW (n_words, d) from dL/dE (..., d): each position adds to the row that it took.

        dL/dW[w] = sum over positions t with id_t = w of dL/dE_t

    A word that stands twice gets both; a word that stands nowhere gets 0.

    >>> lookup_backward(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([1, 1, 0]), n_words=3).tolist()
    [[4.0], [3.0], [0.0]]
    """
    flat = gradient.reshape(-1, gradient.shape[-1])
    whole = torch.zeros(n_words, flat.shape[1], dtype=flat.dtype, device=flat.device)
    return whole.index_add_(0, ids.reshape(-1), flat)
