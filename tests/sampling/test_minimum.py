"""Bayesian optimisation: expected improvement by its integral, and functions whose least value is known."""

import math

import numpy as np
import pytest
import torch

from parnassus.errors import DataError, Diverged, SettingError
from parnassus.functional.bayes.acquisition import expected_improvement
from parnassus.sampling import minimize


def branin(p):
    x, y = p["x"], p["y"]
    return (
        (y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6) ** 2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10
    )


def test_expected_improvement_is_its_integral():
    from scipy.integrate import quad
    from scipy.stats import norm

    for mean, std, best in ((0.0, 1.0, 0.3), (2.0, 0.5, 1.0), (-1.0, 2.0, 0.0)):
        expected = quad(lambda f, m=mean, s=std, b=best: (b - f) * norm.pdf(f, m, s), mean - 12 * std, best)[0]
        found = expected_improvement(torch.tensor(mean).double(), torch.tensor(std).double(), best)
        assert float(found) == pytest.approx(expected, abs=1e-7)
    sure = expected_improvement(torch.tensor([1.0, -1.0]), torch.zeros(2), 0.0)
    assert sure.tolist() == pytest.approx([0.0, 1.0], abs=1e-6)


@pytest.mark.slow
def test_the_minimum_of_branin_is_found_in_thirty_evaluations():
    found = minimize(branin, {"x": (-5, 10), "y": (0, 15)}, n_evaluations=30, seed=0)
    assert found.value == pytest.approx(0.397887, abs=0.05)  # the published minimum
    assert found.value >= 0.397887
    assert branin(found.best) == found.value
    assert found.tried.shape == (30, 2)
    assert (np.diff(found.course) <= 0).all()
    scattered = minimize(branin, {"x": (-5, 10), "y": (0, 15)}, n_evaluations=30, n_first=30, seed=0)
    assert scattered.value > found.value


@pytest.mark.slow
def test_a_box_without_names_gives_vectors_and_the_seed_decides():
    runs = [
        minimize(lambda v: float(((v - 0.3) ** 2).sum()), [(0, 1)] * 3, n_evaluations=14, seed=s) for s in (1, 1, 2)
    ]
    assert (runs[0].tried == runs[1].tried).all()
    assert (runs[0].tried != runs[2].tried).any()
    assert runs[0].best.shape == (3,)
    assert runs[0].value < 0.02


@pytest.mark.slow
def test_a_function_that_is_level_is_no_trouble():
    assert minimize(lambda v: 1.0, [(0, 1)], n_evaluations=8).value == 1.0


@pytest.mark.parametrize(("function", "box", "options", "error", "words"), [
    (lambda v: 1.0, [(1, 0)], {}, SettingError, "low below high"),
    (lambda v: 1.0, [], {}, SettingError, "low below high"),
    (lambda v: 1.0, [(0, 1)], {"n_evaluations": 2}, SettingError, "n_first"),
    (lambda v: "a", [(0, 1)], {}, DataError, "give one number"),
    (lambda v: math.nan, [(0, 1)], {}, Diverged, "nan"),
])  # fmt: skip
def test_boxes_and_functions_that_cannot_be_are_refused(function, box, options, error, words):
    with pytest.raises(error, match=words):
        minimize(function, box, **options)
