"""Plots of choosing draw what they are given, and nothing global is touched."""

import numpy as np
import pytest

from parnassus.evaluation.folds import FoldMean
from parnassus.insight.selection import contest, fold_scores, score_curve

MEANS = [FoldMean(0.7, 0.1, 0.05, 0.6, 0.8), FoldMean(0.8, 0.1, 0.05, 0.7, 0.9), FoldMean(0.9, None, None, None, None)]


def test_folds_are_drawn_with_the_mean_and_its_interval():
    ax = fold_scores([0.6, 0.8], [0.9, 1.0], MEANS[0], title="Accuracy").get_axes()[0]
    drawn = {line.get_label(): np.asarray(line.get_ydata()).tolist() for line in ax.get_lines()}
    assert drawn["held out"] == [0.6, 0.8]
    assert drawn["training"] == [0.9, 1.0]
    assert drawn["mean and its interval"] == [0.7, 0.7]


@pytest.mark.parametrize(
    ("values", "scale"), [([10, 100, 1000], "log"), ([1, 2, 3], "linear"), ([(4,), (8,), (16,)], "linear")]
)
def test_a_curve_is_drawn_over_numbers_or_over_names(values, scale):
    ax = score_curve(values, MEANS, [0.8, 0.9, 1.0]).get_axes()[0]
    assert ax.get_xscale() == scale
    assert ax.get_lines()[1].get_ydata().tolist() == [0.7, 0.8, 0.9]
    assert ax.get_lines()[0].get_ydata().tolist() == [0.8, 0.9, 1.0]
    if scale == "linear" and values[0] != 1:
        assert [t.get_text() for t in ax.get_xticklabels()] == ["(4,)", "(8,)", "(16,)"]


def test_a_contest_is_drawn_from_the_best_down():
    ax = contest(["best", "next", "last"], MEANS[::-1]).get_axes()[0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["last", "next", "best"]
