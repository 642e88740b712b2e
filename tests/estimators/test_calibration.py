"""Calibrated classifiers: scikit-learn's numbers, what is saved and forgotten, and rows that are refused."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

import parnassus as pn
from parnassus.estimators.judging.calibration import fitted_map, mapped

RNG = np.random.default_rng(0)
X = RNG.normal(size=(600, 4))
Y = np.where(X[:, 0] + RNG.normal(size=600) > 0, "yes", "no")
THREE = np.array(["a", "b", "c"])[np.digitize(X[:, 0] + RNG.normal(size=600), [-0.5, 0.5])]
HOWS = {"temperature": "temperature", "platt": "sigmoid", "isotonic": "isotonic"}


def overfitted(y=Y, **settings):
    """A net that learned 200 rows by heart, and is sure of the rest."""
    return pn.Classifier(pn.model("mlp", hidden=(64,)), epochs=120, lr=0.02, **settings).fit(X[:200], y[:200])


@pytest.mark.parametrize("how", HOWS)
def test_probabilities_of_two_classes_are_scikit_learns(how):
    ours = overfitted()
    theirs = CalibratedClassifierCV(FrozenEstimator(ours), method=HOWS[how], ensemble=False).fit(X[200:500], Y[200:500])
    expected = theirs.predict_proba(X[500:])
    np.testing.assert_allclose(
        ours.calibrate(X[200:500], Y[200:500], how=how).predict_proba(X[500:]), expected, atol=1e-4
    )


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("y", [Y, THREE], ids=["two", "three"])
def test_it_mends_an_over_confident_net_on_rows_it_has_not_seen(how, y):
    model = overfitted(y)
    before = {m.name: m.value for m in model.evaluate(X[500:], y[500:]).metrics}
    model.calibrate(X[200:500], y[200:500], how=how)
    after = {m.name: m.value for m in model.evaluate(X[500:], y[500:]).metrics}
    for metric in ("expected_calibration_error", "brier"):
        assert after[metric] < before[metric]
        assert model.calibration_["after"][metric] < model.calibration_["before"][metric]
    np.testing.assert_allclose(model.predict_proba(X).sum(1), 1)


def test_temperature_leaves_every_answer_and_every_score_as_it_was():
    model = overfitted(THREE)
    answers, scores = model.predict(X), model.decision_function(X)
    model.calibrate(X[200:], THREE[200:])
    np.testing.assert_array_equal(model.predict(X), answers)
    np.testing.assert_array_equal(model.decision_function(X), scores)
    assert model.calibration_["map"]["temperature"] > 1


@pytest.mark.slow
@pytest.mark.parametrize("how", HOWS)
def test_the_map_is_saved_with_the_model_and_forgotten_by_fit(how, tmp_path):
    model = overfitted(THREE).calibrate(X[200:], THREE[200:], how=how)
    model.save(tmp_path / "model")
    again = pn.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.calibration_["after"] == model.calibration_["after"]
    model.fit(X[:200], THREE[:200])
    assert not hasattr(model, "calibration_")
    model.calibrate(X[200:], THREE[200:], how=how).partial_fit(X[:50], THREE[:50])
    assert not hasattr(model, "calibration_")


@pytest.mark.parametrize("how", HOWS)
def test_logits_moved_together_have_the_same_probabilities(how):
    logits, truth = RNG.normal(0, 3, (200, 3)), np.arange(200) % 3
    moved = logits + RNG.normal(0, 5, (200, 1))
    ours = mapped(fitted_map(how, logits, truth, None), logits)
    np.testing.assert_allclose(mapped(fitted_map(how, moved, truth, None), moved), ours, atol=1e-6)


def test_without_rows_it_takes_those_that_fit_held_out():
    model = pn.Classifier(epochs=5).fit(X, Y, validation=0.25)
    assert model.calibrate().calibration_["n_rows"] == 150
    with pytest.raises(pn.SettingError, match="there are none; give X and y"):
        pn.Classifier(epochs=1).fit(X, Y).calibrate()


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_the_rows_of_the_training_are_refused(class_weight):
    model = pn.Classifier(epochs=1, class_weight=class_weight).fit(X, Y)
    with pytest.raises(pn.DataError, match="trained on"):
        model.calibrate(X, Y)


def test_a_tuned_threshold_is_tuned_again():
    model = pn.Classifier(epochs=60, lr=0.02, threshold="f1").fit(X[:300], Y[:300], validation=0.3)
    before = model.threshold_
    answers = model.predict(X[300:])
    model.calibrate(how="platt")
    assert model.threshold_ != before
    assert (model.predict(X[300:]) == answers).mean() > 0.95  # Platt's map rises, so the best cut stays


def test_scores_that_are_no_probabilities_become_some():
    model = pn.Classifier("perceptron", epochs=5).fit(X[:200], Y[:200])
    assert not hasattr(model, "predict_proba")
    model.calibrate(X[200:500], Y[200:500], how="platt")
    assert model.predict_proba(X[500:]).shape == (100, 2)
    assert "brier" in {m.name for m in model.evaluate(X[500:], Y[500:]).metrics}


def test_weights_count_rows():
    model = overfitted()
    weight = np.repeat([1.0, 0.0], 150)
    weighted = model.calibrate(X[200:500], Y[200:500], sample_weight=weight).predict_proba(X)
    np.testing.assert_allclose(model.calibrate(X[200:350], Y[200:350]).predict_proba(X), weighted, atol=1e-9)


@pytest.mark.parametrize(
    ("y", "settings", "given", "words"),
    [
        (Y, {}, {"how": "plat"}, "platt"),
        (np.digitize(X[:, 0], [-1, 1]), {"loss": "ordinal"}, {}, "without an order"),
        ((X > 0).astype(int), {}, {}, "one a row"),
    ],
    ids=["a name", "ordered", "multilabel"],
)
def test_what_cannot_be_calibrated_is_refused(y, settings, given, words):
    model = pn.Classifier(epochs=1, **settings).fit(X[:300], y[:300])
    with pytest.raises(pn.SettingError, match=words):
        model.calibrate(X[300:], y[300:], **given)


def test_rows_without_one_of_the_classes_are_refused():
    model = pn.Classifier(epochs=1).fit(X[:300], THREE[:300])
    rest = np.flatnonzero(THREE[300:] != "b") + 300
    with pytest.raises(pn.DataError, match="no rows of class 'b'"):
        model.calibrate(X[rest], THREE[rest])


def test_the_rows_of_a_training_with_class_weights_are_refused_too():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = np.where(X[:, 0] + rng.normal(size=120) > 0, "up", "down")
    fitted = pn.Classifier("mlp", epochs=2, class_weight="balanced").fit(X, y)
    with pytest.raises(pn.DataError, match="rows that the model was trained on"):
        fitted.calibrate(X, y)


@pytest.mark.parametrize("part", ["reversed", "some", "weighted"])
def test_training_rows_in_another_order_or_number_or_weight_are_refused(part):
    weight = np.linspace(0.5, 1.5, 300) if part == "weighted" else None
    model = pn.Classifier(epochs=1).fit(X[:300], Y[:300], sample_weight=weight)
    rows = {"reversed": np.arange(300)[::-1], "some": np.arange(200), "weighted": np.arange(300)}[part]
    with pytest.raises(pn.DataError, match=f"{len(rows)} of {len(rows)} rows .* trained on"):
        model.calibrate(X[rows], Y[rows])


def test_a_few_training_rows_are_warned_of():
    with pytest.warns(pn.DataWarning, match="20 of 320 rows"):
        pn.Classifier(epochs=1).fit(X[:300], Y[:300]).calibrate(X[280:], Y[280:])


def test_new_rows_that_equal_old_ones_because_few_rows_exist_are_taken():
    few = np.random.default_rng(0).integers(0, 3, (600, 2)).astype(float)
    model = pn.Classifier(epochs=1).fit(few[:300], Y[:300])
    assert model.calibrate(few[300:], Y[300:]).calibration_["n_rows"] == 300


def test_texts_that_were_trained_on_are_refused_in_any_company():
    texts = [f"word{i % 7} of {'many ' * (i % 5)}{i}" for i in range(60)]
    y = np.arange(60) % 2
    model = pn.Classifier(epochs=1).fit(texts[:40], y[:40])
    with pytest.raises(pn.DataError, match="trained on"):
        model.calibrate(texts[5:38], y[5:38])


def test_a_map_that_makes_answers_worse_is_warned_of():
    model = pn.Classifier(epochs=1).fit(X[:200], THREE[:200])
    with pytest.warns(pn.DataWarning, match="log loss worse.*how='temperature'"):
        model.calibrate(X[200:], THREE[200:], how="isotonic")
    found = model.calibration_
    assert found["after"]["log_loss"] > found["before"]["log_loss"]
