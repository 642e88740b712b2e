"""Cosine similarity against the books and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity as sk_cosine

from parnassus.errors import DataError
from parnassus.functional.metrics import cosine_similarity

# Baker, B51: the, red, dog, cat, eats, food.
COUNTS = np.array([[1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 1, 0], [0, 0, 1, 0, 1, 1], [0, 1, 0, 1, 1, 0]])
PAIRS = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


def test_1_B53_document_cosines_from_counts():
    # Baker, B53: (1,2) = (1,3) = (1,4) = (3,4) = 1/3, (2,3) = (2,4) = 2/3.
    similarity = cosine_similarity(COUNTS, COUNTS)
    np.testing.assert_allclose([similarity[p] for p in PAIRS], np.array([1, 1, 1, 2, 2, 1]) / 3)


def test_1_B53_document_cosines_from_smoothed_tf_idf():
    # Baker, B53, for idf = log((1 + n) / (1 + df)) + 1.
    idf = np.log(5 / (1 + (COUNTS > 0).sum(0))) + 1
    similarity = cosine_similarity(COUNTS * idf, COUNTS * idf)
    right = [0.238644, 0.212312, 0.339660, 0.504668, 0.668277, 0.235394]
    np.testing.assert_allclose([similarity[p] for p in PAIRS], right, atol=5e-7)


def test_1_B53_two_vectors():
    assert cosine_similarity([1, 2, 3], [4, 5, 6]) == pytest.approx(0.9746318, abs=5e-8)


def test_equals_scikit_learn_also_for_vectors_of_zeros():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 7)), rng.normal(size=(3, 7))
    a[2] = 0
    np.testing.assert_allclose(cosine_similarity(a, b), sk_cosine(a, b), atol=1e-15)
    assert cosine_similarity([0, 0], [1, 2]) == 0


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_neither_tiny_nor_huge_vectors_lose_their_direction(scale):
    assert cosine_similarity([3 * scale, 4 * scale], [4, 3]) == pytest.approx(24 / 25)


def test_lengths_must_match():
    with pytest.raises(DataError, match=r"\(2,\).*\(3,\)"):
        cosine_similarity([1, 2], [1, 2, 3])
