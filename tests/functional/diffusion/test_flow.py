"""Straight lines from noise to rows against what is known of Gaussians."""

import itertools

import pytest
import torch

from parnassus.errors import SettingError
from parnassus.functional.diffusion.flow import carried, gaussian_velocity, on_the_line


def field(x, t):
    return gaussian_velocity(x, t, mean=1.5, std=0.4)


def test_the_lines_begin_at_noise_and_end_at_rows():
    g = torch.Generator().manual_seed(0)
    x, noise = torch.randn(3, 2, 4, generator=g), torch.randn(3, 2, 4, generator=g)
    torch.testing.assert_close(on_the_line(x, noise, torch.zeros(3))[0], noise)
    torch.testing.assert_close(on_the_line(x, noise, torch.ones(3))[0], x)
    assert torch.equal(on_the_line(x, noise, torch.rand(3, generator=g))[1], x - noise)


def test_the_velocity_of_a_gaussian_is_the_regression_of_what_was_drawn():
    g = torch.Generator().manual_seed(0)
    n, t = 400_000, 0.3
    x, noise = (torch.randn(n, 1, generator=g, dtype=torch.float64) for _ in range(2))
    x = 1.5 + 0.4 * x
    x_t, velocity = on_the_line(x, noise, torch.full((n,), t, dtype=torch.float64))
    slope = float(((x_t - x_t.mean()) * velocity).mean() / x_t.var())
    at = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    said = field(at, torch.full((2,), t, dtype=torch.float64))
    assert float(said[1] - said[0]) == pytest.approx(slope, abs=0.01)
    assert float(said[0]) == pytest.approx(float(velocity.mean() - slope * x_t.mean()), abs=0.01)


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("midpoint", 2)])
def test_noise_is_carried_to_the_gaussian_with_the_error_of_the_solvers_order(solver, order):
    noise = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
    right = 1.5 + 0.4 * noise  # the map of one Gaussian onto another
    errors = [float((carried(field, noise, n_steps=n, solver=solver) - right).abs().max()) for n in (20, 40, 80)]
    assert errors[-1] < 0.05
    for coarse, fine in itertools.pairwise(errors):
        assert coarse / fine > 0.9 * 2**order  # "midpoint" does better here than it must


def test_a_solver_that_is_none_is_refused():
    with pytest.raises(SettingError, match="midpoint"):
        carried(field, torch.zeros(1, 1), n_steps=1, solver="mid")
