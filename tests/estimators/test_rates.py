"""The rate range test: where the loss falls, where it explodes, and nothing left behind."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.train.rate_finder import rate_range, steepest


def data(n=200):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 5))
    return X, (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "nadam", "adadelta"])
def test_the_suggestion_lies_below_the_rate_that_explodes(optimizer):
    found = pn.find_rate(pn.Classifier("mlp", optimizer=optimizer), *data(), low=1e-5, high=100.0)
    assert len(found.rates) == len(found.losses) <= 100
    assert np.all(np.diff(np.log(found.rates)) > 0)
    assert found.rates[0] == pytest.approx(1e-5)
    assert 1e-5 < found.suggestion <= found.rates[found.losses.argmin()]
    assert found.plot().axes[0].get_xscale() == "log"


def test_a_model_trained_at_the_suggestion_beats_one_at_a_hundredth():
    X, y = data()
    found = pn.find_rate(pn.Classifier("mlp", optimizer="sgd"), X, y)
    good, timid = (
        pn.Classifier("mlp", optimizer="sgd", lr=lr, epochs=20).fit(X, y).history_[-1]["loss"]
        for lr in (found.suggestion, found.suggestion / 100)
    )
    assert good < timid


@pytest.mark.slow
def test_the_estimator_is_left_as_it_was():
    X, y = data()
    for clf in (pn.Classifier("mlp", epochs=2), pn.Classifier("mlp", epochs=2).fit(X, y)):
        before = dict(vars(clf))
        weights = [p.clone() for p in clf.objective_.parameters()] if hasattr(clf, "objective_") else []
        pn.find_rate(clf, X, y, steps=20)
        assert vars(clf) == before
        after = clf.objective_.parameters() if weights else []
        assert all(torch.equal(p, q) for p, q in zip(weights, after, strict=True))


@pytest.mark.slow
def test_a_trainer_goes_on_as_if_nothing_had_been():
    """Its weights, its optimizer's state and its place are given back."""
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parents[1] / "contracts"))
    from test_optimizers import rows, trainer_for

    one, other = trainer_for("adam"), trainer_for("adam")
    rate_range(one, rows(), steps=30)
    one.fit(rows())
    other.fit(rows())
    assert one.history == other.history


@pytest.mark.slow
def test_regressors_and_tables_with_a_target_are_taken():
    import pandas as pd

    X, _ = data()
    frame = pd.DataFrame(X, columns=list("abcde")).assign(y=X[:, 0] * 2)
    assert pn.find_rate(pn.Regressor("mlp"), frame, target="y", steps=30).suggestion > 0


@pytest.mark.parametrize(
    ("estimator", "options", "words"),
    [
        (pn.Classifier("mlp", optimizer="lbfgs"), {}, "optimizer 'lbfgs' has no rate"),
        (pn.Classifier("perceptron"), {}, "learns without an optimizer"),
        (pn.Classifier("mlp"), {"low": 2.0, "high": 1.0}, "low is above 0 and below high"),
    ],
)
def test_what_has_no_rate_is_refused(estimator, options, words):
    with pytest.raises(SettingError, match=words):
        pn.find_rate(estimator, *data(), **options)


def test_the_steepest_fall():
    """By hand: the largest fall before the least loss is from 0.9 to 0.4."""
    assert steepest([1e-3, 1e-2, 1e-1, 1.0, 10.0], [1.0, 0.9, 0.4, 0.3, 9.0]) == 1e-2
