"""Labels that are wrong are found, as cleanlab finds them."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import parnassus as pn
from parnassus.errors import DataError, SettingError
from parnassus.labelling import find_mistakes, mistakes_in


def noisy(seed=0, n=400, k=4, wrong=0.15):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    p = rng.dirichlet(np.ones(k), n) + 2.5 * np.eye(k)[truth] * rng.random((n, 1))
    flipped = rng.random(n) < wrong
    given = np.where(flipped, (truth + rng.integers(1, k, n)) % k, truth)
    return given, p / p.sum(1, keepdims=True), flipped


def test_the_rows_and_the_joint_are_cleanlabs():
    count = pytest.importorskip("cleanlab.count", reason="cleanlab is not installed")
    from cleanlab.filter import find_label_issues

    y, p, _ = noisy()
    ours = mistakes_in(y, p)
    passing = p >= [p[y == k, k].mean() for k in range(4)]
    agree = ~(passing.sum(1) > 1) | (np.where(passing, p, 0).argmax(1) == p.argmax(1))  # cleanlab takes any class there
    assert agree.all()
    theirs = find_label_issues(y, p, filter_by="confident_learning", min_examples_per_class=0, n_jobs=1)
    assert ours.rows.tolist() == sorted(np.flatnonzero(theirs), key=lambda i: p[i, y[i]])
    joint = count.compute_confident_joint(y, p, calibrate=True)
    np.testing.assert_allclose(ours.joint, joint, atol=1.0)  # cleanlab rounds to whole rows
    assert ours.joint.sum(1).tolist() == pytest.approx(np.bincount(y).tolist())


def test_labels_flipped_on_purpose_are_found_in_digits():
    X, y = load_digits(return_X_y=True)
    X, y = X[:600], y[:600].copy()
    rng = np.random.default_rng(0)
    flipped = rng.choice(600, 30, replace=False)
    y[flipped] = (y[flipped] + 1 + rng.integers(0, 8, 30)) % 10
    names = np.array([f"digit {k}" for k in range(10)])
    found = find_mistakes(LogisticRegression(C=3, max_iter=2000), X / 16, names[y], folds=3)
    caught = np.isin(flipped, found.rows).mean()
    assert caught > 0.7
    assert np.isin(found.rows, flipped).mean() > 0.8
    assert 0.04 < found.share < 0.07  # one in twenty was flipped
    assert set(found.given) <= set(names)
    assert "suspicious" in str(found)
    assert "np." not in str(found)


def test_a_classifier_of_this_library_finds_them_too():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(120, 2)).astype(np.float32)
    y = np.where(X[:, 0] > 0, "right", "left")
    far = np.argsort(-np.abs(X[:, 0]))[:4]
    y[far] = np.where(y[far] == "left", "right", "left")
    found = find_mistakes(pn.Classifier("logistic", epochs=200, lr=0.05), X, y, folds=3)
    assert set(far) <= set(found.rows[:8])


def test_bad_input_is_refused():
    with pytest.raises(DataError, match="row 1 of probability"):
        mistakes_in([0, 1], [[0.5, 0.5], [np.nan, 1.0]])
    with pytest.raises(DataError, match="no row is labelled 2"):
        mistakes_in([0, 1], [[0.5, 0.3, 0.2], [0.2, 0.5, 0.3]])
    with pytest.raises(SettingError, match="one class a row"):
        find_mistakes(pn.Regressor("linear", epochs=1), np.random.default_rng(0).normal(size=(20, 2)), np.arange(20.0))
