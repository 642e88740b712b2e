"""Models for a forecast by rules of thumb: each rule moves what it is about."""

import numpy as np
import pytest

import parnassus as pn
from parnassus.errors import SettingError


@pytest.mark.parametrize(("task", "best"), [
    ({"length": 144, "season": 12}, "holt_winters"),  # one series with a season: a rule
    ({"length": 60, "season": 1, "horizon": 4}, "exponential_smoothing"),
    ({"length": 20, "season": 12, "horizon": 4}, "seasonal_naive"),  # too short for all others
    ({"length": 400, "n_series": 500, "season": 7}, "ridge"),  # many series: one model for all, the simple one first
    ({"length": 144, "season": 12, "covariates": True}, "ridge"),
    ({"length": 4000, "n_series": 50, "densities": True}, "gru"),
    ({"length": 9000, "n_series": 50, "densities": True, "history": 1000, "season": 300}, "transformer"),
    ({"length": 20_000, "n_series": 50, "densities": True, "history": 8192, "season": 300}, "mamba"),
    ({"length": 4000, "n_series": 50, "densities": True, "budget": 1e5}, "tcn"),
])  # fmt: skip
def test_each_rule_has_its_say(task, best):
    assert pn.choose_forecaster(**task).best == best


@pytest.mark.slow
def test_it_says_why_and_every_name_forecasts():
    found = pn.choose_forecaster(length=144, season=12)
    text = str(found)
    assert text.startswith("1. holt_winters\n     level, trend and season")
    assert "109 windows are few for it; 500 or more are usual" in text  # 144 - 24 - 12 + 1
    for choice in found.ranked:
        pn.Forecaster(choice.name, season=4, horizon=2, history=4).set_params(epochs=1).fit(np.sin(np.arange(40.0)))


def test_gates_forget_a_season_that_is_longer_than_their_memory():
    ranked = {c.name: c for c in pn.choose_forecaster(length=9000, n_series=9, season=336).ranked}
    assert any("it forgets" in reason for reason in ranked["lstm"].why)
    assert not any("it forgets" in reason for reason in ranked["tcn"].why)


@pytest.mark.parametrize("task", [{"length": 0}, {"length": 9, "season": 0}, {"length": 9, "history": 0}])
def test_counts_below_one_are_refused(task):
    with pytest.raises(SettingError, match="at least 1"):
        pn.choose_forecaster(**task)


@pytest.mark.parametrize("budget", [0, -1.0, float("nan")])
def test_a_budget_that_nothing_keeps_to_is_refused(budget):
    with pytest.raises(SettingError, match="budget is a number of multiplications"):
        pn.choose_forecaster(length=90, budget=budget)
    with pytest.raises(SettingError, match="budget is a number of multiplications"):
        pn.choose_sequence_model(length=90, n_rows=10, budget=budget)
