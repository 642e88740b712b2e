"""Weights drawn from normals of their own for one step, and the slopes of the evidence lower bound by what they have.

Parameters come as lists, as a net holds them; `noise` and `kept` are one vector for all. On the CPU a compiled kernel
does each pass at once; the `_twin` of each function is the same by torch operations, to rounding.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..places import compiled
from .variational import kl_of_normals


def draw_weights(
    means: Sequence[Tensor],
    rhos: Sequence[Tensor],
    by_rhos: Sequence[Tensor],
    noise: Tensor,
    kept: Tensor,
    *,
    share: float,
    prior_std: float,
) -> Tensor:
    """KL(q || N(0, prior_std^2)) of q = N(mean, s^2), s = softplus(rho); weights are drawn on the way.

        kept <- mean,  mean <- w = mean + s noise,  noise <- dw / drho = noise sigmoid(rho)
        by_rho <- share dKL / drho = share (s / prior_std^2 - 1 / s) sigmoid(rho)

    noise, kept : (n,), for all weights end to end.

    Systems: bayes-by-backprop
    Source: Blundell et al. 2015, section 3.2; Martinez-Ramon 9.3.4, eqs 9.29 to 9.33, corrected (F9-20, F9-21).
    """
    kernel = _kernel(means, rhos, by_rhos)
    if kernel is None:
        return draw_weights_twin(means, rhos, by_rhos, noise, kept, share=share, prior_std=prior_std)
    return kernel.draw.default(means, rhos, by_rhos, noise, kept, share, prior_std)


def draw_weights_twin(
    means: Sequence[Tensor],
    rhos: Sequence[Tensor],
    by_rhos: Sequence[Tensor],
    noise: Tensor,
    kept: Tensor,
    *,
    share: float,
    prior_std: float,
) -> Tensor:
    """`draw_weights` by torch operations alone."""
    torch.cat([mean.flatten() for mean in means], out=kept)
    rho = torch.cat([rho.flatten() for rho in rhos])
    s, slope = F.softplus(rho), rho.sigmoid()
    by_rho = (s / prior_std**2 - s.reciprocal()).mul_(share).mul_(slope)
    parts = [whole.split([mean.numel() for mean in means]) for whole in (kept + s * noise, by_rho)]
    for mean, into, w, part in zip(means, by_rhos, *parts, strict=True):
        mean.copy_(w.view_as(mean))
        into.copy_(part.view_as(into))
    noise.mul_(slope)
    return kl_of_normals(kept, s, 0.0, prior_std)


def take_back_weights(
    means: Sequence[Tensor],
    by_means: Sequence[Tensor],
    by_rhos: Sequence[Tensor],
    noise: Tensor,
    kept: Tensor,
    *,
    share: float,
    prior_std: float,
) -> None:
    """Means come back from `kept`, and slopes g = d nll / dw by the weights, in `by_means`, become those of the loss.

        by_rho <- by_rho + g dw / drho,  by_mean <- g + share mean / prior_std^2

    All are as `draw_weights` left them, but for `by_means`; the loss is nll + share KL.
    """
    kernel = _kernel(means, by_means, by_rhos)
    if kernel is None:
        take_back_weights_twin(means, by_means, by_rhos, noise, kept, share=share, prior_std=prior_std)
    else:
        kernel.slopes.default(means, by_means, by_rhos, noise, kept, share, prior_std)


def take_back_weights_twin(
    means: Sequence[Tensor],
    by_means: Sequence[Tensor],
    by_rhos: Sequence[Tensor],
    noise: Tensor,
    kept: Tensor,
    *,
    share: float,
    prior_std: float,
) -> None:
    """`take_back_weights` by torch operations alone."""
    parts = [whole.split([mean.numel() for mean in means]) for whole in (noise, kept)]
    for mean, by_mean, by_rho, e, before in zip(means, by_means, by_rhos, *parts, strict=True):
        mean.copy_(before.view_as(mean))
        by_rho.addcmul_(by_mean, e.view_as(by_mean))
        by_mean.add_(mean, alpha=share / prior_std**2)


def _kernel(*lists: Sequence[Tensor]) -> Any | None:
    """The compiled operators where they serve: floats end to end on the CPU."""
    plain = all(t.is_cpu and t.dtype == torch.float32 and t.is_contiguous() for held in lists for t in held)
    return compiled() if plain else None
