"""Attention at a step of decoding: one query a row over keys and values in memory that rows may share."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ... import kernels


def looked_back(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    memory: Tensor,
    *,
    seen: Tensor | None = None,
    bias: Tensor | None = None,
    scale: float | None = None,
) -> Tensor:
    """What each row's query finds, by head, (rows, heads, size); for use, without slopes.

    q (rows, heads, size); k and v (memories, groups, steps, size), a group of keys for as many heads each; memory
    (rows, length) int64 says in whose memory each of a row's first `length` steps lies, so that the survivors of a
    beam search need not be copied; seen (rows, length) is True where a row may look; bias (heads, length) is added to
    the scores; scale stands in place of 1 / sqrt(size). A row that may look nowhere finds 0.
    """
    (rows, heads, size), length = q.shape, memory.shape[1]
    float32 = all(t.is_cpu and t.dtype == torch.float32 for t in (q, k, v)) and k.stride() == v.stride()
    kernel = kernels.load("lookback") if float32 and length and k.stride(-1) == 1 else None
    if kernel is None or torch.is_autocast_enabled(q.device.type):
        at = torch.arange(length, device=q.device)
        keys, values = (held[memory, :, at].transpose(1, 2) for held in (k, v))
        mask = None if seen is None else seen[:, None, None]
        if bias is not None:
            mask = bias[:, None] if mask is None else bias[:, None].masked_fill(~mask, -torch.inf)
        grouped = k.shape[1] != heads
        return F.scaled_dot_product_attention(q[:, :, None], keys, values, mask, scale=scale, enable_gqa=grouped)[
            :, :, 0
        ]
    out, nothing = q.new_empty(rows, heads, size), q.new_empty(0)
    open_ = torch.empty(0, dtype=torch.bool) if seen is None else seen
    added = nothing if bias is None else bias.contiguous()
    kernel.look(q.contiguous(), k, v, memory, open_, added, size**-0.5 if scale is None else scale, out)
    return out
