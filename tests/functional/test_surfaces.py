"""Surfaces against scipy and the books' numbers; critical points, convexity and the Taylor model."""

import numpy as np
import pytest
import torch

from parnassus.functional.surfaces import (
    SURFACES,
    beale,
    convexity,
    critical_point,
    double_well,
    gradient,
    hessian,
    parabola,
    quadratic,
    rosenbrock,
    saddle,
    shoulder,
    taylor,
)


def at(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def test_rosenbrock_its_slopes_and_hessian_are_scipys():
    from scipy.optimize import rosen, rosen_der, rosen_hess

    x = at(-1.2, 1.0, 0.3)
    assert float(rosenbrock(x)) == pytest.approx(rosen(x.numpy()))
    assert np.allclose(gradient(rosenbrock, x), rosen_der(x.numpy()))
    assert np.allclose(hessian(rosenbrock, x), rosen_hess(x.numpy()))


@pytest.mark.parametrize(
    ("c", "origin", "corner", "least", "value"),
    [
        (2.625, 14.203125, 109.7695, (3.0, 0.5), 0.0),
        (2.2625, 12.43140625, 103.693, (2.4507381497, 0.3631139269), 0.0237097145),
    ],
)
def test_beale_with_both_constants(c, origin, corner, least, value):
    """2a:B20; the printed constant c = 2.2625 is not the standard one, and (2.5, 1.5) a minimum of neither (2a:F24)."""

    def surface(x):
        return beale(x, c=c)

    assert float(surface(at(0.0, 0.0))) == pytest.approx(origin)
    assert float(surface(at(2.5, 1.5))) == pytest.approx(corner, abs=1e-3)
    assert float(surface(at(*least))) == pytest.approx(value, abs=1e-9)
    assert gradient(surface, at(*least)).norm() < 1e-8
    assert gradient(surface, at(0.0, 0.0))[0] == pytest.approx(-12.75 if c == 2.625 else -12.025)
    assert gradient(surface, at(2.5, 1.5)).norm() > 10


@pytest.mark.parametrize("name", sorted(SURFACES))
def test_a_surface_is_least_where_it_says_and_takes_grids(name):
    s = SURFACES[name]
    grid = torch.rand(5, 4, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert s.function(grid).shape == (5, 4)
    assert torch.allclose(s.function(grid)[2, 3], s.function(grid[2, 3]))
    if s.minimum is not None:
        assert critical_point(s.function, at(*s.minimum)).kind == "minimum"
        assert s.function(at(*s.minimum)) <= s.function(grid).min()


@pytest.mark.parametrize(
    ("function", "start", "point", "value", "kind"),
    [
        (parabola, (3.0,), (1.0,), 0.0, "minimum"),  # 0:A2.3
        (shoulder, (-3.5,), (-3.0,), -27.0, "minimum"),  # 3:B9
        (shoulder, (0.0,), (0.0,), 0.0, "flat"),  # 3:B9, an inflection
        (lambda x: (x**4).sum(), (0.0,), (0.0,), 0.0, "flat"),  # 3:B9, a minimum: the test cannot say
        (double_well, (1.2,), (2**0.5,), -1.0, "minimum"),  # 0:A2.1
        (double_well, (0.1,), (0.0,), 3.0, "maximum"),
        (saddle, (1.0, 1.0), (0.0, 0.0), 0.0, "saddle"),
        (rosenbrock, (1.2, 1.2), (1.0, 1.0), 0.0, "minimum"),
    ],
)
def test_critical_points_are_found_and_judged(function, start, point, value, kind):
    found = critical_point(function, at(*start))
    assert torch.allclose(found.point, at(*point), atol=1e-6)
    assert found.value == pytest.approx(value, abs=1e-9)
    assert found.kind == kind


@pytest.mark.parametrize(
    ("function", "convex"),
    [
        (parabola, True),
        (lambda x: x.exp().sum(-1), True),
        (lambda x: x.cos().sum(-1), False),
        (double_well, False),
        (lambda x: x.abs().sum(-1), True),
        (lambda x: 2 * x.sum(-1), True),
    ],
)
def test_convexity_on_an_interval(function, convex):
    """0:A2.1: x^2 and e^x are convex, cos x and x^4 - 4x^2 + 3 are not."""
    found = convexity(function, -2.0, 3.0)
    assert found.convex == convex
    if not convex:
        a, b = found.chord
        s = (found.at - b) / (a - b)
        below = s * function(at(a)) + (1 - s) * function(at(b))
        assert float(function(at(found.at)) - below) == pytest.approx(found.depth)
        assert found.depth > 0


def test_the_quadratic_model_is_exact_on_quadratics_and_second_order_elsewhere():
    x, d = at(0.3, -0.2), at(0.6, 0.8)
    model = taylor(quadratic, x)
    assert torch.allclose(model(x + d), quadratic(x + d))
    errors = [float((taylor(rosenbrock, x)(x + h * d) - rosenbrock(x + h * d)).abs()) for h in (1e-2, 1e-3)]
    assert errors[0] / errors[1] == pytest.approx(1000, rel=0.05)
    first = [float((taylor(rosenbrock, x, order=1)(x + h * d) - rosenbrock(x + h * d)).abs()) for h in (1e-2, 1e-3)]
    assert first[0] / first[1] == pytest.approx(100, rel=0.05)


def test_the_gradient_is_the_steepest_way_up_and_stands_on_the_contour():
    """0:A2.7 and A2.8; the text's "steepest descent" for the gradient is ascent (0:F5)."""
    x = at(0.5, -0.4)
    g = gradient(rosenbrock, x)
    turns = torch.linspace(0, 2 * torch.pi, 721, dtype=torch.float64)[:-1]
    ways = torch.stack([turns.cos(), turns.sin()], -1)
    climbs = ways @ g
    assert torch.allclose(ways[climbs.argmax()], g / g.norm(), atol=1e-2)
    along = torch.stack([-g[1], g[0]]) / g.norm()
    assert abs(rosenbrock(x + 1e-5 * along) - rosenbrock(x)) < 1e-7
