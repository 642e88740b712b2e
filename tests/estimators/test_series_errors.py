"""Intervals of forecasts: made of errors on what was not learned from, or a warning says that they are not."""

import warnings

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.data.timeseries.series import Reading, read_panel
from parnassus.data.timeseries.series_windows import training_spans
from parnassus.errors import DataError, DataWarning, SettingError
from parnassus.estimators.judging.series_errors import folds
from parnassus.objectives.sequence.forecasting import GaussianHead, QuantileHead, StudentHead

NARROW = "intervals of .* are too narrow"


def waves(n_series, n_steps, seed=0):
    """Series of a wave and noise of deviation 1, each of a phase of its own."""
    rng = np.random.default_rng(seed)
    t = np.arange(n_steps) + rng.integers(0, 12, (n_series, 1))
    return {f"s{i}": y for i, y in enumerate(3 * np.sin(2 * np.pi * t / 12) + rng.normal(size=t.shape))}


def coverage(model, low, high, n=300, seed=1):
    """How many of the steps after n fresh series lie between two quantiles."""
    series = waves(n, model.codec_.history + model.horizon, seed)
    seen = {k: y[: model.codec_.history] for k, y in series.items()}
    said = model.predict(X=seen, quantiles=(low, high))
    true = np.stack([y[-model.horizon :] for y in series.values()])
    return float(((said[..., 0] <= true) & (true <= said[..., 1])).mean())


def big_net(**settings):
    plan = {"horizon": 3, "history": 12, "epochs": 120, "lr": 0.01, "progress": False}
    return pn.Forecaster(pn.model("mlp", hidden=(48,)), scaling="none", **plan, **settings)


# --- which windows --------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 5])
def test_no_step_that_is_left_out_is_learned(n):
    panel = read_panel({"a": np.arange(60.0), "b": np.arange(43.0)}, Reading())
    spans = training_spans(panel, history=5, horizon=4)
    seen = []
    for kept, out in folds(spans, n):
        steps = [{(i, f + h) for i, f in spans.places[rows] for h in range(4)} for rows in (kept, out)]
        assert not steps[0] & steps[1]
        assert {i for i, _ in spans.places[out]} == {0, 1}
        left = set(range(len(spans))) - set(kept) - set(out)
        assert all(any((i, f + h) in steps[1] for h in range(4)) for i, f in spans.places[sorted(left)])
        seen += out.tolist()
    assert sorted(seen) == list(range(len(spans)))


def test_errors_of_cross_fits_are_those_of_least_squares_by_hand():
    y = np.random.default_rng(0).normal(size=50).cumsum()
    plan = {"horizon": 2, "history": 3, "scaling": "none"}
    model = pn.Forecaster("linear", n_cross_fits=2, **plan).fit(y)
    X = np.stack([np.r_[1.0, y[f - 3 : f]] for f in range(3, 49)])
    Y = np.stack([y[f : f + 2] for f in range(3, 49)])
    due = []
    for out, kept in ((slice(0, 23), slice(24, 46)), (slice(23, 46), slice(0, 22))):
        weights = np.linalg.lstsq(X[kept], Y[kept], rcond=None)[0]
        due.append(Y[out] - X[out] @ weights)
    np.testing.assert_allclose(model.errors_, np.concatenate(due), atol=2e-4)
    np.testing.assert_array_equal(model.predict(), pn.Forecaster("linear", n_cross_fits=0, **plan).fit(y).predict())


# --- how wide -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_net_that_knows_its_windows_by_heart_is_honest_by_cross_fits_alone():
    series = waves(1, 150)["s0"]
    with pytest.warns(DataWarning, match=NARROW):
        by_heart = coverage(big_net().fit(series), 0.1, 0.9)
    crossed = big_net(n_cross_fits=2).fit(series)
    assert crossed.errors_from_ == "cross-fits"
    assert by_heart < 0.6
    assert coverage(crossed, 0.1, 0.9) == pytest.approx(0.8, abs=0.08)
    assert coverage(crossed, 0.025, 0.975) == pytest.approx(0.95, abs=0.04)


@pytest.mark.parametrize("name", ["ridge", "linear", "forest"])
def test_tables_of_lags_are_cross_fitted_unless_told_otherwise(name):
    options = {"n_trees": 20} if name == "forest" else {}
    model = pn.Forecaster(pn.model(name, **options), horizon=3, history=12, scaling="none").fit(waves(1, 200)["s0"])
    assert model.errors_from_ == "cross-fits"
    assert coverage(model, 0.1, 0.9) == pytest.approx(0.8, abs=0.08)
    with pytest.warns(DataWarning, match=NARROW):
        model.set_params(n_cross_fits=0).fit(waves(1, 200)["s0"]).predict_samples(2)


def test_the_quantiles_of_few_errors_are_those_of_one_more():
    """The next of n + 1 exchangeable errors lies below the k-th of n with probability k / (n + 1)."""
    model = pn.Forecaster("ridge", horizon=2, scaling="none").fit(np.arange(80.0))
    model.errors_ = np.random.default_rng(0).permuted(np.repeat(np.arange(1.0, 10.0)[:, None], 2, 1), axis=0)
    said = model.predict(quantiles=(0.1, 0.3, 0.9)) - model.predict()[:, None]
    np.testing.assert_allclose(said, [[1, 3, 9]] * 2, atol=1e-9)


# --- which it is, and what is refused -------------------------------------------------------------


def test_held_out_windows_need_no_warning_and_an_early_stop_holds_some_out(tmp_path):
    y = waves(1, 120)["s0"]
    plan = {"horizon": 3, "history": 12, "epochs": 2, "progress": False}
    for given in ({"validation": 0.2}, {}):
        net = pn.Forecaster(pn.model("mlp", hidden=(4,)), patience=None if given else 2, **plan).fit(y, **given)
        assert net.errors_from_ == "held-out windows"
        net.save(tmp_path / "net")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            pn.load(tmp_path / "net").predict(quantiles=(0.1, 0.9))
    bare = pn.Forecaster(pn.model("mlp", hidden=(4,)), **plan).fit(y)
    bare.save(tmp_path / "net")
    for call in (lambda m: m.predict(quantiles=(0.1, 0.9)), lambda m: m.predict_samples(2), lambda m: m.plot()):
        with pytest.warns(DataWarning, match=NARROW) as heard:
            call(pn.load(tmp_path / "net"))
        assert heard[0].filename == __file__


def test_single_series_have_errors_of_their_own():
    model = pn.Forecaster("ridge", horizon=3, history=12, scope="local").fit(waves(2, 90))
    alone = pn.Forecaster("ridge", horizon=3, history=12).fit(waves(2, 90)["s1"])
    np.testing.assert_array_equal(model.members_["s1"].errors_, alone.errors_)
    assert model.errors_from_ == "cross-fits"


def test_a_series_too_short_for_cross_fits_says_so():
    y = waves(1, 24)["s0"]
    model = pn.Forecaster("ridge", horizon=6, history=6).fit(y)
    assert model.errors_from_ == "training windows"
    with pytest.raises(DataError, match="n_cross_fits=3 leaves fewer than 4 of the 13 windows"):
        pn.Forecaster("ridge", horizon=6, history=6, n_cross_fits=3).fit(y)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n_cross_fits": 1}, "at least 2; got 1"),
        ({"n_cross_fits": True}, "at least 2; got True"),
        ({"n_cross_fits": 2, "inference": "laplace"}, "inference='laplace' learns the noise"),
        ({"n_cross_fits": 2, "model": "theta"}, "a rule has the errors of its steps"),
    ],
)
def test_cross_fits_that_mean_nothing_are_refused(settings, words):
    with pytest.raises(SettingError, match=words):
        pn.Forecaster(**{"model": "mlp", "horizon": 3, **settings}).fit(waves(1, 90)["s0"])


# --- spreads that are learned ---------------------------------------------------------------------


def narrow(n, seed):
    """Where n forecasts of 2 steps lie, what says a fifth of their deviation, which differs from row to row, and y."""
    rng = np.random.default_rng(seed)
    location, deviation = rng.normal(size=(n, 2)), rng.uniform(0.5, 2.0, (n, 2))
    raw = np.log(np.expm1(deviation / 5))  # softplus makes it the deviation
    return location, raw, location + deviation * rng.normal(size=(n, 2))


@pytest.mark.parametrize("head", [GaussianHead(), StudentHead(), QuantileHead((0.025, 0.1, 0.5, 0.9, 0.975))])
def test_what_was_not_learned_puts_a_narrow_distribution_right(head):
    def outputs(location, raw):
        if isinstance(head, QuantileHead):
            spread = np.log1p(np.exp(raw))
            said = [location + spread * z for z in (-1.96, -1.28, 0.0, 1.28, 1.96)]
        else:
            said = [location, raw] + [np.zeros_like(raw)] * (head.n_parameters - 2)
        return torch.from_numpy(np.stack(said, -1).reshape(len(location), -1))

    head.apart, (location, raw, y) = None, narrow(1000, 0)
    said = outputs(location, raw)
    past, past_raw, came = narrow(1000, 1)
    for asked in (0.8, 0.95):
        levels = [(1 - asked) / 2, (1 + asked) / 2]
        head.apart = None
        low, high = np.moveaxis(head.quantiles(said, levels), -1, 0)
        assert ((low <= y) & (y <= high)).mean() < asked - 0.25
        head.apart = (outputs(past, past_raw), came)
        low, high = np.moveaxis(head.quantiles(said, levels), -1, 0)
        assert ((low <= y) & (y <= high)).mean() == pytest.approx(asked, abs=0.04)
        assert np.corrcoef((high - low)[:, 0], np.exp(raw[:, 0]))[0, 1] > 0.99  # wide where the head says so
        if asked == 0.8:  # courses do not go beyond the outermost quantile that was learned
            drawn = head.draw(said, 100, np.random.default_rng(2))
            assert ((low <= drawn) & (drawn <= high)).mean() == pytest.approx(asked, abs=0.01)


def test_quantiles_move_by_those_of_what_lay_above_them():
    head = QuantileHead((0.25, 0.75))
    errors = np.arange(1.0, 8.0)  # of 7 windows: places of 8
    head.apart = (torch.tensor([[0.0, 2.0]] * 7), errors[:, None])
    said = head.quantiles(torch.tensor([[10.0, 20.0]]), (0.25, 0.75))
    np.testing.assert_allclose(said, [[[10.0 + 2.0, 20.0 + 6.0 - 2.0]]])
    assert head.mean(torch.tensor([[10.0, 20.0]])) == 15.0


@pytest.mark.parametrize("distribution", ["gaussian", "quantiles"])
@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_held_out_windows_put_quantiles_right_and_travel_with_the_model(tmp_path, distribution, strategy):
    plan = {"horizon": 3, "history": 12, "epochs": 3, "progress": False, "distribution": distribution}
    y = waves(1, 120)["s0"]
    net = pn.Forecaster(pn.model("mlp", hidden=(4,)), strategy=strategy, **plan).fit(y, validation=0.3)
    said, drawn = net.predict(quantiles=(0.1, 0.9)), net.predict_samples(5)
    net.save(tmp_path / "net")
    again = pn.load(tmp_path / "net")
    np.testing.assert_array_equal(again.predict(quantiles=(0.1, 0.9)), said)
    np.testing.assert_array_equal(again.predict_samples(5), drawn)
    mean = net.predict()
    del net.apart_  # as a file that was written before says nothing of it
    net.save(tmp_path / "old")
    old = pn.load(tmp_path / "old")
    assert old.head_.apart is None
    assert not np.allclose(old.predict(quantiles=(0.1, 0.9)), said)
    np.testing.assert_array_equal(old.predict(), mean)
    assert net.fit(y, validation=None).head_.apart is None


def test_a_distribution_that_may_be_known_by_heart_is_said_to_be_narrow():
    y = waves(1, 150)["s0"]
    plan = {"horizon": 3, "history": 12, "epochs": 1, "progress": False, "distribution": "gaussian"}
    with pytest.warns(DataWarning, match="more weights than the 150 steps; fit with n_cross_fits=2"):
        pn.Forecaster(pn.model("mlp", hidden=(48,)), **plan).fit(y).predict(quantiles=(0.1, 0.9))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pn.Forecaster(pn.model("mlp", hidden=(2,)), **plan).fit(y).predict(quantiles=(0.1, 0.9))
        pn.Forecaster(pn.model("mlp", hidden=(48,)), n_cross_fits=2, **plan).fit(y).predict(quantiles=(0.1, 0.9))


@pytest.mark.slow
def test_a_distribution_learned_by_heart_is_honest_by_cross_fits():
    series = waves(1, 150)["s0"]
    with pytest.warns(DataWarning, match=NARROW):
        by_heart = coverage(big_net(distribution="gaussian").fit(series), 0.1, 0.9)
    crossed = big_net(n_cross_fits=3, distribution="gaussian").fit(series)
    assert by_heart < 0.6
    assert coverage(crossed, 0.1, 0.9) == pytest.approx(0.8, abs=0.1)
    assert coverage(crossed, 0.025, 0.975) == pytest.approx(0.95, abs=0.05)
