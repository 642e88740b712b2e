"""Systems whose A is diagonal, or diagonal plus low rank: kernels of length L without powers of a matrix.

A bank of systems has one input and one output each: (channels, n), complex; the kernel is the real part.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..once import once
from .discretization import bilinear
from .hippo import legs

HELD = 1 << 20  # numbers of the matrix of fractions that are made at a time


class Dplr(NamedTuple):
    """A = V (diag(lam) - p p*) V* and V* B; lam, p and b are (n,), v (n, n) is unitary."""

    lam: Tensor
    p: Tensor
    b: Tensor
    v: Tensor


def legs_dplr(n: int) -> Dplr:
    """HiPPO-LegS as a diagonal and one rank: P_n = sqrt(n + 1/2), and A + P P^T = -I / 2 + S with S skew, so normal.

    >>> parts = legs_dplr(4)
    >>> a = parts.v @ (torch.diag(parts.lam) - torch.outer(parts.p, parts.p.conj())) @ parts.v.mH
    >>> torch.allclose(a.real, legs(4)[0]), float(a.imag.abs().max()) < 1e-12
    (True, True)

    Systems: dplr
    Source: Gu, Goel and Re 2022; Hifny section 12.2.
    """
    a, b = legs(n)
    p = torch.arange(n, dtype=a.dtype).add(0.5).sqrt()
    normal = a + torch.outer(p, p)
    skew = (normal - normal.T) / 2
    turns, v = torch.linalg.eigh(-1j * skew)  # Hermitian, whose eigenvalues are real
    return Dplr(torch.complex(torch.full_like(turns, -0.5), turns), v.mH @ p.to(v.dtype), v.mH @ b.to(v.dtype), v)


def linear_spectrum(n: int) -> Tensor:
    """A_k = -1/2 + i pi k for k below n (n,): what a diagonal system starts from where nothing else is asked for.

    Source: Gu et al. 2022 (S4D-Lin).
    """
    return torch.complex(torch.full((n,), -0.5, dtype=torch.float64), math.pi * torch.arange(n, dtype=torch.float64))


def diagonal_kernel(log_a: Tensor, w: Tensor, length: int) -> Tensor:
    """K_l = Re sum_n w_n e^(l log_a_n) (channels, length), with log_a and w (channels, n).

    l is i + m j with m near sqrt(length), and the sum a product of (length / m, n) and (n, m): the matrix of all powers
    is never made.

    Source: Gu et al. 2022, the Vandermonde product.
    """
    m = 1 << ((length - 1).bit_length() + 1) // 2
    fine = torch.arange(m, device=w.device)
    coarse = torch.arange(-(-length // m), device=w.device) * m
    left = w[:, None] * torch.exp(log_a[:, None] * coarse[:, None])  # (channels, length / m, n)
    right = torch.exp(log_a[..., None] * fine)  # (channels, n, m)
    real = torch.cat([left.real, -left.imag], -1) @ torch.cat([right.real, right.imag], 1)
    return real.flatten(1)[:, :length]


class Fractions(torch.autograd.Function):
    """sum_n v_n / (top_l - bottom_l w_n) (channels, k, length) of v (channels, k, n) and w (channels, n).

    With both divided by bottom_l it is the product with a Cauchy matrix, which is made a piece at a time, and again
    for the slopes; bottom may be 0, where the Cauchy matrix has a pole.
    """

    @staticmethod
    def forward(ctx: Any, v: Tensor, w: Tensor, top: Tensor, bottom: Tensor) -> Tensor:
        ctx.save_for_backward(v, w, top, bottom)
        return torch.cat([v @ matrix for _, matrix in _pieces(w, top, bottom)], -1)

    @staticmethod
    @once
    def backward(ctx: Any, of_out: Tensor) -> tuple[Tensor | None, ...]:
        v, w, top, bottom = ctx.saved_tensors
        of_v, of_w = torch.zeros_like(v), torch.zeros_like(w)
        for part, matrix in _pieces(w, top, bottom):
            g = of_out[..., part]
            of_v += g @ matrix.mH
            of_w += (v.conj() * (g @ (matrix.square() * bottom[part]).mH)).sum(1)
        return of_v, of_w, None, None


def _pieces(w: Tensor, top: Tensor, bottom: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """1 / (top_l - bottom_l w_n) (channels, n, length), some of the length at a time."""
    steps = max(HELD // w.numel(), 64)
    for at in range(0, len(top), steps):
        part = slice(at, at + steps)
        yield part, 1 / (top[part] - bottom[part] * w[..., None])


def dplr_discrete(lam: Tensor, p: Tensor, b: Tensor, delta: Tensor) -> tuple[Tensor, Tensor]:
    """Abar (channels, n, n) and Bbar (channels, n, 1) of A = diag(lam) - p p*, by the bilinear rule."""
    a = torch.diag_embed(lam) - p[..., :, None] * p[..., None, :].conj()
    return bilinear(a, b[..., None], delta)


def dplr_kernel(lam: Tensor, p: Tensor, b: Tensor, c: Tensor, delta: Tensor, length: int) -> Tensor:
    """K_l = Re C Abar^l Bbar for l below `length` (channels, length), Abar and Bbar by the bilinear rule.

    The transform of the kernel at the roots of unity z is C~ (I - z Abar)^-1 Bbar with C~ = C (I - Abar^length). With
    R = 1 / ((1 - z) - (1 + z) delta lam / 2) and the Woodbury identity it is, up to delta,

        C~ R B - s C~ R P (1 + s P* R P)^-1 P* R B,   s = (1 + z) delta / 2

    four sums of fractions, in O(n) each z. lam, p, b and c are (channels, n), delta is (channels,).

    Source: Gu, Goel and Re 2022, appendix C.3, here without the division by 1 + z, which is 0 at z = -1.
    """
    a_bar, _ = dplr_discrete(lam, p, b, delta)
    cut = c - (c[:, None] @ torch.linalg.matrix_power(a_bar, length))[:, 0]
    turn = torch.arange(length, device=c.device, dtype=delta.dtype) * (-2 * math.pi / length)
    z = torch.polar(torch.ones_like(turn), turn)
    pairs = torch.stack([cut * b, cut * p, p.conj() * b, p.conj() * p], 1)
    cb, cp, pb, pp = Fractions.apply(pairs, lam * (delta / 2)[:, None], 1 - z, 1 + z).unbind(1)
    s = (1 + z) * (delta / 2)[:, None]
    return torch.fft.ifft(delta[:, None] * (cb - s * cp * pb / (1 + s * pp))).real
