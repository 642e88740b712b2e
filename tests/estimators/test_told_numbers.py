"""Generators told numbers: what comes has them, in the user's units, with and without guidance."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F

import parnassus as pn
from parnassus.layers.conditioning import NumbersTold
from parnassus.models.generative.unet_diffusion import StepEmbedding

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:the generator has collapsed")]
RNG = np.random.default_rng(0)
Y = RNG.uniform(size=(600, 2)) * (1000, 0.01) + (5000, 3)  # units far apart
UNIT = (Y - Y.mean(0)) / Y.std(0)
X = np.c_[2 * UNIT[:, 0], UNIT[:, 1] - UNIT[:, 0]] + 0.2 * RNG.normal(size=(600, 2))
LIGHT = RNG.uniform(20, 230, 96)
PICTURES = (LIGHT[:, None, None] + RNG.normal(0, 8, (96, 8, 8))).clip(0, 255).astype(np.uint8)


def where(y):
    """The mean of the rows that have these numbers."""
    unit = (np.asarray(y) - Y.mean(0)) / Y.std(0)
    return np.array([2 * unit[0], unit[1] - unit[0]])


def generator(name, **options):
    training = {"epochs": 60, "batch_size": 32, "lr": 0.003, "schedule": "cosine", "progress": False}
    return pn.Generator(name, condition="numbers", **training | options)


@pytest.fixture(scope="module")
def diffusion():
    return generator("ddpm").fit(X, Y)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ddpm", "flow_matching", "gan", "gsn"])
def test_rows_come_with_the_numbers_asked_for(name, diffusion):
    more = {"epochs": 120, "average": 0.99} if name == "gan" else {}
    made = diffusion if name == "ddpm" else generator(name, **more).fit(X, Y)
    for asked in ((5250, 3.0025), (5800, 3.007)):
        drawn = made.sample(300, condition=asked, seed=1)
        np.testing.assert_allclose(drawn.mean(0), where(asked), atol=0.35)
        assert (drawn.std(0) < 0.6).all()  # of all rows together it is 2 and 1.4
    each = made.sample(300, condition=Y[:300], seed=1)
    assert np.corrcoef(each[:, 0], X[:300, 0])[0, 1] > 0.95


def test_what_is_told_is_standardised_by_the_training_rows(diffusion):
    told = diffusion.target_.encode(Y).take(torch.arange(600))["y"]
    np.testing.assert_allclose(told, UNIT, atol=1e-4)
    assert diffusion.classes_ is None


def test_numbers_of_one_row_serve_all_and_a_frame_serves_each(diffusion):
    one = diffusion.sample(4, condition=Y[0], seed=2)
    assert np.array_equal(one, diffusion.sample(4, condition=[Y[0].tolist()] * 4, seed=2))
    assert np.array_equal(one, diffusion.sample(4, condition=pd.DataFrame([Y[0]] * 4), seed=2))
    assert not np.array_equal(one, diffusion.sample(4, condition=Y[:4], seed=2))
    assert diffusion.interpolate(*diffusion.noises(2), n_steps=3, condition=Y[:3]).shape == (3, 2)


def test_it_is_saved_and_scored(diffusion, tmp_path):
    diffusion.save(tmp_path / "told.parnassus")
    back = pn.load(tmp_path / "told.parnassus")
    assert np.array_equal(back.sample(3, condition=Y[:3], seed=0), diffusion.sample(3, condition=Y[:3], seed=0))
    assert back.score(X, Y) > -0.02
    assert back.score(X, Y[::-1]) < 2 * back.score(X, Y)


def test_one_column_may_be_a_column_of_the_frame():
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "load": Y[:, 0]})
    made = generator("flow_matching", epochs=2).fit(frame, target="load")
    assert made.sample(3, condition=5100.0).shape == (3, 2)
    assert made.sample(3, condition=[5100, 5200, 5300]).shape == (3, 2)
    assert np.array_equal(made.sample(2, condition=[5100], seed=0), made.sample(2, condition=[[5100], [5100]], seed=0))


def test_guidance_leans_on_the_numbers_by_the_net_asked_with_and_without(diffusion):
    x, t = torch.randn(5, 2, generator=torch.Generator().manual_seed(0)), torch.full((5,), 9)
    made = diffusion.objective_
    told = torch.tensor(UNIT[:5], dtype=torch.float32)
    with torch.no_grad():
        given, without = made.net(x, t, told), made.net(x, t, torch.full_like(told, torch.nan))
        torch.testing.assert_close(made.said(x, t, told, 3.0), without + 3 * (given - without))
        torch.testing.assert_close(made.net(x, t), without)
    assert not torch.allclose(given, without, atol=0.01)
    hidden = torch.tensor([True, False, True, False, False])
    kept = made.untold(told, hidden)
    assert kept.isnan().all(1).tolist() == hidden.tolist()
    assert torch.equal(kept[~hidden], told[~hidden])


def test_numbers_are_embedded_by_two_layers_and_nothing_by_a_vector_of_its_own(draws):
    part = NumbersTold(2, 3).double()
    part.nothing.data = torch.tensor([7.0, 8.0, 9.0], dtype=torch.float64)
    x = torch.tensor([[0.5, -2.0], [torch.nan, 1.0]], dtype=torch.float64)
    h = x[0] @ part.inner.weight.T + part.inner.bias
    torch.testing.assert_close(part(x)[0], (h * h.sigmoid()) @ part.outer.weight.T + part.outer.bias)
    assert part(x)[1].tolist() == [7, 8, 9]
    part(x).sum().backward()
    assert all(p.grad.isfinite().all() for p in part.parameters())
    step = StepEmbedding(8, 3, n_told=2)
    alone = step.linear_2(F.silu(step.linear_1(torch.tensor([[0.0] * 4 + [1.0] * 4]))))
    torch.testing.assert_close(step(torch.tensor([0]), torch.full((1, 2), torch.nan)), alone + step.numbers.nothing)


@pytest.mark.slow
@pytest.mark.parametrize(("spec", "epochs", "apart"), [
    (pn.model("dcgan", width=4, n_noise=4), 60, 100),
    (pn.model("ddpm", channels=(12,), n_sampled=5, guidance=1.5), 20, 30),
    (pn.model("flow_matching", channels=(12,), n_sampled=5), 20, 100),
    (pn.model("dit", patch_size=4, width=16, n_layers=1, n_heads=2), 30, 25),
])  # fmt: skip
def test_pictures_are_as_light_as_asked_for(spec, epochs, apart, tmp_path):
    made = generator(spec, epochs=epochs, batch_size=16, lr=0.004, out=str(tmp_path), pictures_every=epochs)
    made.fit(PICTURES, LIGHT)
    dark, light = (made.sample(12, condition=asked, seed=0) for asked in (50, 200))
    assert dark.shape == (12, 8, 8)
    assert light.mean() - dark.mean() > apart  # asked for are 150
    assert (tmp_path / "pictures" / f"epoch_{epochs:04d}.png").exists()


@pytest.mark.parametrize(("spec", "rows"), [
    (pn.model("wgan", hidden=(8,)), X), (pn.model("wgan_gp", hidden=(8,)), X), (pn.model("gan", hidden=(8,)), X),
    (pn.model("dcgan", width=4), PICTURES), (pn.model("progan", width=4), PICTURES),
    (pn.model("stylegan", width=4, style=8, n_layers=1), PICTURES),
])  # fmt: skip
def test_both_players_are_told_the_numbers(spec, rows, draws):
    made = generator(spec, epochs=3).fit(rows[:32], Y[:32])
    game = made.objective_.eval()
    told = torch.tensor(UNIT[:4], dtype=torch.float32, requires_grad=True)
    drawn = game.rows_of(torch.randn(4, *game.noise_shape, generator=torch.Generator().manual_seed(0)), told)
    assert (torch.autograd.grad(drawn.square().sum(), told)[0] != 0).all()
    assert (torch.autograd.grad(game.critic(drawn.detach(), told).sum(), told)[0] != 0).all()


@pytest.mark.parametrize("rows", [X, PICTURES])
def test_scores_at_levels_of_noise_are_told_the_numbers(rows):
    spec = pn.model("ncsn", channels=(8,), hidden=(8,), n_levels=3, n_steps=1, guidance=2.0)
    made = generator(spec, epochs=1).fit(rows[:64], Y[:64])
    one, other = (made.sample(4, condition=at, seed=0) for at in (Y[0], Y[1]))
    assert not np.array_equal(one, other)
    assert np.array_equal(one, made.sample(4, condition=[Y[0]] * 4, seed=0))


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda g: g.sample(3), pn.SettingError, "given numbers: .* 2 of them"),
    (lambda g: g.sample(3, condition=[1.0, 2.0, 3.0]), pn.DataError, r"\(2,\), or \(3, 2\).*\(3,\)"),
    (lambda g: g.sample(3, condition=5.0), pn.DataError, r"got shape \(\)"),
    (lambda g: g.sample(3, condition=Y[:2]), pn.DataError, r"got shape \(2, 2\)"),
    (lambda g: g.sample(3, condition=[1.0, np.nan]), pn.DataError, "row 0, column 1"),
    (lambda g: g.sample(3, condition="bright"), pn.DataError, "bright"),
    (lambda g: g.score(X), pn.DataError, "y"),
])  # fmt: skip
def test_what_are_no_numbers_is_refused_in_words(diffusion, call, error, words):
    with pytest.raises(error, match=words):
        call(diffusion)


@pytest.mark.parametrize(("model", "y", "error", "words"), [
    ("ddpm", None, pn.SettingError, "columns of y"),
    ("ddpm", ["a", "b"] * 20, pn.DataError, "condition='class' for labels"),
    ("ddpm", np.r_[np.nan, Y[:39, 0]], pn.DataError, "row 0"),
    ("info_gan", Y[:40], pn.SettingError, "takes no numbers; leave y out, or choose ddpm"),
])  # fmt: skip
def test_data_that_do_not_fit_are_refused_before_training(model, y, error, words):
    made = generator(model, epochs=1)
    with pytest.raises(error, match=words):
        made.fit(X[:40], y)
    with pytest.raises(pn.NotFitted):
        made.sample(1)


def test_columns_given_as_classes_are_refused_with_the_way_to_tell_numbers():
    with pytest.raises(pn.SettingError, match="give condition='numbers' for quantities"):
        pn.Generator("gan", epochs=1).fit(np.zeros((6, 2)), np.zeros((6, 2)))
