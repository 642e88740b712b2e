"""What every ensemble goes through: scikit-learn's suite, settings by name, kinds of answers, refusals, seeds."""

import contextlib
import io
import random
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.estimator_checks import check_estimator

import parnassus as pn

NET = pn.Classifier(pn.model("mlp", hidden=(8,)), epochs=4, lr=0.02)
LINE = pn.Regressor("linear")
TREE, CURVE = DecisionTreeClassifier(max_depth=3), DecisionTreeRegressor(max_depth=3)
X, Y = load_iris(return_X_y=True)
NAMES = np.array(["rose", "iris", "lily"])[Y]
DX, DY = load_diabetes(return_X_y=True)
CLASSIFIERS = {
    "bagging": pn.Bagging(NET, n=3),
    "subspaces": pn.Bagging(TREE, n=4, columns=0.5),
    "pasting": pn.Bagging(TREE, n=4, rows=0.5, replace=False),
    "soft": pn.Voting([NET, TREE]),
    "hard": pn.Voting([NET, TREE, pn.Classifier("perceptron", epochs=2)], how="hard"),
    "stacking": pn.Stacking([TREE, NET], n_folds=3),
    "adaboost": pn.AdaBoost(n=5),
    "boosting": pn.GradientBoosting(n=5, loss="log_loss"),
    "snapshot": pn.Snapshot(NET, n=2),
    "swa": pn.SWA(NET),
}
REGRESSORS = {
    "bagging": pn.Bagging(LINE, n=3),
    "voting": pn.Voting([LINE, CURVE]),
    "stacking": pn.Stacking([CURVE, LINE], n_folds=3),
    "adaboost": pn.AdaBoost(CURVE, n=4),
    "boosting": pn.GradientBoosting(n=5),
    "snapshot": pn.Snapshot(pn.Regressor(epochs=4), n=2),
    "swa": pn.SWA(pn.Regressor(epochs=4)),
}

WEIGHTED = "draws, folds, shuffled batches and the thresholds of trees look at rows of weight 0 too"
EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": WEIGHTED,
    "check_methods_subset_invariance": "float32 products differ in the last bit between batch sizes",
}
CERTAIN = {"check_classifiers_multilabel_output_format_predict_proba": "it asks for less than 1, and trees are certain"}
ONE = {"check_supervised_y_2d": "one number a row is (rows,); a matrix is refused, not flattened with a warning"}
STEADY = pn.Classifier("mlp", epochs=60, lr=0.02, batch_size=16)
SUITED = [
    (pn.Bagging(DecisionTreeClassifier()), CERTAIN),
    (pn.Bagging(DecisionTreeRegressor()), {}),
    (pn.Bagging(STEADY, n=2), {}),
    (pn.Voting([DecisionTreeClassifier(), STEADY]), CERTAIN),
    (pn.Stacking([DecisionTreeClassifier()], n_folds=2), {}),
    (pn.Stacking([DecisionTreeRegressor()], n_folds=2), {}),
    (pn.AdaBoost(), {}),
    (pn.AdaBoost(DecisionTreeRegressor(max_depth=3)), ONE),
    (pn.GradientBoosting(n=20), {}),
    (pn.GradientBoosting(n=20, loss="log_loss"), {}),
    (pn.Snapshot(STEADY, n=2), {}),
    (pn.SWA(pn.Regressor("mlp", epochs=60, lr=0.02, batch_size=16)), {}),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ensemble", "own"), SUITED, ids=[f"{type(e).__name__}-{i}" for i, (e, _) in enumerate(SUITED)]
)
def test_it_passes_scikit_learns_checks(ensemble, own):
    before = np.random.get_state(), random.getstate(), torch.get_rng_state()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        results = check_estimator(ensemble, on_fail=None, on_skip=None, expected_failed_checks=EXPECTED | own)
    assert torch.equal(before[2], torch.get_rng_state())
    np.random.set_state(before[0])  # scikit-learn's checks draw from these themselves
    random.setstate(before[1])
    failed = {r["check_name"]: str(r["exception"])[:200] for r in results if r["status"] == "failed"}
    assert not failed, failed
    assert sum(r["status"] == "passed" for r in results) >= 50


def made(kind, name):
    return clone((CLASSIFIERS if kind == "classifier" else REGRESSORS)[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", list(CLASSIFIERS))
def test_probabilities_sum_to_one_and_answers_are_the_users_labels(name):
    ensemble = made("classifier", name).fit(X, NAMES)
    p = ensemble.predict_proba(X)
    assert p.shape == (150, 3)
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-12)
    assert (p >= 0).all()
    answers = ensemble.predict(X)
    assert (answers == ensemble.classes_[p.argmax(1)]).all()
    assert ensemble.score(X, NAMES) == (answers == NAMES).mean()
    assert is_classifier(ensemble)
    assert not is_regressor(ensemble)
    assert ensemble.classes_.tolist() == ["iris", "lily", "rose"]


@pytest.mark.slow
@pytest.mark.parametrize("name", list(REGRESSORS))
def test_numbers_come_back_in_their_units_without_probabilities(name):
    ensemble = made("regressor", name).fit(DX, DY)
    assert ensemble.predict(DX).shape == DY.shape
    assert not hasattr(ensemble, "predict_proba")
    assert not hasattr(ensemble, "classes_")
    assert is_regressor(ensemble)
    assert ensemble.evaluate(DX, DY)["r2"].value == pytest.approx(ensemble.score(DX, DY))


@pytest.mark.slow
@pytest.mark.parametrize("name", list(CLASSIFIERS))
def test_equal_seeds_give_equal_ensembles(name):
    first, second = (made("classifier", name).fit(X, NAMES).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", list(CLASSIFIERS))
def test_what_was_given_stays_unfitted_and_the_evaluation_agrees(name):
    ensemble = made("classifier", name)
    given = list(ensemble._parts().values())
    ensemble.fit(X, NAMES)
    assert not any(hasattr(one, "classes_") for one in given)
    assert not {id(m) for m in ensemble.members_} & {id(one) for one in given}
    assert ensemble.evaluate(X, NAMES)["accuracy"].value == pytest.approx(ensemble.score(X, NAMES))


@pytest.mark.parametrize("name", ["bagging", "soft", "hard", "snapshot", "swa"])
def test_several_labels_a_row(name):
    y = np.stack([Y == 0, Y > 0, Y == 2], 1).astype(int)
    members = {"soft": [NET, TREE], "hard": [NET, TREE]}
    ensemble = made("classifier", name)
    if name in members:
        ensemble.set_params(estimators=members[name])
    ensemble.fit(X, y)
    assert ensemble.predict_proba(X).shape == (150, 3)
    assert ensemble.predict(X).shape == (150, 3)
    assert ensemble.score(X, y) > 0.3
    assert ensemble.evaluate(X, y).n_rows == 150


def test_lists_of_labels_whose_rare_one_some_members_never_saw():
    tags = [["a"] if i % 2 else ["a", "b"] for i in range(60)]
    tags[7] = ["a", "rare"]
    bag = pn.Bagging(pn.Classifier("logistic", epochs=2), n=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pn.DataWarning)
        bag.fit(X[:60], tags)
    assert bag.classes_.tolist() == ["a", "b", "rare"]
    assert len({len(m.classes_) for m in bag.members_}) == 2  # some have seen it, some have not
    assert bag.predict_proba(X[:60]).shape == (60, 3)


@pytest.mark.parametrize("name", ["bagging", "voting", "stacking", "boosting", "swa"])
def test_several_numbers_a_row(name):
    y = np.stack([DY, -DY], 1)
    assert made("regressor", name).fit(DX, y).predict(DX).shape == y.shape


def test_settings_of_members_are_reached_by_name():
    search = GridSearchCV(pn.Bagging(TREE, n=2), {"estimator__max_depth": [1, 3]}, cv=2).fit(X, Y)
    assert search.best_params_ == {"estimator__max_depth": 3}
    stack = pn.Stacking([("net", NET), TREE], final=LogisticRegression())
    stack = clone(stack).set_params(net__model__hidden=(3,), final__C=2.0, decisiontreeclassifier__max_depth=1)
    params = stack.get_params()
    assert (params["net"].model.options["hidden"], params["final"].C) == ((3,), 2.0)
    assert params["decisiontreeclassifier__max_depth"] == 1
    assert cross_val_score(pn.AdaBoost(n=3), X, Y, cv=2).mean() > 0.8
    with pytest.raises(pn.SettingError, match="did you mean"):
        pn.Bagging(TREE).set_params(rowz=1)


def test_frames_name_their_target_and_features():
    frame = pd.DataFrame(X, columns=list("abcd")).assign(kind=NAMES)
    bag = pn.Bagging(NET, n=2, columns=0.5).fit(frame, target="kind")
    assert bag.feature_names_in_.tolist() == list("abcd")
    assert bag.n_features_in_ == 4
    assert bag.score(frame) == bag.score(frame, target="kind") == (bag.predict(frame) == NAMES).mean()


def test_texts_and_pictures_are_bagged_like_tables():
    texts = ["good fine", "bad poor", "fine good day", "poor bad day"] * 6
    assert pn.Bagging(pn.Classifier(epochs=5), n=2).fit(texts, [1, 0] * 12).score(texts, [1, 0] * 12) > 0.5
    pictures = np.random.default_rng(0).integers(0, 255, (24, 8, 8), dtype=np.uint8)
    bag = pn.Bagging(pn.Classifier(pn.model("cnn", channels=(4,)), epochs=1), n=2).fit(pictures, [1, 0] * 12)
    assert bag.predict(pictures).shape == (24,)


REFUSED = {
    "nothing to copy": (lambda: pn.Bagging(3).fit(X, Y), ["classifiers or of regressors", "3"]),
    "no members": (lambda: pn.Voting([]).fit(X, Y), ["estimators is a list"]),
    "both kinds": (lambda: pn.Voting([TREE, LINE]).fit(X, Y), ["all classifiers or all regressors"]),
    "no weights taken": (
        lambda: pn.Voting([("p", pn_pipeline())]).fit(X, Y, sample_weight=np.ones(150)),
        ["sample_weight", "Pipeline"],
    ),
    "sparse": (lambda: pn.Voting([TREE]).fit(sparse(), Y), ["sparse", "toarray"]),
    "no answers": (lambda: pn.Bagging(TREE).fit(X), ["no answers", "target"]),
    "n": (lambda: pn.Bagging(TREE, n=0).fit(X, Y), ["n is a whole number", "0"]),
    "rows": (lambda: pn.Bagging(TREE, rows=1.5).fit(X, Y), ["rows is a share"]),
    "seed": (lambda: pn.Bagging(TREE, seed=-1).fit(X, Y), ["seed"]),
    "columns of texts": (lambda: pn.Bagging(NET, columns=0.5).fit(["a b", "c d"], [0, 1]), ["columns", "list"]),
    "how": (lambda: pn.Voting([TREE], how="loud").fit(X, Y), ["soft", "loud"]),
    "weights": (lambda: pn.Voting([TREE], weights=[1, 2]).fit(X, Y), ["weights are 1 numbers"]),
    "names": (lambda: pn.Voting([("a", TREE), ("a", TREE)]).fit(X, Y), ["names", "a"]),
    "final": (lambda: pn.Stacking([TREE], final=LINE).fit(X, Y), ["classifiers", "regressor"]),
    "folds": (lambda: pn.Stacking([LINE]).fit(DX[:3], DY[:3]), ["5 folds", "3"]),
    "a base without weights": (lambda: pn.AdaBoost(pn_pipeline()).fit(X, Y), ["AdaBoost", "Pipeline", "sample_weight"]),
    "several numbers": (lambda: pn.AdaBoost(CURVE).fit(DX, np.stack([DY, DY], 1)), ["AdaBoost", "several numbers"]),
    "a classifier to boost": (lambda: pn.GradientBoosting(TREE).fit(DX, DY), ["regressor", "DecisionTreeClassifier"]),
    "loss": (lambda: pn.GradientBoosting(loss="hinge").fit(X, Y), ["log_loss", "hinge"]),
    "rate": (lambda: pn.GradientBoosting(rate=0).fit(DX, DY), ["rate"]),
    "snapshots of a tree": (lambda: pn.Snapshot(TREE).fit(X, Y), ["Snapshot", "pn.Classifier"]),
    "a schedule": (lambda: pn.Snapshot(pn.Classifier(schedule="step")).fit(X, Y), ["schedule", "step"]),
    "patience": (lambda: pn.SWA(pn.Classifier(patience=3)).fit(X, Y), ["patience=3", "SWA"]),
    "too few steps": (
        lambda: pn.Snapshot(pn.Classifier(epochs=1, batch_size=150), n=3).fit(X, Y),
        ["3 cycles", "epochs"],
    ),
    "gates": (
        lambda: pn.Snapshot(pn.Classifier(regularizers="l0", epochs=4), n=2).fit(X, Y),
        ["l0"],
    ),
    "a class short of rows": (lambda: pn.Stacking([TREE]).fit(X[48:52], Y[48:52]), ["folds"]),
}


def pn_pipeline():
    from sklearn.pipeline import make_pipeline

    return make_pipeline(LogisticRegression(max_iter=500))


def sparse():
    from scipy.sparse import csr_matrix

    return csr_matrix(X)


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_cannot_work_is_refused_by_name(name):
    work, words = REFUSED[name]
    with pytest.raises(pn.ParnassusError) as caught:
        work()
    assert all(w.lower() in str(caught.value).lower() for w in words), str(caught.value)


def test_an_unfitted_ensemble_says_so():
    with pytest.raises(pn.NotFitted, match="Bagging instance is not fitted"):
        pn.Bagging(TREE).predict(X)


def test_a_failed_fit_leaves_nothing_that_answers():
    bag = pn.Bagging(TREE, n=2).fit(X, Y)
    with pytest.raises(ValueError, match="infinity"):
        bag.fit(np.where(X > 7, np.inf, X), Y)
    with pytest.raises(pn.NotFitted):
        bag.predict(X)


BLURRED = X[:, :2] + np.random.default_rng(0).normal(scale=0.01, size=(150, 2))  # no two rows alike


def thresholded(at, **settings):
    return pn.Classifier(pn.model("mlp", hidden=(8,)), epochs=20, batch_size=16, threshold=at, **settings)


@pytest.mark.parametrize("at", [0.02, 0.98, "f1"])
@pytest.mark.parametrize(
    "make",
    [
        lambda net: pn.Bagging(net, n=2),
        lambda net: pn.Snapshot(net, n=2),
        lambda net: pn.SWA(net),
        lambda net: pn.Stacking([pn.Classifier("logistic", epochs=5)], final=net, n_folds=2),
    ],
    ids=["bagging", "snapshot", "swa", "stacking"],
)
def test_the_members_threshold_decides(make, at):
    y = (Y == 1).astype(int)
    ensemble = make(thresholded(at)).fit(BLURRED, y)
    members = [ensemble.final_] if isinstance(ensemble, pn.Stacking) else ensemble.members_
    wanted = np.mean([m.threshold_ for m in members])
    assert isinstance(at, str) or wanted == at
    p = ensemble.predict_proba(BLURRED)[:, 1]
    np.testing.assert_array_equal(ensemble.predict(BLURRED), p >= wanted)
    assert ensemble.evaluate(BLURRED, y)["accuracy"].value == pytest.approx(((p >= wanted) == y).mean())
    if isinstance(ensemble, pn.Bagging):
        known = ~np.isnan(ensemble.oob_predictions_[:, 1])
        assert ensemble.oob_score_ == ((ensemble.oob_predictions_[known, 1] >= wanted) == y[known]).mean()


def test_a_tuned_threshold_is_that_of_the_averaged_weights():
    net = pn.SWA(thresholded("f1")).fit(BLURRED, Y == 1).members_[0]
    assert net.threshold_ == net._threshold()


@pytest.mark.parametrize("kind", ["swa", "bagging", "hard"])
def test_each_label_has_its_threshold(kind):
    y, at = np.stack([Y == 0, Y > 0, Y == 2], 1).astype(int), [0.05, 0.95, 0.5]
    net = thresholded(at)
    made = {"swa": pn.SWA(net), "bagging": pn.Bagging(net, n=2), "hard": pn.Voting([net], how="hard")}[kind].fit(X, y)
    p = made.members_[0].predict_proba(X) if kind == "hard" else made.predict_proba(X)
    np.testing.assert_array_equal(made.predict(X), p >= at)


@pytest.mark.parametrize(
    "make",
    [
        lambda net: pn.Voting([("a", TREE), ("net", net)]),
        lambda net: pn.Stacking([("a", TREE), ("net", net)]),
        lambda net: pn.Voting([("a", TREE), ("net", pn.Bagging(net))]),
    ],
    ids=["soft", "stacking", "nested"],
)
def test_a_threshold_that_would_not_count_is_refused(make):
    for at in (0.02, "f1"):
        with pytest.raises(pn.SettingError, match=r"'net'.*threshold=0\.5"):
            make(thresholded(at)).fit(X, Y == 1)
    pn.Voting([TREE, thresholded(0.02)], how="hard").fit(X, Y == 1)


@pytest.mark.parametrize("given", ["mlp", pn.Classifier])
@pytest.mark.parametrize("kind", [pn.Voting, pn.Stacking])
def test_what_is_no_estimator_is_refused_by_name(kind, given):
    with pytest.raises(pn.SettingError, match="classifiers or of regressors"):
        kind([given]).set_params(seed=3).fit(X, Y)
