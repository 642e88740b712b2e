"""Diagonal Gaussians over many rows: scores, weighted sums, and an E step; by a compiled kernel or in blocks of rows.

Rows x are (n, d), float32 or float64; everything else is float64. `origin` (d,) is taken off the rows before squares
are made, so that they lose no digits, and means are given about it.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .. import kernels
from .probability import LOG_2PI
from .threads import n_threads, one_thread

BLOCK = 4096  # rows that are expanded at a time: they stay in cache


class Moments(NamedTuple):
    """Sums over rows of gamma (k,), of gamma z and of gamma z^2 (k, d), z being rows about the origin."""

    counts: Tensor
    sums: Tensor
    squares: Tensor


class Expected(NamedTuple):
    """What an E step of r mixtures adds up: log-likelihoods, moments of all r k; the least ln p and its row (r,)."""

    log_likelihood: Tensor
    moments: Moments
    worst: Tensor
    rows: Tensor


def forms(means: Tensor, variances: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Slopes and curves (k, d) and the constant (k,) of ln N(z) = constant + slopes . z + curves . z^2."""
    precision = variances.reciprocal()
    constant = -0.5 * (means.square() * precision + variances.log() + LOG_2PI).sum(1)
    return (means * precision).contiguous(), (-0.5 * precision).contiguous(), constant


def _kernel(x: Tensor) -> Any | None:
    fits = x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64)
    return kernels.load("gaussians") if fits and len(x) else None


def log_densities(x: Tensor, origin: Tensor, means: Tensor, variances: Tensor) -> Tensor:
    """ln N_k(x_n) (n, k), means and variances (k, d).

    It lies in memory states first: a product with few rows and many columns takes half the time of the other.
    """
    slopes, curves, constant = forms(means, variances)
    out = torch.empty(len(means), len(x), dtype=torch.float64, device=x.device)
    kernel = _kernel(x)
    if kernel is not None:
        kernel.scores(x.contiguous(), origin, slopes, curves, constant, out, n_threads())
        return out.T
    both = torch.cat([slopes, curves], 1)
    with one_thread():
        for at, part in enumerate(_expanded(x, origin)):
            torch.mm(both, part.T, out=out[:, at * BLOCK : at * BLOCK + len(part)])
    return out.add_(constant[:, None]).T


def weighted_moments(x: Tensor, origin: Tensor, gamma: Tensor) -> Moments:
    """The sums that new means and variances are made from, gamma (n, k)."""
    d, k = x.shape[1], gamma.shape[1]
    kernel = _kernel(x)
    if kernel is not None:
        counts, both = gamma.new_zeros(k), gamma.new_zeros(k, 2 * d)
        kernel.moments(x.contiguous(), origin, gamma.contiguous(), counts, both, n_threads())
        return Moments(counts, both[:, :d], both[:, d:])
    both = gamma.new_zeros(k, 2 * d)
    with one_thread():
        for part, own in zip(_expanded(x, origin), gamma.split(BLOCK), strict=True):
            both.addmm_(own.T, part)
    return Moments(gamma.sum(0), both[:, :d], both[:, d:])


def expected(
    x: Tensor, origin: Tensor, share: Tensor, weights: Tensor, means: Tensor, variances: Tensor
) -> Expected | None:
    """An E step of r mixtures side by side, each row counting `share` (n, r); None where there is no kernel.

    weights (r, k), means and variances (r, k, d).
    """
    kernel = _kernel(x)
    if kernel is None:
        return None
    (r, k), d = weights.shape, x.shape[1]
    slopes, curves, constant = forms(means.flatten(0, 1), variances.flatten(0, 1))
    found, counts = share.new_zeros(r), share.new_zeros(r * k)
    both, worst, rows = share.new_zeros(r * k, 2 * d), share.new_empty(r), torch.empty(r, dtype=torch.int64)
    kernel.em_step(
        x.contiguous(),
        origin,
        share.contiguous(),
        slopes,
        curves,
        constant + weights.log().flatten(),
        found,
        counts,
        both,
        worst,
        rows,
        n_threads(),
    )
    return Expected(found, Moments(counts, both[:, :d], both[:, d:]), worst, rows)


def _expanded(x: Tensor, origin: Tensor) -> Iterator[Tensor]:
    """[z, z^2] of blocks of rows about the origin, each in the memory of the one before."""
    d = x.shape[1]
    held = torch.empty(min(BLOCK, len(x)), 2 * d, dtype=torch.float64, device=x.device)
    for part in x.split(BLOCK):
        both = held[: len(part)]
        z = torch.sub(part.double(), origin, out=both[:, :d])
        torch.mul(z, z, out=both[:, d:])
        yield both
