"""Echo-state networks: states by hand, echoes that die, the readout by scikit-learn, chaos, what is refused."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.objectives.rules import as_given
from parnassus.objectives.sequence.reservoir import Reservoir, drawn


def made(**settings):
    plan = {"hidden": 7, "radius": 0.8, "leak": 0.3, "gain": 0.5, "n_inbound": 3, "pooling": "last", "l2": 0.1}
    return Reservoir(2, 1, **{**plan, **settings}, targets=as_given).double()


def by_hand(net, x):
    """States (time, hidden) of one row (time, features), written out."""
    w_x, w_h, b = (part.numpy() for part in (net.w_x, net.w_h, net.b))
    h, found = np.zeros(len(w_h)), []
    for step in x:
        h = (1 - net.leak) * h + net.leak * np.tanh(w_x @ step + w_h @ h + b)
        found.append(h)
    return np.array(found)


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_states_are_those_of_the_equation_and_padding_changes_none(draws, pooling):
    net = made(pooling=pooling)
    x, lengths = torch.randn(4, 9, 2, dtype=torch.float64), torch.tensor([9, 1, 4, 6])
    said = net.inputs({"x": x, "lengths": lengths})
    for i, n in enumerate(lengths.tolist()):
        states = by_hand(net, x[i, :n].numpy())
        due = np.r_[states[-1] if pooling == "last" else states.mean(0), x[i, n - 1]]
        np.testing.assert_allclose(said[i], due, atol=1e-12)
        x[i, n:] = float("nan")
    torch.testing.assert_close(net.inputs({"x": x, "lengths": lengths}), said)


def test_the_spectral_radius_and_how_many_are_heard_are_those_asked_for(draws):
    for n, radius, heard in ((40, 0.7, 5), (3, 1.2, 3), (1, 0.5, 1)):
        weight = drawn(n, radius, heard)
        assert ((weight != 0).sum(1) == heard).all()
        assert float(torch.linalg.eigvals(weight).abs().max()) == pytest.approx(radius, rel=1e-5)


def test_old_inputs_die_away_below_radius_one_and_not_above(draws):
    """The echo-state property: after the same 60 inputs the start is forgotten."""
    x = 0.1 * torch.randn(1, 80, 2, dtype=torch.float64)
    other = torch.cat([torch.randn(1, 20, 2, dtype=torch.float64), x[:, 20:]], 1)
    gaps = []
    for radius in (0.5, 3.0):
        net = made(hidden=50, radius=radius, n_inbound=10, leak=1.0)
        gaps.append(float((net.inputs({"x": x}) - net.inputs({"x": other})).abs().max()))
    assert gaps[0] < 1e-9
    assert gaps[1] > 1e-2


def test_the_readout_is_scikit_learn_s_ridge_on_the_states():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)) for n in rng.integers(1, 12, 60)]
    y = np.array([x[:, 0].sum() for x in X])
    model = pn.Regressor(pn.model("echo_state", hidden=20, l2=0.5)).fit(X, y)
    net = model.objective_
    rows = model.codec_.encode(X)
    states = net.inputs(rows.take(torch.arange(60))).double().numpy()
    scaled = (y - y.mean()) / y.std()
    due = Ridge(alpha=0.5).fit(states, scaled).predict(states) * y.std() + y.mean()
    np.testing.assert_allclose(model.predict(X), due, atol=1e-4)


def chaos(n):
    """Mackey and Glass 1977 with a delay of 17, by Euler's rule in tenths."""
    y = [1.2] * 171
    for _ in range(10 * n + 1000):
        y.append(y[-1] + 0.1 * (0.2 * y[-171] / (1 + y[-171] ** 10) - 0.1 * y[-1]))
    return np.array(y[1000::10][:n])


@pytest.mark.slow
def test_chaos_is_forecast_far_better_than_by_a_line(tmp_path):
    """Jaeger and Haas 2004: the field's own problem, of which a linear model of as many steps says little."""
    y = chaos(1100)
    y = (y - y.mean()) / y.std()
    plan = {"horizon": 15, "history": 80, "scaling": "none", "n_cross_fits": 0}
    origins = range(1020, 1080)
    seen, true = {str(i): y[i - 80 : i] for i in origins}, np.stack([y[i : i + 15] for i in origins])
    errors = {}
    for name, options in (("ridge", {"l2": 1e-6}), ("echo_state", {"l2": 1e-6})):
        model = pn.Forecaster(pn.model(name, **options), **plan).fit(y[:1000])
        errors[name] = np.abs(model.predict(X=seen) - true).mean()
    assert errors["echo_state"] < errors["ridge"] / 20
    model.save(tmp_path / "m")
    np.testing.assert_array_equal(pn.load(tmp_path / "m").predict(), model.predict())


def test_whole_rows_are_told_apart_and_seeds_are_kept():
    rng = np.random.default_rng(0)
    kinds = zip(range(20, 60), [0.4, 1.2] * 20, strict=True)
    X = [np.sin(np.arange(n) * f)[:, None] + rng.normal(0, 0.2, (n, 1)) for n, f in kinds]
    y = ["slow", "fast"] * 20
    a, b = (pn.Classifier(pn.model("echo_state", hidden=60), seed=3).fit(X, y) for _ in range(2))
    assert a.score(X, y) > 0.9
    assert torch.equal(a.objective_.w_h, b.objective_.w_h)
    assert not torch.equal(a.objective_.w_h, pn.Classifier(pn.model("echo_state", hidden=60)).fit(X, y).objective_.w_h)


@pytest.mark.parametrize(("options", "words"), [
    ({"hidden": 0}, "hidden and n_inbound"), ({"radius": 0.0}, "radius and gain"), ({"leak": 0.0}, "leak is in"),
    ({"leak": 1.5}, "leak is in"), ({"l2": -1.0}, "l2 is 0 or more"), ({"pooling": "max"}, "pooling='max'"),
])  # fmt: skip
def test_settings_that_make_no_reservoir_are_refused(options, words):
    with pytest.raises(SettingError, match=words):
        pn.Regressor(pn.model("echo_state", **options)).fit([np.zeros((3, 1)), np.ones((2, 1))], [0.0, 1.0])
