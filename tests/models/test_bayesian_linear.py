"""Linear models with a distribution of weights: scikit-learn's evidence, intervals that hold, files, and weights."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import BayesianRidge, LogisticRegression

import parnassus as pn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)) * [1, 5, 0.2, 1]
Y = 3 + X @ [1.0, -0.3, 4.0, 0.0] + 0.5 * RNG.normal(size=60)
NEW = RNG.normal(size=(2000, 4)) * [1, 5, 0.2, 1]
LABELS = np.array(["low", "mid", "high"])[np.digitize(X[:, 0] + 0.3 * RNG.normal(size=60), [-0.5, 0.5])]


def test_numbers_and_deviations_are_scikit_learns():
    fitted = pn.Regressor("bayesian_linear").fit(X, Y)
    rows, y = (X - X.mean(0)) / X.std(0), (Y - Y.mean()) / Y.std()
    theirs = BayesianRidge(alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0, tol=1e-8, max_iter=3000, compute_score=True)
    theirs.fit(rows, y)
    found = fitted.objective_.settings
    assert (found["noise"][0], found["precision"][0]) == pytest.approx((1 / theirs.alpha_, theirs.lambda_), rel=1e-3)
    assert float(fitted.objective_.log_evidence) == pytest.approx(theirs.scores_[-1], abs=0.01)
    new = (NEW[:9] - X.mean(0)) / X.std(0)
    mean, std = theirs.predict(new, return_std=True)
    ours, deviation = fitted.predict(NEW[:9], return_std=True)
    assert ours == pytest.approx(mean * Y.std() + Y.mean(), abs=1e-3)
    # theirs leaves out that the intercept is not known either: noise / rows
    expected = Y.std() * np.sqrt(std**2 + found["noise"][0] / 60)
    assert deviation == pytest.approx(expected, rel=1e-4)


def test_intervals_hold_and_two_columns_of_y_have_noises_of_their_own(tmp_path):
    rng = np.random.default_rng(1)
    truth = 3 + NEW @ [1.0, -0.3, 4.0, 0.0]
    answers = np.stack([truth + 0.5 * rng.normal(size=2000), 10 * NEW[:, 1] + 8 * rng.normal(size=2000)], 1)
    fitted = pn.Regressor("bayesian_linear").fit(NEW[:300], answers[:300])
    low, high = np.moveaxis(fitted.predict_interval(NEW[300:], level=0.9), -1, 0)
    assert ((answers[300:] >= low) & (answers[300:] <= high)).mean(0) == pytest.approx(0.9, abs=0.03)
    assert fitted.uncertainty(NEW[:5]).aleatoric[0] == pytest.approx([0.5, 8], rel=0.1)
    fitted.save(tmp_path / "linear.parnassus")
    again = pn.load(tmp_path / "linear.parnassus")
    np.testing.assert_array_equal(again.predict(NEW, return_std=True), fitted.predict(NEW, return_std=True))
    assert again.objective_.settings == fitted.objective_.settings


@pytest.mark.parametrize("labels", [LABELS, np.where(LABELS == "low", "low", "other")], ids=["three", "two"])
def test_probabilities_are_near_those_of_the_same_penalty_and_less_certain_far_away(labels, tmp_path):
    fitted = pn.Classifier("bayesian_logistic").fit(X, labels)
    rows, new = ((part - X.mean(0)) / X.std(0) for part in (X, NEW[:50]))
    chosen = fitted.objective_.settings["precision"]
    theirs = LogisticRegression(C=1 / chosen, max_iter=2000).fit(rows, labels)
    ours, likeliest = fitted.predict_proba(NEW[:50]), theirs.predict_proba(new)
    assert ours == pytest.approx(likeliest, abs=0.12)
    assert (ours.argmax(1) == likeliest.argmax(1)).mean() > 0.95
    assert ours.max(1).mean() < likeliest.max(1).mean()
    far = fitted.predict_proba(1000 * NEW[:50]).max(1), theirs.predict_proba(1000 * new).max(1)
    assert np.median(far[0]) < np.median(far[1])
    assert 0 < fitted.objective_.settings["determined"] < 4 * fitted.objective_.n_outputs
    near, away = fitted.uncertainty(X).epistemic, fitted.uncertainty(1000 * NEW[:50]).epistemic
    assert away.mean() > near.mean()
    fitted.save(tmp_path / "logistic.parnassus")
    np.testing.assert_array_equal(
        pn.load(tmp_path / "logistic.parnassus").predict_proba(NEW), fitted.predict_proba(NEW)
    )


def test_two_classes_have_mackays_moderated_probability():
    two = np.where(LABELS == "low", "low", "other")
    fitted = pn.Classifier("bayesian_logistic").fit(X, two)
    rows = torch.from_numpy((NEW[:40] - X.mean(0)) / X.std(0))
    mean, variance = (part[:, 0].flatten() for part in fitted.objective_.scores(rows))
    moderated = torch.sigmoid(mean / (1 + torch.pi * variance / 8).sqrt())  # MacKay 1992, eq. 7: near the average
    assert fitted.predict_proba(NEW[:40])[:, 1] == pytest.approx(moderated.numpy(), abs=0.02)


def test_the_evidence_chooses_a_stiff_prior_for_noise_and_a_loose_one_for_a_law():
    rng = np.random.default_rng(1)
    told = pn.Classifier("bayesian_logistic").fit(X, (X[:, 0] > 0).astype(int)).objective_.settings
    random = pn.Classifier("bayesian_logistic").fit(X, rng.permutation(60) % 2).objective_.settings
    assert random["precision"] > 100 * told["precision"]
    assert random["determined"] < told["determined"]


def test_a_row_of_weight_two_is_that_row_twice():
    codec, weight = pn.Table(scaling="none"), np.ones(60)
    weight[:20] = 2
    twice = np.concatenate([X, X[:20]])
    once = pn.Classifier("bayesian_logistic", codec=codec).fit(X, LABELS, sample_weight=weight)
    again = pn.Classifier("bayesian_logistic", codec=codec).fit(twice, np.concatenate([LABELS, LABELS[:20]]))
    assert once.predict_proba(NEW) == pytest.approx(again.predict_proba(NEW), abs=1e-3)


def test_what_cannot_be_is_refused():
    rng = np.random.default_rng(1)
    with pytest.raises(pn.DataError, match="y is constant"):
        pn.Regressor("bayesian_linear").fit(X, np.ones(60))
    with pytest.raises(pn.SettingError, match="one class a row"):
        pn.Classifier("bayesian_logistic").fit(X, [["a"], ["a", "b"], []] * 20)
    wide = rng.normal(size=(10, 2001))
    with pytest.raises(pn.SettingError, match="2,001 weights"):
        pn.Regressor("bayesian_linear").fit(wide, np.arange(10.0))
