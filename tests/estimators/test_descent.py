"""Functions minimised: the path, the rules that end it, refusals; plots."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.errors import Diverged, SettingError
from parnassus.functional.surfaces import beale, parabola, quadratic, rosenbrock, saddle


def test_descent_on_a_parabola_is_the_listing():
    """0:B1: x0 = 3, rate 0.001."""
    path = pn.optimize(parabola, 3.0, pn.optimizer("sgd", lr=0.001), steps=5)
    assert np.allclose(path.points[1:, 0], (2.996, 2.992008, 2.988023984, 2.984047936032, 2.98007984016))
    assert path.points.shape == (6, 1)
    assert np.allclose(path.values, (path.points[:, 0] - 1) ** 2)
    assert np.allclose(path.gradients, 2 * (path.points[:, 0] - 1))
    assert not path.converged
    assert path.reason == "all 5 steps were taken"


@pytest.mark.parametrize("stop_on", ["gradient", "change", "step"])
def test_a_path_ends_by_the_rule_that_was_asked_for(stop_on):
    path = pn.optimize(parabola, 3.0, pn.optimizer("sgd", lr=0.1), steps=1000, tolerance=1e-3, stop_on=stop_on)
    sizes = {
        "gradient": path.gradients[1:],
        "change": np.abs(np.diff(path.values)),
        "step": np.linalg.norm(np.diff(path.points, axis=0), axis=1),
    }[stop_on]
    assert path.converged
    assert (sizes <= 1e-3).tolist() == [False] * (len(sizes) - 1) + [True]
    assert f"at step {len(sizes)}" in path.reason


def test_zigzags_are_seen_in_the_angles():
    """0:A2.8: unequal curvature zigzags, equal curvature goes straight."""
    uneven = pn.optimize(quadratic, (1.0, 1.0), pn.optimizer("sgd", lr=0.19), steps=10)
    even = pn.optimize(parabola, (0.0, 3.0), pn.optimizer("sgd", lr=0.1), steps=10)
    assert uneven.angles[:5].min() > 90
    assert np.allclose(even.angles, 0, atol=1e-4)


def test_a_schedule_scales_the_steps():
    """Closed form: rates 0.1, 0.05 and 0.1 / 3 on slopes 2x."""
    path = pn.optimize(
        lambda x: x.square().sum(), 1.0, pn.optimizer("sgd", lr=0.1), steps=3,
        schedule=pn.schedule("inverse_time", decay=1.0),
    )  # fmt: skip
    assert path.value == pytest.approx((0.8 * 0.9 * (1 - 0.2 / 3)) ** 2)


def test_a_plateau_watches_the_values():
    spec = pn.schedule("plateau", gamma=0.5, patience=0, threshold=0.0)
    bounced = pn.optimize(parabola, 3.0, pn.optimizer("sgd", lr=1.0), steps=20)
    calmed = pn.optimize(parabola, 3.0, pn.optimizer("sgd", lr=1.0), steps=20, schedule=spec)
    assert bounced.value == pytest.approx(4.0)
    assert calmed.value < 1e-6


def test_a_surface_that_blows_up_names_step_and_point():
    with pytest.raises(Diverged, match=r"not finite at step \d+, point \[.*\]; try a lower lr"):
        pn.optimize(beale, (0.0, 0.0), pn.optimizer("sgd", lr=0.1), steps=200)
    with pytest.raises(Diverged, match=r"step 0, point \[-1\.0\]"):
        pn.optimize(lambda x: x.log().sum(), -1.0)


@pytest.mark.parametrize(
    ("function", "options", "words"),
    [
        (lambda x: x, {"start": (1.0, 2.0)}, "returned a tensor of shape \\(2,\\)"),
        (lambda x: float(x.detach().sum()), {"start": 1.0}, "it returned float"),
        (lambda x: torch.tensor(3.0), {"start": 1.0}, "choose optimizer='annealing'"),
        (parabola, {"start": 1.0, "optimizer": "sgdd"}, "did you mean 'sgd'"),
        (parabola, {"start": 1.0, "optimizer": 3}, "optimizer is a name"),
        (parabola, {"start": 1.0, "stop_on": "time"}, "stop_on is"),
    ],
)
def test_what_cannot_be_minimised_is_refused(function, options, words):
    with pytest.raises(SettingError, match=words):
        pn.optimize(function, **options)


def test_the_random_state_stays_and_equal_calls_are_equal():
    before = torch.get_rng_state()
    paths = [pn.optimize(saddle, (0.5, 0.1), "annealing", steps=20) for _ in range(2)]
    assert np.array_equal(paths[0].points, paths[1].points)
    assert torch.equal(before, torch.get_rng_state())


def test_paths_are_drawn_side_by_side_on_contours():
    specs = ("sgd", pn.optimizer("adam", lr=0.1), pn.optimizer("adam", lr=0.3))
    paths = [pn.optimize(rosenbrock, (-0.5, 0.5), pn.optimizer("sgd", lr=1e-3) if s == "sgd" else s) for s in specs]
    figure = paths[0].plot(*paths[1:])
    left, right = figure.axes
    lines = {line.get_label(): line for line in left.get_lines()}
    assert set(lines) >= {"sgd", "adam", "adam 2"}
    assert np.allclose(lines["adam 2"].get_xydata(), paths[2].points)
    assert np.allclose(right.get_lines()[1].get_ydata(), paths[1].values)


@pytest.mark.parametrize("n", [1, 3])
def test_functions_of_one_or_many_variables_are_drawn_too(n):
    path = pn.optimize(parabola, (3.0,) * n, pn.optimizer("sgd", lr=0.1))
    assert len(path.plot().axes) == (2 if n == 1 else 1)


@pytest.mark.slow
def test_a_function_of_single_points_has_contours_too():
    path = pn.optimize(lambda x: x @ torch.diag(torch.tensor([1.0, 4.0]).double()) @ x, (1.0, 1.0))
    assert len(path.plot(low=(-1, -1), high=(2, 2)).axes) == 2


@pytest.mark.parametrize(
    ("function", "start", "words"),
    [
        (lambda x: float(np.sum(np.asarray(x) ** 2)), (1.0, 1.0), "write it with torch operations"),
        (lambda x: x.sum(), "ab", "start is a point"),
    ],
)
def test_a_function_or_a_start_that_torch_cannot_take_is_refused(function, start, words):
    with pytest.raises(SettingError, match=words):
        pn.optimize(function, start, "sgd")
