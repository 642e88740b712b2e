"""A step of Baum-Welch whose frames diagonal Gaussians emit, by one compiled loop from frames to counts."""

from typing import NamedTuple

import torch
from torch import Tensor

from ... import kernels
from ..diagonals import Moments, forms
from ..threads import n_threads
from .composition import Chain


class Emitted(NamedTuple):
    """log p of each sequence (n,); counts of first states (K,), transitions (K, K), last states (K,); the moments."""

    log_probs: Tensor
    first: Tensor
    xi: Tensor
    last: Tensor
    moments: Moments


def gaussian_counts(
    chain: Chain,
    x: Tensor,
    lengths: Tensor,
    origin: Tensor,
    means: Tensor,
    variances: Tensor,
    *,
    weight: Tensor | None = None,
) -> Emitted | None:
    """What Baum-Welch adds up of frames x (frames, d), sequences end to end; None where there is no kernel.

    means (about the origin (d,)) and variances (K, d); weight (n,) is what each sequence counts. It is
    `log_densities`, `expectations` and `weighted_moments` in turn, sequence after sequence.

    Systems: baum-welch
    """
    fits = x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64) and len(x) > 0
    kernel = kernels.load("chains") if fits else None
    if kernel is None:
        return None
    (k, d), n = means.shape, len(lengths)
    slopes, curves, bias = forms(means, variances)
    weight = means.new_ones(n) if weight is None else weight.to(means)
    counts, both, ends, xi = (means.new_zeros(*size) for size in ((k,), (k, 2 * d), (2, k), (k, k)))
    log_probs = means.new_empty(n)
    kernel.gaussians(
        *(part.contiguous() for part in (*chain, x, origin, slopes, curves, bias, lengths, weight)),
        *(counts, both, ends, xi, log_probs),
        n_threads(),
    )
    return Emitted(log_probs, ends[0], xi, ends[1], Moments(counts, both[:, :d], both[:, d:]))
