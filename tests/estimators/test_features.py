"""Choosing columns: scikit-learn's selectors as peers, and the leak that a pipeline closes."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_iris, make_regression
from sklearn.feature_selection import RFE, SelectKBest, f_classif, mutual_info_regression
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import parnassus as pn
from parnassus.estimators.features import SelectColumns

IRIS, SPECIES = load_iris(return_X_y=True)
CANCER, MALIGNANT = load_breast_cancer(return_X_y=True)


def test_the_f_test_chooses_what_select_k_best_chooses():
    found = SelectColumns(5, method="variance_ratio").fit(CANCER, MALIGNANT)
    peer = SelectKBest(f_classif, k=5).fit(CANCER, MALIGNANT)
    assert (found.get_support() == peer.get_support()).all()
    assert found.scores_ == pytest.approx(peer.scores_, rel=1e-4)  # vectors are float32


def test_mutual_information_chooses_what_select_k_best_chooses():
    """2a:B24 takes the three columns of most mutual information, of numeric columns only."""
    X, y = make_regression(200, 8, n_informative=3, random_state=0)
    found = SelectColumns(3).fit(X, y)
    peer = SelectKBest(lambda a, b: mutual_info_regression(a, b, random_state=0), k=3).fit(X, y)
    assert (found.get_support(indices=True) == peer.get_support(indices=True)).all()
    assert np.array_equal(found.transform(X), peer.transform(X))


@pytest.mark.parametrize("n", [1, 3, 8])
def test_elimination_is_recursive_feature_elimination(n):
    X, y = make_regression(120, 8, n_informative=4, noise=5.0, random_state=1)
    scaled = StandardScaler().fit_transform(X)
    found = SelectColumns(n, method="elimination", model=LinearRegression()).fit(X, y)
    peer = RFE(LinearRegression(), n_features_to_select=n).fit(scaled, y)
    assert (found.get_support() == peer.support_).all()
    assert (1 - found.scores_).tolist() == peer.ranking_.tolist()


def test_a_column_of_categories_is_one_column_and_a_frame_stays_one():
    random = np.random.default_rng(0)
    y = random.integers(2, size=120)
    frame = pd.DataFrame(
        {"noise": random.normal(size=120), "sign": np.where(y, "p", "q"), "half": y + random.normal(size=120)}
    )
    found = SelectColumns(2).fit(frame, y)
    assert found.names_ == ["sign", "half"]
    assert found.transform(frame).columns.tolist() == ["sign", "half"]


@pytest.mark.slow
def test_in_a_pipeline_the_choice_is_made_in_each_fold():
    """Columns of pure noise: chosen from all rows they seem to tell, chosen in each fold they do not."""
    random = np.random.default_rng(0)
    X, y = random.normal(size=(60, 2000)), np.arange(60) % 2
    model = LogisticRegression(max_iter=500)
    leaked = SelectColumns(10, method="variance_ratio").fit(X, y).transform(X)
    too_good = pn.cross_validate(model, leaked, y, folds=5)["accuracy"].mean
    honest = pn.cross_validate(make_pipeline(SelectColumns(10, method="variance_ratio"), model), X, y, folds=5)
    assert too_good > 0.8
    assert honest["accuracy"].mean < 0.65


@pytest.mark.slow
def test_it_works_in_front_of_our_own_estimators():
    found = pn.cross_validate(make_pipeline(SelectColumns(2), pn.Classifier("mlp", epochs=30)), IRIS, SPECIES, folds=3)
    assert found["accuracy"].mean > 0.7


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"method": "magic"}, pn.SettingError, "no method 'magic'"),
        ({"n_columns": 5}, pn.DataError, "n_columns=5 cannot be kept of 4"),
    ],
)
def test_what_cannot_be_selected_is_refused(settings, error, says):
    with pytest.raises(error, match=says):
        SelectColumns(**settings).fit(IRIS, SPECIES)
