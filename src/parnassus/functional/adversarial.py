"""Games of a generator and a critic by equations: losses, the best critic, and what the game is worth."""

import math
from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import SettingError, did_you_mean

Game = Literal["minimax", "nonsaturating", "least_squares", "wasserstein", "hinge"]
Scores = Tensor


def critic_loss(game: Game, real: Scores, fake: Scores, *, smooth: float = 0.0) -> Tensor:
    """What the critic's outputs on real and on generated rows cost it; outputs are logits, or plain numbers.

        minimax, nonsaturating   -1/2 mean ln D(x) - 1/2 mean ln(1 - D(G(z))),   D the logistic function of the output
        least_squares            1/2 mean (real - 1)^2 + 1/2 mean fake^2
        wasserstein              mean fake - mean real, of a critic that is Lipschitz
        hinge                    mean max(0, 1 - real) + mean max(0, 1 + fake)

    `smooth` takes so much from the label 1 of real rows; the last two have no labels.

    Systems: gan-minimax-loss, gan-nonsaturating-loss, lsgan-loss, wgan
    Source: Martinez-Ramon 8.2 to 8.4, 8.7, who print neither this loss nor the half (F8-3); Goodfellow et al. 2014;
    Mao et al. 2017; Arjovsky et al. 2017; Miyato et al. 2018.

    >>> round(float(critic_loss("minimax", torch.zeros(3), torch.zeros(3))), 6)
    0.693147
    """
    match game:
        case "minimax" | "nonsaturating":
            told = F.binary_cross_entropy_with_logits(real, torch.full_like(real, 1 - smooth))
            return 0.5 * (told + F.softplus(fake).mean())
        case "least_squares":
            return 0.5 * ((real - (1 - smooth)).square().mean() + fake.square().mean())
        case "wasserstein":
            return fake.mean() - real.mean()
        case "hinge":
            return (1 - real).relu().mean() + (1 + fake).relu().mean()
    raise SettingError(f"no game {game!r}; {did_you_mean(game, get_args(Game))}")


def generator_loss(game: Game, fake: Scores) -> Tensor:
    """What the critic's outputs on generated rows cost the generator.

        minimax                mean ln(1 - D(G(z)))    slope in the logit -D: none where the critic is sure
        nonsaturating          -mean ln D(G(z))        slope -(1 - D)
        least_squares          1/2 mean (fake - 1)^2
        wasserstein, hinge     -mean fake

    Systems: gan-minimax-loss, gan-nonsaturating-loss, lsgan-loss, wgan
    Source: Martinez-Ramon 8.3, eq. 8.1 (fixture B8.3); the non-saturating one is never printed (F8-3).

    >>> round(float(generator_loss("nonsaturating", torch.zeros(3))), 6)
    0.693147
    """
    match game:
        case "minimax":
            return -F.softplus(fake).mean()
        case "nonsaturating":
            return F.softplus(-fake).mean()
        case "least_squares":
            return 0.5 * (fake - 1).square().mean()
        case "wasserstein" | "hinge":
            return -fake.mean()
    raise SettingError(f"no game {game!r}; {did_you_mean(game, get_args(Game))}")


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, share: Scores) -> Tensor:
    """mean (|d critic / dx| - 1)^2 at x = share real + (1 - share) fake: holds the critic's slope near 1.

    Systems: wgan-gp
    Source: Gulrajani et al. 2017, eq. 3; Martinez-Ramon 8.4 cites it.

    >>> w = torch.tensor([3.0, 4.0])
    >>> float(gradient_penalty(lambda x: x @ w, torch.zeros(2, 2), torch.ones(2, 2), torch.rand(2)))
    16.0
    """
    at = share.view(-1, *(1,) * (real.ndim - 1))
    with torch.enable_grad():
        between = (at * real + (1 - at) * fake).detach().requires_grad_()
        (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        return (slope.flatten(1).norm(dim=1) - 1).square().mean()


def zero_centred_penalty(critic: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """mean |d critic / dx|^2 / 2 on real rows: the critic has no slope where the rows are, once the game ends (R1).

    Source: Mescheder, Geiger and Nowozin 2018, eq. 9; what StyleGAN is trained with on faces, times 10.

    >>> w = torch.tensor([3.0, 4.0])
    >>> float(zero_centred_penalty(lambda x: x @ w, torch.zeros(2, 2)))
    12.5
    """
    with torch.enable_grad():
        at = real.detach().requires_grad_()
        (slope,) = torch.autograd.grad(critic(at).sum(), at, create_graph=True)
        return slope.flatten(1).square().sum(1).mean() / 2


def information_bound(logits: Tensor, kinds: Tensor) -> Tensor:
    """ln K + mean ln Q(kind | row), of what a reader says (n, K) of rows made for kinds (n,) that were drawn evenly.

    At most the mutual information of kinds and rows, which it is where Q is the true posterior.

    Source: Chen et al. 2016, eq. 5.

    >>> float(information_bound(torch.zeros(3, 2), torch.tensor([0, 1, 1])).abs()) < 1e-6
    True
    """
    return math.log(logits.shape[1]) - F.cross_entropy(logits, kinds)


# --- the game's end -----------------------------------------------------------------------------------


def optimal_discriminator(p: Tensor, q: Tensor) -> Tensor:
    """D* = p / (p + q): the best answer on densities p of real and q of generated rows, shown equally often.

    Systems: gan-equilibrium
    Source: Martinez-Ramon 8.2, eq. 8.3 (fixture B8.1).

    >>> optimal_discriminator(torch.tensor([0.2, 0.3]), torch.tensor([0.2, 0.1])).tolist()
    [0.5, 0.75]
    """
    return p / (p + q)


def game_value(p: Tensor, q: Tensor, cell: float = 1.0) -> float:
    """V(D*, G) = -ln 4 + 2 JS(p, q) on a grid of cells; -ln 4 where p = q, and 0 where they never meet.

    Systems: gan-equilibrium
    Source: Martinez-Ramon 8.3, eq. 8.4 (fixtures B8.1, B8.2).

    >>> round(game_value(torch.tensor([0.5, 0.5]), torch.tensor([0.5, 0.5])), 6)
    -1.386294
    """
    return -math.log(4) + 2 * jensen_shannon(p, q, cell)


def jensen_shannon(p: Tensor, q: Tensor, cell: float = 1.0) -> float:
    """JS = KL(p || m) / 2 + KL(q || m) / 2, m = (p + q) / 2, on a grid of cells: at most ln 2.

    The text leaves out the halves (its largest value is 2 ln 2, F8-4) and says that it may be infinite for laws that
    never meet, where it is constant, which is why gradients vanish (F8-5).

    Source: Martinez-Ramon 8.4, eq. 8.7 (fixtures B8.1, B8.4).

    >>> round(jensen_shannon(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])), 6)
    0.693147
    """
    m = (p + q) / 2
    terms = (
        torch.special.xlogy(p, p) - torch.special.xlogy(p, m) + torch.special.xlogy(q, q) - torch.special.xlogy(q, m)
    )
    return float(terms.sum()) * cell / 2
