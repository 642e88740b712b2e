"""What a person is told of forecasts: one warning, intervals over series, a page of forecasts beside the truth."""

import warnings

import numpy as np
import pandas as pd
import pytest

import parnassus as pn
from parnassus.cli import main
from parnassus.errors import DataWarning
from parnassus.estimators.judging.backtesting import intervals_of

pytestmark = pytest.mark.slow


def shops(n_steps, n_shops, seed=0):
    """Daily sales of shops with a week's season, a row a day and shop, in any order."""
    draw = np.random.default_rng(seed)
    days = pd.date_range("2024-01-01", periods=n_steps)
    level = draw.uniform(20, 80, n_shops)
    sales = level[:, None] * (1 + 0.3 * np.sin(2 * np.pi * np.arange(n_steps) / 7)) + draw.normal(
        size=(n_shops, n_steps)
    )
    frame = pd.DataFrame(
        {
            "day": np.tile(days, n_shops),
            "shop": np.repeat(list("abcdefghij")[:n_shops], n_steps),
            "sales": sales.ravel(),
        }
    )
    return frame.sample(frac=1, random_state=seed)


def test_rows_out_of_order_are_told_once_for_all_series(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shops(60, 3).to_csv("shops.csv", index=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pn.Forecaster("naive", series="shop", horizon=7).fit("shops.csv", target="sales")
    told = [str(one.message) for one in caught if issubclass(one.category, DataWarning)]
    assert len(told) == 1
    assert "series 'a'" in told[0]
    assert "and of 2 more series, were not in the order of 'day'" in told[0]
    main(
        [
            "train",
            "forecaster",
            "shops.csv",
            "--target",
            "sales",
            "--series",
            "shop",
            "--horizon",
            "7",
            "--model",
            "naive",
        ]
    )
    said = capsys.readouterr()
    assert (said.out + said.err).count("not in the order") == 1
    kept = pd.read_csv("runs/shops-naive/test.csv")
    assert len(kept) == 21
    assert kept.day.is_monotonic_increasing


def test_intervals_are_of_means_over_resampled_series():
    draw = np.random.default_rng(0)
    error = np.abs(draw.normal(size=(2, 200, 5))) * draw.uniform(1, 2, (1, 200, 1))
    told = intervals_of(error, np.full((2, 200, 1), 2.0))
    low, high = told["mae"]
    each = error.mean(-1).ravel()
    assert high - low == pytest.approx(2 * 1.96 * each.std() / np.sqrt(len(each)), rel=0.15)
    assert low < error.mean() < high
    assert told["mase"] == pytest.approx((low / 2, high / 2))
    assert told["rmse"][0] < np.sqrt((error**2).mean()) < told["rmse"][1]
    assert intervals_of(error[:1, :7], np.ones((1, 7, 1)))["mae"] == (None, None)


def test_a_page_shows_what_was_forecast_beside_what_came(tmp_path):
    frame = shops(70, 9).sort_values("day")
    past, future = frame[frame.day < "2024-03-04"], frame[frame.day >= "2024-03-04"]
    model = pn.Forecaster("seasonal_naive", series="shop", horizon=7).fit(past, target="sales")
    found = model.report(tmp_path / "page.html", future)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert f"on {found.n_rows} steps that follow those of the training" in page
    assert page.count("what was forecast, and what came") == 3
    swing = (
        past.sort_values("day")
        .groupby("shop")
        .sales.apply(lambda s: np.abs(s.to_numpy()[7:] - s.to_numpy()[:-7]).mean())
    )
    came, week = (part.sort_values("day").groupby("shop").sales for part in (future, past))
    scaled = {
        k: np.abs(came.get_group(k).to_numpy()[:7] - week.get_group(k).to_numpy()[-7:]).mean() / swing[k]
        for k in swing.index
    }
    order = sorted(scaled, key=scaled.get)
    for name, rank in ((order[-1], "worst"), (order[4], "median"), (order[0], "best")):
        assert f"Series &#39;{name}&#39; (the {rank} of 9): what was forecast" in page
    assert page.count('<figure class="wide">') == 1  # the three of the residuals
    assert found["mae"].low < found["mae"].value < found["mae"].high
    assert "Not told apart from the baseline" in page  # it is its own baseline


def test_a_page_without_steps_that_follow_draws_several_series_by_name(tmp_path):
    frame = shops(70, 9).sort_values("day")
    noisy = frame.assign(
        sales=np.where(frame.shop == "e", frame.sales + 60 * np.sin(np.arange(len(frame))), frame.sales)
    )
    model = pn.Forecaster("seasonal_naive", series="shop", horizon=7).fit(noisy, target="sales")
    model.report(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "The forecast of series &#39;e&#39; (the worst of 9)." in page
    assert page.count("The forecast of series") == 3
    assert "one-step forecasts of series &#39;e&#39;, which they fit worst" in page
    pn.Forecaster("naive", horizon=3).fit(np.arange(30.0) % 4).report(tmp_path / "one.html")
    assert "The forecast." in (tmp_path / "one.html").read_text(encoding="utf-8")


def test_a_page_of_few_series_says_that_they_are_few(tmp_path):
    frame = shops(70, 2).sort_values("day")
    model = pn.Forecaster("mean", series="shop", horizon=7).fit(frame[frame.day < "2024-03-04"], target="sales")
    model.report(tmp_path / "page.html", frame[frame.day >= "2024-03-04"])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Not ahead of the baseline; without an interval it may be chance" in page
