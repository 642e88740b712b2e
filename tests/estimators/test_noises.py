"""Noises that rows come of: those of a seed, those given, and the ways between two."""

import numpy as np
import pytest
import torch
from scipy.spatial import geometric_slerp
from sklearn.datasets import load_digits

import parnassus as pn
from parnassus.estimators.answers.drawing import way

pytestmark = pytest.mark.filterwarnings("ignore:the generator has collapsed")
DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS, LABELS = (DIGITS.reshape(-1, 8, 8) * 255 / 16).round().astype(np.uint8)[:48], LABELS[:48]
X = np.random.default_rng(0).normal(size=(64, 2)) * (1, 50) + (0, 400)
CODER = {"coder": (8,), "width": 8, "n_layers": 1, "n_tokens": 2, "n_steps": 20, "n_sampled": 3}
MODELS = {
    "gan": (pn.model("gan", hidden=(8,), n_noise=5), X, (5,)),
    "wgan_gp": (pn.model("wgan_gp", hidden=(8,), n_noise=3), X, (3,)),
    "dcgan": (pn.model("dcgan", width=4, n_noise=6), DIGITS, (6,)),
    "stylegan": (pn.model("stylegan", width=4, style=8, n_noise=6), DIGITS, (6,)),
    "ac_gan": (pn.model("ac_gan", n_noise=4), DIGITS, (4,)),
    "ddim": (pn.model("ddpm", channels=(4,), n_sampled=3), DIGITS, (1, 8, 8)),
    "plms": (pn.model("ddpm", hidden=(8,), n_sampled=6, sampler="plms"), X, (2,)),
    "dpm++": (pn.model("ddpm", hidden=(8,), n_sampled=6, sampler="dpm++"), X, (2,)),
    "dit": (pn.model("dit", patch_size=4, width=8, n_layers=1, n_heads=1, n_sampled=3), DIGITS, (1, 8, 8)),
    "latent": (pn.model("latent_diffusion", channels=(8,), **CODER), DIGITS, (4, 8, 8)),
    "flow": (pn.model("flow_matching", hidden=(8,), n_sampled=3), X, (2,)),
    "flow of pictures": (pn.model("flow_matching", channels=(4,), n_sampled=2), DIGITS, (1, 8, 8)),
}


@pytest.fixture(scope="module")
def fitted():
    made = {}

    def one(name):
        if name not in made:
            model, rows, _ = MODELS[name]
            y = LABELS[: len(rows)] if rows is DIGITS and name != "dcgan" else None
            made[name] = pn.Generator(model, epochs=1, seed=3, progress=False).fit(rows, y)
        return made[name]

    return one


def asked(made, n):
    return None if made.classes_ is None else made.classes_[np.arange(n) % 10]


@pytest.mark.parametrize("name", MODELS)
def test_the_noises_of_a_seed_give_the_rows_of_that_seed(name, fitted):
    made = fitted(name)
    noise = made.noises(5, seed=7)
    assert noise.shape == (5, *MODELS[name][2])
    rows = made.sample(noise=noise, condition=asked(made, 5), seed=7)
    assert np.array_equal(rows, made.sample(5, condition=asked(made, 5), seed=7))
    assert np.array_equal(made.noises(2), made.noises(2, seed=3))
    assert not np.array_equal(noise, made.noises(5, seed=8))


def test_noises_of_many_rows_are_those_that_are_drawn_in_parts(fitted):
    made = fitted("wgan_gp")
    noise = made.noises(257)  # whose last part is so small that torch draws it another way
    assert np.array_equal(made.sample(noise=noise), made.sample(257))
    assert abs(noise.mean()) < 0.05
    assert abs(noise.std() - 1) < 0.05


def test_a_row_is_its_noises_alone(fitted):
    made = fitted("flow")
    noise = made.noises(4)
    together = made.sample(noise=noise)
    np.testing.assert_allclose(made.sample(noise=noise[2:3]), together[2:3], rtol=1e-5, atol=1e-4)
    assert not np.allclose(made.sample(noise=-noise), together)


@pytest.mark.parametrize("name", ["gan", "ddim", "flow of pictures"])
def test_a_way_begins_and_ends_with_the_rows_of_its_ends(name, fitted):
    made = fitted(name)
    a, b = made.noises(2, seed=5)
    for path in ("spherical", "straight"):
        rows = made.interpolate(a, b, n_steps=6, path=path, condition=3 if made.classes_ is not None else None)
        ends = made.sample(noise=np.stack([a, b]), condition=3 if made.classes_ is not None else None)
        assert len(rows) == 6
        np.testing.assert_allclose(rows[[0, -1]].astype(float), ends.astype(float), rtol=1e-4, atol=1)
        assert len(np.unique(rows.reshape(6, -1), axis=0)) > 2
    assert np.array_equal(rows, made.interpolate(a[None], b[None], n_steps=6, path="straight",
                                                 condition=None if made.classes_ is None else [3] * 6))  # fmt: skip


def test_a_way_on_the_sphere_is_scipys():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 6))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    ours = way(torch.tensor(3 * a)[None], torch.tensor(3 * b)[None], 7, "spherical")
    np.testing.assert_allclose(ours, 3 * geometric_slerp(a, b, np.linspace(0, 1, 7)), atol=1e-12)
    lengths = way(torch.tensor(a)[None], torch.tensor(4 * b)[None], 4, "spherical").norm(dim=1)
    np.testing.assert_allclose(lengths, [1, 2, 3, 4], rtol=1e-12)
    straight = way(torch.tensor(a)[None], torch.tensor(b)[None], 5, "straight")
    np.testing.assert_allclose(straight, np.linspace(a, b, 5), atol=1e-12)
    same = way(torch.tensor(a)[None], torch.tensor(a)[None], 3, "spherical")
    np.testing.assert_allclose(same, np.tile(a, (3, 1)), atol=1e-7)


@pytest.mark.parametrize("spec", [
    pn.model("gsn", hidden=(8,)), pn.model("ncsn", hidden=(8,), n_levels=3), pn.model("info_gan", hidden=(8,)),
    pn.model("ddpm", hidden=(8,), sampler="ddpm", n_sampled=2),
])  # fmt: skip
def test_models_that_draw_on_the_way_have_no_noises(spec):
    made = pn.Generator(spec, epochs=1, progress=False).fit(X)
    for call in (made.noises, lambda: made.sample(noise=[[0, 0]]), lambda: made.interpolate([0, 0], [1, 1])):
        with pytest.raises(pn.SettingError, match="no noise is a row's own"):
            call()


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda g: g.noises(0), pn.SettingError, "1 noise or more"),
    (lambda g: g.sample(noise=np.zeros((2, 4))), pn.DataError, r"\(n, 5\).*\(2, 4\)"),
    (lambda g: g.sample(noise=np.zeros(5)), pn.DataError, r"\(5,\)"),
    (lambda g: g.sample(noise=np.zeros((0, 5))), pn.DataError, r"\(0, 5\)"),
    (lambda g: g.sample(noise="none"), pn.DataError, "numbers"),
    (lambda g: g.sample(noise=np.full((2, 5), np.nan)), pn.DataError, "not finite"),
    (lambda g: g.sample(3, noise=np.zeros((2, 5))), pn.SettingError, "leave it out"),
    (lambda g: g.interpolate(np.ones(5), np.ones((2, 5))), pn.DataError, "b is one noise"),
    (lambda g: g.interpolate(np.ones(5), -np.ones(5)), pn.DataError, "opposite"),
    (lambda g: g.interpolate(np.zeros(5), np.ones(5)), pn.DataError, "is 0"),
    (lambda g: g.interpolate(np.ones(5), np.eye(5)[0], n_steps=1), pn.SettingError, "2 steps"),
    (lambda g: g.interpolate(np.ones(5), np.eye(5)[0], path="curved"), pn.SettingError, "curved"),
])  # fmt: skip
def test_what_is_no_noise_is_refused_in_words(fitted, call, error, words):
    with pytest.raises(error, match=words):
        call(fitted("gan"))
    with pytest.raises(pn.NotFitted):
        call(pn.Generator("gan"))
