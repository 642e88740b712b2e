"""Nets with uncertain weights: fixtures, coverage, splits of uncertainty, files, and refusals."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.functional.bayes import linear_posterior
from parnassus.objectives.bayes.inference import side_by_side
from parnassus.objectives.bayes.posterior import pooled

ENGINES = ["map", "vi", "mc_dropout", "laplace", "hmc", "nuts", "mh", "ensemble", "swag", "sgld", "sghmc"]
SHORT = {"hmc": {"n_warmup": 30, "n_draws": 20}, "nuts": {"n_warmup": 20, "n_draws": 16}, "mh": {"n_warmup": 50},
         "swag": {"n_steps": 40, "rank": 5}, "sgld": {"n_steps": 200}, "sghmc": {"n_steps": 200}}  # fmt: skip


def engine(name, **options):
    return pn.inference(name, **SHORT.get(name, {}) | options)


def gapped(n=120, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    x = np.concatenate([rng.uniform(-0.2, 0.2, n // 2), rng.uniform(0.6, 1.0, n // 2)])
    return x[:, None], x + 0.3 * np.sin(2 * np.pi * x) + 0.3 * np.sin(4 * np.pi * x) + noise * rng.normal(size=n)


def net(**options):
    return pn.model("mlp", **{"hidden": (16,), "activation": "tanh"} | options)


def test_b9_10_parameters_of_the_books_nets():
    X, y = gapped(40)
    for hidden, expected in (((5,), 16), ((10,) * 5, 471)):
        fitted = pn.Regressor(net(hidden=hidden), inference="map", epochs=1).fit(X, y)
        assert sum(p.numel() for p in fitted.objective_.model.parameters()) == expected


def test_b9_16_two_deviations_are_not_95_per_cent():
    from parnassus.functional.probability import mass_within

    assert mass_within(2) == pytest.approx(0.9545, abs=1e-4)
    assert mass_within(1.959964) == pytest.approx(0.95, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_answers_numbers_and_comes_back_from_a_file(tmp_path, name):
    X, y = gapped()
    model = net(dropout=0.1) if name == "mc_dropout" else net()
    fitted = pn.Regressor(model, inference=engine(name), epochs=30, lr=0.02).fit(X, y)
    mean, std = fitted.predict(X[:7], return_std=True)
    parts = fitted.uncertainty(X[:7])
    np.testing.assert_allclose(std, parts.total)
    np.testing.assert_allclose(parts.total**2, parts.aleatoric**2 + parts.epistemic**2)
    assert (parts.aleatoric > 0).all()
    assert (parts.epistemic > 0).all() == (name != "map")
    again = pn.load(fitted.save(tmp_path / "net.parnassus") and tmp_path / "net.parnassus")
    np.testing.assert_array_equal(again.predict(X[:7]), mean)
    np.testing.assert_array_equal(again.uncertainty(X[:7]).total, std)
    np.testing.assert_array_equal(again.predict_interval(X[:7]), fitted.predict_interval(X[:7]))


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_answers_classes(name):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 2))
    y = np.array(["in", "out", "far"])[np.digitize((X**2).sum(1), [0.7, 2.5])]
    model = net(dropout=0.1) if name == "mc_dropout" else net()
    fitted = pn.Classifier(model, inference=engine(name), epochs=60, lr=0.02).fit(X, y)
    assert fitted.score(X, y) > (0.6 if name == "vi" else 0.8)  # its prior weighs much on 120 rows
    assert fitted.predict_proba(X).sum(1) == pytest.approx(np.ones(120), abs=1e-5)
    parts = fitted.uncertainty(X)
    np.testing.assert_allclose(parts.total, parts.aleatoric + parts.epistemic, atol=1e-6)
    assert (parts.total <= np.log(3) + 1e-6).all()
    two = pn.Classifier(model, inference=engine(name), epochs=5).fit(X, y == "in")
    assert two.predict_proba(X[:3]).shape == (3, 2)


def test_answers_are_means_of_probabilities_and_not_of_logits():
    draws = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0)) * 3
    expected = draws.softmax(-1).mean(0)
    torch.testing.assert_close(pooled(draws, "labels").softmax(-1), expected)
    torch.testing.assert_close(pooled(draws, "binary").sigmoid(), draws.sigmoid().mean(0))
    torch.testing.assert_close(pooled(draws, "numbers"), draws.mean(0))


def linear_data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2)).astype(np.float32)
    X = (X - X.mean(0)) / X.std(0)
    y = X @ [0.8, -0.5] + 0.5 * rng.normal(size=60)
    return X, ((y - y.mean()) / y.std()).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vi", "laplace", "hmc", "nuts", "mh"])
def test_a_linear_net_has_the_exact_posterior(name):
    X, y = linear_data()
    options = {"noise": 0.6, "prior_std": 1.0, "n_draws": 400}
    options |= {"n_warmup": 150} if name in ("hmc", "nuts", "mh") else {}
    fitted = pn.Regressor(net(hidden=()), inference=pn.inference(name, **options), epochs=300, lr=0.01).fit(X, y)
    design = torch.from_numpy(np.column_stack([X, np.ones(60)])).double()
    exact = linear_posterior(design, torch.from_numpy(y).double(), noise=0.36, precision=1.0)
    mean, epistemic, total = exact.predict(design[:10])
    found = fitted.uncertainty(X[:10])
    np.testing.assert_allclose(fitted.predict(X[:10]), mean, atol=0.06)
    np.testing.assert_allclose(found.epistemic, epistemic.sqrt(), rtol=0.35 if name in ("vi", "mh") else 0.2)
    np.testing.assert_allclose(found.total, total.sqrt(), rtol=0.05)


@pytest.mark.slow
def test_b9_11_intervals_hold_what_they_say_and_widen_in_the_gap():
    X, y = gapped(300)
    fitted = pn.Regressor(net(), inference=pn.inference("hmc", n_draws=100, n_warmup=150), epochs=150, lr=0.02).fit(
        X, y
    )
    new, answers = gapped(600, seed=1)
    low, high = fitted.predict_interval(new, level=0.95).T
    assert 0.90 <= ((answers >= low) & (answers <= high)).mean() <= 0.98
    epistemic = fitted.uncertainty(np.array([[0.0], [0.4], [0.8], [1.6]])).epistemic
    assert min(epistemic[1], epistemic[3]) > 1.5 * max(epistemic[0], epistemic[2])
    assert fitted.objective_.chains.acceptance.mean() > 0.5


@pytest.mark.slow
def test_new_answers_spread_as_the_noise_and_the_weights_do():
    X, y = gapped(200)
    fitted = pn.Regressor(net(), inference="laplace", epochs=60, lr=0.02).fit(X, y)
    drawn = fitted.predict_samples(X[:5], 4000)
    assert drawn.shape == (4000, 5)
    np.testing.assert_allclose(drawn.std(0), fitted.uncertainty(X[:5]).total, rtol=0.06)
    two = pn.Regressor(net(), inference="laplace", epochs=5).fit(X, np.column_stack([y, 10 * y]))
    mean, std = two.predict(X[:3], return_std=True)
    assert mean.shape == std.shape == (3, 2)
    assert (std[:, 1] > 3 * std[:, 0]).all()


def of_two_noises(n=200):
    """Two targets that are lines of two columns, with noise .05 and 1, and the rows' lines without it."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 2))
    lines = X @ np.array([[1.0, 0.5], [-0.5, 1.0]])
    return X, lines + [0.05, 1.0] * rng.normal(size=(n, 2)), lines


LONG = {"hmc": {"n_warmup": 150}, "nuts": {"n_warmup": 60}, "mh": {"n_warmup": 2000}}
NOISY = [pytest.param(name, marks=() if name in ("map", "laplace", "ensemble") else pytest.mark.slow)
         for name in ENGINES if name != "mc_dropout"]  # fmt: skip


@pytest.mark.parametrize("name", NOISY)
def test_each_output_has_its_own_noise(name):
    """The generator's deviations, .05 and 1, and not the one number between them that fits neither."""
    X, y, _ = of_two_noises()
    made = pn.inference(name, **LONG.get(name, {}))
    fitted = pn.Regressor(net(hidden=()), inference=made, epochs=60, lr=0.05, batch_size=50).fit(X, y)
    found = fitted.uncertainty(X[:50])
    np.testing.assert_allclose(found.aleatoric, np.tile([0.05, 1.0], (50, 1)), rtol=0.25)
    np.testing.assert_allclose(fitted.predict(X[:50], return_std=True)[1], found.total)
    assert (found.epistemic < found.aleatoric).all()
    if name == "map":  # its draws differ in the noise alone
        drawn = fitted.predict_samples(X[:5], 4000)
        np.testing.assert_allclose(drawn.std(0), found.total[:5], rtol=0.06)
        low, high = np.moveaxis(fitted.predict_interval(X, level=0.9), -1, 0)
        np.testing.assert_allclose(((low < y) & (y < high)).mean(0), 0.9, atol=0.06)


def fanned(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-3, 3, n)
    return x[:, None], np.sin(x) + (0.1 + 0.4 * np.abs(x)) * rng.normal(size=n)


FANNED = {"hmc": {"n_warmup": 100, "n_draws": 100}, "nuts": {"n_warmup": 50, "n_draws": 60}, "mh": {"n_warmup": 2000}}


@pytest.mark.slow
@pytest.mark.parametrize("name", [None, *ENGINES])
def test_the_noise_of_each_row_is_the_generators(name):
    X, y = fanned(1600, 0)
    new, answers = fanned(3000, 1)
    model, inference = net(hidden=(32,)), name and pn.inference(name, **FANNED.get(name, {}))
    if name == "mc_dropout":
        model = net(hidden=(32,), dropout=0.05)
    fitted = pn.Regressor(model, loss="gaussian_nll", inference=inference, epochs=75, lr=0.01, schedule="cosine")
    fitted.fit(X, y)
    found, truth = fitted.uncertainty(new), 0.1 + 0.4 * np.abs(new[:, 0])
    wide = np.abs(new[:, 0]) > 0.5
    assert np.abs(found.aleatoric / truth - 1)[wide].mean() < 0.15
    assert (found.epistemic > 0).all() == (name not in (None, "map"))
    np.testing.assert_allclose(found.total**2, found.aleatoric**2 + found.epistemic**2)
    low, high = fitted.predict_interval(new).T
    part = np.digitize(new[:, 0], [-1.5, 0, 1.5])
    inside = [((low <= answers) & (answers <= high))[part == i].mean() for i in range(4)]
    assert min(inside) >= 0.90, inside
    assert max(inside) <= 0.98, inside


def test_one_net_that_says_its_noise_has_intervals_and_comes_back_from_a_file(tmp_path):
    X, y = fanned(300, 0)
    fitted = pn.Regressor(net(), loss="gaussian_nll", epochs=30, lr=0.02).fit(X, np.column_stack([y, 3 * y + 5]))
    mean, std = fitted.predict(X, return_std=True)
    assert mean.shape == std.shape == (300, 2)
    assert (std[np.abs(X[:, 0]) > 2].mean(0) > 2 * std[np.abs(X[:, 0]) < 0.5].mean(0)).all()
    parts = fitted.uncertainty(X)
    np.testing.assert_array_equal(parts.aleatoric, std)
    assert not parts.epistemic.any()
    low, high = np.moveaxis(fitted.predict_interval(X[:9], level=0.9), -1, 0)
    np.testing.assert_allclose((high - low) / (2 * 1.645), std[:9], rtol=0.12)
    np.testing.assert_allclose(fitted.predict_samples(X[:3], 4000).std(0), std[:3], rtol=0.06)
    fitted.save(tmp_path / "net")
    np.testing.assert_array_equal(pn.load(tmp_path / "net").uncertainty(X).total, std)
    assert fitted.evaluate(X, np.column_stack([y, 3 * y + 5])).metrics


def test_draws_of_means_and_noises_make_the_moments_of_their_mixture():
    from parnassus.functional.quantities import normal_parameters

    draws = torch.randn(6, 5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    means, deviations = normal_parameters(draws)
    mean, deviation = normal_parameters(pooled(draws, "gaussians"))
    torch.testing.assert_close(mean, means.mean(0))
    squares = (means.square() + deviations.square()).mean(0)
    torch.testing.assert_close(deviation.square(), squares - mean.square())


def test_a_few_samples_are_of_all_draws_and_their_number_is_checked(monkeypatch):
    from parnassus.estimators.judging import uncertainty

    values = np.arange(8.0)[:, None]  # draws 0 to 7, of four chains one after the other
    monkeypatch.setattr(uncertainty, "numbers_of", lambda *_: (values, np.zeros(1)))
    monkeypatch.setattr(uncertainty, "is_written_down", lambda _: False, raising=False)
    for n, taken in ((4, [0, 2, 4, 6]), (8, [*range(8)]), (16, sorted([*range(8)] * 2))):
        assert uncertainty.samples_of(None, None, n, 0)[:, 0].tolist() == taken
    for n in (0, -3, 2.5, True):
        with pytest.raises(SettingError, match="n is how many answers to draw"):
            uncertainty.samples_of(None, None, n, 0)


@pytest.mark.parametrize("inference", ["map", "laplace", "vi"])
def test_batches_in_which_no_row_weighs_anything_change_nothing(inference):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(48, 2))
    y, weight = X[:, 0] + 0.1 * rng.normal(size=48), np.where(np.arange(48) < 40, 0.0, 1.0)
    fitted = pn.Regressor(net(), inference=inference, epochs=2, batch_size=4).fit(X, y, sample_weight=weight)
    assert np.isfinite(fitted.predict(X)).all()
    assert all(np.isfinite(row["loss"]) for row in fitted.history_)


@pytest.mark.slow
def test_a_kronecker_factor_is_near_the_whole_curvature(monkeypatch):
    from parnassus.objectives.bayes import inference

    X, y = linear_data()
    labels = np.digitize(y, [-0.5, 0.5])
    whole = pn.Classifier(net(), inference=pn.inference("laplace", n_draws=400), epochs=40).fit(X, labels)
    monkeypatch.setattr(inference, "SMALL_LAYER", 1)
    product = pn.Classifier(net(), inference=pn.inference("laplace", n_draws=400), epochs=40).fit(X, labels)
    assert not torch.equal(whole.objective_.shifts, product.objective_.shifts)
    np.testing.assert_allclose(whole.predict_proba(X), product.predict_proba(X), atol=0.06)


def test_the_same_seed_gives_the_same_posterior_and_settings_travel():
    X, y = gapped(60)
    one = pn.Regressor(net(), inference=pn.inference("vi", prior_std=0.7), epochs=5, seed=3)
    assert clone(one).inference == one.inference
    a, b = one.fit(X, y).predict(X, return_std=True), clone(one).fit(X, y).predict(X, return_std=True)
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("make", "words"), [
    (lambda: pn.Regressor(net(), inference="mc_dropout"), "has none"),
    (lambda: pn.Regressor(net(), inference="vj"), "unknown inference 'vj'"),
    (lambda: pn.Regressor(net(), inference="vi", loss="huber"), "takes a likelihood.*loss='gaussian_nll'"),
    (lambda: pn.Regressor(net(), inference="vi", loss="gaussian"), "leave loss=None.*noise=0.5"),
    (lambda: pn.Regressor(net(), inference="vi", loss="quantile"), "loss='gaussian_nll' learns"),
    (lambda: pn.Regressor(net(), inference=pn.inference("vi", noise=0.1), loss="gaussian_nll"), "leave out noise=0.1"),
    (lambda: pn.Regressor(net(), inference=pn.inference("vi", prior_std=0.0)), "prior_std and noise are above 0"),
    (lambda: pn.Regressor(net(norm="batch"), inference="hmc"), "no answer to batch norm"),
    (lambda: pn.Clusterer("kmeans", inference="vi"), "inference"),
])  # fmt: skip
def test_engines_that_cannot_be_are_refused(make, words):
    X, y = gapped(40)
    with pytest.raises(SettingError, match=words):
        make().set_params(epochs=1).fit(X, y)


def test_one_set_of_weights_is_said_to_know_no_uncertainty():
    X, y = gapped(40)
    plain = pn.Regressor(net(), epochs=1).fit(X, y)
    with pytest.raises(SettingError, match="inference='vi'"):
        plain.uncertainty(X)
    with pytest.raises(SettingError, match="partial_fit"):
        pn.Regressor(net(), inference="vi").partial_fit(X, y)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lstm", "s4"])
def test_weights_of_nets_that_cannot_be_mapped_are_drawn_one_by_one(name):
    """torch has no program for several LSTMs at once; S4's complex numbers may lie at an odd place of the vector."""
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 1)) for n in rng.integers(3, 6, 30)]
    y = np.array([2 * row[-1, 0] for row in X])
    model = pn.model(name, hidden=4, **{} if name == "lstm" else {"n_layers": 1, "n_state": 3})
    short = pn.inference("hmc", n_draws=8, n_warmup=10, n_chains=2)
    fitted = pn.Regressor(model, inference=short, epochs=20, lr=0.05).fit(X, y)
    assert fitted.objective_.kept.std(0).min() > 0
    low, high = fitted.predict_interval(X).T
    assert (np.isfinite(low) & (low < high)).all()


def test_points_side_by_side_have_the_density_of_each():
    points = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 4).requires_grad_()
    for density in (lambda p: -p.square().sum() + p.prod(), lambda p: refusing(p).sum()):
        together = side_by_side(density, points[0])(points)
        each = torch.stack([density(point) for point in points])
        torch.testing.assert_close(together, each)
        slopes = [torch.autograd.grad(found.sum(), points)[0] for found in (together, each)]
        torch.testing.assert_close(*slopes)
    with pytest.raises(RuntimeError, match="size"):
        side_by_side(lambda p: p @ torch.ones(5, dtype=p.dtype), points[0])(points)


def refusing(point):
    """An LSTM, which torch cannot map, of weights that are all one point's first."""
    zero, w_in, w_own = torch.zeros(1, 1, 1, dtype=point.dtype), point[:1].expand(4, 1), point[1:2].expand(4, 1)
    return torch.lstm(zero + 1, (zero, zero), [w_in, w_own, point, point], True, 1, 0.0, False, False, True)[0]


def test_warnings_of_torchs_own_loops_are_kept_from_the_user():
    points = torch.linspace(0.5, 1, 12).reshape(3, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        together = side_by_side(lambda p: torch._weight_norm(p.reshape(2, 2), p[:2].reshape(2, 1), 0).sum(), points[0])
        found = together(points)
    each = [(p.reshape(2, 2) / p.reshape(2, 2).norm(dim=1, keepdim=True) * p[:2, None]).sum() for p in points]
    torch.testing.assert_close(found, torch.stack(each))


@pytest.mark.parametrize("own", [nn.Tanh, lambda: Halved()])
def test_laplace_refuses_nets_that_change_what_their_last_layer_says(draws, own):
    X, y = gapped(40)
    model = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1), own())
    with pytest.raises(SettingError, match=r"ends in its last dense layer.*'vi', 'swag' or 'ensemble'"):
        pn.Regressor(model, inference="laplace", epochs=1).fit(X, y)


class Halved(nn.Module):
    def forward(self, x):
        return x / 2


@pytest.mark.parametrize("name", ["hmc", "nuts", "mh"])
@pytest.mark.parametrize(("options", "words"), [
    ({"n_chains": 0}, "n_chains is a whole number of at least 1; got 0"),
    ({"n_chains": -1}, "n_chains is a whole number of at least 1; got -1"),
    ({"n_warmup": -1}, "n_warmup is a whole number of at least 0; got -1"),
    ({"n_draws": 0}, "n_draws is 2 or more"),
    ({"noise": "a"}, "noise are above 0.*'a'"),
])  # fmt: skip
def test_counts_of_chains_are_refused_before_training(name, options, words):
    X, y = gapped(40)
    with pytest.raises(SettingError, match=words):
        pn.Regressor(net(), inference=pn.inference(name, **options), epochs=1).fit(X, y)


@pytest.mark.parametrize("level", ["a", 0, 1.0, True, float("nan"), [0.5]])
def test_a_level_that_is_no_share_is_refused_by_name(level):
    X, y = gapped(40)
    doubtful = pn.Regressor(net(), inference="laplace", epochs=1).fit(X, y)
    learned = pn.Regressor(net(), loss=pn.loss("quantile", quantiles=(0.1, 0.9)), epochs=1).fit(X, y)
    for fitted in (doubtful, learned):
        with pytest.raises(SettingError, match=r"level is a share between 0 and 1, such as 0\.9; got"):
            fitted.predict_interval(X, level=level)
    with pytest.raises(SettingError, match="level is a share"):
        pn.Conformal(learned, level=level).fit(X, y)
