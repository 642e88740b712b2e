"""Stochastic dynamics against the exact posterior of a line, and SWAG's normal against its definition."""

import math

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.functional.bayes import linear_posterior
from parnassus.objectives.bayes.stochastic_inference import kept_at, swag_draw


def line(n=60, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2)).astype(np.float32)
    X = (X - X.mean(0)) / X.std(0)
    y = X @ [0.8, -0.5] + 0.5 * rng.normal(size=n)
    return X, (y - y.mean()) / y.std()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), [
    ("sgld", {"lr": 0.1, "rows": 60, "n_steps": 5000, "n_draws": 2500}),
    ("sghmc", {"lr": 0.02, "friction": 0.3, "rows": 60, "n_steps": 5000, "n_draws": 2500}),
])  # fmt: skip
def test_draws_over_all_rows_are_of_the_exact_posterior(name, options):
    X, y = line()
    noise = 0.5
    engine = pn.inference(name, noise=noise, **options)
    net = pn.Regressor(pn.model("mlp", hidden=()), inference=engine, epochs=60, lr=0.05).fit(X, y)
    phi = torch.cat([torch.from_numpy(X), torch.ones(len(X), 1)], 1).double()
    exact = linear_posterior(phi, torch.from_numpy(y), noise=noise**2, precision=1.0)
    kept = net.objective_.kept.double()
    deviation = exact.covariance.diagonal().sqrt()
    assert ((kept.mean(0) - exact.mean).abs() < 0.25 * deviation).all()
    assert (kept.std(0) / deviation - 1).abs().max() < 0.15


@pytest.mark.slow
def test_swags_draws_have_the_mean_and_the_covariance_of_its_definition():
    g = torch.Generator().manual_seed(0)
    mean, spread, ways = torch.randn(3, generator=g), torch.rand(3, generator=g), torch.randn(4, 3, generator=g)
    drawn = torch.stack([swag_draw(mean, spread, ways, g) for _ in range(40_000)]).double()
    expected = 0.5 * torch.diag(spread.square()) + 0.5 * ways.T @ ways / 3
    torch.testing.assert_close(drawn.mean(0), mean.double(), atol=0.03, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), expected.double(), atol=0.06, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("n", [16, *[pytest.param(n, marks=pytest.mark.slow) for n in (60, 2000)]])
def test_swag_spreads_as_the_posterior_does_whether_rows_are_few_or_many(n):
    """Where gradients are of all rows, SGD comes to rest, and its snapshots are one."""
    X, y = line(n)
    phi = torch.cat([torch.from_numpy(X), torch.ones(n, 1)], 1).double()
    left = torch.from_numpy(y) - phi @ torch.linalg.lstsq(phi, torch.from_numpy(y)).solution
    noise = float(left.std())
    exact = linear_posterior(phi, torch.from_numpy(y), noise=noise**2, precision=1.0)
    engine = pn.inference("swag", noise=noise, n_draws=400, n_steps=800)
    model = pn.Regressor(pn.model("mlp", hidden=()), inference=engine, epochs=60, lr=0.05, schedule="cosine").fit(X, y)
    ratio = model.objective_.kept.double().std(0) / exact.covariance.diagonal().sqrt()
    assert 0.6 < ratio.mean() < 1.5, ratio
    assert ratio.min() > 0.4, ratio


@pytest.mark.slow
def test_swag_stays_around_the_trained_weights():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-1, -0.4, 80), rng.uniform(0.4, 1, 80)])[:, None]
    y = np.sin(4 * x[:, 0]) + 0.1 * rng.normal(size=160)
    engine = pn.inference("swag", n_steps=600)
    model = pn.model("mlp", hidden=(32,), activation="tanh")
    net = pn.Regressor(model, inference=engine, epochs=150, lr=0.02).fit(x, y)
    assert net.score(x, y) > 0.9
    parts = net.uncertainty(x)
    assert (parts.epistemic > 0).all()
    assert parts.epistemic.mean() < parts.aleatoric.mean()
    assert parts.aleatoric.mean() == pytest.approx(0.1, abs=0.06)


@pytest.mark.parametrize(("n_steps", "n_kept"), [(10, 10), (10, 3), (100, 7)])
def test_the_draws_kept_lie_evenly(n_steps, n_kept):
    kept = [t for t in range(-n_steps, n_steps) if kept_at(t, n_steps, n_kept)]
    assert len(kept) == n_kept
    assert kept[-1] == n_steps - 1
    assert max(np.diff([-1, *kept])) <= math.ceil(n_steps / n_kept)


@pytest.mark.parametrize(("name", "options", "words"), [
    ("swag", {"rank": 1}, "rank"), ("swag", {"momentum": 1.0}, "momentum"), ("sgld", {"lr": 0.0}, "lr is above 0"),
    ("sgld", {"n_steps": 10}, "at least as many steps"), ("sghmc", {"friction": 0.0}, "friction"),
    ("sghmc", {"rows": 0}, "rows"),
])  # fmt: skip
def test_settings_without_meaning_are_refused(name, options, words):
    X, y = line()
    with pytest.raises(SettingError, match=words):
        pn.Regressor("mlp", inference=pn.inference(name, **options), epochs=1).fit(X, y)


@pytest.mark.parametrize("name", ["swag", "sgld", "sghmc"])
def test_batch_norm_and_steps_that_explode_are_refused(name):
    X, y = line()
    with pytest.raises(SettingError, match="batch norm"):
        pn.Regressor(pn.model("mlp", norm="batch"), inference=name, epochs=1).fit(X, y)
    if name == "swag":  # whose step is bounded
        return
    wild = pn.inference(name, lr=1e6, n_steps=200, n_draws=10)
    with pytest.raises(pn.DataError, match="left the finite numbers"):
        pn.Regressor(pn.model("mlp", hidden=(8,), activation="relu"), inference=wild, epochs=1).fit(X, y)


def test_the_nets_of_an_ensemble_learn_as_if_each_were_alone():
    """Gradients of one net are those of its own objective; the first is the net that a fit without it would train."""
    X, y = line()
    model = pn.model("mlp", hidden=(8,))
    both = pn.Regressor(model, inference=pn.inference("ensemble", n_draws=3, noise=0.5), epochs=4).fit(X, y)
    alone = pn.Regressor(model, inference=pn.inference("map", noise=0.5), epochs=4).fit(X, y)
    for p, q in zip(both.objective_.inner.model.parameters(), alone.objective_.inner.model.parameters(), strict=True):
        torch.testing.assert_close(p, q)
    batch = {"x": torch.from_numpy(X)}
    draws = both.objective_.eval().draws(batch)
    assert draws.shape[0] == 3
    assert draws.std(0).min() > 0


def test_a_net_that_cannot_be_drawn_anew_makes_no_ensemble():
    class Fixed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(torch.ones(2, 1))

        def forward(self, x):
            return x @ self.w

    X, y = line()
    with pytest.raises(SettingError, match="Bagging"):
        pn.Regressor(Fixed(), inference="ensemble", epochs=1).fit(X, y)


class Doubled(torch.autograd.Function):
    """A function with a derivative of its own, as a fused layer has it, which torch.func does not take."""

    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, slope):
        return 2 * slope


class Fused(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 1)

    def forward(self, x):
        return Doubled.apply(self.linear(x))


@pytest.mark.parametrize("name", ["swag", "sgld"])
def test_layers_with_a_derivative_of_their_own_are_stepped_too(draws, name):
    X, y = line()
    engine = pn.inference(name, n_steps=80, n_draws=10)
    model = pn.Regressor(Fused(), inference=engine, epochs=20, lr=0.05).fit(X, y)
    assert (model.uncertainty(X).epistemic > 0).all()
