"""N-BEATS: curves by closed form, parameters by hand, and parts that add up to the forecast."""

import numpy as np
import pandas as pd
import pytest
import torch

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.functional.forecasting import polynomial_basis, seasonal_basis
from parnassus.models.forecasting.nbeats import nbeats

pytestmark = pytest.mark.usefixtures("draws")
INTERPRETABLE = ("trend", "seasonality")
T = np.arange(240)
RISING = 5 + 0.1 * T + 2 * np.sin(2 * np.pi * T / 12) + np.random.default_rng(0).normal(0, 0.1, 240)


# --- curves ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 7, 12])
def test_powers_of_time_are_a_vandermonde_matrix(n):
    np.testing.assert_allclose(polynomial_basis(n, 3), np.vander(np.arange(n) / n, 4, increasing=True).T)


@pytest.mark.parametrize("period", [4, 7, 12])
def test_waves_of_one_period_stand_at_right_angles(period):
    """Sums of cosines and sines over whole turns: n for the constant, n / 2 for each wave, 0 for two different ones."""
    waves = seasonal_basis(np.arange(period), period)
    m = (period - 1) // 2
    assert waves.shape == (1 + 2 * m, period)
    np.testing.assert_allclose(waves @ waves.T, np.diag([period] + [period / 2] * 2 * m), atol=1e-12)
    before = seasonal_basis(np.arange(-period, 0), period)
    np.testing.assert_allclose(before, waves, atol=1e-12)  # a wave goes on where it was a turn ago


def test_more_waves_than_steps_tell_apart_are_refused():
    assert seasonal_basis([0, 1], 2).tolist() == [[1, 1]]
    with pytest.raises(SettingError, match="harmonics=4, and 8 steps tell apart"):
        seasonal_basis(range(8), 8, 4)


# --- the net --------------------------------------------------------------------------------------


def a_net(**options):
    facts = {"in_features": 10 + 3, "n_outputs": 2 * 6, "history": 10, "horizon": 6}
    return nbeats(**facts, **{"hidden": 5, "n_layers": 2, "n_blocks": 3, **options})


def test_parameters_are_those_counted_by_hand():
    body = 14 * 5 + 6 * 5  # 13 inputs and a bias to 5 units, 5 and a bias to 5
    trend = body + 6 * 3 + 6 * 2 * 3  # weights of 1, t, t^2 behind, and ahead for each of two numbers a step
    season = body + 6 * 5 + 6 * 2 * 5  # of 1, and of a cosine and a sine that go into 6 steps once and twice
    assert sum(p.numel() for p in a_net(stacks=INTERPRETABLE).parameters()) == trend + season
    generic = 3 * (body + 6 * 13 + 6 * 12)
    assert sum(p.numel() for p in a_net().parameters()) == generic
    assert sum(p.numel() for p in a_net(stacks=("trend", "generic")).parameters()) == trend + generic


def test_the_net_is_the_books_recursion_written_out():
    net, x = a_net(stacks=INTERPRETABLE).double(), torch.randn(4, 13, dtype=torch.float64)
    left, said = x.clone(), torch.zeros(4, 6, 2, dtype=torch.float64)
    tables = (
        [torch.from_numpy(polynomial_basis(n, 2)) for n in (10, 6)],
        [torch.from_numpy(seasonal_basis(t, 6)) for t in (range(-10, 0), range(6))],
    )
    for block, (behind, ahead) in zip(net.blocks, tables, strict=True):
        block.behind.copy_(behind), block.ahead.copy_(ahead)  # a net holds them in the precision it was built in
        for _ in range(3):
            h = (left @ block.body[0].weight.T + block.body[0].bias).clamp(min=0)
            h = (h @ block.body[2].weight.T + block.body[2].bias).clamp(min=0)
            theta = h @ block.forecast.weight.T + block.forecast.bias
            for j in range(2):
                k = len(ahead)
                said[:, :, j] += theta[:, j * k : (j + 1) * k] @ ahead
            left = left.clone()
            left[:, :10] -= (h @ block.backcast.weight.T + block.backcast.bias) @ behind
    torch.testing.assert_close(net(x), said.flatten(1))


@pytest.mark.parametrize("stacks", [("generic",), INTERPRETABLE, ("seasonality", "seasonality"), ("trend",)])
@pytest.mark.parametrize("n_blocks", [1, 3])
def test_every_number_that_is_learned_gets_a_gradient(stacks, n_blocks):
    net = a_net(stacks=stacks, n_blocks=n_blocks, hidden=32)
    net(torch.randn(64, 13)).square().sum().backward()
    for name, p in net.named_parameters():
        assert not p.requires_grad or p.grad.abs().sum() > 0, name


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"stacks": ("trnd",)}, "trend"),
        ({"stacks": ()}, "at least one"),
        ({"stacks": INTERPRETABLE, "degree": -1}, "degree"),
        ({"stacks": INTERPRETABLE, "harmonics": 3}, "up to 2 times"),
        ({"n_blocks": 0}, "n_blocks"),
    ],
)
def test_stacks_that_are_none_are_refused(options, words):
    with pytest.raises(SettingError, match=words):
        a_net(**options)


# --- the parts of a forecast ----------------------------------------------------------------------


def forecaster(model="nbeats", **settings):
    options = {"stacks": INTERPRETABLE} if model == "nbeats" else {}
    made = pn.model(model, hidden=32, n_blocks=2, n_layers=2, **options)
    plan = {"horizon": 12, "season": 12, "history": 24, "epochs": 60, "lr": 0.005, "progress": False}
    return pn.Forecaster(made, **{**plan, **settings})


@pytest.mark.slow
def test_parts_add_up_to_the_forecast_and_are_what_they_are_called():
    model = forecaster().fit(RISING)
    level, trend, season = model.components().T
    np.testing.assert_allclose(level + trend + season, model.predict(), rtol=1e-6)
    np.testing.assert_allclose(level, RISING[-24:].mean(), rtol=1e-6)
    assert np.abs(np.diff(trend, 3)).max() < 1e-4 * np.ptp(trend)  # a parabola has no third differences
    wave = np.sin(2 * np.pi * np.arange(240, 252) / 12)
    assert np.corrcoef(season, wave)[0, 1] > 0.97
    assert trend[-1] - trend[0] == pytest.approx(1.1, abs=0.6)  # eleven steps of 0.1
    assert np.abs(model.predict() - (5 + 0.1 * np.arange(240, 252) + 2 * wave)).mean() < 0.3


@pytest.mark.parametrize("settings", [{"transform": "log"}, {"distribution": "gaussian"}, {"model": "nhits"}])
def test_parts_of_other_forecasts_add_up_or_multiply(settings):
    model = forecaster(**settings, epochs=2).fit(RISING)
    joined = np.prod if "transform" in settings else np.sum
    np.testing.assert_allclose(joined(model.components(), 1), model.predict(), rtol=1e-5)


@pytest.mark.parametrize("scope", ["global", "local"])
def test_parts_of_frames_stand_in_columns_beside_their_times(scope, tmp_path):
    day = pd.date_range("2024", periods=120)
    frame = pd.concat([pd.DataFrame({"day": day, "id": k, "y": RISING[:120] * s, "open": T[:120] % 2.0})
                       for k, s in (("a", 1.0), ("b", 9.0))])  # fmt: skip
    model = forecaster(series="id", known="open", scope=scope, epochs=1).fit(frame, target="y")
    ahead = pd.DataFrame({"day": list(pd.date_range(day[-1], periods=13)[1:]) * 2,
                          "id": ["a"] * 12 + ["b"] * 12, "open": 1.0})  # fmt: skip
    parts, said = model.components(known=ahead), model.predict(known=ahead)
    assert list(parts.columns) == ["id", "day", "level", "trend", "seasonality"]
    pd.testing.assert_frame_equal(parts[["id", "day"]], said[["id", "day"]])
    np.testing.assert_allclose(parts[["level", "trend", "seasonality"]].sum(axis=1), said["y"], rtol=1e-5)
    model.save(tmp_path / "model")
    pd.testing.assert_frame_equal(pn.load(tmp_path / "model").components(known=ahead), parts)
    drawn = model.plot_components(known=ahead, which="b")
    assert [axes.get_ylabel() for axes in drawn.axes] == ["level", "trend", "seasonality"]
    np.testing.assert_allclose(drawn.axes[1].lines[0].get_ydata(), parts["trend"][12:])
    with pytest.raises(SettingError, match="no series 'c'"):
        model.plot_components(known=ahead, which="c")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model": "mlp"}, "adds none"),
        ({"strategy": "recursive"}, "said at once"),
        ({"distribution": "quantiles"}, "add up to a mean"),
    ],
)
def test_parts_of_a_forecast_that_has_none_are_refused(settings, words):
    kind = settings.pop("model", "nbeats")
    model = (forecaster if kind == "nbeats" else pn.Forecaster)(
        **({"model": kind, "progress": False} if kind != "nbeats" else {}), **{"horizon": 6, "epochs": 1, **settings}
    )
    with pytest.raises(SettingError, match=words):
        model.fit(RISING).components()
