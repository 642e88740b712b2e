"""The books' numbers for choosing and evaluating, a test an oracle: 0 Hifny, 1 Baker, 2a Martinez-Ramon."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, StratifiedKFold, train_test_split
from sklearn.svm import SVC

import parnassus as pn
from parnassus.data.split import mean_variance
from parnassus.estimators.judging.selection import bias_variance
from parnassus.recipes.selection import capacity

GRID = np.linspace(0, 1, 200)


def points():
    random = np.random.RandomState(0)
    x = np.sort(random.rand(30))
    return x, np.cos(1.5 * np.pi * x) + 0.1 * random.randn(30)


def test_0_B69_variance_of_five_correlated_folds():
    assert mean_variance(1.0, 5, 0.5) == pytest.approx(0.6, abs=1e-15)


@pytest.mark.parametrize(
    ("degree", "training", "truth"), [(1, 0.22589, 0.18996), (4, 0.011565, 0.0012056), (20, 0.0022200, 2.3e6)]
)
def test_0_B72_polynomials_by_degree(degree, training, truth):
    """Numbers made with NumPy. Degree 20 explodes between the points: it is compared by size alone."""
    found = capacity(degree, *points(), GRID, np.cos(1.5 * np.pi * GRID))
    assert found[0] == pytest.approx(training, rel=1e-4)
    assert found[1] == pytest.approx(truth, rel=0.5 if degree == 20 else 1e-4)


def test_0_B72_the_capacity_curve_of_our_own_polynomials():
    """Training error falls with the degree and the held-out error is least between: the estimator's own curve."""
    x, y = points()
    found = pn.validation_curve(
        pn.Regressor("polynomial"), x[:, None], y, parameter="model__degree", values=[1, 4, 12], metric="mse", folds=5
    )
    assert found.best == 4
    training = found.train["mse"].mean(1)
    assert training[0] > training[1] >= training[2]
    fitted = pn.Regressor("polynomial").set_params(model__degree=4).fit(x[:, None], y)
    assert np.square(fitted.predict(x[:, None]) - y).mean() == pytest.approx(0.011565, rel=1e-3)


def test_0_A14_2_bias_falls_and_variance_rises_with_the_degree():
    x, y = points()
    parts = [
        bias_variance(pn.Regressor("polynomial").set_params(model__degree=d), x[:, None], y, n_draws=12) for d in (1, 4)
    ]
    assert parts[0].bias > 3 * parts[1].bias
    assert all(p.bias + p.variance == pytest.approx(p.error) for p in parts)


def test_2a_B24_the_support_vector_machine_of_3_5_5_is_right_in_103_of_114():
    """.9035087719: the default machine, unscaled, on scikit-learn's split of seed 1, given as (train, test)."""
    X, y = load_breast_cancer(return_X_y=True)
    train, test = train_test_split(np.arange(569), test_size=0.2, random_state=1)
    found = pn.cross_validate(SVC(random_state=0), X, y, folds=[(train, test)])
    assert found["accuracy"].mean == pytest.approx(103 / 114, abs=1e-12)


def test_2a_B24_accuracies_of_five_iris_folds_are_multiples_of_a_thirtieth():
    X, y = load_iris(return_X_y=True)
    found = pn.cross_validate(pn.Classifier("mlp", epochs=3), X, y, folds=5)
    assert found.test["accuracy"] * 30 == pytest.approx(np.round(found.test["accuracy"] * 30), abs=1e-9)


@pytest.mark.slow
def test_2a_P3_6_grid_search_and_random_search_choose_the_same_of_three_widths():
    """Problem 3.6 and 3.5.6: every setting by grid, and by as many random draws without repeats, on the same folds."""
    X, y = load_iris(return_X_y=True)
    widths, folds = {"model__hidden": [(1,), (4,), (32,)]}, StratifiedKFold(3)
    estimator = pn.Classifier("mlp", epochs=15)
    grid = GridSearchCV(estimator, widths, cv=folds).fit(X, y)
    drawn = RandomizedSearchCV(estimator, widths, n_iter=3, cv=folds, random_state=0).fit(X, y)
    curve = pn.validation_curve(estimator, X, y, parameter="model__hidden", values=widths["model__hidden"], folds=folds)
    assert grid.best_params_ == drawn.best_params_ == {"model__hidden": curve.best}
    assert grid.cv_results_["mean_test_score"] == pytest.approx(curve.test["accuracy"].mean(1), abs=1e-9)
