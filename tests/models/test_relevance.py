"""Relevance vector machines as estimators: Tipping's sinc, classes from few rows, files, and what is refused."""

import numpy as np
import pytest
import torch
from sklearn.datasets import make_moons

import parnassus as pn
from parnassus.functional.bayes.relevance import relevance_regression
from parnassus.objectives.bayes.relevance import RelevanceRegression

RNG = np.random.default_rng(0)
X = np.linspace(-10, 10, 100)[:, None]
SINC = np.sinc(X[:, 0] / np.pi)
Y = 7 + 3 * (SINC + 0.1 * RNG.normal(size=100))
MOONS, TWO = make_moons(120, noise=0.2, random_state=0)
THREE = np.array(["low", "mid", "high"])[np.digitize(MOONS[:, 0] + 0.2 * RNG.normal(size=120), [0, 1])]
WAVES = 100 * np.cos(X[:, 0] / 3) + 20 * RNG.normal(size=100)
FIXED = pn.model("relevance_vector_machine", scale=0.35)


def test_tippings_sinc_is_found_with_its_noise_from_a_few_rows():
    fitted = pn.Regressor(FIXED).fit(X, Y)
    kept = fitted.objective_
    assert kept.n_vectors < 10
    assert kept.settings == {"scale": 0.35, "vectors": kept.n_vectors}
    rows = torch.from_numpy((X - X.mean()) / X.std())
    assert all(((rows - vector).abs() < 1e-5).all(1).any() for vector in kept.vectors)
    assert fitted.predict(X) == pytest.approx(7 + 3 * SINC, abs=0.35)
    found = fitted.uncertainty(X)
    assert found.aleatoric == pytest.approx(0.3, abs=0.05)
    assert found.total == pytest.approx(np.hypot(found.aleatoric, found.epistemic))
    low, high = fitted.predict_interval(X, level=0.9).T
    assert np.mean((low <= Y) & (high >= Y)) == pytest.approx(0.9, abs=0.07)


def test_answers_are_those_of_the_posterior_over_the_rows_kept():
    kept = pn.Regressor(FIXED).fit(X, Y).objective_
    rows = torch.linspace(-2, 2, 7)[:, None]
    basis = kept.basis(rows.double(), kept.vectors, 0.35)
    mean, variance, noise = kept.moments({"x": rows})
    torch.testing.assert_close(mean, basis @ kept.w)
    torch.testing.assert_close(variance[:, 0], (basis @ kept.covariances[0] * basis).sum(1))
    train = torch.from_numpy((X - X.mean()) / X.std()).float().double()
    design = kept.basis(train, kept.vectors, 0.35)
    own = kept.w[:, 0] != 0  # the column of ones may be left out
    y = torch.from_numpy((Y - Y.mean()) / Y.std()).float().double()
    expected = kept.covariances[0][own][:, own] @ design[:, own].T @ y / noise[0]
    torch.testing.assert_close(kept.w[own, 0], expected, rtol=1e-6, atol=1e-8)


def noisy(n, d, seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n + 400, d))
    return rows, rows[:, 0] + rng.normal(size=n + 400)


@pytest.mark.slow
def test_scales_are_compared_by_rows_that_the_model_did_not_see_and_not_by_the_evidence():
    x, y = (torch.from_numpy(part[:40]) for part in noisy(40, 5, 0))
    machine, weight = RelevanceRegression(5, 1, kernel="rbf", scale=None), torch.ones(40).double()
    narrow, wide = (machine.found(x, y[:, None], weight, scale)[0].log_evidence for scale in (0.1, 6.0))
    assert narrow > wide
    assert machine.held_out(x, y[:, None], weight, 0.1) < machine.held_out(x, y[:, None], weight, 6.0)
    places = torch.empty(40, dtype=torch.int64)
    places[y.argsort()] = torch.arange(40)
    total = 0.0
    for fold in range(5):
        seen, new = x[places % 5 != fold], x[places % 5 == fold]
        basis = torch.cat([(-(torch.cdist(seen, seen) ** 2) / 72).exp(), torch.ones(32, 1).double()], 1)
        found = relevance_regression(basis, y[places % 5 != fold])
        around = torch.cat([(-(torch.cdist(new, seen) ** 2) / 72).exp(), torch.ones(8, 1).double()], 1)[:, found.kept]
        spread = (around @ found.covariance @ around.T).diagonal() + found.noise
        law = torch.distributions.Normal(around @ found.mean, spread.sqrt())
        total += float(law.log_prob(y[places % 5 == fold]).sum())
    assert machine.held_out(x, y[:, None], weight, 6.0) == pytest.approx(
        total, abs=0.05
    )  # other roundings, other last steps


@pytest.mark.slow
@pytest.mark.parametrize(("n", "d"), [(80, 5), (80, 2), (300, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_intervals_hold_and_few_rows_are_kept_where_the_scale_is_not_given(n, d, seed):
    rows, y = noisy(n, d, seed)
    fitted = pn.Regressor("relevance_vector_machine").fit(rows[:n], y[:n])
    low, high = fitted.predict_interval(rows[n:], level=0.95).T
    assert np.mean((low <= y[n:]) & (y[n:] <= high)) >= 0.85
    assert fitted.objective_.n_vectors <= 8
    assert fitted.uncertainty(rows[:1]).aleatoric == pytest.approx(1, abs=0.2)


@pytest.mark.slow
def test_a_wave_keeps_a_scale_that_shows_it():
    fitted = pn.Regressor("relevance_vector_machine").fit(X, Y)
    assert 0.2 < fitted.objective_.settings["scale"] < 1
    assert fitted.predict(X) == pytest.approx(7 + 3 * SINC, abs=0.6)
    assert fitted.uncertainty(X).aleatoric == pytest.approx(0.3, abs=0.06)
    told = pn.Classifier("relevance_vector_machine").fit(MOONS, TWO)
    rows, labels = make_moons(400, noise=0.2, random_state=1)
    assert told.score(rows, labels) > 0.93
    assert told.objective_.n_vectors < 15


def test_a_machine_that_repeats_its_rows_says_so():
    rows, y = noisy(30, 5, 0)
    narrow = pn.model("relevance_vector_machine", scale=0.1)
    with pytest.warns(pn.DataWarning, match=r"kept \d\d of 30 rows.*larger scale than 0.1"):
        pn.Regressor(narrow).fit(rows[:30], y[:30])
    bump = np.exp(-0.5 * ((X[:, 0] - X[40, 0]) / X.std() / 0.35) ** 2)
    with pytest.warns(pn.DataWarning, match="a relevance vector machine found no noise"):
        pn.Regressor(FIXED).fit(X, bump)


@pytest.mark.parametrize("y", [TWO, THREE], ids=["two", "three"])
def test_classes_are_told_from_few_rows_and_files_answer_alike(y, tmp_path):
    fitted = pn.Classifier(pn.model("relevance_vector_machine", scale=0.7)).fit(MOONS, y)
    assert fitted.score(MOONS, y) > 0.85
    assert fitted.objective_.n_vectors < 25
    p = fitted.predict_proba(MOONS)
    assert p.sum(1) == pytest.approx(1, abs=1e-6)
    assert -np.log(p[np.arange(120), np.searchsorted(fitted.classes_, y)]).mean() < 0.4
    found = fitted.uncertainty(MOONS)
    assert (found.epistemic >= 0).all()
    assert found.total == pytest.approx(-(p * np.log(p)).sum(1), abs=0.02)
    fitted.save(tmp_path / "machine.parnassus")
    again = pn.load(tmp_path / "machine.parnassus")
    np.testing.assert_array_equal(again.predict_proba(MOONS), p)
    assert again.objective_.settings == fitted.objective_.settings


def test_several_columns_of_y_share_rows_and_have_their_own_noise(tmp_path):
    both = np.stack([Y, WAVES], 1)
    fitted = pn.Regressor(FIXED).fit(X, both)
    assert fitted.uncertainty(X).aleatoric[0] == pytest.approx([0.3, 20], rel=0.25)
    fitted.save(tmp_path / "machine.parnassus")
    again = pn.load(tmp_path / "machine.parnassus")
    np.testing.assert_array_equal(again.predict(X, return_std=True), fitted.predict(X, return_std=True))


def test_what_cannot_be_is_refused():
    for options, words in (
        ({"kernel": "rfb"}, "no kernel 'rfb'; did you mean 'rbf'"),
        ({"scale": 0.0}, "a number above 0, or None; got 0.0"),
        ({"scale": "a"}, "a number above 0, or None; got 'a'"),
        ({"scale": True}, "a number above 0, or None; got True"),
        ({"scale": float("nan")}, "a number above 0"),
        ({"kernel": "linear", "scale": 2.0}, "has no scale"),
    ):
        with pytest.raises(pn.SettingError, match=words):
            pn.Regressor(pn.model("relevance_vector_machine", **options)).fit(X, Y)
    rows = np.arange(3100.0)[:, None]
    with pytest.raises(pn.DataError, match="3,000 rows at most"):
        pn.Regressor(FIXED).fit(rows, np.sin(rows[:, 0]))
    with pytest.raises(pn.DataError, match="0 in every row"):
        pn.Regressor(FIXED).fit(X, np.full(100, 4.0))
