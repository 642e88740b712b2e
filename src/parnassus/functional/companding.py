"""Loudness on a logarithmic scale: the mu-law, and its 256 steps."""

import torch
from torch import Tensor


def mu_law(x: Tensor, n_levels: int = 256) -> Tensor:
    """The step, 0 .. n_levels - 1, of x in [-1, 1] on the mu-law's scale: sign(x) ln(1 + mu |x|) / ln(1 + mu).

    mu = n_levels - 1. Quiet sounds get more steps than loud ones; beyond [-1, 1] the outermost step is taken.

    Source: ITU-T G.711; van den Oord et al. 2016 (WaveNet), 2.2.

    >>> mu_law(torch.tensor([-1.0, 0.0, 1.0])).tolist()
    [0, 128, 255]
    """
    mu = n_levels - 1
    compressed = x.sign() * torch.log1p(mu * x.abs().clamp(max=1)) / torch.log1p(torch.tensor(float(mu)))
    return ((compressed + 1) / 2 * mu + 0.5).floor().long()


def inverse_mu_law(step: Tensor, n_levels: int = 256) -> Tensor:
    """x in [-1, 1] of a step: sign(c) ((1 + mu)^|c| - 1) / mu, c = 2 step / mu - 1.

    >>> inverse_mu_law(torch.tensor([0, 255])).tolist()
    [-1.0, 1.0]
    """
    mu = n_levels - 1
    compressed = 2 * step.to(torch.get_default_dtype()) / mu - 1
    return compressed.sign() * torch.expm1(compressed.abs() * torch.log1p(torch.tensor(float(mu)))) / mu
