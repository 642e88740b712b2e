"""Attention that costs less than n^2: to neighbours alone, or through a feature map in place of the softmax."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ...errors import DataError, SettingError


def local_attention(q: Tensor, k: Tensor, v: Tensor, *, window: int) -> Tensor:
    """Attention to keys at most `window` places away, in blocks: O(n window) time and memory.

    q, k, v (..., n, width) of one length. Equal to `scaled_dot_product` with `window_mask`.

    Source: Luong, Pham and Manning 2015 (local attention), Beltagy et al. 2020 (its blocks).
    """
    if window < 1:
        raise SettingError(f"window is at least 1; got {window}")
    check_lengths(q, k, v)
    n, size = q.shape[-2], min(window, q.shape[-2])
    n_blocks = -(-n // size)
    pad = n_blocks * size - n
    q_blocks = F.pad(q, (0, 0, 0, pad)).unflatten(-2, (n_blocks, size))
    k_wide, v_wide = (_neighbours(F.pad(a, (0, 0, size, pad + size)), size) for a in (k, v))
    block = torch.arange(n_blocks, device=q.device)[:, None, None] * size
    i = block + torch.arange(size, device=q.device)[:, None]
    j = block + torch.arange(3 * size, device=q.device) - size
    mask = ((i - j).abs() <= window) & (j >= 0) & (j < n) | (i >= n)
    z = F.scaled_dot_product_attention(q_blocks, k_wide, v_wide, attn_mask=mask)
    return z.flatten(-3, -2)[..., :n, :]


def check_lengths(q: Tensor, k: Tensor, v: Tensor) -> None:
    """Refuse q, k and v of several lengths, whose places could not be told from each other.

    Raises
    ------
    DataError : with the shapes.
    """
    if not q.shape[-2] == k.shape[-2] == v.shape[-2]:
        raise DataError(
            f"q {tuple(q.shape)}, k {tuple(k.shape)} and v {tuple(v.shape)} are of one length; of several take "
            "scaled_dot_product with a mask"
        )


def _neighbours(a: Tensor, size: int) -> Tensor:
    """Each block with the one before and the one after: (..., n_blocks, 3 size, width)."""
    return a.unfold(-2, 3 * size, size).mT


def linear_attention(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False) -> Tensor:
    """phi(q) S / phi(q) z with S = sum phi(k) v' and z = sum phi(k), phi = elu + 1: O(n) time.

    q, k (..., n, width), v (..., n, n_values). With `causal` the sums run up to the query's own place. It is not the
    softmax's attention at less cost but another one: its weights are products of features, and softer.

    Source: Katharopoulos et al. 2020.
    """
    q, k = F.elu(q) + 1, F.elu(k) + 1
    if causal:
        check_lengths(q, k, v)
        s = (k[..., :, None] * v[..., None, :]).cumsum(-3)
        return (q[..., None, :] @ s)[..., 0, :] / (q * k.cumsum(-2)).sum(-1, keepdim=True)
    return q @ (k.mT @ v) / (q @ k.sum(-2)[..., None])


def linear_attention_slowly(q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None = None) -> Tensor:
    """The same by all n^2 weights phi(q)'phi(k), each row over its sum: the twin of `linear_attention`."""
    weights = (F.elu(q) + 1) @ (F.elu(k) + 1).mT
    weights = weights if mask is None else weights * mask
    return weights / weights.sum(-1, keepdim=True) @ v
