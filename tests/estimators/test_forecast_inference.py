"""Forecasts by nets with uncertain weights: exact posteriors, the noise of an autoregression, files, and refusals."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.functional.bayes import linear_posterior

ENGINES = ["map", "vi", "mc_dropout", "laplace", "ensemble", "swag", "sgld", "sghmc", "hmc", "nuts", "mh"]
SHORT = {"hmc": {"n_warmup": 30, "n_draws": 20}, "nuts": {"n_warmup": 20, "n_draws": 16}, "mh": {"n_warmup": 100},
         "swag": {"n_steps": 60, "rank": 5}, "sgld": {"n_steps": 200}, "sghmc": {"n_steps": 200}}  # fmt: skip
COEFFICIENTS, NOISE = (1.2, -0.5), 0.5


def series(n, seed=0):
    rng = np.random.default_rng(seed)
    y = np.zeros(n + 50)
    for t in range(2, n + 50):
        y[t] = COEFFICIENTS[0] * y[t - 1] + COEFFICIENTS[1] * y[t - 2] + NOISE * rng.normal()
    return y[50:]


def errors_of_steps(n):
    """The deviations of an autoregression's forecasts: noise times the root of the sum of psi squared."""
    psi = [1.0, COEFFICIENTS[0]]
    for _ in range(n):
        psi.append(COEFFICIENTS[0] * psi[-1] + COEFFICIENTS[1] * psi[-2])
    return NOISE * np.sqrt(np.cumsum(np.square(psi[:n])))


def linear(inference, **settings):
    plan = {"horizon": 4, "history": 6, "scaling": "none", "epochs": 40, "lr": 0.02, "schedule": "cosine"}
    return pn.Forecaster(pn.model("mlp", hidden=()), inference=inference, progress=False, **plan | settings)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["laplace", pytest.param("hmc", marks=pytest.mark.slow)])
def test_a_linear_forecaster_has_the_exact_posterior(name):
    y = series(80)
    options = {"n_warmup": 200} if name == "hmc" else {}
    engine = pn.inference(name, noise=NOISE, prior_std=1.0, n_draws=400, **options)
    model = linear(engine, horizon=2, history=3, epochs=100).fit(y)
    rows = np.stack([y[i : i + 3] for i in range(len(y) - 4)])
    design = torch.from_numpy(np.column_stack([rows, np.ones(len(rows))]))
    new = torch.from_numpy(np.append(y[-3:], 1.0))[None]
    mean, found = model.predict(), model.uncertainty()
    for step in range(2):
        answers = torch.from_numpy(y[3 + step : 3 + step + len(rows)].copy())
        exact = linear_posterior(design, answers, noise=NOISE**2, precision=1.0)
        said, epistemic, total = (float(part) for part in exact.predict(new))
        assert mean[step] == pytest.approx(said, abs=0.3 * epistemic**0.5)
        assert found[step, 2] == pytest.approx(epistemic**0.5, rel=0.2)
        assert found[step, 1] == pytest.approx(NOISE, rel=1e-5)
        assert found[step, 0] == pytest.approx(total**0.5, rel=0.03)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "strategy"), [
    ("laplace", "direct"), ("vi", "direct"), ("sghmc", "direct"), ("hmc", "direct"), ("laplace", "recursive"),
    ("vi", "recursive"),
])  # fmt: skip
def test_each_step_has_the_noise_of_its_forecasts_and_intervals_hold_what_they_say(name, strategy):
    long = {"n_warmup": 100, "n_draws": 40} if name == "hmc" else {}
    model = linear(pn.inference(name, **long), strategy=strategy).fit(series(800))
    found, due = model.uncertainty(), errors_of_steps(4)
    np.testing.assert_allclose(found[:, 1], due, rtol=0.08 if strategy == "direct" else 0.2)
    assert (found[:, 2] > 0).all()
    assert (found[:, 0] > found[:, 1]).all()
    mean, std = model.predict(return_std=True)
    np.testing.assert_array_equal(std, found[:, 0])
    np.testing.assert_array_equal(mean, model.predict())
    later = np.stack([series(24, seed=100 + i) for i in range(1000)])
    low, high = np.moveaxis(model.predict(X=list(later[:, :20]), quantiles=(0.025, 0.975)), -1, 0)
    inside = ((low <= later[:, 20:]) & (later[:, 20:] <= high)).mean(0)
    assert (np.abs(inside - 0.95) < 0.05).all(), inside


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["direct", "recursive"])
@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_forecasts_draws_and_is_the_same_after_saving(name, strategy, tmp_path):
    frame = pd.DataFrame({"t": pd.date_range("2024", periods=120, freq="D"), "y": series(120)})
    net = pn.model("lstm", hidden=5) if name in ("vi", "ensemble", "swag") else pn.model("mlp", hidden=(6,))
    net = pn.model("mlp", hidden=(6,), dropout=0.1) if name == "mc_dropout" else net
    engine = pn.inference(name, **SHORT.get(name, {}))
    model = pn.Forecaster(net, horizon=3, history=5, inference=engine, strategy=strategy, epochs=3, progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(frame, target="y")
        mean, std = model.predict(return_std=True)
        levels, paths = model.predict(quantiles=(0.1, 0.5, 0.9)), model.predict_samples(7, seed=1)
    assert list(mean.columns) == list(std.columns) == ["t", "y"]
    assert (std["y"] > 0).all()
    assert (np.diff(levels[["0.1", "0.5", "0.9"]], axis=1) > 0).all()
    assert paths.shape == (7, 3)
    parts = model.uncertainty()
    assert list(parts.columns) == ["t", "total", "aleatoric", "epistemic"]
    assert (parts["epistemic"] > 0).all() == (name != "map")
    model.save(tmp_path / "model")
    again = pn.load(tmp_path / "model")
    pd.testing.assert_frame_equal(again.predict(return_std=True)[1], std)
    pd.testing.assert_frame_equal(again.predict(quantiles=(0.1, 0.5, 0.9)), levels)
    np.testing.assert_array_equal(again.predict_samples(7, seed=1), paths)
    assert np.isfinite(again.residuals()["residual"]).all()


def test_quantiles_and_paths_are_of_one_mixture_in_the_units_of_the_series():
    """Of logarithms too, whose deviations are those of lognormals."""
    y = np.exp(series(200) + 3)
    model = linear("laplace", transform="log", epochs=15).fit(y)
    paths = model.predict_samples(20_000, seed=0)
    found = model.uncertainty()
    np.testing.assert_allclose(model.predict(quantiles=(0.1, 0.9)).T, np.quantile(paths, (0.1, 0.9), axis=0), rtol=0.05)
    np.testing.assert_allclose(found[:, 0], paths.std(0), rtol=0.1)
    np.testing.assert_allclose(found[:, 0] ** 2, found[:, 1] ** 2 + found[:, 2] ** 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["map", "laplace", "ensemble", "vi"])
def test_the_noise_of_a_window_is_the_generators(name):
    """Known ahead is which steps are noisy: deviation 1 there and .2 elsewhere."""
    rng = np.random.default_rng(0)
    loud = rng.integers(0, 2, 1200).astype(float)
    frame = pd.DataFrame({"loud": loud, "y": np.where(loud > 0, 1.0, 0.2) * rng.normal(size=1200)})
    model = pn.Forecaster(
        pn.model("mlp", hidden=(16,)), horizon=2, history=2, known="loud", distribution="gaussian", scaling="none",
        inference=name, epochs=30, lr=0.01, schedule="cosine", progress=False,
    ).fit(frame, target="y")  # fmt: skip
    ahead = pd.DataFrame({"loud": [1.0, 0.0]})
    found = model.uncertainty(known=ahead)
    np.testing.assert_allclose(found["aleatoric"], [1.0, 0.2], rtol=0.2)
    ends = model.predict(known=ahead, quantiles=(0.05, 0.95))
    np.testing.assert_allclose((ends["0.95"] - ends["0.05"]) / (2 * 1.645), found["total"], rtol=0.05)


def test_series_may_each_have_a_net_of_their_own():
    y = np.concatenate([series(60), 10 * series(60, 1)])
    table = pd.DataFrame({"id": ["a"] * 60 + ["b"] * 60, "t": [*range(60)] * 2, "y": y})
    settings = {"series": "id", "time": "t", "scope": "local", "scaling": "series", "horizon": 2, "epochs": 5}
    model = linear("laplace", **settings).fit(table, target="y")
    std = model.predict(return_std=True)[1]
    assert std[std["id"] == "b"]["y"].min() > 3 * std[std["id"] == "a"]["y"].max()
    assert model.errors_from_ is None


@pytest.mark.slow
def test_the_default_net_is_checked_against_seasonal_naive_and_backtests_are_of_the_mixture():
    y = series(160)
    model = linear("laplace", horizon=3, epochs=5).fit(y, validation=0.2)
    assert set(model.checked_) == {"model", "seasonal_naive"}
    found = model.backtest(2)
    assert 0 < found["mae"] < 3
    assert model.score(series(163)[160:]) < 1


@pytest.mark.parametrize(("make", "words"), [
    (lambda: pn.Forecaster("theta", inference="vi"), "of the weights of a net, and model 'theta'"),
    (lambda: pn.Forecaster("ridge", inference="vi"), "choose a net such as 'mlp'"),
    (lambda: pn.Forecaster("mlp", inference="vi", distribution="quantiles"), "'point'.*or 'gaussian'.*got 'quantiles'"),
    (lambda: pn.Forecaster("mlp", inference="vi", distribution="student_t"), "got 'student_t'"),
    (lambda: pn.Forecaster("mlp", inference="vi", loss="huber"), "leave out loss='huber'; distribution='gaussian'"),
    (lambda: pn.Forecaster("mlp", inference="vi", n_cross_fits=2), "leave n_cross_fits=None"),
    (lambda: pn.Forecaster("mlp", inference=pn.inference("vi", noise=1.0), distribution="gaussian"), "leave out noise"),
    (lambda: pn.Forecaster("mlp", inference="mc_dropout"), "this net has none"),
    (lambda: pn.Forecaster(pn.model("seq2seq", hidden=4), inference="laplace", epochs=1), "'swag' or 'ensemble'"),
])  # fmt: skip
def test_what_has_no_distribution_is_refused_with_what_has(make, words):
    with pytest.raises(SettingError, match=words):
        make().set_params(horizon=2, history=4, progress=False).fit(series(60))


def test_one_set_of_weights_tells_no_noise_from_doubt():
    plain = linear(None, epochs=1).fit(series(60))
    for ask in (plain.uncertainty, lambda: plain.predict(return_std=True)):
        with pytest.raises(SettingError, match="inference='laplace'"):
            ask()
    parts = pn.model("nbeats", hidden=4, n_blocks=1)
    sum_of_parts = pn.Forecaster(parts, horizon=2, history=4, inference="map", epochs=1, progress=False).fit(series(60))
    with pytest.raises(SettingError, match="components are of one set of weights"):
        sum_of_parts.components()


def wilson(share, n, z=1.959964):
    """The score interval by its closed form (Wilson 1927)."""
    middle, half = share + z**2 / (2 * n), z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_an_evaluation_tells_coverage_widths_and_the_share_of_the_weights(strategy):
    whole = np.stack([series(44, seed=s) for s in range(10)], 1)
    model = linear("laplace", epochs=3, strategy=strategy).fit(whole[:40])
    found, later = model.evaluate(whole[40:]), whole[40:].T
    for percent in (50, 80, 95):
        low, high = np.moveaxis(model.predict(quantiles=((100 - percent) / 200, (100 + percent) / 200)), -1, 0)
        metric, inside = found[f"coverage_{percent}"], ((low <= later) & (later <= high)).mean()
        assert metric.value == pytest.approx(inside)
        assert (metric.low, metric.high) == pytest.approx(wilson(inside, 10), abs=1e-6)  # ten forecasts, not 40 steps
    width = found["width_95"]
    assert width.value == pytest.approx((high - low).mean())
    assert width.low < width.value < width.high
    parts = np.square(model.uncertainty()).reshape(-1, 3).sum(0)
    assert found["epistemic_share"].value == pytest.approx(parts[2] / parts[0])


def test_learned_quantiles_are_judged_by_the_interval_that_they_are():
    whole = series(60)
    found = linear(None, distribution="quantiles", epochs=2).fit(whole[:56]).evaluate(whole[56:])
    names = [m.name for m in found.metrics if m.name.startswith(("coverage", "width"))]
    assert names == ["coverage_80", "width_80"]
    assert found["width_80"].low is None  # one forecast cannot be resampled


@pytest.mark.slow
def test_chains_that_disagree_on_what_comes_are_told_of():
    whole = series(64)
    model = linear(pn.inference("hmc", n_warmup=200, n_draws=200, n_chains=4), epochs=5).fit(whole[:60])
    calm = model.evaluate(whole[60:])
    assert calm["rhat_answers"].value < 1.1
    objective = model.objective_
    objective.kept[: objective.per_chain] += 1.0  # one chain elsewhere
    moved = model.evaluate(whole[60:])
    assert moved["rhat_answers"].value > 1.5
    assert any("do not agree" in note for note in moved.notes)


@pytest.mark.slow
def test_the_ranked_probability_score_is_that_of_the_gaussian_that_is_forecast():
    """One set of weights says N(mean, noise) of each step, whose score Gneiting and Raftery (2007) write down."""
    from parnassus.functional.forecasting import crps_gaussian

    whole = np.stack([series(64, seed=s) for s in range(12)], 1)
    model = linear("map", epochs=60).fit(whole[:60])
    found = model.evaluate(whole[60:])["crps"]
    mean, std = (np.asarray(v) for v in model.predict(return_std=True))
    due = crps_gaussian(whole[60:].T, mean, std).mean()
    assert found.value == pytest.approx(due, rel=0.01)
    assert found.low < found.value < found.high
    naive = np.abs(np.repeat(whole[59][:, None], 4, 1) - whole[60:].T).mean()  # of season 1
    assert found.baseline == pytest.approx(naive)
