"""Noise-conditioned scores as a user draws from them."""

import numpy as np
import pandas as pd
import pytest

import parnassus as pn
from parnassus.errors import SettingError

pytestmark = pytest.mark.slow

ANGLES = np.arange(8) * np.pi / 4
MODES = 2 * np.c_[np.cos(ANGLES), np.sin(ANGLES)]
RNG = np.random.default_rng(0)
WHICH = RNG.integers(0, 8, 800)
X = MODES[WHICH] + 0.15 * RNG.normal(size=(800, 2))
SMALL = pn.model("ncsn", n_levels=20, low=0.05)


@pytest.fixture(scope="module")
def made():
    return pn.Generator(SMALL, epochs=50, lr=0.003, schedule="cosine", progress=False).fit(X, WHICH % 2)


def test_chains_cover_all_of_a_ring_and_the_class_asked_for(made):
    drawn = made.sample(800, condition=np.arange(800) % 2, seed=0)
    gap = np.linalg.norm(drawn[:, None] - MODES, axis=2)
    assert (gap.min(1) < 0.5).mean() > 0.85
    assert np.bincount(gap.argmin(1), minlength=8).min() > 40
    assert (gap.argmin(1) % 2 == np.arange(800) % 2).mean() > 0.9
    np.testing.assert_allclose(drawn.std(0), X.std(0), atol=0.15)


def test_draws_depend_on_the_seed_and_survive_saving(made, tmp_path):
    one = made.sample(4, condition=1, seed=3)
    assert not np.array_equal(one, made.sample(4, condition=1, seed=4))
    made.save(tmp_path / "g.parnassus")
    assert np.array_equal(one, pn.load(tmp_path / "g.parnassus").sample(4, condition=1, seed=3))


def test_the_loss_comes_down_to_that_of_the_scores_of_a_gaussian():
    x = np.random.default_rng(1).normal(size=(1500, 2))
    options = {"high": 5.0, "low": 0.1, "n_levels": 10}
    made = pn.Generator(pn.model("ncsn", **options), epochs=50, lr=0.003, schedule="cosine", progress=False).fit(x)
    variances = np.geomspace(5.0, 0.1, 10) ** 2
    best = (0.5 / (1 + variances)).mean()
    assert np.mean([h["loss"] for h in made.history_[-10:]]) == pytest.approx(best, abs=0.02)


def test_pictures_of_a_class_and_tables_in_their_units_are_drawn():
    pictures = RNG.integers(0, 255, (30, 8, 8), dtype=np.uint8)
    small = pn.model("ncsn", channels=(8,), n_levels=3, guidance=2.0)
    drawn = pn.Generator(small, epochs=1, progress=False).fit(pictures, np.arange(30) % 3).sample(4, condition=2)
    assert drawn.shape == (4, 8, 8)
    assert drawn.dtype == np.uint8
    plain = pn.Generator(pn.model("ncsn", channels=(8,), n_levels=3), epochs=1, progress=False).fit(pictures)
    assert plain.sample(2).shape == (2, 8, 8)
    frame = pd.DataFrame({"size": 100 + X[:, 0], "kind": np.where(WHICH % 2, "odd", "even")})
    rows = pn.Generator(SMALL, epochs=1, progress=False).fit(frame).sample(5)
    assert list(rows.columns) == ["size", "kind"]


@pytest.mark.parametrize(("options", "words"), [
    ({"high": 0.01}, "high"), ({"n_levels": 1}, "levels"), ({"n_steps": 0}, "1 or more"), ({"hidden": ()}, "ncsn"),
])  # fmt: skip
def test_settings_that_mean_nothing_are_refused(options, words):
    with pytest.raises(SettingError, match=words):
        pn.Generator(pn.model("ncsn", **options), epochs=1, progress=False).fit(X)
