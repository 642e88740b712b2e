"""ARIMA in units of its own, and the other rules of single series in any unit."""

import numpy as np
import pandas as pd
import pytest

import parnassus as pn
from parnassus.recipes.forecasting import AIRLINE


@pytest.mark.parametrize(("name", "options"), [("arima", {"order": (2, 0, 1), "trend": "constant"}), ("arima", {}),
                                               ("arima", {"order": (1, 0, 0)}), ("theta", {}), ("holt_winters", {}),
                                               ("exponential_smoothing", {}), ("ar", {})])  # fmt: skip
def test_rules_say_the_same_in_any_unit(name, options):
    """Searches for a maximum stop early where numbers are far from 1: in yen and in tons alike none may."""
    y = 10 + np.sin(np.arange(72) * np.pi / 3) + np.random.default_rng(0).normal(0, 0.2, 72)
    covered = name == "arima" and options.get("order") != (1, 0, 0)

    def said(scale, shift):
        model = pn.Forecaster(pn.model(name, **options), horizon=4, season=6).fit(scale * y + shift)
        return (np.c_[model.predict(), model.predict(quantiles=(0.9,))] - shift) / scale

    if name == "arima":
        pytest.importorskip("statsmodels", reason="statsmodels estimates arima")
    due = said(1.0, 0.0)
    for scale, shift in ((1e-9, 0.0), (1e-4, 1.1e-4 if covered else 0.0), (1e9, 1e12 if covered else 0.0)):
        np.testing.assert_allclose(said(scale, shift), due, rtol=2e-5)


def test_what_is_known_ahead_may_be_of_any_unit():
    pytest.importorskip("statsmodels", reason="statsmodels estimates arima")
    rng = np.random.default_rng(1)
    push = rng.normal(size=80)
    frame = pd.DataFrame({"t": pd.date_range("2024", periods=80), "y": 5 + 3 * push + rng.normal(size=80)})
    said = []
    for unit in (1.0, 1e7):
        frame["push"] = push * unit
        model = pn.Forecaster(pn.model("arima", order=(1, 0, 0), trend="constant"), horizon=3, known="push")
        said.append(model.fit(frame[:70], target="y").predict(known=frame[70:73][["t", "push"]])["y"])
    np.testing.assert_allclose(said[0], said[1], rtol=1e-6)


def test_parameters_that_were_saved_in_the_series_own_units_say_what_they_said():
    pytest.importorskip("statsmodels", reason="statsmodels estimates arima")
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    model = pn.Forecaster(pn.model("arima", order=(1, 0, 0), trend="constant"), horizon=3).fit(AIRLINE)
    (learned,) = model.objective_.learned.values()
    learned["parameters"] = [20.0, 0.9, 900.0]
    del learned["units"]  # as files were before
    due = SARIMAX(AIRLINE, order=(1, 0, 0), trend="c").smooth([20.0, 0.9, 900.0]).forecast(3)
    np.testing.assert_allclose(model.predict(), due, rtol=1e-12)
