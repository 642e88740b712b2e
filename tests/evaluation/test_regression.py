"""Regression evaluation against scikit-learn and its dummy regressor."""

import json

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.datasets import load_diabetes
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge

from parnassus.errors import DataError
from parnassus.evaluation import evaluate_regression

METRICS = {
    "r2": sk.r2_score,
    "rmse": sk.root_mean_squared_error,
    "mae": sk.mean_absolute_error,
    "mse": sk.mean_squared_error,
    "mape": sk.mean_absolute_percentage_error,
    "msle": sk.mean_squared_log_error,
}


@pytest.fixture(scope="module")
def diabetes():
    x, y = load_diabetes(return_X_y=True)
    train = np.arange(len(y)) % 3 > 0
    return x, y, train, Ridge(0.1).fit(x[train], y[train]).predict(x[~train])


def test_values_equal_scikit_learn_and_lie_in_their_intervals(diabetes):
    _, y, train, pred = diabetes
    result = evaluate_regression(y[~train], pred, names=["progression"], train_mean=y[train].mean())
    expected = {name: metric(y[~train], pred) for name, metric in METRICS.items()}
    assert {m.name: m.value for m in result.metrics} == pytest.approx(expected)
    assert all(m.low <= m.value <= m.high for m in result.metrics)
    assert result["rmse"].verdict == result["r2"].verdict == "better"


def test_the_baseline_is_scikit_learns_dummy_mean_and_for_absolute_errors_its_median(diabetes):
    x, y, train, pred = diabetes
    result = evaluate_regression(
        y[~train], pred, names=["y"], train_mean=y[train].mean(), train_median=np.median(y[train]), n_bootstrap=0
    )
    for name, metric in METRICS.items():
        strategy = "median" if name in ("mae", "mape") else "mean"
        dummy = DummyRegressor(strategy=strategy).fit(x[train], y[train]).predict(x[~train])
        assert result[name].baseline == pytest.approx(metric(y[~train], dummy)), name


def test_several_outputs_are_averaged_and_listed():
    rng = np.random.default_rng(0)
    true = rng.normal(size=(200, 2)) * (1, 10) + (0, 100)
    pred = true + rng.normal(size=(200, 2)) * (0.3, 5)
    result = evaluate_regression(true, pred, names=["a", "b"], train_mean=[0, 100], n_bootstrap=100)
    assert result["r2"].value == pytest.approx(sk.r2_score(true, pred))
    assert result["rmse"].value == pytest.approx(sk.root_mean_squared_error(true, pred))
    for i, row in enumerate(result.by_class):
        assert row["r2"] == pytest.approx(sk.r2_score(true[:, i], pred[:, i]))
    assert set(result.curves) == {"scatter a", "scatter b"}
    assert "msle" not in {m.name for m in result.metrics}  # some values are below -1
    json.dumps(result.to_dict(), allow_nan=False)


def test_percent_errors_leave_zeros_out_and_say_so():
    result = evaluate_regression([0.0, 1, 2], [5.0, 2, 1], names=["y"], train_mean=1.0, n_bootstrap=0)
    assert result["mape"].value == pytest.approx(0.75)
    assert "1 of 3 values" in result.notes[0]
    assert result["mape"].text(0.75) == "75.00 %"


def test_a_constant_truth_has_no_r_squared():
    result = evaluate_regression([2.0, 2, 2], [2.0, 3, 1], names=["y"], train_mean=1.0, n_bootstrap=10)
    assert "r2" not in {m.name for m in result.metrics}
    assert result.headline.name == "rmse"
    json.dumps(result.to_dict(), allow_nan=False)


def test_far_from_zero_nothing_is_lost():
    # A shift of 1e8 changes no error but the relative ones; the sum of squares would lose 16 digits.
    rng = np.random.default_rng(0)
    true = rng.normal(size=100)
    pred = true + 0.1 * rng.normal(size=100)
    shifted = evaluate_regression(true + 1e8, pred + 1e8, names=["y"], train_mean=1e8, n_bootstrap=0)
    assert shifted["r2"].value == pytest.approx(sk.r2_score(true, pred), abs=1e-6)


@pytest.mark.parametrize(
    ("true", "pred", "match"),
    [
        ([1.0, 2.0], [[1.0], [2.0]], "one shape"),
        ([1.0, np.nan], [1.0, 2.0], "y_true is .nan. in row 1"),
        ([1.0, 2.0], [np.inf, 2.0], "y_pred is .inf. in row 0"),
        ([[1.0, 2.0]], [[1.0, 2.0]], "2 outputs, and there are 1 names"),
    ],
)
def test_what_cannot_be_scored_is_refused(true, pred, match):
    with pytest.raises(DataError, match=match):
        evaluate_regression(true, pred, names=["y"], train_mean=0.0)
