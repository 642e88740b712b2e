"""Holes of pictures and sequences: filled from what is observed, which stays as it was."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import parnassus as pn
from parnassus.models.generative.autoencoder import DenseAutoencoder
from parnassus.models.generative.mae import mae
from parnassus.models.generative.vae import DenseVAE
from parnassus.objectives.generative.autoencoder import Reconstruction
from parnassus.objectives.generative.vae import Variational

DIGITS = (load_digits().images * 255 / 16).round().astype(np.uint8)[:400]
HOLE = np.zeros(DIGITS.shape, dtype=bool)
HOLE[:, 2:4, 3:6] = True
TIMES = np.arange(24)
WAVES = np.stack([np.stack([np.sin((TIMES + i) / 4), 5 + np.cos((TIMES + i) / 4)], 1) for i in range(200)])
GAP = np.zeros(WAVES.shape, dtype=bool)
GAP[:, 8:12] = True
FEW = {"epochs": 2, "progress": False}


def off(made, true, hole):
    return float(np.sqrt(np.square(np.asarray(made, dtype=float) - true)[hole].mean()))


@pytest.fixture(scope="module")
def seer():
    model = pn.model("vae", likelihood="bernoulli", hidden=(64,))
    return pn.Autoencoder(model, epochs=15, lr=0.003, progress=False).fit(DIGITS)


def linear_vae(draws, noise):
    """x = W z + b + noise: its law given some entries is Gaussian and known."""
    net = DenseVAE(5, (), 2, activation="tanh", variance="feature").double()
    with torch.no_grad():
        W = net.made.weight.copy_(torch.randn(5, 2, dtype=torch.float64))
        b = net.made.bias.copy_(torch.randn(5, dtype=torch.float64))
        net.features.fill_(2 * np.log(noise))
        back = torch.linalg.solve(W.T @ W / noise**2 + torch.eye(2, dtype=torch.float64), W.T / noise**2)
        net.mean.weight.copy_(back)
        net.mean.bias.copy_(-back @ b)
        net.log_variance.weight.zero_()
        precision = (W.T @ W / noise**2 + torch.eye(2, dtype=torch.float64)).diagonal()
        net.log_variance.bias.copy_(-precision.log() + 1.0)  # wider than the posterior of whole rows
    return Variational(net).eval(), W, b


def test_a_vae_draws_what_is_missing_from_the_closed_form_of_a_linear_gaussian(draws):
    noise = 0.5
    vae, W, b = linear_vae(draws, noise)
    x = torch.tensor([[1.0, -0.5, 99.0, 0.7, -99.0]], dtype=torch.float64)
    observed = torch.tensor([[1.0, 1.0, 0.0, 1.0, 0.0]], dtype=torch.float64)
    seen, gone = [0, 1, 3], [2, 4]
    cov = W @ W.T + noise**2 * torch.eye(5, dtype=torch.float64)
    gain = cov[gone][:, seen] @ torch.linalg.inv(cov[seen][:, seen])
    mean = b[gone] + gain @ (x[0, seen] - b[seen])
    left = cov[gone][:, gone] - gain @ cov[seen][:, gone]
    batch = {"x": x.expand(4000, -1), "observed": observed.expand(4000, -1)}
    with torch.no_grad():
        drawn, expected = vae.imputed(batch)[:, gone], vae.expected(batch)[:, gone]
    torch.testing.assert_close(expected.mean(0), mean, atol=0.03, rtol=0)
    torch.testing.assert_close(drawn.mean(0), mean, atol=0.06, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), left, atol=0.09, rtol=0.1)


def test_other_models_rebuild_a_row_and_once_more_from_what_they_made(draws):
    net = DenseAutoencoder([4, 2], activation="linear").double()
    x, observed = torch.randn(3, 4, dtype=torch.float64), torch.ones(3, 4, dtype=torch.float64)
    observed[:, 1] = 0
    with torch.no_grad():
        found = Reconstruction(net).imputed({"x": x, "observed": observed})
        once = net.decode(net.encode(x))
        by_hand = net.decode(net.encode(torch.cat([x[:, :1], once[:, 1:2], x[:, 2:]], 1)))
    torch.testing.assert_close(found, by_hand)


def test_a_masked_autoencoder_tells_patches_with_holes_from_those_without(draws):
    made = mae(in_channels=1, image_size=(8, 8), patch_size=4, n_layers=1, decoder_layers=1, share=0.5).eval()
    x, observed = torch.rand(3, 1, 8, 8), torch.ones(3, 1, 8, 8)
    observed[0, 0, 1, 1] = observed[1, 0, 5, 6] = observed[1, 0, 0, 7] = 0
    observed[2] = 0
    with torch.no_grad():
        first = made.imputed({"x": x, "observed": observed})
        other = made.imputed({"x": torch.where(observed > 0, x, 7.0), "observed": observed})
        told = made.said(x[:1], torch.tensor([[1, 2, 3, 0]]), 3)
    torch.testing.assert_close(first, other)
    torch.testing.assert_close(first[0, 0, :4, :4], told[0, 0].view(4, 4))


@pytest.mark.slow
@pytest.mark.parametrize("model", ["vae", "conv_ae", "autoencoder", "vq_vae", "sparse_coding"])
def test_missing_pixels_are_filled_better_than_with_the_mean_picture(model):
    options = {"likelihood": "bernoulli"} if model == "vae" else {}
    epochs = {} if model == "sparse_coding" else {"epochs": 30}
    net = pn.Autoencoder(pn.model(model, **options), progress=False, **epochs).fit(DIGITS[:300])
    true, hole = DIGITS[300:], HOLE[300:]
    made = net.impute(true, missing=hole)
    mean = np.broadcast_to(DIGITS[:300].mean(0), true.shape)
    assert off(made, true, hole) < 0.9 * off(mean, true, hole)
    assert (made.shape, made.dtype) == (true.shape, true.dtype)
    np.testing.assert_array_equal(made[~hole], true[~hole])


def test_pictures_come_back_in_the_form_in_which_they_were_given(seer):
    bytes_of = seer.impute(DIGITS, missing=HOLE)
    assert off(bytes_of, DIGITS, HOLE) < 0.85 * off(np.broadcast_to(DIGITS.mean(0), DIGITS.shape), DIGITS, HOLE)
    floats = np.where(HOLE, np.nan, DIGITS / 255)
    from_floats = seer.impute(floats)
    np.testing.assert_array_equal(from_floats[~HOLE], floats[~HOLE])
    np.testing.assert_allclose(from_floats[HOLE], bytes_of[HOLE] / 255)
    np.testing.assert_array_equal(seer.impute(np.ma.array(DIGITS, mask=HOLE)), bytes_of)
    tensor = torch.from_numpy(floats)[:, None]
    assert torch.equal(seer.impute(tensor)[:, 0], torch.from_numpy(from_floats))
    assert seer.impute((DIGITS[:3] > 99), missing=HOLE[:3]).dtype == bool
    np.testing.assert_array_equal(seer.impute(list(DIGITS), missing=HOLE), bytes_of)
    np.testing.assert_array_equal(seer.impute(DIGITS[:2]), DIGITS[:2])


def test_draws_of_pictures_differ_in_their_holes_alone_and_are_those_of_the_seed(seer):
    first, second = seer.impute(DIGITS[:30], missing=HOLE[:30], n_draws=2, seed=3)
    assert (first != second)[HOLE[:30]].any()
    np.testing.assert_array_equal(first[~HOLE[:30]], DIGITS[:30][~HOLE[:30]])
    np.testing.assert_array_equal(first, seer.impute(DIGITS[:30], missing=HOLE[:30], n_draws=1, seed=3)[0])


@pytest.mark.parametrize("model", ["vae", "conv_ae", "lstm_ae", "vq_vae", "mae"])
def test_what_stands_in_a_hole_of_a_picture_is_scored_by_nobody(model, tmp_path):
    colours = np.random.default_rng(0).random((30, 8, 6, 3)).astype(np.float32)
    colours[:, 1:3, 2] = np.nan
    options = {"n_layers": 1} if model == "mae" else {}
    net = pn.Autoencoder(pn.model(model, **options), **FEW).fit(colours)
    net.save(tmp_path / "holed.parnassus")
    back = pn.load(tmp_path / "holed.parnassus")
    made = back.impute(colours)
    np.testing.assert_array_equal(made, net.impute(colours))
    assert not np.isnan(made).any()
    batch = net.codec_.prepare(net._rows(colours).take(torch.arange(9)), net.view_)
    seen = batch["observed"]
    holes = torch.from_numpy(np.isnan(colours[:9]))
    assert torch.equal(seen == 0, holes.permute(0, 3, 1, 2) if net.view_ == "image" else holes.view(seen.shape))
    if model in ("vq_vae", "mae"):
        with torch.no_grad():
            errors = (net.objective_.rebuilt(batch) - batch["x"]).square() * seen
            torch.testing.assert_close(net.objective_.scores(batch), errors.flatten(1).sum(1) / seen.flatten(1).sum(1))


def test_holes_of_pictures_hold_the_mean_of_those_that_show_the_pixel():
    pictures = np.array([[[0.2, 0.4]], [[0.6, np.nan]], [[np.nan, np.nan]]])[..., None]
    codec = pn.Image().with_holes().fit(pictures)
    x = codec.prepare(codec.encode(pictures).take(torch.arange(3)), "image")["x"]
    back = codec.decode(x)[:, 0] / 255
    np.testing.assert_allclose(back, [[0.2, 0.4], [0.6, 0.4], [0.4, 0.4]], atol=0.003)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["lstm_ae", "vae"])
def test_missing_steps_are_filled_better_than_with_the_mean(model):
    net = pn.Autoencoder(model, epochs=30, progress=False).fit(WAVES[:150])
    true, gap = WAVES[150:], GAP[150:]
    holed = np.where(gap, np.nan, true)
    made = net.impute(holed)
    assert off(made, true, gap) < 0.4 * off(np.broadcast_to(WAVES[:150].mean((0, 1)), true.shape), true, gap)
    np.testing.assert_array_equal(made[~gap], true[~gap])
    np.testing.assert_array_equal(net.impute(true, missing=gap[:, :, 0]), made)


def test_series_with_gaps_are_learned_from_and_filled_row_by_row(tmp_path):
    rng = np.random.default_rng(0)
    rows = [WAVES[i, : 24 - i % 5].copy() for i in range(60)]
    for row in rows:
        row[rng.random(row.shape) < 0.2] = np.nan
    net = pn.Autoencoder(pn.model("lstm_ae", hidden=8), **FEW).fit(rows)
    whole = np.concatenate(rows)
    np.testing.assert_allclose(net.codec_.mean, np.nanmean(whole, 0))
    np.testing.assert_allclose(net.codec_.deviation, np.nanstd(whole, 0))
    made = net.impute(rows)
    for own, new in zip(rows, made, strict=True):
        assert own.shape == new.shape
        np.testing.assert_array_equal(new[~np.isnan(own)], own[~np.isnan(own)])
        assert not np.isnan(new).any()
    assert np.isfinite(net.anomaly_score(rows)).all()
    assert np.isfinite(net.evaluate(rows).headline.value)
    net.save(tmp_path / "gaps.parnassus")
    np.testing.assert_array_equal(pn.load(tmp_path / "gaps.parnassus").impute(rows)[7], made[7])
    line = pn.Autoencoder(pn.model("lstm_ae", hidden=8), **FEW).fit(list(WAVES[:20, :, :1]))
    steps = np.zeros(24, dtype=bool)
    steps[3:5] = True
    assert line.impute([WAVES[0, :, 0]], missing=[steps])[0].shape == (24,)


def test_what_a_net_says_of_a_sequence_does_not_depend_on_what_stands_in_its_holes():
    net = pn.Autoencoder(pn.model("vae", n_latent=2), **FEW).fit(np.where(GAP, np.nan, WAVES))
    batch = net.codec_.prepare(net._rows(np.where(GAP, np.nan, WAVES)).take(torch.arange(5)), "vector")
    spoilt = batch | {"x": torch.where(batch["observed"] > 0, batch["x"], 50.0)}
    with torch.no_grad():
        assert torch.equal(net.objective_.scores(batch), net.objective_.scores(spoilt))


def test_models_of_earlier_versions_fill_holes_too(seer):
    codec = pn.Image.from_state({k: v for k, v in seer.codec_.state().items() if k not in ("holed", "usual")})
    assert (codec.holed, codec.usual) == (False, None)
    own, seer.codec_ = seer.codec_, codec
    try:
        made = seer.impute(DIGITS, missing=HOLE)
    finally:
        seer.codec_ = own
    assert off(made, DIGITS, HOLE) < 0.85 * off(np.broadcast_to(DIGITS.mean(0), DIGITS.shape), DIGITS, HOLE)


TEXTS = ["the cat sat", "a dog ran far", "red fish"] * 6


@pytest.mark.parametrize(("call", "words"), [
    (lambda: pn.Autoencoder("vae", **FEW).fit(TEXTS).impute(TEXTS), r"LanguageModel\('bert'\)\.fill"),
    (lambda: pn.Autoencoder(pn.model("text_ae", hidden=4), **FEW).fit(TEXTS).impute(TEXTS), "words in an order"),
    (lambda: pn.Autoencoder("vae", codec=pn.Image(augment="shift"), **FEW).fit(np.where(HOLE, np.nan, DIGITS / 255)),
     "augment="),
    (lambda: pn.Autoencoder("vae", codec=pn.Table(), **FEW).fit(WAVES[:, 0]).impute(WAVES[:, 0]), "codec=None"),
    (lambda: pn.Autoencoder("lstm_ae", **FEW).fit(np.where(WAVES > 4, np.nan, WAVES)), "feature 1 is missing"),
    (lambda: pn.Autoencoder("lstm_ae", **FEW).fit(np.where(GAP, np.inf, WAVES)), "step 8"),
])  # fmt: skip
def test_what_has_no_sense_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize(("missing", "words"), [
    (HOLE.astype(int), "booleans"), (HOLE[:, :5], "a flag an entry"), (HOLE[:3], "a flag an entry"),
])  # fmt: skip
def test_flags_that_do_not_fit_are_refused(seer, missing, words):
    with pytest.raises(pn.DataError, match=words):
        seer.impute(DIGITS, missing=missing)
