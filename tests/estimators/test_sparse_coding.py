"""Sparse coding as a user has it, beside scikit-learn's dictionary learning."""

import itertools
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import DictionaryLearning

import parnassus as pn
from parnassus.errors import SettingError

pytestmark = pytest.mark.slow

DIGITS = load_digits().data[:200] / 16
DIGITS = DIGITS[:, DIGITS.std(0) > 0.05]
DIGITS = DIGITS - DIGITS.mean(0)
AS_IS = {"codec": pn.Table(scaling="none"), "progress": False}


def cost(codes, atoms, alpha):
    return (0.5 * np.square(DIGITS - codes @ atoms).sum(1) + alpha * np.abs(codes).sum(1)).mean()


@pytest.fixture(scope="module")
def made():
    return pn.Autoencoder(pn.model("sparse_coding", n_latent=40, alpha=0.1), **AS_IS).fit(DIGITS)


def test_the_cost_is_no_more_than_scikit_learns(made):
    theirs = DictionaryLearning(
        40, alpha=0.1, transform_algorithm="lasso_cd", fit_algorithm="cd", max_iter=40, random_state=0,
        transform_max_iter=3000,
    )  # fmt: skip
    state = np.random.get_state()  # which theirs draws from
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(DIGITS)
        found = cost(theirs.transform(DIGITS), theirs.components_, 0.1)
    np.random.set_state(state)
    ours = cost(made.encode(DIGITS), made.objective_.atoms.numpy(), 0.1)
    assert ours < 1.02 * found
    assert float(made.objective_.cost) == pytest.approx(ours, rel=0.02)
    losses = [h["loss"] for h in made.history_]
    assert all(b < a * (1 + 1e-4) for a, b in itertools.pairwise(losses))
    assert (made.encode(DIGITS) != 0).mean() < 0.4


def test_atoms_that_made_the_rows_are_found():
    rng = np.random.default_rng(0)
    true = rng.normal(size=(8, 16))
    true /= np.linalg.norm(true, axis=1, keepdims=True)
    codes = rng.normal(size=(1000, 8)) * 3 * (rng.random((1000, 8)) < 0.2)
    X = codes @ true + 0.01 * rng.normal(size=(1000, 16))
    found = pn.Autoencoder(pn.model("sparse_coding", n_latent=12, alpha=0.1), **AS_IS).fit(X).objective_.atoms.numpy()
    alike = np.abs(found @ true.T).max(0)
    assert (alike > 0.97).sum() >= 7


def test_holes_are_filled_better_than_by_means_and_what_was_seen_stays():
    rng = np.random.default_rng(1)
    hole = rng.random(DIGITS.shape) < 0.1
    spoilt = np.where(hole, np.nan, DIGITS)
    made = pn.Autoencoder(pn.model("sparse_coding", n_latent=30, alpha=0.5), progress=False).fit(spoilt)
    filled = made.impute(spoilt)
    assert np.array_equal(filled[~hole], DIGITS[~hole])
    assert np.square(filled - DIGITS)[hole].mean() < 0.6 * np.square(DIGITS[hole]).mean()


def test_odd_rows_stand_out_and_the_model_is_saved(made, tmp_path):
    odd = DIGITS[:20, ::-1]
    assert made.anomaly_score(odd).mean() > 2 * made.anomaly_score(DIGITS).mean()
    made.save(tmp_path / "s.parnassus")
    back = pn.load(tmp_path / "s.parnassus")
    np.testing.assert_array_equal(back.encode(DIGITS[:5]), made.encode(DIGITS[:5]))
    assert made.decode(made.encode(DIGITS[:5])).shape == (5, DIGITS.shape[1])


def test_pictures_and_weights_are_taken_and_more_atoms_than_rows_are_made():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (20, 8, 8), dtype=np.uint8)
    made = pn.Autoencoder(pn.model("sparse_coding", n_latent=30), epochs=3, progress=False)
    assert made.fit(pictures).reconstruct(pictures).shape == (20, 8, 8)
    weight = np.r_[np.ones(10), np.zeros(DIGITS.shape[0] - 10)]
    weighted = pn.Autoencoder(pn.model("sparse_coding", n_latent=5, alpha=0.1), **AS_IS)
    weighted.fit(DIGITS, sample_weight=weight + 1e-3)
    assert weighted.anomaly_score(DIGITS[:10]).mean() < 0.7 * weighted.anomaly_score(DIGITS[10:]).mean()


@pytest.mark.parametrize(("options", "words"), [
    ({"alpha": 0.0}, "alpha"), ({"n_latent": 0}, "n_latent"), ({"tol": -1.0}, "tol"),
])  # fmt: skip
def test_settings_that_mean_nothing_are_refused(options, words):
    with pytest.raises(SettingError, match=words):
        pn.Autoencoder(pn.model("sparse_coding", **options), progress=False).fit(DIGITS)
