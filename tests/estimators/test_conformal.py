"""Conformal intervals and sets: coverage by simulation, every score, foreign estimators, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsRegressor

import parnassus as pn

RNG = np.random.default_rng(0)
X = RNG.uniform(-2, 2, (600, 2))
Y = X[:, 1] + (0.1 + np.abs(X[:, 0])) * RNG.normal(size=600)
LABELS = np.array(["a", "b", "c"])[np.digitize(X[:, 1] + RNG.normal(size=600), [-0.7, 0.7])]


def quantile_regressor(epochs=30):
    return pn.Regressor(loss=pn.loss("quantile", quantiles=(0.1, 0.9)), epochs=epochs, lr=0.01)


class Still(BaseEstimator):
    """A regressor that always answers 0."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.zeros(len(X))


class Remembering(Still):
    """The same, which keeps what it learned from and what it was asked."""

    def fit(self, X, y):
        self.learned_, self.asked_ = X[:, 0].tolist(), []
        return self

    def predict(self, X):
        self.asked_ += X[:, 0].tolist()
        return np.zeros(len(X))


def test_no_row_is_both_learned_from_and_calibrated_on():
    inside = pn.Conformal(Remembering(), calibration=0.25).fit(X, Y).estimator_
    assert len(inside.learned_) == 450
    assert sorted(inside.learned_ + inside.asked_) == sorted(X[:, 0].tolist())


def test_coverage_over_draws_is_the_beta_binomial_of_the_theory():
    """New rows inside an interval from n = 40 rows at level 0.9: beta-binomial of k = 37, n + 1 - k = 4 (Vovk 2012)."""
    rng, inside = np.random.default_rng(11), []
    for _ in range(400):
        x, y = rng.normal(size=(140, 1)), rng.normal(size=140)
        model = pn.Conformal(Still()).calibrate(x[:40], y[:40])
        ends = model.predict_interval(x[40:])
        inside.append(int(((ends[:, 0] <= y[40:]) & (y[40:] <= ends[:, 1])).sum()))
    expected = stats.betabinom(100, 37, 4)
    assert np.mean(inside) == pytest.approx(expected.mean(), abs=4 * expected.std() / 20)
    assert np.std(inside) == pytest.approx(expected.std(), rel=0.15)


@pytest.mark.parametrize(
    ("estimator", "how"),
    [
        (pn.Regressor("linear"), "absolute"),
        (pn.Regressor(epochs=30, lr=0.01), "normalised"),
        (quantile_regressor(), "quantile"),
    ],
    ids=["absolute", "normalised", "quantile"],
)
def test_intervals_hold_new_answers(estimator, how):
    model = pn.Conformal(estimator, level=0.8, how=how, calibration=0.5).fit(X[:400], Y[:400])
    assert model.n_calibration_ == 200
    found = model.coverage(X[400:], Y[400:])
    assert 0.7 < found["coverage"] < 0.9  # beta-binomial of 161 and 40, 200 rows: 0.801 +- 0.040
    ends = model.predict_interval(X[400:])
    width = ends[:, 1] - ends[:, 0]
    assert found["size"] == pytest.approx(width.mean())
    follows = np.corrcoef(width, np.abs(X[400:, 0]))[0, 1] if how != "absolute" else 1.0
    assert follows > 0.5
    if how == "absolute":
        np.testing.assert_allclose(width, 2 * model.quantile_)


@pytest.mark.parametrize("how", ["lac", "aps"])
def test_sets_hold_new_classes(how):
    model = pn.Conformal(pn.Classifier("softmax", epochs=10), level=0.85, how=how, calibration=0.5)
    model.fit(X[:400], LABELS[:400])
    found = model.coverage(X[400:], LABELS[400:])
    assert 0.75 < found["coverage"] <= (0.95 if how == "lac" else 1)
    sets = model.predict_set(X[400:])
    assert found["size"] == pytest.approx(np.mean([len(s) for s in sets]))
    assert found["coverage"] == pytest.approx(np.mean([y in s for y, s in zip(LABELS[400:], sets, strict=True)]))
    if how == "aps":
        assert [s[0] for s in sets] == model.predict(X[400:]).tolist()


def test_the_model_of_widths_learns_from_errors_on_rows_that_were_not_learned_from():
    """A nearest neighbour has no error on its own rows; what it misses on others grows with the noise, |x|."""
    random = np.random.default_rng(3)
    x = random.uniform(-2, 2, size=(600, 1))
    y = random.normal(size=600) * np.abs(x[:, 0])
    model = pn.Conformal(KNeighborsRegressor(1), level=0.8, how="normalised", calibration=0.5).fit(x, y)
    ends = model.predict_interval(x)
    width = ends[:, 1] - ends[:, 0]
    assert np.median(width[np.abs(x[:, 0]) > 1.5]) > 2 * np.median(width[np.abs(x[:, 0]) < 0.3])


def test_quantiles_are_widened_where_they_promise_too_much():
    narrow = pn.Regressor(loss=pn.loss("quantile", quantiles=(0.45, 0.55)), epochs=10).fit(X[:200], Y[:200])
    ends = narrow.predict_interval(X[400:])
    raw = ((ends[:, 0] <= Y[400:]) & (Y[400:] <= ends[:, 1])).mean()
    model = pn.Conformal(narrow, level=0.9).calibrate(X[200:400], Y[200:400])
    assert raw < 0.5 < 0.8 < model.coverage(X[400:], Y[400:])["coverage"]


def test_an_interval_that_is_narrowed_past_itself_is_a_point():
    model = pn.Conformal(quantile_regressor(1)).fit(X, Y)
    model.quantile_ = np.array(-1e6)
    ends = model.predict_interval(X[:3])
    np.testing.assert_array_equal(ends[:, 0], ends[:, 1])


def test_estimators_of_scikit_learn_are_taken():
    model = pn.Conformal(LinearRegression()).fit(X[:400], Y[:400])
    assert 0.8 < model.coverage(X[400:], Y[400:])["coverage"] <= 1
    model = pn.Conformal(LogisticRegression()).fit(X[:400], LABELS[:400])
    assert 0.8 < model.coverage(X[400:], LABELS[400:])["coverage"] <= 1
    with pytest.raises(pn.DataError, match="'z' was not seen"):
        model.coverage(X[:1], ["z"])


def test_the_target_may_be_a_column():
    frame = pd.DataFrame(X, columns=["one", "two"]).assign(y=Y)
    model = pn.Conformal(pn.Regressor("linear")).fit(frame[:400], target="y")
    assert model.predict_interval(frame[400:]).shape == (200, 2)
    assert model.coverage(frame[400:])["coverage"] > 0.8


def test_each_column_of_y_has_its_own_interval():
    both = np.stack([Y, 10 * Y], 1)
    model = pn.Conformal(pn.Regressor("linear")).fit(X[:400], both[:400])
    assert model.predict_interval(X[400:]).shape == (200, 2, 2)
    assert model.quantile_[1] == pytest.approx(10 * model.quantile_[0], rel=1e-4)


def test_the_estimator_given_to_fit_is_left_alone():
    given = pn.Regressor("linear")
    model = pn.Conformal(given).fit(X, Y)
    assert not hasattr(given, "objective_")
    assert repr(clone(model)) == repr(pn.Conformal(given))
    assert model.get_params()["level"] == 0.9


FITTED = pn.Regressor("linear").fit(X[:100], Y[:100])
REFUSED = {
    "too few rows": (lambda: pn.Conformal(Still()).fit(X[:40], Y[:40]), ["at least 9", "there are 8"]),
    "too few rows for the level": (
        lambda: pn.Conformal(FITTED, level=0.95).calibrate(X[100:110], Y[100:110]),
        ["at least 19", "there are 10"],
    ),
    "training rows": (lambda: pn.Conformal(FITTED).calibrate(X[:100], Y[:100]), ["trained on"]),
    "a level": (lambda: pn.Conformal(FITTED, level=90).calibrate(X[100:], Y[100:]), ["level", "90"]),
    "a share": (lambda: pn.Conformal(Still(), calibration=2).fit(X, Y), ["calibration", "2"]),
    "another score": (lambda: pn.Conformal(FITTED, how="aps").calibrate(X[100:], Y[100:]), ["absolute", "aps"]),
    "quantiles that were not learned": (
        lambda: pn.Conformal(FITTED, how="quantile").calibrate(X[100:], Y[100:]),
        ["loss='quantile'"],
    ),
    "a second model without rows": (
        lambda: pn.Conformal(FITTED, how="normalised").calibrate(X[100:], Y[100:]),
        ["call fit"],
    ),
    "sets of a regressor": (lambda: pn.Conformal(FITTED).calibrate(X[100:], Y[100:]).predict_set(X), ["interval"]),
    "scores alone": (lambda: pn.Conformal(pn.Classifier("perceptron")).fit(X, LABELS), ["probabilities"]),
    "several labels": (lambda: pn.Conformal(pn.Classifier(epochs=1)).fit(X, (X > 0).astype(int)), ["one class a row"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_guaranteed_is_refused(name):
    work, words = REFUSED[name]
    with pytest.raises(pn.ParnassusError) as caught:
        work()
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_intervals_of_a_classifier_are_refused_and_before_fit_all_is():
    model = pn.Conformal(pn.Classifier("softmax", epochs=1))
    with pytest.raises(pn.NotFitted, match="not fitted"):
        model.predict_set(X)
    with pytest.raises(pn.SettingError, match="predict_set"):
        model.fit(X, LABELS).predict_interval(X)


@pytest.mark.parametrize("how", ["absolute", "normalised", "lac"])
def test_a_saved_one_says_the_same(how, tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    kind = pn.Classifier if how == "lac" else pn.Regressor
    y = np.where(X[:, 0] > 0, "up", "down") if how == "lac" else X[:, 0] + rng.normal(size=200)
    made = pn.Conformal(kind("mlp", epochs=3), how=how).fit(X, y)
    made.save(tmp_path / "c.parnassus")
    again = pn.load(tmp_path / "c.parnassus")
    assert again.coverage(X, y) == made.coverage(X, y)
    np.testing.assert_array_equal(again.predict(X), made.predict(X))
    if how == "lac":
        assert again.predict_set(X) == made.predict_set(X)


def test_one_around_another_librarys_estimator_is_not_saved(tmp_path):
    X = np.arange(60.0)[:, None]
    made = pn.Conformal(LinearRegression()).fit(X, X[:, 0])
    with pytest.raises(pn.DataError, match="Conformal around a LinearRegression"):
        made.save(tmp_path / "c.parnassus")


def test_rows_that_an_ensembles_members_learned_from_are_refused():
    bag = pn.Bagging(pn.Regressor("linear", epochs=1), n=4).fit(X[:200], Y[:200])
    with pytest.raises(pn.DataError, match="trained on"):
        pn.Conformal(bag).calibrate(X[:150][::-1], Y[:150][::-1])
    assert pn.Conformal(bag).calibrate(X[200:], Y[200:]).n_calibration_ == 400


@pytest.mark.parametrize("given", ["mlp", pn.Regressor, None], ids=str)
@pytest.mark.parametrize("method", ["fit", "calibrate"])
def test_what_is_no_estimator_is_refused_by_name(given, method):
    with pytest.raises(pn.SettingError, match=r"pn.Regressor\('mlp'\).*got"):
        getattr(pn.Conformal(given), method)(X, Y)


def test_each_class_is_learned_from_and_calibrated_on():
    y = np.array(["a"] * 58 + ["b"] * 2)
    sure = pn.Conformal(pn.Classifier("softmax", epochs=1)).fit(X[:60], y)
    assert sure.estimator_.classes_.tolist() == ["a", "b"]
    assert sure.n_calibration_ == 12
    y[-2] = "a"
    with pytest.raises(pn.DataError, match="class 'b' has 1 row"):
        pn.Conformal(pn.Classifier("softmax", epochs=1)).fit(X[:60], y)
    with pytest.raises(pn.DataError, match="40 classes need 40 rows"):
        pn.Conformal(LogisticRegression()).fit(X[:100], np.arange(100) % 40)


def test_the_score_is_the_estimators_and_folds_take_it():
    sure = pn.Conformal(LinearRegression()).fit(X[:400], Y[:400])
    assert sure.score(X[400:], Y[400:]) == sure.estimator_.score(X[400:], Y[400:])
    found = pn.cross_validate(pn.Conformal(pn.Regressor("linear", epochs=5)), X, Y, folds=2)
    assert found.test["score"].shape == (2,)
    with pytest.raises(pn.SettingError, match="no score"):
        pn.Conformal(Still()).fit(X, Y).score(X, Y)
