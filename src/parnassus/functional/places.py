"""Random numbers as a function of a seed and a place: many at once, the same with a compiled kernel and without."""

import math
from functools import cache
from typing import Any

import torch
from torch import Tensor

from .. import kernels

PAIRS = 64  # normal numbers come in chunks of as many pairs: cosines, then sines
_STEP = 0x9E3779B97F4A7C15 - (1 << 64)
_MIXES = ((30, 0xBF58476D1CE4E5B9 - (1 << 64)), (27, 0x94D049BB133111EB - (1 << 64)))


def bits_at(seed: Tensor, n: int) -> Tensor:
    """64 random bits at places 0 to n - 1 of the stream of each `seed`, int64 () or (k, 1): (n,) or (k, n) int64.

    Source: Steele, Lea and Flood 2014 (SplitMix64, whose step k is a function of its start and k).

    >>> [hex(z & (1 << 64) - 1) for z in bits_at(torch.tensor(0), 2).tolist()]
    ['0xe220a8397b1dcdaf', '0x6e789e6aa1b965f4']
    """
    z = torch.arange(1, n + 1, device=seed.device).mul_(_STEP) + seed
    for shift, factor in _MIXES:
        z = (z ^ _shifted(z, shift)).mul_(factor)
    return z ^ _shifted(z, 31)


def _shifted(z: Tensor, by: int) -> Tensor:
    """z >> by of numbers without a sign, which torch's integers have."""
    return (z >> by).bitwise_and_((1 << (64 - by)) - 1)


def normals(seed: Tensor, out: Tensor) -> Tensor:
    """Fills out (n,) with standard normal numbers that `seed`, one int64 on its device, fixes; returns it.

        r cos a, r sin a     r^2 = -2 ln u,  a = 2 pi (v - 1/2)

    with u and v of 24 bits each, so that none is larger than 5.9. Where a compiler is at hand it takes a fifth of the
    time of `torch.randn`.

    Source: Box and Muller 1958.
    """
    kernel = compiled()
    if kernel is None or out.dtype != torch.float32 or not out.is_cpu or not out.is_contiguous():
        return normals_twin(seed, out)
    kernel.normals.default(seed, out)
    return out


def normals_twin(seed: Tensor, out: Tensor) -> Tensor:
    """`normals` by torch operations alone."""
    n = out.numel()
    z = bits_at(seed, -(-n // (2 * PAIRS)) * PAIRS)
    u, v = (((z >> shift) & 0xFFFFFF).to(out.dtype).add_(0.5).mul_(2.0**-24).view(-1, PAIRS) for shift in (40, 16))
    r, a = u.log_().mul_(-2).sqrt_(), v.sub_(0.5).mul_(2 * math.pi)
    return out.copy_(torch.cat((r * a.cos(), r * a.sin()), 1).flatten()[:n])


@cache
def compiled() -> Any | None:
    """The compiled operators of normal weights, or None where there is no compiler."""
    return kernels.load("mean_field")
