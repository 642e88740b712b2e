"""Files of forecasters: raw windows put together here by hand, answered as `predict` answers their series."""

import json

import numpy as np
import pandas as pd
import pytest

import parnassus as pn
from parnassus.cli import main
from parnassus.errors import SettingError

pytestmark = pytest.mark.slow

onnx = pytest.importorskip("onnx", reason="the extra 'export' is not installed")
runtime = pytest.importorskip("onnxruntime", reason="the extra 'export' is not installed")
FEW = {"epochs": 2, "horizon": 3, "history": 12, "progress": False}


def answers(path, **feeds):
    """What ONNX Runtime says, and nothing of this library."""
    return runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, feeds)[0]


def waves(n=90, seed=0, level=50.0):
    rng = np.random.default_rng(seed)
    return level + 10 * np.sin(np.arange(n) / 6) + rng.normal(size=n)


PATCHES = pn.model("patch_transformer", patch=4, stride=4)


@pytest.mark.parametrize(
    "model", ["mlp", "lstm", "tcn", "nbeats", "transformer", "seq2seq", "s4", "s4d", PATCHES], ids=str
)
def test_the_last_steps_go_in_as_they_are(model, tmp_path):
    fc = pn.Forecaster(model, **FEW).fit(waves())
    made = pn.export.to_onnx(fc, tmp_path / "m.onnx")
    assert made.difference < 1e-3
    other = [waves(30, seed) for seed in (1, 2)] + [np.r_[waves(29, 3), 1e4], np.full(20, 7.0)]  # a jump; no swing
    for n in (1, 4):
        said = answers(made.path, y=np.stack([y[-12:] for y in other[:n]]))
        due = np.stack([fc.predict(X=y) for y in other[:n]])
        np.testing.assert_allclose(said, due, rtol=1e-5)


def test_a_program_says_the_same(tmp_path):
    import torch

    fc = pn.Forecaster("gru", **FEW).fit(waves())
    made = pn.export.to_program(fc, tmp_path / "m.pt2")
    said = torch.export.load(made.path).module()(torch.from_numpy(waves(12, 4))[None])
    np.testing.assert_allclose(said.detach().numpy()[0], fc.predict(X=waves(12, 4)), rtol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"scaling": "series"},
        {"scaling": "none"},
        {"transform": "log"},
        {"distribution": "quantiles"},
        {"distribution": "student_t"},
    ],
)
def test_scales_transforms_and_distributions_lie_inside(settings, tmp_path):
    two = {"big": waves(), "small": 5 + np.cos(np.arange(60) / 4)}
    fc = pn.Forecaster("mlp", **FEW, **settings).fit(two)
    path = pn.export.to_onnx(fc, tmp_path / "m.onnx").path
    feeds = {"y": np.stack([y[-12:] for y in two.values()]), "series": np.arange(2)}
    told = {p.key: p.value for p in onnx.load(path).metadata_props}["parnassus"]
    feeds = {name: feeds[name] for name in json.loads(told)["inputs"]}
    np.testing.assert_allclose(answers(path, **feeds), fc.predict(), rtol=1e-5)
    if settings == {"transform": "log"}:  # a series that was not there, and hardly moves, has the usual spread
        flat = np.full(12, 3.0) + 1e-3 * np.arange(12)
        said = answers(path, y=flat[None], series=np.array([-1]))
        np.testing.assert_allclose(said[0], fc.predict(X={"new": flat})[0], rtol=1e-5)


@pytest.mark.parametrize("model", ["mlp", "gru"])
def test_covariates_go_in_beside_the_steps(model, tmp_path):
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=93, freq="D")
    frame = pd.DataFrame({"t": days, "y": waves(93), "rain": rng.normal(size=93), "open": rng.integers(0, 2, 93) + 5.0})
    past, ahead = frame.iloc[:90], frame.iloc[90:]
    fc = pn.Forecaster(model, **FEW, time="t", past=("rain",), known=("open",), calendar=("weekday",)).fit(
        past, target="y"
    )
    path = pn.export.to_onnx(fc, tmp_path / "m.onnx").path
    window, both = past.iloc[-12:], frame.iloc[-15:]
    turn = 2 * np.pi * both["t"].dt.day_of_week.to_numpy() / 7
    feeds = {
        "y": window["y"].to_numpy()[None],
        "past": window[["rain"]].to_numpy()[None],
        "known": both[["open"]].to_numpy()[None],
        "calendar": np.stack([np.sin(turn), np.cos(turn)], 1)[None],
    }
    due = fc.predict(known=ahead[["t", "open"]])["y"]
    np.testing.assert_allclose(answers(path, **feeds)[0], due, rtol=1e-5)


@pytest.mark.slow
def test_a_selective_scan_is_written_step_by_step(tmp_path):
    net = pn.model("mamba", n_layers=1, hidden=4)
    y = waves()
    fc = pn.Forecaster(net, horizon=2, history=3, epochs=1, progress=False).fit(y)
    assert pn.export.to_onnx(fc, tmp_path / "m.onnx").difference < 1e-5
    due = np.asarray(fc.predict()).ravel()
    np.testing.assert_allclose(answers(tmp_path / "m.onnx", y=y[None, -3:])[0].ravel(), due, rtol=1e-4, atol=1e-5)
    assert pn.export.to_program(fc, tmp_path / "m.pt2").difference < 1e-5
    long = pn.Forecaster(net, horizon=2, history=130, epochs=1, progress=False).fit(np.tile(y, 5))
    with pytest.raises(SettingError, match="up to 128 steps; these are 130"):
        pn.export.to_onnx(long, tmp_path / "long.onnx")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda y: pn.Forecaster("naive", horizon=3).fit(y), "no net for all series"),
        (lambda y: pn.Forecaster("ridge", horizon=3).fit(y), "no net for all series"),
        (lambda y: pn.Forecaster("mlp", scope="local", **FEW).fit([y, y]), "one of `members_`"),
        (lambda y: pn.Forecaster("mlp", inference="laplace", **FEW).fit(y), "many draws of weights"),
    ],
)
@pytest.mark.filterwarnings("ignore::parnassus.DataWarning")
def test_what_has_no_net_to_write_is_refused(make, words, tmp_path):
    with pytest.raises(SettingError, match=words):
        pn.export.to_onnx(make(waves()), tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


def test_the_command_line_exports_a_forecaster(tmp_path, capsys):
    frame = pd.DataFrame({"t": pd.date_range("2024-01-01", periods=80, freq="D"), "y": waves(80)})
    frame.to_csv(tmp_path / "days.csv", index=False)
    out, own = str(tmp_path / "run"), ["--model", "mlp", "--horizon", "3", "--epochs", "2", "--target", "y"]
    assert main(["train", "forecaster", str(tmp_path / "days.csv"), *own, "--out", out]) == 0
    capsys.readouterr()
    assert main(["export", out, str(tmp_path / "days.csv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["difference"] < 1e-3
    assert (tmp_path / "run" / "model.onnx").exists()
