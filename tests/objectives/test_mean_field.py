"""Bayes by backpropagation: slopes of less noise and the same expectation, and a prior of two widths."""

import numpy as np
import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus import kernels
from parnassus.errors import SettingError
from parnassus.functional import places
from parnassus.functional.bayes import drawn, linear_posterior


def objective(draw, **options):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(64, 3)).astype(np.float32)
    y = np.tanh(X[:, 0] - X[:, 1]) + 0.1 * rng.normal(size=64).astype(np.float32)
    spec = pn.model("mlp", hidden=(8,))
    engine = pn.inference("vi", draw=draw, first_std=0.3, **options)
    fitted = pn.Regressor(spec, inference=engine, epochs=1, seed=0).fit(X, y)
    made = fitted.objective_.double()
    return made, {"x": torch.from_numpy(X).double(), "y": torch.from_numpy(y).double()[:, None]}


def slopes(made, batch, n=300):
    torch.manual_seed(0)
    found = []
    parameters = [*made.model.parameters(), *made.rho]
    for _ in range(n):
        slope = torch.autograd.grad(made.bound(batch), parameters)
        found.append(torch.cat([s.flatten() for s in slope]))
    return torch.stack(found)


@pytest.mark.slow
@pytest.mark.parametrize("draw", ["flipout", "local"])
def test_rows_of_their_own_noise_lower_the_slopes_variance_and_leave_their_mean(draws, draw):
    shared, batch = objective("shared")
    own, _ = objective(draw)
    own.load_state_dict(shared.state_dict())
    one, other = slopes(shared, batch), slopes(own, batch)
    error = ((one.var(0) + other.var(0)) / len(one)).sqrt()
    off = ((one.mean(0) - other.mean(0)) / error.clamp(min=1e-9)).abs()
    assert float((off > 4).double().mean()) < 0.01  # of some hundred numbers
    assert float(other.var(0).sum()) < 0.5 * float(one.var(0).sum())


def test_convolutions_have_signs_for_each_row_and_channel(draws):
    from parnassus.objectives.bayes.mean_field import _flipped, _local

    layer = nn.Conv2d(2, 4, 3, padding=1, groups=2).double()
    x = torch.randn(3, 2, 5, 5, dtype=torch.float64)
    change = torch.randn_like(layer.weight)
    found = _flipped(layer, x, change)
    plain = layer._conv_forward(x, change, None)
    torch.testing.assert_close(found.abs().sum((2, 3)), plain.abs().sum((2, 3)))  # groups of one channel: a sign alone
    signs = (found / plain).round()[:, :, 0, 0]
    assert {-1.0, 1.0} == set(signs.flatten().tolist())
    spread = torch.stack([_local(layer, x, change.abs(), None) for _ in range(4000)]).std(0)
    torch.testing.assert_close(spread, layer._conv_forward(x.square(), change.square(), None).sqrt(), rtol=0.1, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("draw", ["flipout", "local"])
def test_a_linear_net_has_the_exact_posterior_by_rows_of_their_own(draw):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2)).astype(np.float32)
    X = (X - X.mean(0)) / X.std(0)
    y = X @ [0.8, -0.5] + 0.5 * rng.normal(size=60)
    y = ((y - y.mean()) / y.std()).astype(np.float32)
    engine = pn.inference("vi", draw=draw, noise=0.6, n_draws=400)
    fitted = pn.Regressor(pn.model("mlp", hidden=()), inference=engine, epochs=300, lr=0.01).fit(X, y)
    design = torch.from_numpy(np.column_stack([X, np.ones(60)])).double()
    exact = linear_posterior(design, torch.from_numpy(y).double(), noise=0.36, precision=1.0)
    np.testing.assert_allclose(fitted.predict(X[:10]), exact.predict(design[:10])[0], atol=0.06)
    np.testing.assert_allclose(fitted.uncertainty(X[:10]).epistemic, exact.predict(design[:10])[1].sqrt(), rtol=0.25)


def test_a_mixture_of_equal_widths_is_the_plain_prior_in_expectation(draws):
    made, _ = objective("shared")
    torch.manual_seed(0)
    weights, spreads = made.weights(), made.spreads()
    exact = float(made.kl().detach())
    made.narrow = (1.0, 0.5)
    found = []
    with torch.no_grad():
        for _ in range(400):
            pairs = zip(weights.items(), spreads, strict=True)
            found.append(float(made.kl({n: mu + s * torch.randn_like(mu) for (n, mu), s in pairs})))
    assert np.mean(found) == pytest.approx(exact, abs=4 * np.std(found) / 20)


@pytest.mark.slow
def test_a_narrow_part_of_the_prior_pulls_weights_to_nothing():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 20)).astype(np.float32)
    y = (2 * X[:, 0] + 0.5 * rng.normal(size=200)).astype(np.float32)
    sizes = []
    for options in ({}, {"narrow_std": 0.01}):
        engine = pn.inference("vi", prior_std=1.0, **options)
        fitted = pn.Regressor(pn.model("mlp", hidden=()), inference=engine, epochs=60, lr=0.02).fit(X, y)
        weight = next(p for p in fitted.objective_.model.parameters() if p.ndim == 2)[0].detach().abs()
        sizes.append((float(weight[0]), float(weight[1:].mean())))
    assert sizes[1][0] > 0.8 * sizes[0][0]
    assert sizes[1][1] < 0.7 * sizes[0][1]


class Split(nn.Module):
    """A net that uses one layer's weights without going through the layer."""

    def __init__(self):
        super().__init__()
        self.used, self.other = nn.Linear(3, 1), nn.Linear(3, 1)

    def forward(self, x):
        return self.used(x) + x @ self.other.weight.T


def test_options_that_cannot_be_are_refused(draws):
    with pytest.raises(SettingError, match="no draw 'flip'"):
        objective("flip")
    with pytest.raises(SettingError, match="at most prior_std"):
        objective("shared", narrow_std=2.0)
    net = pn.Regressor(Split(), inference=pn.inference("vi", draw="flipout"), epochs=1)
    with pytest.raises(SettingError, match="does not reach 'other'"):
        net.fit(np.eye(3), np.arange(3.0))


@pytest.mark.parametrize(
    ("answers", "options"),
    [
        ("labels", {}),
        ("binary", {}),
        ("multilabel", {}),
        ("numbers", {}),
        ("numbers", {"noise": 0.4}),
        ("gaussians", {}),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_slopes_in_closed_form_are_autograds(draws, answers, options, weighted):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3)).astype(np.float32)
    y = {"labels": rng.integers(0, 3, 40), "binary": rng.integers(0, 2, 40),
         "multilabel": rng.integers(0, 2, (40, 3)), "numbers": rng.normal(size=(40, 2)),
         "gaussians": rng.normal(size=(40, 2))}[answers]  # fmt: skip
    task = pn.Regressor if answers in ("numbers", "gaussians") else pn.Classifier
    loss = "gaussian_nll" if answers == "gaussians" else None
    engine = pn.inference("vi", first_std=0.3, kl_weight=2.0, prior_std=0.7, **options)
    fitted = task(pn.model("mlp", hidden=(6, 5)), inference=engine, loss=loss, epochs=1, seed=0).fit(X, y)
    made = fitted.objective_.double()
    rows = fitted.codec_.prepare(fitted.codec_.encode(X).take(torch.arange(40)), fitted.view_)
    truth = fitted.target_.encode(y).take(torch.arange(40))["y"]
    batch = {"x": rows["x"].double(), "y": truth.double() if truth.is_floating_point() else truth}
    if weighted:
        batch["weight"] = torch.from_numpy(rng.random(40))
    (phase,) = made.phases()
    assert phase.gradient is not None
    torch.manual_seed(3)
    wanted = made.bound(batch)
    slopes = torch.autograd.grad(wanted, made.moved())
    before = [p.detach().clone() for p in made.moved()]
    for p in made.moved():
        p.grad = torch.full_like(p, torch.nan)
    torch.manual_seed(3)
    found = phase.gradient(batch)
    torch.testing.assert_close(found, wanted.detach())
    for p, slope, kept in zip(made.moved(), slopes, before, strict=True):
        torch.testing.assert_close(p.grad, slope, rtol=1e-9, atol=1e-12)
        assert torch.equal(p.detach(), kept)


def test_a_step_that_fails_leaves_the_means_as_they_were(draws, monkeypatch):
    made, batch = objective("shared")
    (phase,) = made.phases()
    before = [p.detach().clone() for p in made.model.parameters()]

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr("parnassus.objectives.bayes.mean_field.MeanField.nll_slope", fail)
    with pytest.raises(MemoryError):
        phase.gradient(batch)
    assert all(torch.equal(p, kept) for p, kept in zip(made.model.parameters(), before, strict=True))


@pytest.mark.skipif(places.compiled() is None, reason=kernels.status()["mean_field"])
def test_a_training_without_the_compiled_loops_ends_at_the_same_weights(monkeypatch):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 5)).astype(np.float32), rng.integers(0, 3, 200)

    def fitted():
        net = pn.model("mlp", hidden=(16, 8))
        made = pn.Classifier(net, inference="vi", epochs=5, batch_size=32, lr=0.01).fit(X, y)
        return torch.cat([p.detach().flatten() for p in made.objective_.parameters()]), made.history_[-1]["loss"]

    fast, loss = fitted()
    for module in (places, drawn):
        monkeypatch.setattr(module, "compiled", lambda: None)
    slow, other = fitted()
    torch.testing.assert_close(fast, slow, rtol=1e-3, atol=1e-4)
    assert loss == pytest.approx(other, rel=1e-4)


def test_a_fit_is_the_same_by_its_seed_and_leaves_torchs_state_alone():
    X, y = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32), np.arange(40) % 2
    before = torch.get_rng_state()
    found = [
        pn.Classifier("mlp", inference="vi", epochs=2, seed=seed).fit(X, y).predict_proba(X[:5]) for seed in (3, 3, 4)
    ]
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
