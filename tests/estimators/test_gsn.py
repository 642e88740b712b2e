"""Rows drawn by spoiling and restoring, as a user draws them."""

import numpy as np
import pandas as pd
import pytest
import torch

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.models.generative.gsn import gsn

pytestmark = pytest.mark.slow

ANGLES = np.arange(8) * np.pi / 4
MODES = 2 * np.c_[np.cos(ANGLES), np.sin(ANGLES)]
RNG = np.random.default_rng(0)
WHICH = RNG.integers(0, 8, 800)
X = MODES[WHICH] + 0.15 * RNG.normal(size=(800, 2))


@pytest.fixture(scope="module")
def made():
    return pn.Generator("gsn", epochs=40, lr=0.003, schedule="cosine", progress=False).fit(X, WHICH % 2)


def test_the_chain_covers_all_of_a_ring_and_the_class_asked_for(made):
    drawn = made.sample(800, condition=np.arange(800) % 2, seed=0)
    gap = np.linalg.norm(drawn[:, None] - MODES, axis=2)
    assert (gap.min(1) < 0.6).mean() > 0.9
    assert np.bincount(gap.argmin(1), minlength=8).min() > 40
    assert (gap.argmin(1) % 2 == np.arange(800) % 2).mean() > 0.95
    np.testing.assert_allclose(drawn.std(0), X.std(0), atol=0.15)


def test_draws_depend_on_the_seed_and_survive_saving(made, tmp_path):
    one = made.sample(4, condition=1, seed=3)
    assert not np.array_equal(one, made.sample(4, condition=1, seed=4))
    made.save(tmp_path / "g.parnassus")
    assert np.array_equal(one, pn.load(tmp_path / "g.parnassus").sample(4, condition=1, seed=3))


def test_the_loss_comes_down_to_the_entropy_of_what_noise_has_hidden():
    x = np.random.default_rng(1).normal(size=(1500, 2))
    made = pn.Generator(pn.model("gsn", n_walk=1, n_modes=2), epochs=40, lr=0.003, schedule="cosine", progress=False)
    made.fit(x)
    hidden = 0.5**2 / (1 + 0.5**2)  # the variance of x given x + 0.5 e
    best = 0.5 * np.log(2 * np.pi * np.e * hidden)
    assert np.mean([h["loss"] for h in made.history_[-10:]]) == pytest.approx(best, abs=0.05)


def test_rows_redrawn_follow_the_mixture_that_is_said(draws):
    chain = gsn(in_features=1, n_outputs=None, n_told=None, hidden=(4,), n_modes=2)
    for p in chain.net.parameters():
        p.data.zero_()
    chain.net[-1].bias.data.copy_(torch.tensor([np.log(3.0), 0.0, 1.0, -2.0, -1.0, -3.0]))
    drawn = chain.redrawn(torch.full((40_000, 1), 5.0), None, torch.Generator().manual_seed(0))[:, 0].detach()
    first = drawn > 4.5
    assert float(first.float().mean()) == pytest.approx(0.75, abs=0.01)
    assert float(drawn[first].mean()) == pytest.approx(6.0, abs=0.02)
    assert float(drawn[first].std()) == pytest.approx(np.exp(-2.0), rel=0.03)
    assert float(drawn[~first].mean()) == pytest.approx(4.0, abs=0.02)
    assert float(drawn[~first].std()) == pytest.approx(np.exp(-3.0), rel=0.03)


def test_tables_come_in_their_units_and_pictures_as_bytes():
    frame = pd.DataFrame({"size": 100 + X[:, 0], "kind": np.where(WHICH % 2, "odd", "even")})
    rows = pn.Generator("gsn", epochs=2, progress=False).fit(frame).sample(5)
    assert list(rows.columns) == ["size", "kind"]
    pictures = RNG.integers(0, 255, (30, 8, 8), dtype=np.uint8)
    drawn = pn.Generator(pn.model("gsn", n_sampled=3), epochs=1, progress=False).fit(pictures).sample(2)
    assert drawn.shape == (2, 8, 8)
    assert drawn.dtype == np.uint8


@pytest.mark.parametrize(("options", "words"), [
    ({"hidden": ()}, "hidden"), ({"level": 0.0}, "level"), ({"n_modes": 0}, "n_modes"), ({"n_walk": 0}, "n_walk"),
])  # fmt: skip
def test_settings_that_mean_nothing_are_refused(options, words):
    with pytest.raises(SettingError, match=words):
        pn.Generator(pn.model("gsn", **options), epochs=1, progress=False).fit(X)
