"""Maps: scikit-learn on the same vectors, the way back, and what cannot be drawn."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, Isomap
from sklearn.preprocessing import StandardScaler

import parnassus as pn
from parnassus.insight.maps import project

IRIS, SPECIES = load_iris(return_X_y=True)
SCALED = StandardScaler().fit_transform(IRIS)


def test_principal_components_are_scikit_learns_up_to_sign():
    found, peer = project(IRIS), PCA(2).fit(SCALED)
    assert np.abs(found.points) == pytest.approx(np.abs(peer.transform(SCALED)), abs=1e-5)
    assert found.ratio == pytest.approx(peer.explained_variance_ratio_, abs=1e-6)


def test_all_components_lead_back_to_the_vectors():
    found = project(IRIS, n_dimensions=4)
    assert found.ratio.sum() == pytest.approx(1.0)
    assert found.inverse() == pytest.approx(SCALED, abs=1e-5)
    assert np.abs(project(IRIS, n_dimensions=2).inverse() - SCALED).max() > 0.1


def test_2a_B24_isomap_of_six_digits_is_1083_by_2():
    """Martinez-Ramon 3.5.5; pixels from 0 to 1 in place of the book's, so that the shape is what is compared."""
    digits = load_digits(n_class=6)
    pictures = (digits.images * 15).astype(np.uint8)
    found = project(pictures, method="isomap", n_neighbors=10)
    assert found.points.shape == (1083, 2)
    # Neighbours on the map are mostly neighbours in class: six classes by chance give 1 in 6.
    near = np.square(found.points[:300, None] - found.points[None, :300]).sum(-1)
    near[np.arange(300), np.arange(300)] = np.inf
    assert (digits.target[near.argmin(1)] == digits.target[:300]).mean() > 0.6


@pytest.mark.slow
def test_isomap_and_tsne_are_scikit_learns():
    x = StandardScaler().fit_transform(IRIS).astype(np.float32).astype(np.float64)
    assert np.abs(project(IRIS, method="isomap", n_neighbors=50).points) == pytest.approx(
        np.abs(Isomap(n_neighbors=50).fit_transform(x)), abs=1e-3
    )
    found = project(IRIS[::3], method="tsne", perplexity=10, seed=3)
    assert found.points.shape == (50, 2)
    assert np.array_equal(found.points, project(IRIS[::3], method="tsne", perplexity=10, seed=3).points)
    x = StandardScaler().fit_transform(IRIS[::3]).astype(np.float32).astype(np.float64)
    peer = TSNE(2, perplexity=10, init="pca", random_state=3).fit(x)
    assert peer.kl_divergence_ < 0.3
    assert np.corrcoef(pdist(found.points), pdist(peer.embedding_))[0, 1] > 0.9


@pytest.mark.parametrize(
    "y", [None, SPECIES, SPECIES.astype(str), np.linspace(0, 1, 150)], ids=["", "int", "str", "float"]
)
def test_a_map_is_drawn_by_class_or_by_number(y):
    figure = project(IRIS).plot(y)
    assert figure.get_axes()[0].get_xlabel().startswith("first direction, 73%")


def test_texts_and_a_fitted_codec_are_mapped():
    texts = ["good day", "good night", "bad day", "bad night", "grey day"]
    assert project(texts).points.shape == (5, 2)
    codec = pn.Table(scaling="none").fit(IRIS)
    assert project(IRIS[:20], codec=codec, n_dimensions=4).inverse() == pytest.approx(IRIS[:20], abs=1e-4)


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"method": "umap"}, pn.SettingError, "no method 'umap'"),
        ({"n_dimensions": 5}, pn.DataError, "5 features or more; X has 150 and 4"),
        ({"method": "tsne", "perplexity": 200}, pn.DataError, "needs 201 rows"),
    ],
)
def test_maps_that_cannot_be_drawn_are_refused(settings, error, says):
    with pytest.raises(error, match=says):
        project(IRIS, **settings)
    with pytest.raises(pn.SettingError, match="no way back"):
        project(IRIS, method="isomap").inverse()
