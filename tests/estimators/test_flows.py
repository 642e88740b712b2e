"""Normalising flows as densities, and flow matching as a generator, as a user has them."""

import numpy as np
import pandas as pd
import pytest
import torch

import parnassus as pn
from parnassus.errors import DataError, DataWarning, SettingError

pytestmark = pytest.mark.slow

ANGLES = np.arange(8) * np.pi / 4
MODES = 2 * np.c_[np.cos(ANGLES), np.sin(ANGLES)]
SPREAD = 0.2


def ring(n=1200, seed=0):
    rng = np.random.default_rng(seed)
    which = rng.integers(0, 8, n)
    return MODES[which] + SPREAD * rng.normal(size=(n, 2)), which


def shares(drawn):
    """How many rows lie near a mode, and the share of each mode."""
    far = np.linalg.norm(drawn[:, None] - MODES, axis=2)
    near = far.min(1) < 3 * SPREAD
    return near.mean(), np.bincount(far.argmin(1)[near], minlength=8) / len(drawn)


X, WHICH = ring()


@pytest.fixture(scope="module")
def flow():
    return pn.Density("realnvp", epochs=60, batch_size=60, lr=3e-3, schedule="cosine", progress=False).fit(X)


def test_the_density_of_a_flow_is_one_over_the_plane_and_near_the_truth(flow):
    grid = np.linspace(-5, 5, 301)
    places = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2)
    assert np.exp(flow.score_samples(places)).sum() * (grid[1] - grid[0]) ** 2 == pytest.approx(1, abs=1e-3)
    fresh, _ = ring(seed=1)
    parts = -np.square(fresh[:, None] - MODES).sum(2) / (2 * SPREAD**2) - np.log(2 * np.pi * SPREAD**2 * 8)
    truth = np.log(np.exp(parts).sum(1)).mean()
    one = pn.Density("gmm", n_components=1).fit(X).score(fresh)
    assert truth - 0.5 < flow.score(fresh) < truth + 0.05
    assert flow.score(fresh) > one + 1


def test_samples_of_a_flow_cover_all_of_a_ring(flow):
    near, each = shares(flow.sample(2000, seed=0))
    assert near > 0.75
    assert (each > 0.04).all()
    assert np.array_equal(flow.sample(5, seed=3), flow.sample(5, seed=3))


def test_a_flow_leads_rows_to_noise_and_is_saved(flow, tmp_path):
    z = flow.transform(X)
    np.testing.assert_allclose(z.std(0), 1, atol=0.15)
    assert abs(np.corrcoef(z.T)[0, 1]) < 0.15
    flow.save(tmp_path / "f.parnassus")
    np.testing.assert_array_equal(pn.load(tmp_path / "f.parnassus").score_samples(X[:9]), flow.score_samples(X[:9]))


def test_densities_are_in_the_users_units():
    made = [
        pn.Density("realnvp", epochs=3, progress=False).fit(scaled).score_samples(scaled[:5])
        for scaled in (X, 1000 * X + 5)
    ]
    np.testing.assert_allclose(made[0] - 2 * np.log(1000), made[1], rtol=1e-3, atol=1e-3)


def test_columns_of_few_values_are_warned_of_unless_noise_is_added():
    Y = np.c_[X, WHICH % 2]
    with pytest.warns(DataWarning, match="no bound"):
        pn.Density("realnvp", epochs=1, progress=False).fit(Y)
    made = pn.Density(pn.model("realnvp", noise=0.05), epochs=1, progress=False).fit(Y)
    assert np.isfinite(made.score(Y))


@pytest.mark.parametrize(("data", "options", "error", "words"), [
    (X[:, :1], {}, SettingError, "gmm"), (X[:1], {}, DataError, "one row"), (X, {"n_couplings": 1}, SettingError, "2"),
    (X, {"hidden": ()}, SettingError, "hidden"), (X, {"noise": -1.0}, SettingError, "noise"),
    (np.where(X > 2, np.nan, X), {}, DataError, "missing|NaN"),
])  # fmt: skip
def test_what_no_flow_can_learn_is_refused(data, options, error, words):
    with pytest.raises(error, match=words):
        pn.Density(pn.model("realnvp", **options), epochs=1, progress=False).fit(data)


# --- flow matching --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def matched():
    return pn.Generator("flow_matching", epochs=40, lr=0.003, schedule="cosine", progress=False).fit(X, WHICH % 2)


def test_flow_matching_covers_all_of_a_ring_and_the_class_asked_for(matched):
    drawn = matched.sample(800, condition=np.arange(800) % 2, seed=0)
    near, each = shares(drawn)
    assert near > 0.8
    assert (each > 0.04).all()
    which = np.linalg.norm(drawn[:, None] - MODES, axis=2).argmin(1)
    assert (which % 2 == np.arange(800) % 2).mean() > 0.9
    assert matched.score(X, WHICH % 2) > -0.02


def test_draws_of_flow_matching_depend_on_the_seed_and_survive_saving(matched, tmp_path):
    one = matched.sample(4, condition=1, seed=3)
    assert not np.array_equal(one, matched.sample(4, condition=1, seed=4))
    matched.save(tmp_path / "g.parnassus")
    assert np.array_equal(one, pn.load(tmp_path / "g.parnassus").sample(4, condition=1, seed=3))


def test_the_loss_of_flow_matching_comes_down_to_that_of_a_perfect_field():
    rng = np.random.default_rng(0)
    made = pn.Generator("flow_matching", epochs=60, lr=0.003, schedule="cosine", progress=False)
    made.fit(pd.DataFrame({"a": rng.normal(size=1000), "b": rng.normal(size=1000)}))
    t = torch.linspace(0, 1, 2001, dtype=torch.float64)
    pull = (2 * t - 1) / (t.square() + (1 - t).square())
    best = float((2 - pull.square() * (t.square() + (1 - t).square())).mean())  # rows of variance 1: 1.5708 = pi / 2
    assert best == pytest.approx(np.pi / 2, abs=1e-3)
    assert np.mean([h["loss"] for h in made.history_[-15:]]) == pytest.approx(best, abs=0.08)


def test_flow_matching_draws_pictures_of_a_class_and_tables_in_their_units():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (30, 8, 8), dtype=np.uint8)
    small = pn.model("flow_matching", channels=(8,), n_sampled=3, guidance=2.0, solver="euler")
    drawn = pn.Generator(small, epochs=1, progress=False).fit(pictures, np.arange(30) % 3).sample(4, condition=2)
    assert drawn.shape == (4, 8, 8)
    assert drawn.dtype == np.uint8
    plain = pn.Generator(pn.model("flow_matching", channels=(8,), n_sampled=3), epochs=1, progress=False).fit(pictures)
    assert plain.sample(2).shape == (2, 8, 8)
    frame = pd.DataFrame({"size": 100 + X[:, 0], "kind": np.where(WHICH % 2, "odd", "even")})
    rows = pn.Generator("flow_matching", epochs=2, progress=False).fit(frame).sample(5)
    assert list(rows.columns) == ["size", "kind"]


@pytest.mark.parametrize(("options", "words"), [
    ({"solver": "heun"}, "solver"), ({"n_sampled": 0}, "n_sampled"), ({"drop": 1.0}, "drop"),
    ({"hidden": (4, 5)}, "flow_matching"),
])  # fmt: skip
def test_settings_that_mean_nothing_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        pn.Generator(pn.model("flow_matching", **options), epochs=1, progress=False).fit(X)
