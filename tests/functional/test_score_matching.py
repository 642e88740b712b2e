"""Score matching against integrals that are known, and chains against the laws that they should reach."""

import itertools

import numpy as np
import pytest
import torch

from parnassus.errors import SettingError
from parnassus.functional.score_matching import (
    annealed_langevin,
    denoising_score_loss,
    implicit_score_loss,
    langevin_rate,
    noise_levels,
    sliced_score_loss,
    spread_after,
)


def gaussian_quadrature(variance=2.0):
    """Places and weights whose sums are means under N(0, variance)."""
    at, weight = np.polynomial.hermite_e.hermegauss(40)
    return torch.from_numpy(at * variance**0.5)[:, None], torch.from_numpy(weight / weight.sum())


def bent(x):
    return -x - 0.1 * x**3 + 0.3 * x.sin()


def crossed(x):
    """A score of two columns that see each other."""
    return torch.stack([-x[:, 0] * x[:, 1].square(), torch.tanh(x[:, 0] - 2 * x[:, 1])], 1)


def test_the_implicit_loss_is_half_the_squared_gap_to_the_true_score_but_for_a_constant():
    x, weight = gaussian_quadrature(2.0)
    implicit = float((weight * implicit_score_loss(bent, x)).sum().detach())
    true = -x / 2.0
    explicit = float((weight * 0.5 * (bent(x) - true).square().sum(1)).sum())
    constant = float((weight * 0.5 * true.square().sum(1)).sum())
    assert implicit == pytest.approx(explicit - constant, abs=1e-9)


def test_the_implicit_loss_of_a_gaussian_is_least_at_the_rows_moments():
    x = torch.randn(400, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 1.7 + 0.4
    mean, variance = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    for p in (mean, variance):
        p.requires_grad_()
    fit = torch.optim.LBFGS([mean, variance], max_iter=100, line_search_fn="strong_wolfe", tolerance_grad=1e-9)

    def closure():
        fit.zero_grad()
        loss = implicit_score_loss(lambda r: -(r - mean) / variance, x).mean()
        loss.backward()
        return loss

    least = float(fit.step(closure).detach())
    for _ in range(3):
        least = float(fit.step(closure).detach())
    torch.testing.assert_close(mean.detach(), x.mean(0), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(variance.detach(), x.var(0, correction=0), rtol=1e-3, atol=1e-3)
    assert least == pytest.approx(float((-0.5 / x.var(0, correction=0)).sum()), abs=1e-6)


def test_slices_in_all_directions_of_signs_make_the_implicit_loss():
    x = torch.randn(6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    each = [
        sliced_score_loss(crossed, x, torch.tensor(v, dtype=torch.float64).expand(6, 2))
        for v in itertools.product((-1, 1), repeat=2)
    ]
    torch.testing.assert_close(torch.stack(each).mean(0), implicit_score_loss(crossed, x), rtol=1e-10, atol=1e-10)


def test_the_denoising_loss_of_a_gaussian_is_least_at_the_blurred_score():
    g, v, sigma = torch.Generator().manual_seed(0), 2.0, 0.8
    x, noise = (torch.randn(400_000, 1, generator=g, dtype=torch.float64) for _ in range(2))
    disturbed = v**0.5 * x + sigma * noise
    losses = [float(denoising_score_loss(-k * disturbed / (v + sigma**2), noise, sigma).mean()) for k in (0.9, 1, 1.1)]
    assert losses[1] == pytest.approx(0.5 * v / (v + sigma**2), abs=0.003)
    assert losses[1] < min(losses[0], losses[2])
    wide = torch.full((400_000,), sigma, dtype=torch.float64)
    said = -disturbed / (v + sigma**2)
    torch.testing.assert_close(denoising_score_loss(said, noise, wide), denoising_score_loss(said, noise, sigma))


def test_chains_at_one_level_spread_as_they_are_said_to():
    g, n_steps, rate, ratio = torch.Generator().manual_seed(0), 4, 0.15, 1.6
    x = ratio * torch.randn(200_000, 1, generator=g, dtype=torch.float64)
    for _ in range(n_steps):
        x = x - rate * x + (2 * rate) ** 0.5 * torch.randn(x.shape, generator=g, dtype=torch.float64)
    assert float(x.var()) == pytest.approx(float(spread_after(rate, ratio, n_steps)), rel=0.02)


@pytest.mark.slow
def test_annealed_chains_along_exact_scores_reach_the_gaussian():
    levels, g = noise_levels(10.0, 0.05, 30), torch.Generator().manual_seed(0)
    mean, std = 1.5, 0.4
    start = 10 * torch.randn(20_000, 1, generator=g, dtype=torch.float64)
    ended = annealed_langevin(
        lambda x, i: -(x - mean) / (std**2 + levels[i] ** 2), start, levels, n_steps=40, generator=g
    )
    assert float(ended.mean()) == pytest.approx(mean, abs=0.02)
    assert float(ended.std()) == pytest.approx(std, rel=0.06)
    assert 0 < langevin_rate(levels, 5) < 1


@pytest.mark.parametrize("given", [(1.0, 2.0, 5), (1.0, 0.0, 5), (1.0, 0.1, 1)])
def test_levels_that_go_nowhere_are_refused(given):
    with pytest.raises(SettingError, match="high"):
        noise_levels(*given)
