"""Steps of particles against loops and against weights that can be counted."""

import math

import pytest
import torch

from parnassus.errors import DataError
from parnassus.functional.mcmc import log_swap, on_ellipse
from parnassus.functional.particles import effective_size, next_power, stein_direction, systematic_indices


def test_steins_direction_is_the_sum_over_pairs_with_autograds_kernel_slope():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 6, 3, generator=generator, dtype=torch.float64)
    slope = torch.randn(2, 6, 3, generator=generator, dtype=torch.float64)
    found = stein_direction(x, slope, width=1.7)
    for r in range(2):
        for i in range(6):
            total = torch.zeros(3, dtype=torch.float64)
            for j in range(6):
                other = x[r, j].clone().requires_grad_()
                k = (-(other - x[r, i]).square().sum() / 1.7).exp()
                total += k.detach() * slope[r, j] + torch.autograd.grad(k, other)[0]
            torch.testing.assert_close(found[r, i], total / 6)


def test_the_width_left_out_is_the_median_rule():
    x = torch.tensor([[0.0], [1.0], [3.0]], dtype=torch.float64)
    squares = torch.tensor([0.0, 0, 0, 1, 1, 4, 4, 9, 9], dtype=torch.float64)
    width = float(squares.median()) / math.log(4)
    torch.testing.assert_close(stein_direction(x, -x), stein_direction(x, -x, width=width))


def test_a_point_is_drawn_as_often_as_it_weighs():
    generator = torch.Generator().manual_seed(1)
    weights = torch.rand(5, 40, generator=generator, dtype=torch.float64)
    weights /= weights.sum(1, keepdim=True)
    found = systematic_indices(weights.log(), torch.rand(5, generator=generator, dtype=torch.float64))
    for w, row in zip(weights, found, strict=True):
        counts = torch.bincount(row, minlength=40)
        assert bool(((counts - 40 * w).abs() < 1).all())
    with pytest.raises(DataError, match="expected"):
        systematic_indices(weights[0], torch.tensor(0.5))


def test_the_next_power_leaves_the_weights_worth_what_was_asked():
    ratio = torch.randn(3, 500, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 20
    power = torch.tensor([0.0, 0.01, 0.999], dtype=torch.float64)
    after = next_power(power, ratio, keep=0.4)
    sizes = effective_size((after - power)[:, None] * ratio)
    assert sizes[:2].tolist() == pytest.approx([200.0, 200.0], rel=1e-6)
    assert float(after[2]) == 1.0
    assert float(sizes[2]) > 200


def test_a_turn_on_the_ellipse_keeps_the_joint_normal_density_of_both_points():
    a, b = torch.randn(2, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mean, angle = torch.full((4,), 0.3, dtype=torch.float64), torch.tensor(0.7, dtype=torch.float64)
    c, s = on_ellipse(a, b, angle, mean), on_ellipse(b, 2 * mean - a, angle, mean)
    before = (a - mean).square().sum() + (b - mean).square().sum()
    torch.testing.assert_close((c - mean).square().sum() + (s - mean).square().sum(), before)


def test_a_swap_is_metropolis_on_the_product_of_both_powers():
    p, q, b, c = torch.tensor([-2.0, -3.5, 1.0, 0.3], dtype=torch.float64)
    straight = min(0.0, float((b * q + c * p) - (b * p + c * q)))
    assert float(log_swap(p, q, b, c)) == pytest.approx(straight)
    assert float(log_swap(q, p, b, c)) == 0
