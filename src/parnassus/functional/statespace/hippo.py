"""Matrices that make a state remember its input: coefficients of the past in a basis, kept up to date (HiPPO).

h' = A h + B x, except for LegS, whose system is h' = (A h + B x) / t: it sees the whole past, ever more coarsely.
State-space layers take LegS's A and B without the 1 / t, which remembers with an exponentially fading weight.
"""

import math

import torch
from torch import Tensor

from ...errors import SettingError, did_you_mean


def legs(n: int, *, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """A (n, n), B (n,): h_i(t) is the coefficient of x on [0, t] in the i-th orthonormal Legendre polynomial.

        A_nk = -sqrt((2 n + 1) (2 k + 1)) for n > k, -(n + 1) for n = k, 0 for n < k;   B_n = sqrt(2 n + 1)

    >>> (legs(3)[0].round(decimals=4) + 0.0).tolist()
    [[-1.0, 0.0, 0.0], [-1.7321, -2.0, 0.0], [-2.2361, -3.873, -3.0]]

    Systems: hippo-legs
    Source: Gu et al. 2020, theorem 2; Hifny section 12.2 (which does not give B).
    """
    root = (2 * torch.arange(n, dtype=dtype) + 1).sqrt()
    a = -torch.tril(root[:, None] * root, -1) - torch.diag(torch.arange(1, n + 1, dtype=dtype))
    return a, root


def legt(n: int, *, window: float = 1.0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """A (n, n), B (n,): coefficients of x on the last `window` of time, in orthonormal Legendre polynomials.

        A_nk = -sqrt((2 n + 1) (2 k + 1)) / window, times (-1)^(n - k) for n < k;   B_n = sqrt(2 n + 1) / window

    Source: Gu et al. 2020, theorem 1; Voelker et al. 2019 (the same memory with other scales).
    """
    order = torch.arange(n, dtype=dtype)
    root = (2 * order + 1).sqrt()
    gap = order[:, None] - order
    sign = torch.where(gap < 0, 1 - 2 * (gap.abs() % 2), 1.0)
    return -root[:, None] * root * sign / window, root / window


def lagt(n: int, *, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """A (n, n), B (n,): coefficients of the past under the weight e^(-age), in Laguerre polynomials of the age.

        A_nk = -1 for n >= k, 0 for n < k;   B_n = 1

    Source: Gu et al. 2020, theorem 1.
    """
    return -torch.tril(torch.ones(n, n, dtype=dtype)), torch.ones(n, dtype=dtype)


def fourier(n: int, *, window: float = 1.0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """A (n, n), B (n,): Fourier coefficients of x on the last `window` of time, in the order 1, cos 1, sin 1, cos 2 ...

    cos i turns into sin i and back at 2 pi i, and what leaves the window is what the coefficients say of it:
    A = (S - 2 p p^T) / window, B = 2 p / window, with p the basis at age 0.

    An even n has no sine for its last cosine, and is refused.

    Source: Gu et al. 2023 (how to train your HiPPO), FouT.
    """
    if n % 2 == 0:
        raise SettingError(f"fourier takes an odd n: a constant, and a cosine and a sine of each frequency; got {n}")
    p = torch.zeros(n, dtype=dtype)
    p[0], p[1::2] = 1.0, math.sqrt(2)
    turns = torch.zeros(n, n, dtype=dtype)
    cosines = torch.arange(1, n, 2)
    turns[cosines, cosines + 1] = -math.pi * (cosines + 1).to(dtype)
    turns[cosines + 1, cosines] = math.pi * (cosines + 1).to(dtype)
    return (turns - 2 * torch.outer(p, p)) / window, 2 * p / window


HIPPO = {"legs": legs, "legt": legt, "lagt": lagt, "fourier": fourier}


def hippo(name: str, n: int) -> tuple[Tensor, Tensor]:
    """(A, B) of a HiPPO matrix by its name: "legs", "legt", "lagt" or "fourier"."""
    if name not in HIPPO:
        raise SettingError(f"no HiPPO matrix {name!r}; {did_you_mean(name, HIPPO)}")
    return HIPPO[name](n)


def memory_of(x: Tensor, n: int) -> Tensor:
    """LegS's coefficients (time, n) of what a signal x (time,) was up to each step, by h' = (A h + B x) / t, bilinear.

    `recalled` turns them back into the past.
    """
    a, b = legs(n)
    h, kept = torch.zeros(n, dtype=torch.float64), []
    one = torch.eye(n, dtype=torch.float64)
    for k, value in enumerate(x.double().tolist(), start=1):
        h = torch.linalg.solve(one - a / (2 * k), h + (a @ h) / (2 * k) + b * value / k)
        kept.append(h)
    return torch.stack(kept)


def recalled(h: Tensor, n_points: int) -> Tensor:
    """The past that LegS's coefficients h (..., n) stand for, at `n_points` times evenly over it: (..., n_points)."""
    at = torch.linspace(-1, 1, n_points, dtype=h.dtype)
    basis = [torch.ones_like(at), at]
    for i in range(1, h.shape[-1]):  # Legendre's recursion
        basis.append(((2 * i + 1) * at * basis[i] - i * basis[i - 1]) / (i + 1))
    root = (2 * torch.arange(h.shape[-1], dtype=h.dtype) + 1).sqrt()
    return (h * root) @ torch.stack(basis[: h.shape[-1]])
