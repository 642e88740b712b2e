"""Covariates that are known ahead: each step once, on the clock of the series."""

import numpy as np
import pandas as pd
import pytest

import parnassus as pn
from parnassus.errors import DataError


def fitted(freq="h", zone="Europe/Berlin"):
    day = pd.date_range("2024-01-01", periods=71, freq=freq, tz=zone)
    push = np.random.default_rng(0).normal(size=71)
    frame = pd.DataFrame({"t": day, "push": push, "y": 3 * push})
    return pn.Forecaster("ridge", horizon=1, history=6, known="push", scaling="none").fit(frame, target="y"), day


def ahead(*times, zone="Europe/Berlin", push=4.0):
    return pd.DataFrame({"t": pd.DatetimeIndex(times, tz=zone), "push": push})


def test_an_hour_at_midnight_is_an_hour():
    model, day = fitted()
    assert day[-1] == pd.Timestamp("2024-01-03 22:00", tz="Europe/Berlin")
    late = ahead("2024-01-03 23:00")
    assert model.predict(known=late)["y"].item() == pytest.approx(12, abs=0.5)
    further = pd.DataFrame({"t": [*day, late["t"][0]], "push": 4.0, "y": 12.0})
    said = model.predict(X=further, known=ahead("2024-01-04 00:00"))
    assert said["t"].item() == pd.Timestamp("2024-01-04 00:00", tz="Europe/Berlin")


def test_an_hour_of_another_zone_is_the_same_hour():
    model, _ = fitted()
    same = model.predict(known=ahead("2024-01-03 22:00", zone="UTC"))
    assert same["y"].item() == model.predict(known=ahead("2024-01-03 23:00"))["y"].item()


@pytest.mark.parametrize(("zone", "other"), [("Europe/Berlin", None), (None, "Europe/Berlin")])
def test_hours_without_a_zone_beside_hours_with_one_are_refused(zone, other):
    model, _ = fitted(zone=zone)
    with pytest.raises(DataError, match=r"times of known= are .*, and those of the series .*; give both alike"):
        model.predict(known=ahead("2024-01-03 22:00", "2024-01-03 23:00", zone=other))


@pytest.mark.parametrize(("zone", "other"), [("Europe/Berlin", None), (None, "Europe/Berlin")])
def test_days_are_days_with_a_zone_or_without(zone, other):
    model, _ = fitted("D", zone)
    assert len(model.predict(known=ahead("2024-03-12", zone=other))) == 1


def test_a_step_that_is_there_twice_is_refused():
    model, _ = fitted("D", None)
    with pytest.raises(DataError, match="two rows or more for the series at 2024-03-12"):
        model.predict(known=ahead("2024-03-12", "2024-03-12", zone=None, push=[1.0, 4.0]))
    past = ahead("2024-01-01", "2024-01-01", "2024-03-12", zone=None)  # of steps that are over nobody asks
    assert len(model.predict(known=past)) == 1


def test_steps_that_follow_are_on_the_clock_of_the_series():
    day = pd.date_range("2024-01-01", periods=72, freq="h", tz="Europe/Berlin")
    model = pn.Forecaster("naive", horizon=2).fit(pd.DataFrame({"t": day, "y": np.arange(72.0)}), target="y")

    def off(*times, zone):
        return model.evaluate(pd.DataFrame({"t": pd.DatetimeIndex(times, tz=zone), "y": 70.0}))["mae"].value

    assert off("2024-01-04 00:00", zone="Europe/Berlin") == 1.0
    assert off("2024-01-03 23:00", "2024-01-04 00:00", zone="UTC") == 1.0
    with pytest.raises(DataError, match="times of X are without a time zone"):
        off("2024-01-03 23:00", "2024-01-04 00:00", zone=None)
    with pytest.raises(DataError, match=r"begins at 2024-01-04 01:00:00\+01:00 .* fit's is 2024-01-04 00:00:00\+01:00"):
        off("2024-01-04 01:00", "2024-01-04 02:00", zone="Europe/Berlin")
