"""Adversarial losses and the game's end against the fixtures, and against what they say by hand."""

import math

import pytest
import torch
from torch import nn

from parnassus.functional.adversarial import (
    critic_loss,
    game_value,
    generator_loss,
    gradient_penalty,
    jensen_shannon,
    optimal_discriminator,
    zero_centred_penalty,
)

GRID = torch.arange(-40, 40, 1e-3, dtype=torch.float64)


def normal(mean, std):
    return torch.distributions.Normal(torch.tensor(mean, dtype=torch.float64), std)


def test_b8_1_the_best_discriminator_and_the_games_value():
    p, q = normal(0.0, 1.0), normal(1.0, 2.0)
    at = torch.tensor([-1.0, 0.0, 1.0, 2.0], dtype=torch.float64)
    best = optimal_discriminator(p.log_prob(at).exp(), q.log_prob(at).exp())
    assert best.tolist() == pytest.approx([0.666667, 0.693843, 0.548137, 0.234719], abs=5e-7)
    densities = p.log_prob(GRID).exp(), q.log_prob(GRID).exp()
    assert jensen_shannon(*densities, 1e-3) == pytest.approx(0.128175, abs=1e-6)
    assert game_value(*densities, 1e-3) == pytest.approx(-1.129944, abs=1e-6)


def test_b8_2_at_the_equilibrium_the_critic_loses_ln_2():
    even = torch.zeros(5, dtype=torch.float64)
    assert float(critic_loss("minimax", even, even)) == pytest.approx(math.log(2))
    assert float(generator_loss("nonsaturating", even)) == pytest.approx(0.693147, abs=1e-6)
    assert -2 * float(critic_loss("minimax", even, even)) == pytest.approx(-math.log(4))


@pytest.mark.parametrize(("d", "minimax", "flipped"), [(0.01, -0.01, -0.99), (0.1, -0.1, -0.9), (0.5, -0.5, -0.5)])
def test_b8_3_slopes_in_the_logit(d, minimax, flipped):
    for game, slope in (("minimax", minimax), ("nonsaturating", flipped)):
        logit = torch.tensor([d], dtype=torch.float64).logit().requires_grad_()
        generator_loss(game, logit).backward()
        assert float(logit.grad) == pytest.approx(slope, abs=1e-12)


def test_b8_4_the_divergence_of_laws_that_never_meet_is_ln_2_not_infinite():
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    assert jensen_shannon(a, b) == pytest.approx(0.693147, abs=1e-6)
    assert game_value(a, b) == pytest.approx(0, abs=1e-6)
    p, q = torch.tensor([0.5, 0.5], dtype=torch.float64), torch.tensor([0.25, 0.75], dtype=torch.float64)
    assert jensen_shannon(p, q) == pytest.approx(0.033822, abs=5e-7)
    assert 2 * jensen_shannon(p, q) == pytest.approx(0.067644, abs=1e-6)  # the book's, without the halves


def test_the_losses_of_the_other_games_by_hand():
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-0.5, 1.0])
    assert float(critic_loss("least_squares", real, fake)) == pytest.approx(0.5 * (1.25 / 2) + 0.5 * (1.25 / 2))
    assert float(generator_loss("least_squares", fake)) == pytest.approx(0.5 * 2.25 / 2)
    assert float(critic_loss("wasserstein", real, fake)) == pytest.approx(0.25 - 1.25)
    assert float(generator_loss("wasserstein", fake)) == -0.25
    assert float(critic_loss("hinge", real, fake)) == pytest.approx(0.25 + 1.25)
    assert float(critic_loss("minimax", real, fake)) == pytest.approx(
        float(0.5 * (nn.BCEWithLogitsLoss()(real, torch.ones(2)) + nn.BCEWithLogitsLoss()(fake, torch.zeros(2))))
    )


def test_a_smooth_label_of_real_rows_is_09():
    real, fake = torch.tensor([2.0]), torch.tensor([-1.0])
    plain = nn.BCEWithLogitsLoss()(real, torch.tensor([0.9])) + nn.BCEWithLogitsLoss()(fake, torch.zeros(1))
    assert float(critic_loss("minimax", real, fake, smooth=0.1)) == pytest.approx(float(plain) / 2)


def test_the_gradient_penalty_looks_between_the_rows():
    """D(x) = |x|^2 / 2 has the slope x: at a quarter of the way from (0, 4) to (8, 0), (2, 3)."""
    real, fake = torch.tensor([[8.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    found = gradient_penalty(lambda x: x.square().sum(1) / 2, real, fake, torch.tensor([0.25]))
    assert float(found.detach()) == pytest.approx((13**0.5 - 1) ** 2)


def test_the_gradient_penalty_moves_the_critic(draws):
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    real, fake = torch.randn(5, 3).double(), torch.randn(5, 3).double()

    def penalty():
        return gradient_penalty(lambda x: net(x)[:, 0], real, fake, torch.full((5,), 0.3, dtype=torch.float64))

    penalty().backward()
    weight, step = net[0].weight, 1e-6
    with torch.no_grad():
        weight[1, 2] += step
        above = float(penalty())
        weight[1, 2] -= 2 * step
        below = float(penalty())
    assert float(weight.grad[1, 2]) == pytest.approx((above - below) / (2 * step), rel=1e-4)


@pytest.mark.parametrize("loss", [critic_loss, generator_loss])
def test_an_unknown_game_is_refused(loss):
    with pytest.raises(ValueError, match="hinge"):
        loss("hing", *[torch.zeros(1)] * (2 if loss is critic_loss else 1))


def test_the_zero_centred_penalty_is_half_the_squared_slope_of_a_quadratic_critic():
    """D(x) = x'Ax / 2 has the slope Ax."""
    g = torch.Generator().manual_seed(0)
    a = torch.randn(3, 3, generator=g, dtype=torch.float64)
    a, x = a + a.T, torch.randn(7, 3, generator=g, dtype=torch.float64)
    found = zero_centred_penalty(lambda at: 0.5 * ((at @ a) * at).sum(1), x)
    assert float(found.detach()) == pytest.approx(float((x @ a).square().sum(1).mean() / 2))
