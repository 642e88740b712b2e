"""Groups of rows: k-means equal to scikit-learn's Lloyd iterations from the same centers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans as Theirs
from sklearn.datasets import load_iris
from sklearn.metrics import adjusted_rand_score

import parnassus as pn
from parnassus.estimators.base import Estimator

X = np.asarray(load_iris().data).astype(np.float32).astype(np.float64)
KINDS = load_iris().target


def given(centers, **options):
    start = tuple(map(tuple, np.asarray(centers).tolist()))
    return pn.model("kmeans", n_clusters=len(start), centers=start, **options)


@pytest.mark.parametrize("k", [1, 3, 8])
@pytest.mark.parametrize("weighted", [False, True])
def test_lloyd_from_the_same_centers_is_scikit_learns(k, weighted):
    weight = np.random.default_rng(1).uniform(0.5, 2, len(X)).astype(np.float32) if weighted else None
    start = X[:: len(X) // k][:k]
    theirs = Theirs(k, init=start, n_init=1, algorithm="lloyd").fit(X, sample_weight=weight)
    ours = pn.Clusterer(given(start)).fit(X, sample_weight=weight)
    if not weighted:  # their tolerance comes from unweighted variances
        assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, atol=1e-8)
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-9)
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-8)
    assert ours.score(X) == pytest.approx(theirs.score(X), rel=1e-9)


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_an_empty_cluster_takes_the_farthest_row_as_scikit_learns_does():
    start = np.concatenate([X[:2], [[90.0] * 4, [99.0] * 4]])
    theirs = Theirs(4, init=start, n_init=1, algorithm="lloyd").fit(X)
    ours = pn.Clusterer(given(start)).fit(X)
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, atol=1e-8)
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-9)


@pytest.mark.parametrize("micro", [1, 11, 64])
def test_rows_cut_for_memory_give_the_same_centers(micro):
    whole = pn.KMeans(n_clusters=5, n_init=2, seed=4).fit(X)
    cut = pn.KMeans(n_clusters=5, n_init=2, seed=4, micro_batch_size=micro).fit(X)
    np.testing.assert_allclose(cut.cluster_centers_, whole.cluster_centers_, atol=1e-9)
    assert cut.n_iter_ == whole.n_iter_


def test_rows_sorted_in_a_file_larger_than_memory_are_all_sampled_for_the_start(tmp_path):
    rng = np.random.default_rng(0)
    rows = np.repeat([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]], 8_000, 0) + rng.normal(size=(24_000, 2))
    pd.DataFrame(rows, columns=["a", "b"]).to_csv(tmp_path / "rows.csv", index=False)
    ours = pn.KMeans(n_clusters=3, memory=10_000, micro_batch_size=5_000).fit(tmp_path / "rows.csv")
    np.testing.assert_allclose(sorted(ours.cluster_centers_.round().tolist()), [[0, 0], [0, 50], [50, 0]])


def test_more_starts_are_never_worse():
    inertias = [pn.KMeans(n_clusters=8, n_init=n, seed=5).fit(X).inertia_ for n in (1, 10)]
    assert inertias[1] <= inertias[0] + 1e-9
    theirs = Theirs(8, n_init=10, random_state=0).fit(X)
    assert inertias[1] < 1.05 * theirs.inertia_


def test_the_kinds_of_iris_are_found():
    ours = pn.Clusterer(n_clusters=3, n_init=5)
    assert adjusted_rand_score(KINDS, ours.fit_predict(X)) == pytest.approx(0.7302, abs=0.02)  # scikit-learn's own
    mixture = pn.Clusterer("gmm", n_clusters=3, n_init=3).fit(X)
    assert adjusted_rand_score(KINDS, mixture.labels_) > 0.85  # 0.904 by scikit-learn's GaussianMixture
    assert mixture.cluster_centers_.shape == (3, 4)


def test_small_batches_come_close_to_all_rows():
    ours = pn.Clusterer("minibatch_kmeans", n_clusters=3, batch_size=32, epochs=10, seed=1).fit(X)
    assert ours.inertia_ < 1.1 * Theirs(3, n_init=5, random_state=0).fit(X).inertia_


def test_one_small_batch_moves_each_center_to_the_mean_of_its_rows():
    ours = pn.Clusterer(
        pn.model("minibatch_kmeans", n_clusters=2, centers=((5.0, 3.0, 1.5, 0.2), (6.5, 3.0, 5.0, 1.8))),
        batch_size=len(X),
        epochs=1,
    ).fit(X)
    near = np.square(X[:, None] - [[5.0, 3.0, 1.5, 0.2], [6.5, 3.0, 5.0, 1.8]]).sum(2).argmin(1)
    np.testing.assert_allclose(ours.cluster_centers_, [X[near == 0].mean(0), X[near == 1].mean(0)], atol=1e-9)


def test_texts_and_pictures_are_grouped_too():
    texts = ["red apple pie", "apple pie red", "engine oil car", "car engine"] * 5
    labels = pn.KMeans(n_clusters=2, n_init=3).fit_predict(texts)
    assert len({(a, b) for a, b in zip(labels, [0, 0, 1, 1] * 5, strict=True)}) == 2
    pictures = np.zeros((20, 4, 4), np.uint8)
    pictures[10:] = 200
    pictures[:, 0, 0] = np.arange(20)
    assert len(set(pn.KMeans(n_clusters=2).fit_predict(pictures)[:10].tolist())) == 1


def test_saved_and_loaded_says_the_same(tmp_path):
    ours = pn.KMeans(n_clusters=3).fit(X)
    loaded = pn.load(ours.save(tmp_path / "k") and tmp_path / "k")
    assert type(loaded) is pn.KMeans
    np.testing.assert_array_equal(loaded.predict(X), ours.predict(X))
    assert loaded.inertia_ == ours.inertia_


def test_it_works_in_a_pipeline_and_is_cloned():
    from sklearn.base import clone
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipe = make_pipeline(StandardScaler(), pn.KMeans(n_clusters=3, n_init=4))
    assert len(set(clone(pipe).fit_predict(X).tolist())) == 3
    assert Estimator.kinds["KMeans"].task == "clusterer"


def test_bad_input_is_refused():
    with pytest.raises(pn.DataError, match="2 rows cannot hold 3 clusters"):
        pn.KMeans(n_clusters=3).fit(X[[0, 100]])
    with pytest.raises(pn.SettingError, match="n_clusters, features"):
        pn.Clusterer(pn.model("kmeans", n_clusters=2, centers=((0.0,), (1.0,)))).fit(X)
    with pytest.raises(pn.DataError, match="row 3"):
        pn.KMeans(n_clusters=2).fit(np.where(np.arange(len(X))[:, None] == 3, np.nan, X))
    with pytest.raises(pn.SettingError, match="no centers to measure"):
        pn.Clusterer("gmm", n_clusters=2).fit(X).transform(X)
    for options in ({"n_clusters": 0}, {"tol": -1.0}, {"init": "kmeans"}):
        with pytest.raises(pn.SettingError):
            pn.Clusterer(pn.model("kmeans", **options)).fit(X)


@pytest.mark.slow
@pytest.mark.parametrize(
    "made", [pn.KMeans(n_clusters=3), pn.GaussianMixture(n_components=2), pn.NaiveBayes()], ids=repr
)
def test_they_pass_scikit_learns_checks(made):
    import contextlib
    import io
    import warnings

    from sklearn.utils.estimator_checks import check_estimator

    state, expected = (
        np.random.get_state(),
        "rows repeated change the drawn start, and rows of weight 0 NaiveBayes's floor",
    )
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        known = {"check_sample_weight_equivalence_on_dense_data": expected}
        results = check_estimator(made, on_fail=None, on_skip=None, expected_failed_checks=known)
    np.random.set_state(state)  # scikit-learn's checks draw from it themselves
    failed = {r["check_name"]: str(r["exception"])[:200] for r in results if r["status"] == "failed"}
    assert not failed, failed
    assert sum(r["status"] == "passed" for r in results) >= 45


def test_the_global_random_state_plays_no_part():
    import torch

    one = pn.KMeans(n_clusters=6, seed=3).fit(X)
    with torch.random.fork_rng():
        torch.manual_seed(99)
        two = pn.KMeans(n_clusters=6, seed=3).fit(X)
    np.testing.assert_array_equal(one.cluster_centers_, two.cluster_centers_)


def test_groups_cut_from_noise_are_not_called_better():
    noise = np.random.default_rng(0).normal(size=(600, 2)) @ [[3.0, 1.0], [0.0, 0.5]]
    apart, spread = pn.KMeans(n_clusters=3, n_init=3).fit(noise[:300]).evaluate(noise[300:]).metrics
    assert apart.value > 0.2  # any cloud can be cut
    assert apart.verdict != "better"
    assert spread.verdict != "better"
    blobs = np.concatenate([noise / 20 + shift for shift in ([0, 0], [3, 0], [0, 3])])
    apart, spread = pn.KMeans(n_clusters=3, n_init=3).fit(blobs[::2]).evaluate(blobs[1::2]).metrics
    assert apart.verdict == spread.verdict == "better"


def test_centers_start_where_init_says():
    x = np.concatenate([np.zeros((20, 2)), np.ones((20, 2))]) + np.random.default_rng(0).normal(size=(40, 2)) / 20
    given = np.array([[1.0, 1.0], [0.0, 0.0]])
    est = pn.KMeans(n_clusters=2, init=given).fit(x)
    assert (est.labels_[0], est.labels_[-1]) == (1, 0)
    assert pn.KMeans(n_clusters=2, init="random").fit(x).inertia_ == pytest.approx(est.inertia_)
    with pytest.raises(pn.SettingError, match="'k-means\\+\\+', 'random' or finite centers"):
        pn.KMeans(n_clusters=2, init=[[np.nan, 0], [1, 1]]).fit(x)
    with pytest.raises(pn.SettingError, match="no init 'randm'"):
        pn.KMeans(n_clusters=2, init="randm").fit(x)


def test_clusters_that_hold_no_row_are_told():
    with pytest.warns(pn.DataWarning, match="3 clusters were asked for, and 2 hold all 20 rows"):
        pn.Clusterer("kmeans", n_clusters=3, progress=False).fit(np.repeat([[1.0, 2], [2, 1]], 10, 0))


def test_evaluation_counts_rows_as_they_weigh():
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(60, 2)), np.repeat([1.0, 5.0], 30)
    groups = pn.KMeans(n_clusters=3).fit(X)
    found = {metric.name: metric for metric in groups.evaluate(X, sample_weight=weight).metrics}
    from sklearn.metrics import silhouette_samples

    each = silhouette_samples(X.astype(np.float32).astype(np.float64), groups.predict(X))
    assert found["silhouette"].value == pytest.approx(np.average(each, weights=weight))
    squares = groups.transform(X).min(1) ** 2
    assert found["mean_squared_distance"].value == pytest.approx(np.average(squares, weights=weight))
    plain = {metric.name: metric.value for metric in groups.evaluate(X).metrics}
    assert plain["silhouette"] == pytest.approx(each.mean())
