"""Densities of rows: equal to scikit-learn's mixtures, PCA and factor analysis from the same start."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.decomposition import FactorAnalysis as Theirs
from sklearn.mixture import GaussianMixture as SKMixture

import parnassus as pn

SHAPES = ("full", "tied", "diag", "spherical")


def clouds(n=120, seed=0):
    """Three clouds in three columns, of float32's precision so that both sides see the same numbers."""
    rng = np.random.default_rng(seed)
    parts = [rng.normal(c, s, (n, 3)) for c, s in ((0, 1), (4, 0.7), ((-4, 3, 0), 1.5))]
    return np.concatenate(parts).astype(np.float32).astype(np.float64)


X = clouds()
START = X[[10, 150, 300]]


def same_start(shape, *, max_iter=100, tol=1e-3, reg_covar=1e-6):
    """Their mixture and ours from equal weights, three rows as means, and the pooled covariance."""
    pooled = np.cov(X.T, bias=True) + reg_covar * np.eye(3)
    covariance = {"full": np.stack([pooled] * 3), "tied": pooled, "diag": np.stack([np.diag(pooled)] * 3)}.get(
        shape, np.full(3, np.diag(pooled).mean())
    )
    precisions = np.linalg.inv(covariance) if shape in ("full", "tied") else 1 / covariance
    theirs = SKMixture(
        3,
        covariance_type=shape,
        means_init=START,
        weights_init=np.full(3, 1 / 3),
        precisions_init=precisions,
        tol=tol,
        max_iter=max_iter,
        reg_covar=reg_covar,
    )
    given = tuple(map(tuple, START.tolist()))
    model = pn.model("gmm", n_components=3, covariance_type=shape, means=given, tol=tol, reg_covar=reg_covar)
    return theirs, pn.Density(model, epochs=max_iter)


@pytest.mark.parametrize("shape", SHAPES)
def test_em_from_the_same_start_is_scikit_learns(shape):
    theirs, ours = same_start(shape)
    theirs.fit(X)
    ours.fit(X)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.converged_
    np.testing.assert_allclose(ours.weights_, theirs.weights_, atol=1e-10)
    np.testing.assert_allclose(ours.means_, theirs.means_, atol=1e-10)
    np.testing.assert_allclose(ours.covariances_, theirs.covariances_, atol=1e-10)
    np.testing.assert_allclose(ours.lower_bound_, theirs.lower_bound_, rtol=1e-10)
    np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), atol=1e-9)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-9)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.score(X) == pytest.approx(theirs.score(X), rel=1e-10)
    assert ours.bic(X) == pytest.approx(theirs.bic(X), rel=1e-10)
    assert ours.aic(X) == pytest.approx(theirs.aic(X), rel=1e-10)


@pytest.mark.filterwarnings("ignore:Best performing initialization did not converge")
@pytest.mark.parametrize("shape", SHAPES)
def test_one_step_of_em_is_scikit_learns(shape):
    theirs, ours = same_start(shape, max_iter=1)
    theirs.fit(X)
    ours.fit(X)
    np.testing.assert_allclose(ours.covariances_, theirs.covariances_, atol=1e-10)
    assert not ours.converged_


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("micro", [1, 7, 100])
def test_rows_cut_for_memory_give_the_same_mixture(shape, micro):
    whole, cut = (same_start(shape)[1] for _ in range(2))
    whole.fit(X)
    cut.set_params(micro_batch_size=micro).fit(X)
    assert whole.n_iter_ == cut.n_iter_
    np.testing.assert_allclose(whole.means_, cut.means_, atol=1e-9)
    np.testing.assert_allclose(whole.covariances_, cut.covariances_, atol=1e-9)
    np.testing.assert_allclose([h["loss"] for h in whole.history_], [h["loss"] for h in cut.history_], rtol=1e-9)


def test_a_table_larger_than_memory_gives_the_same_mixture(tmp_path):
    pd.DataFrame(X, columns=list("abc")).to_csv(tmp_path / "rows.csv", index=False)
    ours = pn.GaussianMixture(n_components=3, seed=1)
    held, streamed = ours.fit(tmp_path / "rows.csv").means_, pn.GaussianMixture(n_components=3, seed=1, memory=2_000)
    streamed.set_params(micro_batch_size=50).fit(tmp_path / "rows.csv")
    np.testing.assert_allclose(streamed.means_, held, atol=1e-6)


def test_the_log_likelihood_never_falls():
    ours = same_start("full", tol=0.0, max_iter=60)[1].fit(X)
    losses = [h["loss"] for h in ours.history_]
    assert len(losses) > 20
    assert all(b <= a + 1e-9 for a, b in pairwise(losses))


def test_starts_side_by_side_are_never_worse_than_one_of_them():
    alone = pn.GaussianMixture(n_components=5, seed=3, tol=1e-4).fit(X)
    several = pn.GaussianMixture(n_components=5, n_init=6, seed=3, tol=1e-4).fit(X)
    assert several.objective_.log_likelihood.shape == (6,)
    assert several.lower_bound_ == float(several.objective_.log_likelihood.max())
    assert several.score(X) >= alone.score(X) - 1e-3


def test_a_row_of_weight_two_is_that_row_twice():
    weight = np.ones(len(X))
    weight[:50] = 2
    once = same_start("full")[1].fit(X, sample_weight=weight)
    given = once.get_params()["model"]
    again = pn.Density(given).fit(np.concatenate([X, X[:50]]))
    # the start's pooled covariance is that of the weighted rows, so that both begin alike
    np.testing.assert_allclose(once.means_, again.means_, atol=1e-6)
    assert once.score(X, sample_weight=weight) == pytest.approx(np.average(once.score_samples(X), weights=weight))


def test_a_single_gaussian_is_the_likeliest_one():
    ours = pn.Density(reg_covar=0.0).fit(X)
    expected = stats.multivariate_normal(X.mean(0), np.cov(X.T, bias=True)).logpdf(X)
    np.testing.assert_allclose(ours.log_density(X), expected, rtol=1e-9)


def test_samples_have_the_moments_of_the_mixture():
    ours = same_start("full")[1].fit(X)
    drawn = ours.sample(20_000, seed=1)
    assert drawn.shape == (20_000, 3)
    np.testing.assert_allclose(drawn.mean(0), X.mean(0), atol=0.1)  # an EM fixed point has the rows' mean
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(X.T), atol=0.35)
    np.testing.assert_array_equal(drawn, ours.sample(20_000, seed=1))
    assert (drawn[:5] != ours.sample(5, seed=2)).any()


def test_saved_and_loaded_says_the_same(tmp_path):
    for model, data in (("gmm", X), ("ppca", X), ("factor_analysis", X)):
        ours = pn.Density(model, n_components=2).fit(data)
        loaded = pn.load(ours.save(tmp_path / model) and tmp_path / model)
        np.testing.assert_array_equal(loaded.score_samples(X), ours.score_samples(X))
        np.testing.assert_array_equal(loaded.sample(3), ours.sample(3))


def test_interrupted_and_resumed_is_the_whole_run(tmp_path):
    settings = {"n_components": 4, "tol": 0.0, "seed": 2}
    whole = pn.Density(**settings, epochs=12).fit(X)
    state = {}

    class Killed(Exception):
        pass

    from parnassus.train.checkpoint import Checkpoint

    ours, stepped = pn.Density(**settings, epochs=12, out=tmp_path), Checkpoint.epoch

    def die(self, trainer, summary):
        stepped(self, trainer, summary)
        if trainer.step == 5 and not state:
            state["struck"] = True
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "epoch", die)
        with pytest.raises(Killed):
            ours.fit(X)
    resumed = ours.set_params(resume=True).fit(X)
    np.testing.assert_array_equal(resumed.means_, whole.means_)
    np.testing.assert_array_equal(resumed.covariances_, whole.covariances_)


def test_ppca_is_scikit_learns_pca_density():
    theirs, ours = PCA(2).fit(X), pn.Density("ppca", n_components=2).fit(X)
    np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), atol=1e-9)
    assert float(ours.objective_.noise[0]) == pytest.approx(theirs.noise_variance_, rel=1e-9)
    # Tipping and Bishop: the hidden values are the projections, shrunk by (1 - noise / lambda) and to unit variance
    values = theirs.explained_variance_
    expected = np.abs(theirs.transform(X) * np.sqrt(values - theirs.noise_variance_) / values)
    np.testing.assert_allclose(np.abs(ours.transform(X)), expected, atol=1e-8)


def test_factor_analysis_is_scikit_learns():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 5)) + rng.normal(size=(200, 5)) * [0.3, 0.5, 0.1, 1, 0.7]
    rows = rows.astype(np.float32).astype(np.float64)
    theirs, ours = Theirs(2, svd_method="lapack").fit(rows), pn.Density("factor_analysis", n_components=2).fit(rows)
    np.testing.assert_allclose(ours.score_samples(rows), theirs.score_samples(rows), atol=1e-7)
    np.testing.assert_allclose(ours.objective_.noise, theirs.noise_variance_, rtol=1e-7)
    np.testing.assert_allclose(np.abs(ours.transform(rows)), np.abs(theirs.transform(rows)), atol=1e-6)
    np.testing.assert_allclose(np.cov(ours.sample(20_000).T), theirs.get_covariance(), atol=0.15)


def test_a_frame_with_categories_has_a_density_and_samples_in_its_own_terms():
    frame = pd.DataFrame({"size": X[:, 0], "kind": np.where(X[:, 1] > 2, "big", "small")})
    ours = pn.Density(n_components=2, reg_covar=1e-3).fit(frame)
    assert np.isfinite(ours.score_samples(frame)).all()
    assert set(ours.sample(5)["kind"]) <= {"big", "small"}


def test_ellipses_are_drawn_of_two_columns():
    ours = pn.GaussianMixture(n_components=2).fit(X[:, :2])
    figure = ours.plot(X[:, :2])
    assert len(figure.axes[0].lines) == 4  # one and two deviations of each
    with pytest.raises(pn.DataError, match="two columns"):
        pn.GaussianMixture(n_components=2).fit(X).plot()


def test_a_huge_offset_changes_nothing_but_rounding():
    rows = (X * 16).round() / 16  # exact in float32 with the offset
    near = pn.GaussianMixture(n_components=3, seed=0).fit(rows)
    far = pn.GaussianMixture(n_components=3, seed=0).fit(rows + 4096)
    np.testing.assert_allclose(far.means_ - 4096, near.means_, atol=1e-8)
    np.testing.assert_allclose(far.covariances_, near.covariances_, atol=1e-7)


# --- bad input ------------------------------------------------------------------------------------


def test_fewer_rows_than_components_are_refused():
    with pytest.raises(pn.DataError, match="3 rows cannot hold 5 components"):
        pn.GaussianMixture(n_components=5).fit(X[:3])


def test_columns_that_depend_on_each_other_are_held_by_the_floor():
    rows = np.concatenate([X[:, :1], X[:, :1], X[:, 1:2]], 1)
    assert np.isfinite(pn.GaussianMixture(n_components=2).fit(rows).score(rows))
    with pytest.raises(pn.DataError, match="not positive definite"):
        pn.GaussianMixture(n_components=2, reg_covar=0.0).fit(rows)


def test_a_column_that_never_varies_is_left_out_with_a_warning():
    with pytest.warns(pn.DataWarning, match="column"):
        ours = pn.GaussianMixture(n_components=2).fit(np.concatenate([X, np.ones((len(X), 1))], 1))
    assert ours.means_.shape == (2, 3)


def test_a_component_without_rows_is_repaired_and_reported():
    far = ((0.0, 0.0, 0.0), (4.0, 4.0, 4.0), (1e4, 1e4, 1e4))
    with pytest.warns(pn.DataWarning, match=r"component 2 .* left without rows"):
        ours = pn.Density(pn.model("gmm", n_components=3, covariance_type="diag", means=far)).fit(X)
    assert int(ours.objective_.n_repaired) > 0
    assert ours.weights_.min() > 1e-3
    assert np.isfinite(ours.score(X))


def test_a_log_likelihood_that_falls_is_an_error_that_names_the_iteration(monkeypatch):
    from parnassus.functional.covariances import Full

    honest = Full.covariances

    def broken(self, counts, sums, extra, floor):
        return honest(self, counts, sums, extra, floor) * 9

    ours = same_start("full", tol=0.0)[1].fit(X)
    monkeypatch.setattr(Full, "covariances", broken)
    with pytest.raises(pn.Diverged, match=r"EM iteration \d+: the mean log-likelihood fell"):
        ours.fit(X)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_components": 0}, "1 or more"),
        ({"covariance_type": "ful"}, "did you mean 'full'"),
        ({"tol": -1.0}, "0 or more"),
        ({"means": ((0.0, 1.0),)}, "means is"),
        ({"init": "kmean"}, "did you mean 'kmeans'"),
    ],
)
def test_options_out_of_range_are_refused(options, words):
    with pytest.raises(pn.SettingError, match=words):
        pn.Density(pn.model("gmm", **options)).fit(X)


def test_a_model_without_components_says_so():
    ours = pn.Density("ppca", n_components=1).fit(X)
    with pytest.raises(pn.SettingError, match="no mixture"):
        _ = ours.weights_
    with pytest.raises(pn.SettingError, match="1 to 3"):
        pn.Density("ppca", n_components=4).fit(X)


def test_labels_beside_the_rows_are_not_learned_from():
    frame = pd.DataFrame(X, columns=list("abc")).assign(kind=["x", "y", "z"] * 120)
    ours = pn.GaussianMixture(n_components=2).fit(frame, target="kind")
    assert ours.means_.shape == (2, 3)
    assert torch.is_tensor(ours.objective_.means)
    np.testing.assert_array_equal(ours.predict(frame), ours.predict(frame[list("abc")]))


@pytest.mark.parametrize(
    "make", [lambda: pn.GaussianMixture(n_components=2), lambda: pn.KMeans(n_clusters=2), lambda: pn.NaiveBayes()]
)
def test_numbers_whose_spread_32_bits_lose_are_refused(make):
    stamps = 1.7e9 + np.r_[np.zeros(50), np.full(50, 60.0)][:, None] + np.random.default_rng(0).normal(size=(100, 1))
    with pytest.raises(pn.DataError, match=r"column 0 of X lies around 1.7e\+09 and varies by 30"):
        make().fit(stamps, np.repeat([0, 1], 50))
    make().fit(stamps - 1.7e9, np.repeat([0, 1], 50))


def test_a_table_that_fills_gaps_keeps_the_columns_own_units():
    X = np.random.default_rng(0).normal(size=(80, 2)) * [1000, 1]
    X[3, 1] = np.nan
    model = pn.KMeans(n_clusters=2, codec=pn.Table(missing="median")).fit(X)
    assert np.abs(model.cluster_centers_[:, 0]).max() > 100
    scaled = pn.KMeans(n_clusters=2, codec=pn.Table(missing="median", scaling="standard")).fit(X)
    assert np.abs(scaled.cluster_centers_).max() < 5


def test_evaluation_counts_rows_as_often_as_they_weigh():
    """A weight of 3 is three rows, for the model's mean, the interval's scale and the baseline."""
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(40, 2)) * [1, 3], rng.integers(0, 4, 40)
    density = pn.Density("gmm", n_components=2).fit(rng.normal(size=(60, 2)))
    (found,), (again,) = (
        density.evaluate(X, sample_weight=weight).metrics,
        density.evaluate(X.repeat(weight, 0)).metrics,
    )
    assert found.value == pytest.approx(again.value)
    assert found.baseline == pytest.approx(again.baseline)
    (plain,), (alike,) = density.evaluate(X).metrics, density.evaluate(X, sample_weight=np.full(40, 2.0)).metrics
    assert (alike.low, alike.high) == pytest.approx((plain.low, plain.high))


def test_rows_that_do_not_vary_have_no_baseline(tmp_path):
    """A Gaussian of one value would be infinitely sure of it: no model could be as good."""
    rng = np.random.default_rng(0)
    density = pn.Density("gmm").fit(rng.normal(size=(30, 2)))
    for rows in (np.zeros((1, 2)), np.column_stack([rng.normal(size=5), np.ones(5)])):
        found = density.evaluate(rows)
        assert found.metrics[0].baseline is None
        assert found.metrics[0].verdict == "undecided"
        assert "log" in found.table().lower()
        density.report(tmp_path / "page.html", rows)


@pytest.mark.parametrize("n", [0, -1, 2.5])
def test_parts_of_a_row_are_not_drawn(n):
    density = pn.Density("gmm").fit(np.random.default_rng(0).normal(size=(30, 2)))
    with pytest.raises(pn.SettingError, match="a whole number of rows"):
        density.sample(n)
