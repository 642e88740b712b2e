"""Regression metrics against scikit-learn and the books' fixtures."""

import numpy as np
import pytest
from sklearn import metrics as sk

from parnassus.errors import DataError, DataWarning
from parnassus.functional.metrics import mae, mape, mse, msle, r2, rmse

PAIRS = [
    (mse, sk.mean_squared_error),
    (rmse, sk.root_mean_squared_error),
    (mae, sk.mean_absolute_error),
    (mape, sk.mean_absolute_percentage_error),
    (msle, sk.mean_squared_log_error),
    (r2, sk.r2_score),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("multioutput", ["uniform_average", "raw_values"])
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_scikit_learn(ours, theirs, multioutput, weighted):
    rng = np.random.default_rng(0)
    true, pred = rng.gamma(2, size=(50, 3)) + 0.1, rng.gamma(2, size=(50, 3))
    w = rng.random(50) if weighted else None
    expected = theirs(true, pred, multioutput=multioutput, sample_weight=w)
    np.testing.assert_allclose(ours(true, pred, multioutput=multioutput, sample_weight=w), expected)
    assert ours(true[:, 0], pred[:, 0], sample_weight=w) == pytest.approx(
        theirs(true[:, 0], pred[:, 0], sample_weight=w)
    )


def test_1_B27_four_points():
    # Baker, B27: SSE 1.5, MSE .375, MAE .5, MAPE 32.738095 %.
    y, p = np.array([3, -0.5, 2, 7]), np.array([2.5, 0, 2, 8])
    assert mse(y, p) * 4 == pytest.approx(1.5)
    assert mse(y, p) == pytest.approx(0.375)
    assert mae(y, p) == pytest.approx(0.5)
    assert 100 * mape(y, p) == pytest.approx(32.738095, abs=5e-7)


def test_1_B27_mape_does_not_change_with_the_scale():
    # Baker, B27: the notes call it sensitive to the scale (F30); ten times everything leaves it as it is.
    y, p = np.array([3, -0.5, 2, 7]), np.array([2.5, 0, 2, 8])
    assert mape(10 * y, 10 * p) == pytest.approx(mape(y, p))
    assert mae(10 * y, 10 * p) == pytest.approx(10 * mae(y, p))


def test_0_B12_mean_squared_error_of_two_outputs():
    # Hifny, B12: ten rows, least squares with an intercept; .0555541837, per output .0332978439 and .0778105235.
    x = [
        [0.23, 0.87, 0.95],
        [0.34, 0.56, 0.29],
        [0.98, 0.68, 0.05],
        [0.51, 0.24, 0.64],
        [0.42, 0.75, 0.49],
        [0.89, 0.11, 0.93],
        [0.14, 0.91, 0.25],
        [0.76, 0.41, 0.53],
        [0.66, 0.04, 0.08],
        [0.45, 0.82, 0.76],
    ]
    t = [
        [2.74, 1.82],
        [1.42, 2.61],
        [3.12, 2.49],
        [1.63, 1.95],
        [2.84, 2.37],
        [2.17, 1.68],
        [1.96, 2.55],
        [2.29, 2.24],
        [1.27, 1.35],
        [2.86, 2.74],
    ]
    x1 = np.column_stack((np.ones(10), x))
    fitted = x1 @ np.linalg.lstsq(x1, np.array(t), rcond=None)[0]
    np.testing.assert_allclose(mse(t, fitted, multioutput="raw_values"), [0.0332978439, 0.0778105235], atol=5e-11)
    assert mse(t, fitted) == pytest.approx(0.05555418366193515)


def test_1_B28_too_low_costs_more_than_too_high_in_logarithms():
    # Baker, B28: the direction; the values are (log(1+y) - log(1+yhat))^2 by hand.
    low, high = msle([100], [50]), msle([100], [150])
    assert low == pytest.approx(np.log(101 / 51) ** 2)
    assert high == pytest.approx(np.log(151 / 101) ** 2)
    assert low > high


def test_mape_leaves_zeros_out_and_says_how_many():
    with pytest.warns(DataWarning, match="1 of 3 values"):
        assert mape([0, 1, 2], [5, 2, 1]) == pytest.approx(0.75)
    with pytest.raises(DataError, match="0 in every row"):
        mape([0, 0], [1, 1])


def test_logarithms_of_minus_one_are_refused():
    with pytest.raises(DataError, match=r"y_pred is -1\.5 in row 1"):
        msle([0, 1], [0, -1.5])


@pytest.mark.parametrize(("pred", "value"), [([2, 2], 1.0), ([2, 3], 0.0)])
def test_r2_of_a_constant_is_one_when_perfect_and_zero_otherwise(pred, value):
    assert r2([2, 2], pred) == value == sk.r2_score([2, 2], pred)


def test_a_column_against_a_row_is_refused():
    with pytest.raises(DataError, match="one shape"):
        mse([1, 2, 3], [[1], [2], [3]])
