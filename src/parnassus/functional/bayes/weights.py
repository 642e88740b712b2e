"""Uncertain weights by equations: a noise of its own for each row at the price of one, and a prior of two widths."""

import math

import torch
from torch import Tensor

from ...errors import DataError
from ..probability import LOG_2PI


def flipout_linear(x: Tensor, mean: Tensor, change: Tensor, signs_in: Tensor, signs_out: Tensor) -> Tensor:
    """x_i (M + r_i s_i' * D)' for every row i: what one drawn change of the weights says, with signs of each row's own.

        y = x M' + ((x * s) D') * r

    x (n, in); mean M and change D = std * noise (out, in); signs s (n, in) and r (n, out) of +1 and -1. Where the noise
    is symmetric each row sees the distribution it would see by itself, and rows are uncorrelated: the slopes'
    expectation is that of one draw for all rows, their variance falls with the rows.

    Source: Wen et al. 2018, eq. 4.

    >>> x, change = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5, 1.0]])
    >>> flipout_linear(x, torch.zeros(1, 2), change, torch.tensor([[1.0, -1.0]]), torch.tensor([[-1.0]]))
    tensor([[1.5000]])
    """
    return x @ mean.T + ((x * signs_in) @ change.T) * signs_out


def local_linear(x: Tensor, mean: Tensor, std: Tensor, noise: Tensor) -> Tensor:
    """The activations that weights N(M, S^2) give, drawn instead of the weights: x M' + noise sqrt(x^2 (S^2)').

    x (n, in), mean and std (out, in), noise (n, out) standard normal.

    Source: Kingma, Salimans and Welling 2015, eq. 6.

    >>> x, std = torch.tensor([[3.0, 4.0]]), torch.ones(1, 2)
    >>> local_linear(x, torch.zeros(1, 2), std, torch.ones(1, 1))
    tensor([[5.]])
    """
    return x @ mean.T + noise * (x.square() @ std.square().T).clamp(min=1e-16).sqrt()


def scale_mixture_log_prior(weights: Tensor, *, share: float, narrow: float, wide: float) -> Tensor:
    """sum ln(share N(w; 0, narrow^2) + (1 - share) N(w; 0, wide^2)) over the last axis.

    The narrow part pulls weights that say little to 0 and leaves the others be.

    Source: Blundell et al. 2015, eq. 7.

    >>> round(float(scale_mixture_log_prior(torch.zeros(1), share=0.5, narrow=1.0, wide=1.0)), 4)
    -0.9189
    """
    if not 0 < share < 1 or not 0 < narrow <= wide:
        raise DataError(f"share is between 0 and 1 and narrow at most wide; got {share}, {narrow} and {wide}")
    logs = [
        math.log(part / std) - 0.5 * (weights / std).square() - 0.5 * LOG_2PI
        for part, std in ((share, narrow), (1 - share, wide))
    ]
    return torch.logaddexp(*logs).sum(-1)
