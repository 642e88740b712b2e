"""`Forecaster(scope="local")`: a model for each series, as if the others were not there."""

import os

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import parnassus as pn
from parnassus.cli import main
from parnassus.errors import DataError, DataWarning, SettingError

pytestmark = pytest.mark.filterwarnings("ignore:the intervals of")  # nets at play were not cross-fitted

T = np.arange(90)
RNG = np.random.default_rng(0)
SERIES = {
    "wave": 5 + np.sin(T / 3) + RNG.normal(0, 0.1, 90),
    "walk": RNG.normal(size=90).cumsum(),
    "saw": 3.0 * (T % 7) + RNG.normal(0, 0.1, 90),
}
KINDS = {
    "ridge": {},
    "forest": {"n_trees": 5},
    "mlp": {"hidden": (8,)},
    "gru": {"hidden": 6},
}


def made(name, **settings):
    plan = {"epochs": 2, "progress": False} if name in ("mlp", "gru") else {}
    return pn.Forecaster(pn.model(name, **KINDS[name]), **{"horizon": 3, "history": 9, **plan, **settings})


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["direct", "recursive"])
@pytest.mark.parametrize("name", KINDS)
def test_each_series_is_forecast_as_if_it_were_alone(name, strategy):
    together = made(name, scope="local", strategy=strategy).fit(SERIES)
    for i, y in enumerate(SERIES.values()):
        alone = made(name, strategy=strategy).fit(y)
        np.testing.assert_array_equal(together.predict()[i], alone.predict())
    one_net = made(name, strategy=strategy).fit(SERIES)
    assert np.abs(one_net.predict() - together.predict()).max() > 1e-3


def test_intervals_and_residuals_are_those_of_each_series_alone():
    together, alone = made("ridge", scope="local").fit(SERIES), made("ridge").fit(SERIES["walk"])
    np.testing.assert_array_equal(together.predict(quantiles=(0.1, 0.9))[1], alone.predict(quantiles=(0.1, 0.9)))
    found = together.residuals()
    np.testing.assert_array_equal(found[found["series"] == together.panel_.names[1]]["residual"], alone.residuals())
    drawn = together.predict_samples(200)
    assert drawn.shape == (200, 3, 3)
    centred = drawn[:, :, 0] - drawn[:, :, 0].mean(0)
    assert abs(np.corrcoef(centred[:, 0], centred[:, 1])[0, 1]) < 0.25  # series are drawn apart


@pytest.mark.parametrize("name", KINDS)
def test_models_of_single_series_are_the_same_after_saving(name, tmp_path):
    frame = pd.concat([pd.DataFrame({"id": k, "day": pd.date_range("2024", periods=90), "y": v}) for k, v in
                       SERIES.items()])  # fmt: skip
    model = made(name, scope="local", series="id").fit(frame, target="y")
    model.save(tmp_path / "model")
    again = pn.load(tmp_path / "model")
    pd.testing.assert_frame_equal(again.predict(), model.predict())
    levels = (0.1, 0.9)
    pd.testing.assert_frame_equal(again.predict(quantiles=levels), model.predict(quantiles=levels))
    np.testing.assert_array_equal(again.predict_samples(4), model.predict_samples(4))
    newer = frame[frame["id"] == "saw"]
    said = model.predict()
    pd.testing.assert_frame_equal(again.predict(X=newer), said[said["id"] == "saw"].reset_index(drop=True))
    with pytest.raises(DataError, match="'new' was not there in fit"):
        again.predict(X=newer.assign(id="new"))


@pytest.mark.slow
def test_a_backtest_and_a_copy_keep_models_apart(tmp_path):
    model = made("ridge", scope="local").fit(SERIES)
    apart = [made("ridge").fit(y).backtest(2).by_step for y in SERIES.values()]
    np.testing.assert_allclose(model.backtest(2).by_step, np.mean(apart, 0), rtol=1e-12)
    assert clone(model).scope == "local"
    assert model.report(tmp_path / "page.html")["mae"].value > 0
    assert model.plot(which=model.panel_.names[2]).axes
    assert not hasattr(model.set_params(scope="global").fit(SERIES), "members_")


def test_rules_learn_each_series_by_itself_in_any_scope():
    one, two = (pn.Forecaster("theta", horizon=3, scope=s).fit(SERIES).predict() for s in ("local", "global"))
    np.testing.assert_array_equal(one, two)


def test_the_default_net_is_held_to_seasonal_naive_once_for_all_series():
    season = {k: np.tile(v[:12], 7) + 9 for k, v in SERIES.items()}
    with pytest.warns(DataWarning, match="seasonal_naive") as heard:
        model = pn.Forecaster(horizon=3, season=12, epochs=1, scope="local", progress=False).fit(season)
    assert len(heard) == 1
    assert heard[0].filename == __file__
    parts = [member.checked_["model"] for member in model.members_.values()]
    assert model.checked_["model"] == pytest.approx(np.mean(parts))


def test_a_run_folder_goes_on_where_it_stopped(tmp_path):
    model = made("mlp", scope="local", out=str(tmp_path)).fit(SERIES)
    assert sorted(os.listdir(tmp_path / "series")) == ["0000", "0001", "0002"]
    again = made("mlp", scope="local", out=str(tmp_path), resume=True).fit(SERIES)
    np.testing.assert_array_equal(again.predict(), model.predict())


def test_another_scope_is_refused():
    with pytest.raises(SettingError, match="scope is one of 'global', 'local'; got 'each'"):
        made("ridge", scope="each").fit(SERIES)


@pytest.mark.slow
def test_the_command_line_keeps_a_model_for_each_series(tmp_path, capsys):
    parts = [pd.DataFrame({"id": k, "day": pd.date_range("2024", periods=90), "y": v}) for k, v in SERIES.items()]
    pd.concat(parts).to_csv(tmp_path / "all.csv", index=False)
    words = ["--target", "y", "--series", "id", "--time", "day", "--model", "ridge", "--horizon", "3"]
    out = str(tmp_path / "run")
    assert main(["train", "forecaster", str(tmp_path / "all.csv"), *words, "--scope", "local", "--out", out]) == 0
    model = pn.load(tmp_path / "run" / "model.parnassus")
    assert sorted(model.members_) == ["saw", "walk", "wave"]
    assert main(["predict", out, "--out", str(tmp_path / "after.csv")]) == 0
    capsys.readouterr()
    np.testing.assert_allclose(pd.read_csv(tmp_path / "after.csv")["y"], model.predict()["y"])
    assert "local" in (tmp_path / "run" / "config.toml").read_text()
