"""Autoencoders over tables, pictures and series, as a user meets them."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer

import parnassus as pn
from parnassus.functional.autoencoding import principal_angles

DIGITS = (load_digits().images * 255 / 16).round().astype(np.uint8)[:600]
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(200, 3)) @ RNG.normal(size=(3, 6)) + 0.1 * RNG.normal(size=(200, 6))


def holed(X, share=0.2):
    hole = np.random.default_rng(1).random(X.shape) < share
    return np.where(hole, np.nan, X), hole


@pytest.fixture(scope="module")
def fitted():
    return pn.Autoencoder(pn.model("vae", n_latent=3), epochs=150, lr=0.004, progress=False).fit(ROWS)


@pytest.mark.slow
def test_a_linear_autoencoder_ends_in_the_space_of_the_principal_components():
    ours = pn.Autoencoder("linear_ae", epochs=150, lr=0.02, progress=False).fit(ROWS)
    Z = (ROWS - ROWS.mean(0)) / ROWS.std(0)
    theirs = torch.from_numpy(PCA(2).fit(Z).components_.T)
    weights = ours.objective_.net.decoder[0].weight.detach().double()
    assert float(principal_angles(weights, theirs).max()) < 0.05
    gram = (weights.T @ weights).numpy()
    assert abs(gram[0, 1]) > 1e-3, "its columns are not orthogonal: only the space is PCA's"


@pytest.mark.slow
def test_a_vae_fills_holes_better_than_column_means_and_keeps_what_was_observed():
    X = load_breast_cancer().data
    H, hole = holed(X)
    vae = pn.Autoencoder("vae", epochs=40, progress=False).fit(H)
    filled = vae.impute(H)

    def error(F):
        return float(np.sqrt(np.square((F - X) / X.std(0))[hole].mean()))

    assert np.array_equal(filled[~hole], H[~hole])
    assert error(filled) < 0.75 * error(SimpleImputer().fit_transform(H))
    first, second = vae.impute(H, n_draws=2, seed=3)
    assert np.array_equal(first[~hole], H[~hole])
    assert not np.allclose(first[hole], second[hole])
    assert np.array_equal(first, vae.impute(H, n_draws=1, seed=3)[0])
    spread = np.std(vae.impute(H, n_draws=8), 0)
    assert spread[~hole].max() < 1e-9 * np.abs(X).max()
    assert (spread[hole] > 1e-9).all()


def test_what_stands_in_a_hole_changes_nothing():
    H, _ = holed(ROWS)
    vae = pn.Autoencoder("vae", epochs=3, progress=False).fit(H)
    rows = vae._rows(H)
    batch = rows.take(torch.arange(20))
    told = vae.codec_.prepare(dict(batch), "vector")
    told["x"] = torch.where(told["observed"] > 0, told["x"], 99.0)
    plain = vae.codec_.prepare(dict(batch), "vector")
    with torch.no_grad(), torch.random.fork_rng():
        for ask in (vae.objective_.codes, vae.objective_.scores):
            torch.manual_seed(0)
            first = ask(plain)
            torch.manual_seed(0)
            assert torch.equal(first, ask(told))


def test_a_vae_is_saved_whole(fitted, tmp_path):
    fitted.save(tmp_path / "vae.parnassus")
    back = pn.load(tmp_path / "vae.parnassus")
    assert np.array_equal(back.encode(ROWS), fitted.encode(ROWS))
    assert back.threshold_ == fitted.threshold_
    assert np.array_equal(back.sample(3, seed=1), fitted.sample(3, seed=1))
    assert back.n_features_in_ == 6


def test_the_likelihood_bounds_of_a_vae_are_in_order(fitted):
    bound = -fitted.anomaly_score(ROWS).mean()
    assert bound < fitted.score(ROWS)
    truth = np.cov(((ROWS - ROWS.mean(0)) / ROWS.std(0)).T)
    gaussian = -0.5 * (np.linalg.slogdet(truth)[1] + 6 * np.log(2 * np.pi) + 6)
    assert fitted.score(ROWS) < gaussian + 0.3  # the rows are Gaussian: nothing describes them much better
    assert fitted.score(ROWS) > -0.5 * (6 * np.log(2 * np.pi) + 6)  # but better than columns apart


def test_odd_rows_score_above_every_training_row(fitted):
    odd = ROWS[:5].copy()
    odd[:, 0] += 8 * ROWS[:, 0].std()
    scores = fitted.anomaly_score(ROWS)
    assert fitted.threshold_ == pytest.approx(scores.max(), rel=1e-5)
    assert fitted.is_anomaly(odd).all()
    assert fitted.is_anomaly(ROWS).mean() < 0.02
    half = pn.Autoencoder("autoencoder", epochs=5, quantile=0.5, progress=False).fit(ROWS)
    assert half.is_anomaly(ROWS).mean() == pytest.approx(0.5, abs=0.01)
    full = pn.Autoencoder("autoencoder", epochs=5, progress=False).fit(ROWS)
    assert full.threshold_ == pytest.approx(full.anomaly_score(ROWS).max(), rel=1e-6)


@pytest.mark.slow
def test_windows_of_a_series_that_break_its_rhythm_are_found_by_an_lstm():
    wave = np.sin(np.arange(400) / 5)[:, None]
    windows = np.stack([wave[i : i + 30] for i in range(370)])
    found = pn.Autoencoder("lstm_ae", epochs=10, progress=False).fit(windows)
    odd = windows.copy()
    odd[5, 10:20] += 4
    assert found.is_anomaly(odd).nonzero()[0].tolist() == [5]
    assert found.decode(found.encode(windows[:2])).shape == (2, 30, 1)
    assert found.reconstruct(windows[:2]).shape == (2, 30, 1)
    assert found.compression_ == 30 / 64


@pytest.mark.slow
@pytest.mark.parametrize("model", ["vae", "autoencoder", "conv_ae", "sparse_ae", "denoising_ae", "linear_ae"])
def test_pictures_are_encoded_and_given_back(model):
    found = pn.Autoencoder(model, epochs=6, progress=False).fit(DIGITS)
    codes = found.encode(DIGITS[:4])
    assert codes.ndim == 2
    assert found.decode(codes).shape == (4, 8, 8)
    assert found.decode(codes).dtype == np.uint8
    assert found.history_[-1]["loss"] < found.history_[0]["loss"]
    metric = found.evaluate(DIGITS).headline
    assert np.isfinite(metric.value)


@pytest.mark.slow
def test_a_denoiser_brings_noisy_pictures_nearer_to_the_clean_ones():
    clean = DIGITS / 255
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 0.3, clean.shape), 0, 1)
    model = pn.model("conv_ae", channels=(32,), corruption="gaussian", level=0.3)
    found = pn.Autoencoder(model, epochs=15, progress=False, codec=pn.Image()).fit(clean[:500])
    after = found.reconstruct(noisy[500:]) / 255
    assert np.square(after - clean[500:]).mean() < 0.6 * np.square(noisy[500:] - clean[500:]).mean()


@pytest.mark.slow
def test_a_sparse_code_is_sparser_for_its_penalty():
    plain, sparse = (
        pn.Autoencoder(pn.model("sparse_ae", sparsity=s), epochs=30, lr=0.01, progress=False).fit(DIGITS)
        for s in (0.0, 1.0)
    )
    means = [found.encode(DIGITS).mean(0) for found in (plain, sparse)]
    assert np.abs(means[1] - 0.05).mean() < 0.03 < np.abs(means[0] - 0.05).mean()


@pytest.mark.slow
def test_penalties_shrink_what_they_charge():
    def size(**options):
        made = pn.model("autoencoder", hidden=(), n_latent=3, **options)
        found = pn.Autoencoder(made, epochs=40, progress=False).fit(ROWS)
        weights = torch.cat([p.detach().flatten() for p in found.objective_.parameters() if p.ndim > 1])
        return np.abs(found.encode(ROWS)).mean(), float(weights.abs().mean())

    plain = size()
    assert size(code_l1=1.0)[0] < 0.5 * plain[0]
    assert size(weights_l1=1.0)[1] < 0.9 * plain[1]
    assert size(contraction=1.0)[0] < plain[0]
    assert size(decoder="tied")[0] > 0


def test_tied_decoders_use_the_encoders_matrices(draws):
    from parnassus.models.generative.autoencoder import DenseAutoencoder

    net = DenseAutoencoder([5, 3, 2], activation="tanh", decoder="tied")
    h = torch.randn(4, 2)
    by_hand = torch.tanh(h @ net.encoder[2].weight + net.biases[0]) @ net.encoder[0].weight + net.biases[1]
    torch.testing.assert_close(net.decode(h), by_hand)
    assert sum(p.numel() for p in net.parameters()) == 5 * 3 + 3 * 2 + 3 + 2 + 3 + 5


def test_a_frame_with_holes_comes_back_as_a_frame():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=80), "b": rng.normal(size=80), "c": rng.choice(["u", "v", None], 80)})
    frame.loc[3, "a"] = np.nan
    frame.index = frame.index + 7
    filled = pn.Autoencoder("vae", epochs=3, progress=False).fit(frame).impute(frame)
    assert filled["a"].dtype == float
    assert filled.index.equals(frame.index)
    assert filled[["a", "b"]].notna().all().all()
    assert set(filled["c"][frame["c"].notna()] == frame["c"][frame["c"].notna()]) == {True}


@pytest.mark.slow
@pytest.mark.parametrize("bound", ["analytic", "sampled", "iwae"])
def test_every_bound_trains(bound):
    n_draws = 5 if bound == "iwae" else 1
    made = pn.model("vae", bound=bound, n_draws=n_draws, n_latent=3, variance="network")
    found = pn.Autoencoder(made, epochs=20, progress=False).fit(ROWS)
    assert found.history_[-1]["loss"] < found.history_[0]["loss"] - 1


@pytest.mark.slow
def test_warm_up_and_beta_weigh_the_divergence():
    def kl(**options):
        found = pn.Autoencoder(pn.model("vae", n_latent=3, **options), epochs=20, progress=False).fit(ROWS)
        with torch.no_grad(), torch.random.fork_rng():
            batch = found.codec_.prepare(found._rows(ROWS).take(torch.arange(200)), "vector")
            return float(found.objective_.evaluate(batch)["kl"])

    assert kl(beta=20.0) < 0.5 * kl() < 0.5 * kl(beta=0.1)
    assert kl(n_warm_up=10_000) > kl()


def test_interpolation_goes_from_one_row_to_the_other(fitted):
    line = fitted.interpolate(ROWS[:1], ROWS[1:2], n_steps=5)
    np.testing.assert_allclose(line[[0, -1]], fitted.reconstruct(ROWS[:2]), atol=1e-5)
    assert fitted.arithmetic(ROWS[:3], ROWS[:3], ROWS[4:6]) == pytest.approx(fitted.reconstruct(ROWS[4:6]), abs=1e-4)


def test_samples_of_a_vae_have_the_rows_moments(fitted):
    drawn = fitted.sample(4000, seed=0)
    np.testing.assert_allclose(drawn.mean(0), ROWS.mean(0), atol=0.4)
    np.testing.assert_allclose(np.corrcoef(drawn.T), np.corrcoef(ROWS.T), atol=0.25)
    assert fitted.sample(3, of="means", seed=0).shape == (3, 6)


@pytest.mark.parametrize(("call", "words"), [
    (lambda a: a.sample(0), "1 row or more"),
    (lambda a: a.sample(of="ends"), "of='rows'"),
    (lambda a: a.decode(np.zeros((2, 5))), "do not fit"),
    (lambda a: a.decode(np.zeros(3)), "codes are"),
    (lambda a: a.impute(ROWS, n_draws=0), "n_draws"),
    (lambda a: a.interpolate(ROWS[:2], ROWS[:1]), "one row"),
    (lambda a: a.interpolate(ROWS[:1], ROWS[:1], n_steps=1), "2 steps"),
])  # fmt: skip
def test_what_cannot_be_done_is_refused_in_words(fitted, call, words):
    with pytest.raises(ValueError, match=words):
        call(fitted)


@pytest.mark.parametrize(("model", "words"), [
    (("vae", {"likelihood": "bernoulli"}), "from 0 to 1"),
    (("autoencoder", {"criterion": "cross_entropy"}), "minmax"),
    (("autoencoder", {"sparsity": 1.0}), "code='sigmoid'"),
    (("autoencoder", {"contraction": 1.0}), r"hidden=\(\)"),
    (("vae", {"likelihood": "gausian"}), "gaussian"),
    (("vae", {"bound": "iwae", "beta": 2.0}), "analytic"),
    (("vae", {"hide": 1.0}), "hide"),
    (("conv_ae", {}), "in_channels"),
])  # fmt: skip
def test_what_cannot_be_fitted_is_refused_at_fit(model, words):
    with pytest.raises(ValueError, match=words):
        pn.Autoencoder(pn.model(model[0], **model[1]), epochs=1, progress=False).fit(ROWS)


def test_a_plain_autoencoder_cannot_sample_and_says_which_can():
    plain = pn.Autoencoder("autoencoder", epochs=1, progress=False).fit(ROWS)
    with pytest.raises(pn.SettingError, match="vae"):
        plain.sample(2)


def test_holes_are_refused_where_the_user_gave_a_codec_that_refuses_them():
    H, _ = holed(ROWS)
    with pytest.raises(pn.DataError, match="NaN"):
        pn.Autoencoder("vae", codec=pn.Table(), epochs=1, progress=False).fit(H)


def test_one_row_infinities_and_wrong_widths_are_answered(fitted):
    assert fitted.encode(ROWS[:1]).shape == (1, 3)
    with pytest.raises(pn.DataError):
        fitted.encode(ROWS[:, :4])
    spoilt = ROWS.copy()
    spoilt[3, 2] = np.inf
    with pytest.raises(pn.DataError, match="infinity"):
        fitted.encode(spoilt)


def test_texts_as_bags_of_words_come_back_as_numbers():
    texts = ["the cat sat", "a dog ran far", "red fish", "ünï çödé text"] * 6
    model = pn.Autoencoder("vae", epochs=2, progress=False).fit(texts)
    n_words = model.facts_["in_features"]
    assert model.reconstruct(texts[:3]).shape == (3, n_words)
    assert model.decode(model.encode(texts[:3])).shape == (3, n_words)
    assert model.sample(4).shape == (4, n_words)


@pytest.mark.parametrize("of", [lambda frame: frame, pl.from_pandas, pa.Table.from_pandas])
def test_frames_of_any_library_are_filled_in_their_own_types(of):
    rng = np.random.default_rng(0)
    whole = pd.DataFrame({
        "count": pd.array(rng.integers(0, 9, 40), dtype="Int64"),
        "open": pd.array(rng.random(40) < 0.5, dtype="boolean"),
        "kind": rng.choice(["a", "b"], 40),
        "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, 40), unit="D"),
        "x": rng.normal(size=40),
    })  # fmt: skip
    hole = rng.random(whole.shape) < 0.2
    holed = of(whole.mask(hole))
    made = pn.Autoencoder("vae", epochs=1, progress=False).fit(holed).impute(holed)
    assert type(made) is type(holed)
    types = (lambda t: list(t.dtypes)) if isinstance(made, pd.DataFrame) else (lambda t: t.schema)
    assert types(made) == types(holed)
    again = made if isinstance(made, pd.DataFrame) else made.to_pandas()
    assert not again.isna().any(axis=None)
    for i, name in enumerate(whole.columns):
        assert (again[name] == whole[name])[~hole[:, i]].all()


@pytest.mark.parametrize("colours", [(), (3,)])
def test_pictures_read_line_by_line_come_back_as_pictures(colours):
    pictures = np.random.default_rng(0).integers(0, 256, (12, 6, 5, *colours)).astype(np.uint8)
    model = pn.Autoencoder(pn.model("lstm_ae", hidden=8), epochs=1, progress=False).fit(pictures)
    back = model.reconstruct(pictures[:3])
    assert (back.shape, back.dtype) == ((3, 6, 5, *colours), np.uint8)
    np.testing.assert_array_equal(model.decode(model.encode(pictures[:3])), back)
    codec = model.codec_
    rows = codec.prepare(codec.encode(pictures).tensors, "rows")["x"]
    np.testing.assert_array_equal(codec.decode(rows), pictures)


@pytest.mark.parametrize("made", [pn.Autoencoder("vae"), pn.Generator("vae")])
def test_whole_columns_are_drawn_whole_and_means_are_not(made):
    frame = pd.DataFrame({"n": np.random.default_rng(0).integers(0, 9, 60), "x": ROWS[:60, 0], "k": ["a", "b"] * 30})
    made.set_params(epochs=1, progress=False).fit(frame)
    drawn = made.sample(20)
    assert drawn["n"].dtype == np.int64
    assert (drawn["x"] % 1 != 0).all()
    if isinstance(made, pn.Autoencoder):
        assert (made.reconstruct(frame)["n"] % 1 != 0).any()
        assert (made.sample(5, of="means")["n"] % 1 != 0).any()


@pytest.mark.parametrize("made", [
    pn.model("vae", likelihood="bernoulli"), pn.model("autoencoder", criterion="cross_entropy")
])  # fmt: skip
def test_rows_beyond_the_range_of_a_bernoulli_decoder_are_refused_in_use(made):
    model = pn.Autoencoder(made, codec=pn.Table(scaling="minmax"), epochs=2, progress=False)
    model.fit(ROWS[:100], validation=ROWS[100:])  # which may lie a little beyond
    assert np.isfinite(model.score(ROWS[:100]))
    for ask in (model.anomaly_score, model.score):
        with pytest.raises(pn.DataError, match="clip them to the range"):
            ask(ROWS * 5)
    assert model.encode(ROWS * 5).shape[0] == 200
