"""Forecasts of series and of their sums that add up: the projection by hand, what stays, what is refused."""

import numpy as np
import pandas as pd
import pytest

import parnassus as pn
from parnassus.errors import DataError, SettingError

RNG = np.random.default_rng(0)
NORTH = 10 + np.sin(np.arange(80) * np.pi / 3) + RNG.normal(0, 0.3, 80)
SOUTH = 30 + RNG.normal(size=80).cumsum() / 3
SERIES = {"other": RNG.normal(size=80), "all": NORTH + SOUTH, "north": NORTH, "south": SOUTH}
GROUPS = {"all": ["north", "south"]}
WAYS = ("bottom_up", "ols", "structural", "variance", "covariance", "shrinkage")


@pytest.fixture(scope="module")
def model():
    return pn.Forecaster("ridge", horizon=4, history=6).fit(SERIES)


@pytest.mark.parametrize("weighting", WAYS)
def test_totals_are_sums_and_series_of_no_group_stay(model, weighting):
    found = model.reconcile(GROUPS, weighting=weighting)
    np.testing.assert_allclose(found[1], found[2] + found[3], rtol=1e-12)
    assert np.abs(model.predict()[1] - model.predict()[2:].sum(0)).max() > 1e-3
    np.testing.assert_array_equal(found[0], model.predict()[0])


def test_what_does_not_add_up_is_shared_out_by_the_covariance_of_errors(model):
    """The closed form of one total: f - W C' (C W C')^-1 C f with C = (1, -1, -1), which has no S in it."""
    said, C = model.predict()[1:], np.array([[1.0, -1.0, -1.0]])
    errors = model.residuals().pivot(index="time", columns="series", values="residual")[["all", "north", "south"]]
    W = errors.to_numpy().T @ errors.to_numpy() / len(errors)
    for weighting, given in (("covariance", W), ("variance", np.diag(np.diag(W))), ("ols", np.eye(3))):
        due = said - given @ C.T @ np.linalg.solve(C @ given @ C.T, C @ said)
        np.testing.assert_allclose(model.reconcile(GROUPS, weighting=weighting)[1:], due, rtol=1e-9)


def test_bottom_up_leaves_the_parts_and_levels_add_up(model):
    found = model.reconcile(GROUPS, 2, weighting="bottom_up")
    np.testing.assert_array_equal(found[2:], model.predict(2)[2:])
    deep = {
        "T": NORTH + SOUTH + 5,
        "L": NORTH + 5,
        "a": NORTH,
        "b": 5 + SERIES["other"] / 1000,
        "c": SOUTH,
    }
    T, L, a, b, c = (
        pn.Forecaster("ridge", horizon=3, history=5).fit(deep).reconcile({"T": ["a", "b", "c"], "L": ["a", "b"]})
    )
    np.testing.assert_allclose(T, a + b + c)
    np.testing.assert_allclose(L, a + b)


@pytest.mark.parametrize("settings", [
    {"model": "theta"}, {"model": "mlp", "scope": "local"}, {"model": "mlp", "strategy": "recursive"},
    {"model": "ridge", "transform": "log"},
])  # fmt: skip
def test_frames_stay_frames_with_any_model(settings):
    stamps = pd.date_range("2024", periods=80)
    parts = [pd.DataFrame({"day": stamps, "shop": k, "sold": v + 5}) for k, v in SERIES.items() if k != "all"]
    parts.append(parts[1].assign(shop="all", sold=parts[1]["sold"] + parts[2]["sold"]))
    train = {"epochs": 1, "progress": False} if settings["model"] == "mlp" else {}
    made = pn.Forecaster(horizon=3, history=6, series="shop", **settings, **train).fit(pd.concat(parts), target="sold")
    found, said = made.reconcile(GROUPS), made.predict()
    assert (found[["shop", "day"]] == said[["shop", "day"]]).all().all()
    by = found.pivot(index="day", columns="shop", values="sold")
    np.testing.assert_allclose(by["all"], by["north"] + by["south"])


def test_reconciled_forecasts_of_noisy_totals_are_closer():
    """A total that is seen through a model of its own errs more than its parts do together, or the other way round."""
    gains = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        a, b = (np.cumsum(rng.normal(size=130)) for _ in range(2))
        made = pn.Forecaster("ridge", horizon=6, history=8).fit({"all": (a + b)[:120], "a": a[:120], "b": b[:120]})
        true = np.stack([a + b, a, b])[:, 120:126]
        gains.append(
            np.square(made.predict() - true).mean() - np.square(made.reconcile({"all": ["a", "b"]}) - true).mean()
        )
    assert np.mean(gains) > 0


@pytest.mark.parametrize(("groups", "settings", "error", "words"), [
    ({}, {}, SettingError, "groups say which series"),
    (["all"], {}, SettingError, "groups say which series"),
    ({"all": "north"}, {}, SettingError, "as a list of series"),
    ({"al": ["north", "south"]}, {}, DataError, "no series 'al' was forecast; fit totals .* did you mean 'all'"),
    ({"all": ["north", "x"]}, {}, DataError, "no series 'x' was forecast"),
    ({"other": ["north", "south"]}, {}, DataError, "'other' is .* its parts add up to .*: it is not their sum"),
    ({"all": ["north", "south"], "other": ["all"]}, {}, SettingError, "'all', which is a total itself"),
    (GROUPS, {"weighting": "mint"}, SettingError, "weighting='mint'"),
    ({"t": ["u", "v"]}, {"X": {"t": NORTH + SOUTH, "u": NORTH, "v": SOUTH}}, DataError, "knows no errors of it"),
])  # fmt: skip
def test_what_does_not_add_up_by_its_nature_is_refused(model, groups, settings, error, words):
    with pytest.raises(error, match=words):
        model.reconcile(groups, **settings)


def test_series_that_end_apart_and_exact_ones_are_refused():
    stamps = pd.date_range("2024", periods=80)
    parts = [pd.DataFrame({"day": stamps, "shop": k, "sold": v}) for k, v in SERIES.items()]
    parts[2] = parts[2][:-3]
    made = pn.Forecaster("naive", horizon=2, series="shop").fit(pd.concat(parts), target="sold")
    with pytest.raises(DataError, match=r"'north' ends at 2024-03-17 .* its total 'all' at 2024-03-20"):
        made.reconcile(GROUPS)
    line = np.arange(50.0)
    exact = pn.Forecaster("drift", horizon=2).fit({"all": 2 * line, "north": line, "south": line})
    with pytest.raises(DataError, match="every forecast of series 'all' was exact"):
        exact.reconcile(GROUPS)


def test_one_series_has_nothing_to_add_up():
    alone = pn.Forecaster("naive", horizon=2).fit(np.arange(20.0))
    with pytest.raises(SettingError, match="there is one series, and nothing to add up"):
        alone.reconcile({"all": ["a"]})
