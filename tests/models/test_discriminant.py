"""Linear and quadratic discriminant analysis against scikit-learn."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis

import parnassus as pn

TABLES = {f.__name__: f(return_X_y=True) for f in (load_iris, load_wine, load_breast_cancer)}
TABLES = {k: (X.astype(np.float32).astype(np.float64), y) for k, (X, y) in TABLES.items()}
every_table = pytest.mark.parametrize("table", TABLES)


@pytest.mark.slow
@every_table
@pytest.mark.parametrize("shrinkage", [0.0, 0.1, 1.0])
def test_lda_is_scikit_learns(table, shrinkage):
    X, y = TABLES[table]
    theirs = LinearDiscriminantAnalysis("lsqr", shrinkage=shrinkage or None).fit(X, y)
    ours = pn.NaiveBayes(pn.model("lda", shrinkage=shrinkage)).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=2e-6)
    if len(theirs.classes_) == 2:
        np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("table", ["load_iris", "load_wine"])
@pytest.mark.parametrize("reg_param", [0.0, 0.1])
def test_qda_is_gaussians_and_bayes_rule(table, reg_param):
    from scipy.stats import multivariate_normal

    X, y = TABLES[table]
    joint = []
    for c in np.unique(y):
        rows = X[y == c]
        covariance = (1 - reg_param) * np.cov(rows.T, bias=True) + reg_param * np.eye(X.shape[1])
        density = multivariate_normal(rows.mean(0), covariance, allow_singular=True)
        joint.append(density.logpdf(X) + np.log(len(rows) / len(X)))
    expected = np.stack(joint, 1)
    expected = np.exp(expected - expected.max(1, keepdims=True))
    expected /= expected.sum(1, keepdims=True)
    ours = pn.NaiveBayes(pn.model("qda", reg_param=reg_param)).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(ours, expected, atol=1e-5)


@pytest.mark.slow
def test_qda_agrees_with_scikit_learn():
    # whose covariances were over n - 1 before 1.9, so that answers are compared and not digits
    X, y = TABLES["load_iris"]
    theirs = QuadraticDiscriminantAnalysis(reg_param=0.1).fit(X, y)
    ours = pn.NaiveBayes(pn.model("qda", reg_param=0.1)).fit(X, y)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=0.02)


def test_a_class_with_one_row_is_refused_by_its_number():
    X = np.random.default_rng(0).normal(size=(7, 2))
    with pytest.raises(pn.DataError, match="class number 1 has 1 row"):
        pn.Classifier("qda").fit(X, [0, 0, 0, 0, 0, 0, 1])


def test_columns_that_depend_on_each_other_are_held_by_the_floor():
    X, y = TABLES["load_iris"]
    twice = np.concatenate([X, X[:, :1]], 1)
    for model in ("lda", "qda"):
        assert pn.Classifier(model).fit(twice, y).score(twice, y) > 0.95


@pytest.mark.slow
def test_units_of_columns_do_not_matter():
    X, y = TABLES["load_iris"]
    for model in ("lda", "qda"):
        plain = pn.NaiveBayes(model).fit(X, y).predict_proba(X)
        scaled = (
            pn.NaiveBayes(model)
            .fit(X * 2.0 ** np.array([20, 0, -20, 3]), y)
            .predict_proba(X * 2.0 ** np.array([20, 0, -20, 3]))
        )
        np.testing.assert_allclose(scaled, plain, atol=1e-6)
