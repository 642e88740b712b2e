"""Rows that are there, drawn anew by a diffusion: holes filled, and rows near others."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import NotFittedError

import parnassus as pn
from parnassus.errors import DataError, SettingError

RNG = np.random.default_rng(0)
A = RNG.normal(size=600)
X = np.c_[3 * A + 10, 0.8 * A + 0.6 * RNG.normal(size=600)]
PICTURES = RNG.integers(0, 255, (16, 8, 8)).astype(np.uint8)
QUICK = {"n_steps": 20, "n_sampled": 4}


def table(**options):
    net = pn.model("ddpm", hidden=(8,), **QUICK, **options)
    return pn.Generator(net, epochs=1, batch_size=300, progress=False)


@pytest.mark.slow
def test_holes_of_a_table_are_filled_by_what_the_other_column_says():
    made = pn.Generator(pn.model("ddpm", n_steps=200, hidden=(64, 64)), epochs=120, lr=3e-3, schedule="cosine",
                        progress=False).fit(X)  # fmt: skip
    holed = np.full((300, 2), np.nan)
    holed[:, 0] = 13.0  # one deviation up
    filled = made.impute(holed, seed=0)
    assert bool((filled[:, 0] == 13.0).all())
    assert filled[:, 1].mean() == pytest.approx(0.8, abs=0.2)
    assert filled[:, 1].std() == pytest.approx(0.6, abs=0.15)
    near, far = (np.abs(made.vary(X[:200], strength=s) - X[:200])[:, 0].mean() for s in (0.15, 1.0))
    assert near < 0.5 * far
    assert far == pytest.approx(3 * 2 / np.pi**0.5, rel=0.25)  # of two draws of N(10, 3^2)


@pytest.mark.slow
def test_a_class_is_asked_for_by_a_namer():
    y = np.where(A > 0, "high", "low")
    net = pn.model("ddpm", n_steps=200, hidden=(64, 64), guide="classifier")
    made = pn.Generator(net, epochs=80, lr=3e-3, schedule="cosine", progress=False).fit(X, y)
    for name in ("high", "low"):
        drawn = made.sample(300, condition=name, seed=0)
        assert ((drawn[:, 0] > 10) == (name == "high")).mean() > 0.95
        assert drawn.mean(0) == pytest.approx(X[y == name].mean(0), abs=0.5)


def test_only_holes_change_and_draws_belong_to_a_seed(tmp_path):
    frame = pd.DataFrame({"a": X[:60, 0], "n": np.arange(60), "k": np.where(X[:60, 1] > 0, "up", "down")})
    made = table().fit(frame)
    holed = frame.astype({"n": float})
    holed.loc[:19, "a"], holed.loc[10:29, "k"], holed.loc[25:39, "n"] = np.nan, None, np.nan
    filled = made.impute(holed, seed=3)
    assert list(filled.columns) == list(holed.columns)
    assert not filled.isna().any().any()
    assert set(filled["k"]) <= {"up", "down"}
    there = holed.notna()
    assert bool((filled[there] == holed)[there].where(there, other=True).all().all())
    assert filled.equals(made.impute(holed, seed=3))
    first, second = made.impute(holed, n_draws=2, seed=3)
    assert first.equals(filled)
    assert not second.equals(filled)
    made.save(tmp_path / "g.parnassus")
    again = pn.load(tmp_path / "g.parnassus")
    assert again.impute(holed, seed=3).equals(filled)
    assert again.vary(frame, strength=0.3, seed=1).equals(made.vary(frame, strength=0.3, seed=1))


@pytest.mark.parametrize("net", [
    pn.model("ddpm", channels=(4, 8), **QUICK), pn.model("ddpm", channels=(4, 8), guide="classifier", **QUICK),
    pn.model("dit", patch_size=4, width=8, n_layers=1, n_heads=2, variance="learned", sampler="ddpm", **QUICK),
    pn.model("latent_diffusion", coder=(4, 8), channels=(8,), width=8, n_layers=1, n_tokens=1, **QUICK),
], ids=["ddpm", "namer", "dit", "latent"])  # fmt: skip
def test_pictures_keep_what_is_seen_of_them(net):
    made = pn.Generator(net, epochs=2, batch_size=8, progress=False).fit(PICTURES, np.arange(16) % 2)
    hidden = np.zeros((4, 8, 8), dtype=bool)
    hidden[:, 2:6, 3:7] = True
    filled = made.impute(PICTURES[:4], missing=hidden, condition=1, n_again=2, seed=0)
    assert filled.dtype == np.uint8
    assert np.array_equal(filled[~hidden], PICTURES[:4][~hidden])
    assert not np.array_equal(filled[hidden], PICTURES[:4][hidden])
    floats = np.where(hidden, np.nan, PICTURES[:4] / 255)
    assert np.isfinite(made.impute(floats, condition=[0, 1, 0, 1], n_again=1)).all()
    changed = made.vary(PICTURES[:3], strength=0.4, condition=0, seed=1)
    assert changed.shape == (3, 8, 8)
    assert np.array_equal(changed, made.vary(PICTURES[:3], strength=0.4, condition=0, seed=1))


def test_a_place_of_a_map_is_known_where_all_its_pixels_are():
    net = pn.model("latent_diffusion", coder=(4, 8), channels=(8,), width=8, n_layers=1, n_tokens=1, **QUICK)
    made = pn.Generator(net, epochs=1, batch_size=16, progress=False).fit(PICTURES).objective_
    observed = torch.ones(1, 1, 8, 8)
    observed[0, 0, 3, 4] = 0
    wanted = torch.ones(4, 4)
    wanted[1, 2] = 0
    assert torch.equal(made.known(observed), wanted.expand(1, 4, 4, 4))


@pytest.mark.parametrize(("ask", "error", "words"), [
    (lambda g: g.vary(X, strength=0), SettingError, "strength"),
    (lambda g: g.vary(X, strength=1.5), SettingError, "up to 1"),
    (lambda g: g.vary(X, condition=1), SettingError, "no classes"),
    (lambda g: g.vary(np.full((2, 2), np.nan)), DataError, "missing|NaN"),
    (lambda g: g.impute(X, n_draws=0), SettingError, "n_draws"),
    (lambda g: g.impute(X, n_again=True), SettingError, "n_again"),
    (lambda g: g.impute(X, missing=np.zeros(3, dtype=bool)), DataError, "missing has shape"),
    (lambda g: g.impute(X[:, :1]), DataError, "column|feature"),
])  # fmt: skip
def test_what_cannot_be_filled_is_refused(ask, error, words):
    with pytest.raises(error, match=words):
        ask(table().fit(X))


def test_other_models_and_other_conditions_are_refused():
    flow = pn.Generator(pn.model("flow_matching", hidden=(8,)), epochs=1, progress=False).fit(X)
    with pytest.raises(SettingError, match="ddpm"):
        flow.impute(X)
    with pytest.raises(SettingError, match="ddpm"):
        flow.vary(X)
    with pytest.raises(NotFittedError, match="call fit"):
        pn.Generator().vary(X)
    with pytest.raises(SettingError, match="classes"):
        table(guide="classifier").fit(X)
    with pytest.raises(SettingError, match="numbers"):
        pn.Generator(pn.model("ddpm", guide="classifier"), condition="numbers", progress=False).fit(X, A**2)
    with pytest.raises(SettingError, match="classifier"):
        table(guide="clasifier").fit(X)
