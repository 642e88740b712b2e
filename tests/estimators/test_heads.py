"""Quantile and ordinal answers through the estimators: what the loss makes of y."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_pinball_loss

import parnassus as pn

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X = RNG.uniform(-2, 2, (400, 2))
SPREAD = 0.2 + 0.5 * np.abs(X[:, 0])
Y = X[:, 1] + SPREAD * RNG.normal(size=400)
RANKS = np.digitize(Y, [-1, 0, 1])
ORDER = ["low", "mid", "high", "top"]
GRADES = pd.Series(pd.Categorical.from_codes(RANKS, ORDER, ordered=True))


@pytest.fixture(scope="module")
def quantiles():
    return pn.Regressor(loss=pn.loss("quantile", quantiles=(0.1, 0.5, 0.9)), epochs=60, lr=0.01).fit(X[:300], Y[:300])


def test_quantiles_hold_the_share_they_name(quantiles):
    found = quantiles.predict_quantiles(X[:300])
    assert (Y[:300, None] <= found).mean(0) == pytest.approx([0.1, 0.5, 0.9], abs=0.08)
    assert (np.diff(found) >= 0).all()
    np.testing.assert_array_equal(quantiles.predict(X), quantiles.predict_quantiles(X)[:, 1])


def test_they_beat_the_quantiles_of_y_alone(quantiles):
    found = quantiles.predict_quantiles(X[300:])
    for i, q in enumerate((0.1, 0.5, 0.9)):
        trivial = np.full(100, np.quantile(Y[:300], q))
        assert mean_pinball_loss(Y[300:], found[:, i], alpha=q) < mean_pinball_loss(Y[300:], trivial, alpha=q)


def test_an_interval_is_wider_where_answers_spread(quantiles):
    ends = quantiles.predict_interval(X, level=0.8)
    width = ends[:, 1] - ends[:, 0]
    assert np.corrcoef(width, SPREAD)[0, 1] > 0.7


def test_quantiles_survive_saving(quantiles, tmp_path):
    quantiles.save(tmp_path / "model")
    again = pn.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_interval(X), quantiles.predict_interval(X))


def test_several_columns_have_their_own_quantiles():
    both = np.stack([Y, -3 * Y], 1)
    model = pn.Regressor(loss="quantile", epochs=2).fit(X, both)
    assert model.predict_quantiles(X[:5]).shape == (5, 2, 3)
    assert model.predict_interval(X[:5]).shape == (5, 2, 2)
    assert model.predict(X[:5]).shape == (5, 2)
    assert model.evaluate(X, both).metrics


def test_rows_passed_over_have_no_quantiles(quantiles):
    bad = X[:4].copy()
    bad[1, 0] = np.nan
    with pytest.warns(pn.DataWarning, match="skipped"):
        assert np.isnan(quantiles.predict_interval(bad, on_error="skip")[1]).all()


def test_a_model_without_quantiles_says_how_to_learn_them():
    with pytest.raises(pn.SettingError, match=r"pn.loss\('quantile'\)"):
        pn.Regressor(epochs=1).fit(X, Y).predict_interval(X)


@pytest.fixture(scope="module")
def grades():
    return pn.Classifier(loss="ordinal", epochs=40, lr=0.01).fit(X[:300], GRADES[:300])


def test_ordered_classes_come_lowest_first_and_probabilities_sum_to_one(grades):
    assert grades.classes_.tolist() == ORDER
    p = grades.predict_proba(X)
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-12)
    assert (p >= 0).all()
    assert (grades.predict(X) == np.array(ORDER, dtype=object)[p.argmax(1)]).all()


def test_the_evaluation_tells_how_many_classes_answers_are_off(grades):
    found = {m.name: m for m in grades.evaluate(X[300:], GRADES[300:]).metrics}
    off = np.abs(grades.predict_proba(X[300:]).argmax(1) - RANKS[300:])
    assert found["rank_error"].value == pytest.approx(off.mean())
    assert found["rank_error"].low < off.mean() < found["rank_error"].high < found["rank_error"].baseline
    assert not found["rank_error"].higher_is_better


def test_ordered_classes_survive_saving(grades, tmp_path):
    grades.save(tmp_path / "model")
    np.testing.assert_array_equal(pn.load(tmp_path / "model").predict_proba(X), grades.predict_proba(X))


def test_an_order_may_be_an_option_of_the_loss_and_of_validation_rows():
    words = GRADES.astype(str).to_numpy()
    spec = pn.loss("ordinal", order=ORDER)
    model = pn.Classifier(loss=spec, epochs=3, patience=2).fit(X, words, validation=0.2)
    assert model.classes_.tolist() == ORDER
    with pytest.raises(pn.DataError, match="no order"):
        pn.Classifier(loss="ordinal", epochs=1).fit(X, words)


def test_pieces_of_ordered_rows_are_learned_one_by_one():
    model = pn.Classifier(loss="ordinal").partial_fit(X[:100], RANKS[:100], classes=[0, 1, 2, 3])
    assert model.partial_fit(X[100:200], RANKS[100:200]).predict_proba(X).shape == (400, 4)


def test_two_ordered_classes_are_a_binary_classifier():
    model = pn.Classifier(loss="ordinal", epochs=30, lr=0.01).fit(X, RANKS > 1)
    assert model.predict_proba(X).shape == (400, 2)
    assert model.score(X, RANKS > 1) > 0.8


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pn.Classifier(loss="quantile").fit(X, RANKS), "serves quantiles, not labels"),
        (lambda: pn.Regressor(loss="ordinal").fit(X, Y), "serves ordinal, not numbers"),
        (lambda: pn.Classifier(loss="ordinal", threshold="f1").fit(X, RANKS), "two classes"),
    ],
)
def test_a_loss_for_another_target_is_refused_with_both_sides(make, words):
    with pytest.raises(pn.SettingError, match=words):
        make()
