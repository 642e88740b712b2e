"""The gradient check itself, on functions whose gradients are known, and on a gradient that is wrong."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from parnassus.byhand.gradients import gradient_error, numeric_gradient


def cubic(a: np.ndarray) -> float:
    return float((a**3).sum() + a[0, 0] * a[1, 1])


AT = np.array([[1.0, -2.0], [0.5, 3.0]])
EXACT = 3 * AT**2 + np.array([[3.0, 0.0], [0.0, 1.0]])


def test_central_differences_find_the_gradient_in_its_shape() -> None:
    assert np.allclose(numeric_gradient(cubic, AT), EXACT, atol=1e-7)
    forward = approx_fprime(AT.ravel(), lambda a: cubic(a.reshape(2, 2)))
    assert np.allclose(numeric_gradient(cubic, AT).ravel(), forward, atol=1e-5)


def test_the_point_is_left_as_it_was() -> None:
    at = AT.copy()
    numeric_gradient(cubic, at)
    assert (at == AT).all()


@pytest.mark.parametrize(
    ("gradient", "low", "high"), [(EXACT, 0, 1e-7), (1.01 * EXACT, 1e-3, 1e-1), (-EXACT, 0.99, 1.01)]
)
def test_a_wrong_gradient_is_told_from_a_right_one(gradient: np.ndarray, low: float, high: float) -> None:
    assert low <= gradient_error(cubic, gradient, AT) <= high
