"""Agreement of annotators, against published examples, hand counts and scikit-learn, statsmodels and krippendorff."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from parnassus.errors import DataError, SettingError
from parnassus.functional.metrics import cohens_kappa, fleiss_kappa, krippendorff_alpha

NONE = -1
# Krippendorff (2011), page 5: four observers, twelve units, labels 1 to 5.
FOUR = np.array([
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
    [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
])  # fmt: skip


def counted(answers: np.ndarray, labels: int) -> np.ndarray:
    return np.stack([(answers == label).sum(0) for label in range(1, labels + 1)], 1)


def test_kappa_of_the_two_by_two_table_b50():
    first = ["a"] * 25 + ["b"] * 25
    second = ["a"] * 20 + ["b"] * 5 + ["a"] * 10 + ["b"] * 15
    assert cohens_kappa(first, second) == pytest.approx(0.4, abs=1e-15)


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_kappa_is_scikit_learns(weights):
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, (2, 60))
    w = rng.random(60)
    assert cohens_kappa(a, b, weights=weights, sample_weight=w) == pytest.approx(
        cohen_kappa_score(a, b, weights=weights, sample_weight=w), abs=1e-12
    )


def test_two_who_always_say_the_same_one_word_tell_nothing():
    assert math.isnan(cohens_kappa(["a", "a"], ["a", "a"]))
    assert math.isnan(fleiss_kappa([[2, 0], [2, 0]]))
    assert math.isnan(krippendorff_alpha([[2, 0], [3, 0]]))


def test_the_order_of_labels_is_the_one_given():
    a, b = ["low", "mid", "high", "low"], ["low", "high", "high", "mid"]
    ordered = cohens_kappa(a, b, labels=["low", "mid", "high"], weights="linear")
    assert ordered != cohens_kappa(a, b, weights="linear")  # the alphabet puts "high" before "low"
    assert ordered == pytest.approx(1 - (2 / 4) / ((2 * (1 + 4) + 1 * 4 + (2 * 2 + 1)) / 16 - 3 / 16), abs=1e-12)


def test_fleiss_kappa_is_that_of_statsmodels():
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater", reason="statsmodels is not installed")
    counts = np.random.default_rng(1).multinomial(5, [0.2, 0.5, 0.3], size=30)
    assert fleiss_kappa(counts) == pytest.approx(inter_rater.fleiss_kappa(counts), abs=1e-12)


@pytest.mark.parametrize(
    ("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_alpha_of_the_published_example(level, published):
    found = krippendorff_alpha(counted(FOUR, 5), level=level, values=[1, 2, 3, 4, 5])
    assert found == pytest.approx(published, abs=5e-4)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval", "ratio"])
def test_alpha_is_that_of_the_package(level):
    package = pytest.importorskip("krippendorff", reason="krippendorff is not installed")
    counts = np.random.default_rng(2).integers(0, 3, (40, 4))
    ours = krippendorff_alpha(counts, level=level, values=[1, 2, 5, 9])
    theirs = package.alpha(value_counts=counts, value_domain=[1, 2, 5, 9], level_of_measurement=level)
    assert ours == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("measure", [fleiss_kappa, krippendorff_alpha])
def test_an_item_of_weight_two_counts_as_two_items(measure):
    counts = np.random.default_rng(3).multinomial(3, [0.5, 0.3, 0.2], size=8)
    weight = np.array([2, 1, 1, 3, 1, 1, 1, 1])
    assert measure(counts, sample_weight=weight) == pytest.approx(measure(counts.repeat(weight, 0)), abs=1e-12)


def test_bad_input_is_refused_in_words():
    with pytest.raises(DataError, match="equally many answers"):
        fleiss_kappa([[2, 0], [1, 0]])
    with pytest.raises(DataError, match="no item has two answers"):
        krippendorff_alpha([[1, 0], [0, 1]])
    with pytest.raises(DataError, match="shape"):
        krippendorff_alpha([[1.0, np.nan]])
    with pytest.raises(SettingError, match="level is"):
        krippendorff_alpha([[2, 1]], level="rank")
    with pytest.raises(DataError, match="begins at 0"):
        krippendorff_alpha([[2, 1]], level="ratio", values=[-1, 1])
    with pytest.raises(SettingError, match="weights is"):
        cohens_kappa([1, 2], [1, 2], weights="cubic")
    with pytest.raises(DataError, match="shape"):
        cohens_kappa([1, 2], [1, 2, 3])
    with pytest.raises(DataError, match="item 1 has no answer"):
        cohens_kappa([1, np.nan], [1, 2])


@pytest.mark.parametrize("gone", [None, float("nan"), pd.NA])
def test_an_item_without_an_answer_is_named_among_texts_too(gone):
    with pytest.raises(DataError, match="item 1 has no answer"):
        cohens_kappa(["car", "van"], pd.Series(["car", gone], dtype=object))


def test_a_table_of_labels_is_no_table_of_counts():
    with pytest.raises(DataError, match=r"counts holds no numbers.*an annotator a column is for .*Answers\.wide"):
        fleiss_kappa([["car", "van"], ["car", "car"]])
    with pytest.raises(DataError, match=r"0 to 2; krippendorff_alpha.*Answers\.wide"):
        fleiss_kappa([[0, 0], [1, 1]])
