"""Decompositions: exact sums, closed forms, and the book's slip in the derivation."""

import numpy as np
import pytest

from parnassus.errors import DataError
from parnassus.evaluation.bias_variance import squared_decomposition, zero_one_decomposition


def test_squared_parts_add_up_exactly():
    random = np.random.default_rng(0)
    true, made = random.normal(size=40), random.normal(size=(25, 40))
    found = squared_decomposition(true, made)
    assert found.error == pytest.approx(np.square(made - true).mean(), rel=1e-12)
    assert found.bias + found.variance == pytest.approx(found.error, rel=1e-12)
    assert found.variance == pytest.approx(made.var(axis=0).mean(), rel=1e-12)


def test_0_A14_2_of_a_shrunken_mean_in_closed_form():
    """a times the mean of n draws from N(m, s^2): bias^2 (1-a)^2 m^2, variance a^2 s^2 / n, noise s^2."""
    m, s, n, a = 2.0, 1.5, 8, 0.7
    draws = np.random.default_rng(1).normal(m, s, size=(200_000, n))
    found = squared_decomposition([m], a * draws.mean(1)[:, None], noise=s**2)
    assert found.bias == pytest.approx((1 - a) ** 2 * m**2, rel=0.01)
    assert found.variance == pytest.approx(a**2 * s**2 / n, rel=0.01)
    fresh = np.random.default_rng(2).normal(m, s, size=200_000)
    assert found.error == pytest.approx(np.square(fresh - a * draws.mean(1)).mean(), rel=0.01)


def test_0_F40_the_square_in_equation_14_2_has_a_minus():
    """With f^2 + 2 f E f + (E f)^2, as printed, the variance of a constant c would be 4 c^2 and not 0."""
    found = squared_decomposition([0.0], np.full((5, 1), 3.0))
    assert found.variance == 0.0
    assert found.bias == 9.0


def test_zero_one_parts_add_up_for_two_classes_and_for_more():
    random = np.random.default_rng(3)
    for n_classes in (2, 4):
        true = random.integers(n_classes, size=60)
        made = np.where(random.random((15, 60)) < 0.6, true, random.integers(n_classes, size=(15, 60)))
        made[:, :10] = (true[:10] + 1) % n_classes  # rows that are mostly missed
        made[:3, :10] = true[:10]
        found = zero_one_decomposition(true, made)
        assert found.error == pytest.approx((made != true).mean(), rel=1e-12)
        assert found.bias + found.variance == pytest.approx(found.error, rel=1e-12)


def test_zero_one_by_hand():
    """Row 0, true a: a a b, main a, variance 1/3. Row 1, true a: b b a, main b: bias 1, and 1/3 of draws are right."""
    found = zero_one_decomposition(["a", "a"], [["a", "b"], ["a", "b"], ["b", "a"]])
    assert found.bias == 0.5
    assert found.unbiased_variance == pytest.approx(1 / 6)
    assert found.biased_variance == pytest.approx(1 / 6)
    assert found.error == pytest.approx(0.5)
    assert "where the main answer is right" in str(found)
    assert found.to_dict()["loss"] == "zero-one"


@pytest.mark.parametrize("made", [[[1.0, 2.0]], [[1.0], [2.0]], [1.0, 2.0]])
def test_one_draw_or_other_rows_are_refused(made):
    with pytest.raises(DataError, match="two draws or more"):
        squared_decomposition([1.0, 2.0], made)
