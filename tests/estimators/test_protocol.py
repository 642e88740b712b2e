"""scikit-learn's manner without scikit-learn's import."""

import subprocess
import sys

import numpy as np
import pytest
import sklearn
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline

import parnassus as pn

X, Y = load_iris(return_X_y=True)


def quick(**settings):
    return pn.Classifier("mlp", **{"epochs": 5, "batch_size": 16, "lr": 0.02} | settings)


@pytest.mark.slow
def test_a_fit_imports_neither_scikit_learn_nor_a_compiler_stack():
    code = (
        "import numpy as np, sys; import parnassus as pn; r = np.random.default_rng(0); X = r.normal(size=(60, 3));"
        "pn.Classifier('mlp', epochs=1).fit(X, X[:, 0] > 0).predict(X);"
        "print([m for m in ('sklearn', 'pandas', 'matplotlib', 'torch._dynamo', 'sympy', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_scikit_learn_knows_what_it_is():
    assert is_classifier(pn.Classifier())
    assert is_regressor(pn.Regressor())
    assert not is_regressor(pn.Classifier())


def test_repr_shows_what_was_changed_and_clone_copies_it():
    made = pn.Classifier(pn.model("mlp", hidden=(3,)), epochs=5)
    assert repr(made) == "Classifier(epochs=5, model=model('mlp', hidden=(3,)))"
    copy = clone(made)
    assert repr(copy) == repr(made)
    assert copy.model is not made.model


@pytest.mark.parametrize("key", ["epoch", "model__hiden", "nothing__at", "seed__x"])
def test_an_unknown_setting_is_answered_with_what_was_meant(key):
    with pytest.raises(ValueError, match=r"hiden|Invalid parameter"):
        quick().set_params(**{key: 1})


@pytest.mark.slow
def test_voting_bagging_and_multi_output_take_it():
    both = [("ours", quick()), ("theirs", LogisticRegression(max_iter=1000))]
    voted = VotingClassifier(both, voting="soft").fit(X, Y)
    assert voted.score(X, Y) > 0.9
    bagged = BaggingClassifier(quick(epochs=20), n_estimators=3, random_state=0).fit(X, Y)
    assert bagged.score(X, Y) > 0.9
    two = np.stack([X[:, 3], X[:, 2]], 1)
    assert MultiOutputRegressor(pn.Regressor("mlp", epochs=3)).fit(X[:, :2], two).predict(X[:, :2]).shape == (150, 2)


def test_sample_weights_are_routed_where_they_are_asked_for():
    weight = np.ones(150)
    with sklearn.config_context(enable_metadata_routing=True):
        asked = quick().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        scores = cross_validate(asked, X, Y, params={"sample_weight": weight}, cv=3)["test_score"]
        assert np.isfinite(scores).all()
        piped = make_pipeline(asked)
        assert piped.fit(X, Y, sample_weight=weight).score(X, Y, sample_weight=weight) > 0.3
        with pytest.raises(TypeError, match="Unexpected args"):
            quick().set_fit_request(wieght=True)


def test_not_fitted_is_ours_and_scikit_learns():
    assert issubclass(pn.NotFitted, NotFittedError)
    assert issubclass(pn.NotFitted, pn.ParnassusError)
    with pytest.raises(NotFittedError):
        pn.Regressor().predict(X)
    assert not hasattr(pn.Classifier(), "classes_")
    assert not hasattr(pn.Classifier(), "anything_else")


def test_a_model_that_gives_scores_alone_has_no_probabilities():
    fitted = pn.Classifier("perceptron", epochs=3).fit(X, Y)
    assert not hasattr(fitted, "predict_proba")
    assert fitted.decision_function(X).shape == (150, 3)
    assert fitted.predict(X).shape == (150,)
    names = [m.name for m in fitted.evaluate(X, Y).metrics]
    assert "accuracy" in names
    assert "log_loss" not in names


def test_a_notebook_shows_it():
    shown = quick()._repr_mimebundle_()
    assert "Classifier" in shown["text/html"]
    assert shown["text/plain"] == repr(quick())
