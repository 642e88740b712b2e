"""Layers of units of 0 and 1, where products are sums of the rows that are on.

On the CPU a compiled kernel adds these up, which takes time by how many units are on: of a fifth it takes two fifths of
a matrix product's. It sees by itself whether rows are of zeros and ones; for others, on other devices, and where
torch's products have many threads, the `_twin` serves.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from ... import kernels
from ..places import bits_at

FEW_THREADS = 3  # up to which one thread that adds rows is faster than torch's products by all


def pulled(v: Tensor, w: Tensor, c: Tensor) -> Tensor:
    """How likely each unit of the next layer is on: sigmoid(v w + c), (n, m), of rows v (n, d), w (d, m) and c (m,).

    Source: Martinez-Ramon eq. 7.8.
    """
    kernel = _kernel(v, w, c)
    if kernel is not None:
        out = v.new_empty(len(v), len(c))
        if kernel.pulled.default(v, w, c, out):
            return out
    return pulled_twin(v, w, c)


def pulled_twin(v: Tensor, w: Tensor, c: Tensor) -> Tensor:
    """`pulled` by torch operations alone."""
    return torch.addmm(c, v, w).sigmoid_()


def draw_units(p: Tensor, seeds: Tensor, out: Tensor) -> Tensor:
    """Units of 0 and 1 in `out` (n, m), on with probabilities p (n, m); each row's by a seed of its own, (n,) int64.

    Rows that several processes share out among themselves are so drawn as one process draws them.
    """
    kernel = _compiled() if p.is_cpu and p.dtype == torch.float32 and p.is_contiguous() else None
    if kernel is None:
        return draw_units_twin(p, seeds, out)
    kernel.draw.default(p, seeds.contiguous(), out)
    return out


def draw_units_twin(p: Tensor, seeds: Tensor, out: Tensor) -> Tensor:
    """`draw_units` by torch operations alone."""
    z = bits_at(seeds[:, None], (p.shape[1] + 1) // 2)
    both = torch.cat((z >> 40, z >> 16), 1)[:, : p.shape[1]] & 0xFFFFFF
    return torch.lt(both.to(p.dtype).add_(0.5).mul_(2.0**-24), p, out=out)


def contrast(
    v: Tensor, h: Tensor, again: Tensor, h_again: Tensor, slopes: Sequence[Tensor], *, weight: Tensor | None = None
) -> None:
    """Overwrite slopes (d, m), (d,) and (m,) by w, b and c with those of the mean of F(v) - F(again).

        mean of again' h_again - mean of v' h,    mean of again - mean of v,    mean of h_again - mean of h

    h, h_again : (n, m) and (q, m), the hidden probabilities of v (n, d) and again (q, d).
    weight : (n,), how much each row of v counts.

    Systems: contrastive-divergence
    Source: Hinton 2002; Martinez-Ramon 7.2.3, eqs 7.10 to 7.13.
    """
    kernel = _kernel(v, h, again, h_again, *slopes) if weight is None else None
    if kernel is None or not kernel.contrast.default(v, h, again, h_again, *slopes):
        contrast_twin(v, h, again, h_again, slopes, weight=weight)


def contrast_twin(
    v: Tensor, h: Tensor, again: Tensor, h_again: Tensor, slopes: Sequence[Tensor], *, weight: Tensor | None = None
) -> None:
    """`contrast` by torch operations alone."""
    by_w, by_b, by_c = slopes
    n, q = len(v), len(again)
    if weight is None:
        counted, mine = 1 / n, v
    else:
        share = (weight / weight.sum())[:, None]
        counted, mine, h = 1.0, v * share, h * share
    torch.mm(again.T, h_again, out=by_w)
    torch.addmm(by_w, v.T, h, beta=1 / q, alpha=-counted, out=by_w)
    torch.sub(again.sum(0) / q, mine.sum(0), alpha=counted, out=by_b)
    torch.sub(h_again.sum(0) / q, h.sum(0), alpha=counted, out=by_c)


def _kernel(*tensors: Tensor) -> Any | None:
    """The compiled operators where they serve: floats end to end on the CPU, and few threads."""
    plain = all(t.is_cpu and t.dtype == torch.float32 and t.is_contiguous() for t in tensors)
    return _compiled() if plain and torch.get_num_threads() <= FEW_THREADS else None


@cache
def _compiled() -> Any | None:
    """The compiled sums, or None where there is no compiler."""
    return kernels.load("units")
