"""Odd steps are found by every way, where they were put; files, settings and what is refused."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import f1_score, roc_auc_score

import parnassus as pn
from parnassus.errors import DataError, SettingError
from parnassus.estimators.anomaly_detector import _least_of_windows, _mean_of_windows
from parnassus.functional.subsequences import matrix_profile

T = np.arange(800)
USUAL = np.sin(T / 5) + 0.05 * np.random.default_rng(0).normal(size=800)
ODD = slice(400, 412)


def spoilt():
    y = np.sin(T / 5) + 0.05 * np.random.default_rng(1).normal(size=800)
    y[ODD] += np.linspace(1, 3, 12)
    return y


WAYS = {
    "matrix_profile": "matrix_profile",
    "forecast": "forecast",
    "density": "density",
    "autoencoder": pn.Autoencoder("lstm_ae", epochs=8, lr=0.02, batch_size=64),
    "net": pn.Forecaster("mlp", horizon=1, epochs=5),
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_the_worst_step_is_among_those_that_were_spoilt(way, tmp_path):
    detector = pn.AnomalyDetector(WAYS[way], window=20).fit(USUAL)
    score = detector.anomaly_score(spoilt())
    assert 398 <= np.nanargmax(score) <= 414
    odd = np.zeros(800, dtype=bool)
    odd[ODD] = True
    assert np.nanmean(score[odd]) > 1.5 * np.nanmean(score[~odd][100:])
    worst = detector.find(spoilt())
    assert 380 <= worst.starts[0] <= 415
    assert (detector.predict(spoilt()) == (score > detector.threshold_)).all()

    detector.save(tmp_path / "d.parnassus")
    again = pn.load(tmp_path / "d.parnassus")
    np.testing.assert_array_equal(again.anomaly_score(spoilt()), score)
    assert again.threshold_ == detector.threshold_
    assert type(again.method) is type(detector.method)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_a_mixture_fitted_with_what_is_odd_does_not_take_it_for_usual(tmp_path, seed, scale):
    """A component of the twelve stretches around one odd step, which are alike, would make them likely."""
    rng = np.random.default_rng(seed)
    y = (10 + np.sin(np.arange(240) * np.pi / 3) + rng.normal(0, 0.2, 240)) * scale
    y[100] += 8 * scale
    detector = pn.AnomalyDetector("density", window=12, seed=seed).fit(y)
    assert detector.anomaly_score(y).argmax() == 100
    assert 100 in detector.find(y).peaks
    detector.save(tmp_path / "d")
    np.testing.assert_array_equal(pn.load(tmp_path / "d").anomaly_score(y), detector.anomaly_score(y))


def test_a_steps_score_is_the_least_of_the_stretches_that_cover_it():
    detector = pn.AnomalyDetector(window=20).fit(USUAL)
    found = matrix_profile(torch.from_numpy(spoilt()), 20, other=torch.from_numpy(USUAL)).distance.numpy()
    expected = [found[max(0, i - 19) : i + 1].min() for i in range(800)]
    expected[:19], expected[-19:] = [expected[19]] * 19, [expected[-20]] * 19  # ends, which few stretches cover
    np.testing.assert_allclose(detector.anomaly_score(spoilt()), expected)
    assert _least_of_windows(np.array([3.0, 1.0, 2.0]), 2).tolist() == [1, 1, 1, 1]
    assert _least_of_windows(np.array([3.0, 1.0, 2.0, 5.0]), 2).tolist() == [1, 1, 1, 2, 2]
    assert _mean_of_windows(np.array([[1.0, 2.0], [4.0, 8.0]]), 3).tolist() == [1, 3, 8]


def test_a_forecasts_score_is_its_error_in_robust_deviations():
    detector = pn.AnomalyDetector("forecast", window=20).fit(USUAL)
    errors = detector.estimator_.residuals()
    centre = np.median(errors)
    spread = np.median(np.abs(errors - centre)) * 1.482602218505602
    score = detector.anomaly_score(USUAL)
    assert np.isnan(score[:20]).all()
    np.testing.assert_allclose(score[-len(errors) :], np.abs(errors - centre) / spread)


def test_the_threshold_is_a_quantile_of_the_series_of_fit_or_what_is_said():
    score = pn.AnomalyDetector(window=20).fit(USUAL).anomaly_score(USUAL)
    assert pn.AnomalyDetector(window=20, quantile=1).fit(USUAL).threshold_ == score.max()
    assert pn.AnomalyDetector(window=20, quantile=0.9).fit(USUAL).predict(USUAL).mean() == pytest.approx(0.1, abs=0.01)
    assert pn.AnomalyDetector(window=20, threshold=2).fit(USUAL).threshold_ == 2


def test_an_evaluation_is_scikit_learns_numbers():
    detector = pn.AnomalyDetector("density", window=20).fit(USUAL)
    truth = np.zeros(800, dtype=int)
    truth[ODD] = 1
    found = detector.evaluate(spoilt(), truth)
    assert found["f1"].value == pytest.approx(f1_score(truth, detector.predict(spoilt())))
    assert found["roc_auc"].value == pytest.approx(roc_auc_score(truth, detector.anomaly_score(spoilt())))
    assert "log_loss" not in [m.name for m in found.metrics]
    with pytest.raises(DataError, match="one kind"):
        detector.evaluate(spoilt(), np.zeros(800))
    with pytest.raises(DataError, match="each of the 800 steps"):
        detector.evaluate(spoilt(), truth[:-1])


def test_dates_come_back_and_the_stretches_are_a_table():
    times = pd.date_range("2026-01-01", periods=800, freq="h")
    detector = pn.AnomalyDetector(window=20, quantile=1.0).fit(pd.Series(USUAL, index=times))
    found = detector.find(pd.Series(spoilt(), index=times))
    table = found.table()
    assert len(table) >= 1
    assert times[380] <= table.start[0] <= table.peak[0] <= table.end[0] <= times[415]
    assert "odd stretches" in str(found)
    found.plot()


def test_a_column_is_named_once_and_remembered():
    frame = pd.DataFrame({"y": USUAL, "other": 0.0})
    detector = pn.AnomalyDetector(window=20).fit(frame, target="y")
    assert detector.anomaly_score(frame.assign(y=spoilt())).shape == (800,)


@pytest.mark.parametrize(("error", "words", "call"), [
    (SettingError, "did you mean 'density'", lambda: pn.AnomalyDetector("densities").fit(USUAL)),
    (SettingError, "Forecaster, Autoencoder or Density", lambda: pn.AnomalyDetector(pn.Classifier()).fit(USUAL)),
    (SettingError, "window", lambda: pn.AnomalyDetector(window=1).fit(USUAL)),
    (SettingError, "quantile", lambda: pn.AnomalyDetector(quantile=0).fit(USUAL)),
    (DataError, "two windows of 20", lambda: pn.AnomalyDetector(window=20).fit(USUAL[:30])),
    (DataError, "fewer than the window", lambda: pn.AnomalyDetector(window=20).fit(USUAL).predict(USUAL[:10])),
    (DataError, "2 series", lambda: pn.AnomalyDetector().fit(np.zeros((40, 2)))),
    (DataError, "no value at", lambda: pn.AnomalyDetector().fit([1.0, np.nan] * 30)),
    (DataError, "exact", lambda: pn.AnomalyDetector("forecast", window=5).fit(np.zeros(60))),
    (SettingError, "knows the series of fit alone",
     lambda: pn.AnomalyDetector(pn.Forecaster("ar", horizon=1)).fit(USUAL).predict(spoilt())),
    (pn.NotFitted, "not fitted", lambda: pn.AnomalyDetector().predict(USUAL)),
])  # fmt: skip
def test_what_cannot_be_done_is_refused(error, words, call):
    with pytest.raises(error, match=words):
        call()


def test_constant_stretches_and_short_series_are_served():
    flat = np.zeros(100)
    flat[50] = 1
    assert np.isfinite(pn.AnomalyDetector(window=5).fit(flat).anomaly_score(flat)).all()


def test_ends_are_no_odder_than_the_middle():
    """A step that one window covers would have a larger score than one that many cover: the threshold was an end's."""
    for seed in range(5):
        y = np.sin(T / 8) + 0.1 * np.random.default_rng(seed).normal(size=800)
        detector = pn.AnomalyDetector(window=30, quantile=1.0).fit(y)
        odd = y.copy()
        odd[300:315] += 1.5
        assert detector.predict(odd)[300:315].any()


@pytest.mark.parametrize("seed", range(3))
def test_the_oddest_stretch_of_the_series_of_fit_is_odd_whatever_share_its_equal_scores_take(seed):
    """Six steps in 500 have one score, the largest, which is then the 0.99-quantile itself: none lies above it."""
    draw = np.random.default_rng(seed)
    y = 10 + 5 * np.sin(np.arange(500) / 8) + 0.2 * draw.normal(size=500)
    y[300:306] += 9
    model = pn.AnomalyDetector(window=30, quantile=0.99).fit(y)
    found = np.flatnonzero(model.predict(y))
    assert len(found) > 0
    assert found.min() >= 295
    assert found.max() <= 310
    assert not pn.AnomalyDetector(window=30, quantile=1.0).fit(y).predict(y).any()
