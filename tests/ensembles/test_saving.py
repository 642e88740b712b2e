"""An ensemble is one file: it answers as before, holds its settings, and refuses what would need a pickle."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.tree import DecisionTreeClassifier

import parnassus as pn
from parnassus import store

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["rose", "iris", "lily"])[Y]
DX, DY = load_diabetes(return_X_y=True)
NET = pn.Classifier(pn.model("mlp", hidden=(4,)), epochs=2)
LINE = pn.Regressor("linear")
SAVED = {
    "bagging": pn.Bagging(NET, n=2, columns=0.5),
    "voting": pn.Voting([("net", NET), pn.Classifier("logistic", epochs=2)], weights=(1, 2)),
    "stacking": pn.Stacking([NET, pn.Classifier("logistic", epochs=2)], n_folds=2),
    "adaboost": pn.AdaBoost(pn.Classifier("logistic", epochs=40), n=2),
    "boosting": pn.GradientBoosting(pn.Regressor(epochs=2), n=2, loss="log_loss"),
    "snapshot": pn.Snapshot(NET, n=2),
    "swa": pn.SWA(pn.Classifier(pn.model("mlp", norm="batch"), epochs=2)),
    "an ensemble of ensembles": pn.Voting([pn.Bagging(NET, n=2), pn.SWA(NET)]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SAVED))
def test_what_is_loaded_answers_as_what_was_saved(name, tmp_path):
    ensemble = SAVED[name].fit(X, NAMES)
    back = pn.load(ensemble.save(tmp_path / "m") and tmp_path / "m")
    assert repr(back) == repr(ensemble)
    np.testing.assert_array_equal(back.predict_proba(X), ensemble.predict_proba(X))
    np.testing.assert_array_equal(back.predict(X), ensemble.predict(X))
    assert back.evaluate(X, NAMES)["accuracy"].value == ensemble.evaluate(X, NAMES)["accuracy"].value
    assert back.n_features_in_ == 4
    again = back.save(tmp_path / "again").fit(X, NAMES)  # its settings are whole: it can be fitted again
    np.testing.assert_allclose(again.predict_proba(X), ensemble.predict_proba(X), atol=1e-6)
    assert (tmp_path / "m").read_bytes() == (tmp_path / "again").read_bytes()


def test_numbers_are_loaded_too(tmp_path):
    bag = pn.Bagging(LINE, n=2).fit(DX, DY).save(tmp_path / "m")
    np.testing.assert_array_equal(pn.load(tmp_path / "m").predict(DX), bag.predict(DX))
    assert pn.load(tmp_path / "m").oob_score_ == bag.oob_score_


def test_a_plain_estimator_is_loaded_as_before(tmp_path):
    NET.fit(X, Y).save(tmp_path / "m")
    assert isinstance(pn.load(tmp_path / "m"), pn.Classifier)


@pytest.mark.parametrize(
    "ensemble",
    [
        pn.Bagging(DecisionTreeClassifier(), n=2),
        pn.Stacking([NET], final=DecisionTreeClassifier(), n_folds=2),
        pn.AdaBoost(n=2),
    ],
    ids=["members", "final", "default"],
)
def test_a_member_of_scikit_learn_is_refused_with_the_next_step(ensemble, tmp_path):
    with pytest.raises(pn.DataError, match=r"DecisionTreeClassifier.*make the ensemble of pn\.Classifier"):
        ensemble.fit(X, Y).save(tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_an_unfitted_ensemble_is_not_saved(tmp_path):
    with pytest.raises(pn.NotFitted):
        pn.Bagging(NET).save(tmp_path / "m")


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "m"
    pn.Bagging(NET, n=2).fit(X, Y).save(path)
    tree = store.load(path)
    del tree["target"]
    store.save(path, tree)
    with pytest.raises(pn.FileError, match="m: not a whole ensemble"):
        pn.load(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(pn.FileError, match="m: not a whole"):
        pn.load(path)
