"""Scores, the slopes of a log-density by the row: matched to rows without Z, and followed by Langevin's chains."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import SettingError

Score = Callable[[Tensor], Tensor]


def implicit_score_loss(score: Score, x: Tensor) -> Tensor:
    """tr(ds/dx) + |s(x)|^2 / 2 of rows (n, d), (n,): half the squared gap to the rows' own score, but for a constant.

    The trace takes a backward pass a column; see `sliced_score_loss`. `score` takes and gives (n, d), rows alone.

    Systems: score-based-kin
    Source: Hyvarinen 2005, eq. 4; named in Martinez-Ramon 8.10.

    >>> implicit_score_loss(lambda x: -x, torch.tensor([[1.0, 2.0]])).tolist()
    [0.5]
    """
    x = x.detach().requires_grad_()
    s = score(x)
    trace = torch.zeros_like(s[:, 0])
    for i in range(x.shape[1]):
        (slope,) = torch.autograd.grad(s[:, i].sum(), x, create_graph=True, materialize_grads=True)
        trace = trace + slope[:, i]
    return trace + 0.5 * s.square().sum(1)


def sliced_score_loss(score: Score, x: Tensor, directions: Tensor) -> Tensor:
    """v' (ds/dx) v + |s(x)|^2 / 2 of rows (n, d) and a direction v of each (n, d), (n,): one backward pass.

    With directions whose E v v' is the identity (signs, or normal draws) its mean is that of `implicit_score_loss`.

    Systems: score-based-kin
    Source: Song, Garg, Shi and Ermon 2019, eq. 8, whose second term is exact.

    >>> sliced_score_loss(lambda x: -x, torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, -1.0]])).tolist()
    [0.5]
    """
    x = x.detach().requires_grad_()
    s = score(x)
    (pulled,) = torch.autograd.grad((s * directions).sum(), x, create_graph=True)
    return (pulled * directions).sum(1) + 0.5 * s.square().sum(1)


def denoising_score_loss(said: Tensor, noise: Tensor, sigma: Tensor | float) -> Tensor:
    """sigma^2 |s(x + sigma e) + e / sigma|^2 / 2 of what a net `said` (n, ...) of rows disturbed by noise e, (n,).

    Least where s is the score of the rows blurred by sigma; the factor sigma^2 makes levels count alike.

    Systems: score-based-kin
    Source: Vincent 2011, eq. 10; Song and Ermon 2019, eqs 5 and 6.

    >>> denoising_score_loss(torch.tensor([[-2.0]]), torch.tensor([[1.0]]), 0.5).tolist()
    [0.0]
    """
    wide = sigma if isinstance(sigma, float) else sigma.view(-1, *(1,) * (said.ndim - 1))
    return 0.5 * (wide * said + noise).square().flatten(1).sum(1)


def noise_levels(high: float, low: float, n_levels: int) -> Tensor:
    """Deviations from high to low, each the same share of the one before, (n_levels,) float64.

    Source: Song and Ermon 2019, section 4.1.

    >>> [round(v, 4) for v in noise_levels(10.0, 0.1, 3).tolist()]
    [10.0, 1.0, 0.1]
    """
    if not (high > low > 0 and n_levels >= 2):
        raise SettingError(f"noise goes from high down to low > 0 in 2 levels or more; got {high}, {low}, {n_levels}")
    return torch.linspace(math.log(high), math.log(low), n_levels, dtype=torch.float64).exp()


def spread_after(rate: Tensor | float, ratio: float, n_steps: int) -> Tensor:
    """The variance, in sigma^2, after Langevin steps of rate sigma^2 at a level sigma, from chains of ratio sigma.

        (1 - r)^(2 n) (ratio^2 - 2 / (2 - r)) + 2 / (2 - r)

    for rows of one place, whose score is -x / sigma^2. Source: Song and Ermon 2020, proposition 3.
    """
    rest = torch.as_tensor(2 / (2 - rate), dtype=torch.float64)
    return (1 - torch.as_tensor(rate, dtype=torch.float64)) ** (2 * n_steps) * (ratio**2 - rest) + rest


def langevin_rate(levels: Tensor, n_steps: int) -> float:
    """The rate r, steps being r sigma^2 long, at which chains leave a level nearest to its own deviation.

    Source: Song and Ermon 2020, technique 4.

    >>> round(langevin_rate(noise_levels(10.0, 0.1, 20), 5), 3)
    0.215
    """
    rates = torch.linspace(0.001, 1, 1000, dtype=torch.float64)
    return float(rates[(spread_after(rates, float(levels[0] / levels[1]), n_steps) - 1).abs().argmin()])


def annealed_langevin(
    score: Callable[[Tensor, int], Tensor],
    start: Tensor,
    levels: Tensor,
    *,
    n_steps: int,
    generator: torch.Generator,
    rate: float | None = None,
) -> Tensor:
    """Where chains from `start` (n, ...) end that follow `score(x, i)` at every level, and are cleaned at the last.

        x <- x + r sigma_i^2 s(x, i) + sqrt(2 r) sigma_i e,   n_steps times a level;   x + sigma_L^2 s(x, L) at the end

    Systems: score-based-kin
    Source: Song and Ermon 2019, algorithm 1; 2020, algorithm 1.
    """
    r = langevin_rate(levels, n_steps) if rate is None else rate
    x = start
    for i, sigma in enumerate(levels.tolist()):
        for _ in range(n_steps):
            fresh = torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x.device)
            x = x + r * sigma**2 * score(x, i) + math.sqrt(2 * r) * sigma * fresh
    last = len(levels) - 1
    return x + float(levels[last]) ** 2 * score(x, last)
