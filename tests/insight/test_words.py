"""Zipf's law: ranks against a Counter, slopes of known laws, the plot's lines."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

import parnassus as pn
from parnassus.insight.words import plot_zipf, ranked_counts, zipf_slope

TEXTS = ["the cat and the dog and the log", "the mat", "a cat"]


def test_ranks_are_those_of_a_counter():
    words = [text.split() for text in TEXTS]
    assert ranked_counts(TEXTS).tolist() == [n for _, n in Counter(w for row in words for w in row).most_common()]
    pairs = Counter(pair for row in words for pair in pairwise(row))
    assert ranked_counts(TEXTS, 2).tolist() == [n for _, n in pairs.most_common()]


@pytest.mark.parametrize("power", [-1.0, -0.6, -1.7])
def test_the_slope_of_a_power_law_is_its_power(power):
    assert zipf_slope(5e6 * np.arange(1, 300.0) ** power) == pytest.approx(power)


def test_the_plot_has_a_line_a_length_on_two_logarithmic_axes():
    (axes,) = plot_zipf(TEXTS, n=2).axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [len(line.get_ydata()) for line in axes.lines] == [len(ranked_counts(TEXTS)), len(ranked_counts(TEXTS, 2))]
    assert axes.get_legend().get_texts()[0].get_text().startswith("words (slope -")


def test_texts_too_short_are_refused():
    with pytest.raises(pn.DataError, match="two different words"):
        zipf_slope(np.array([3]))
    with pytest.raises(pn.SettingError, match="at least 1"):
        ranked_counts(TEXTS, 0)
