"""Recall among neighbours: against scikit-learn's search, by hand, and what is refused."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from parnassus.errors import DataError
from parnassus.functional.metrics.retrieval import recall_at


@pytest.mark.parametrize("apart", [False, True])
def test_recall_is_what_scikit_learns_neighbours_give(apart):
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(60, 5)), rng.integers(0, 6, 60)
    rows, known = (rng.normal(size=(40, 5)), rng.integers(0, 6, 40)) if apart else (features, labels)
    near = NearestNeighbors(n_neighbors=8, metric="cosine").fit(rows)
    at = near.kneighbors(features if apart else None, return_distance=False)
    found = recall_at(features, labels, (1, 3, 8), gallery=(rows, known) if apart else None)
    for k in (1, 3, 8):
        assert found[k] == pytest.approx((known[at[:, :k]] == labels[:, None]).any(1).mean())


def test_how_long_a_feature_is_does_not_count():
    features = np.random.default_rng(1).normal(size=(20, 3))
    labels = np.arange(20) % 4
    assert recall_at(features, labels, 2) == recall_at(features * np.arange(1, 21)[:, None], labels, 2)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (([[1, 0], [0, 1]], [0]), "n labels"),
        (([[1, 0], [0, 0]], [0, 1], 1), "row 1 is all 0"),
        (([[1, 0], [0, 1]], [0, 1], 2), "from 1 to 1"),
        (([[1, 0], [0, 1]], [0, 1], 0), "from 1"),
    ],
)
def test_what_cannot_be_searched_is_refused(given, words):
    with pytest.raises(DataError, match=words):
        recall_at(*given)
    with pytest.raises(DataError, match="gallery 3"):
        recall_at([[1, 0]], [0], 1, gallery=([[1, 0, 0]], [0]))
