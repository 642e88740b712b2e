"""The picture of a function with its doubt: the band holds what it says, whatever order the points came in."""

import numpy as np
import pytest
from scipy.stats import norm

from parnassus.errors import DataError
from parnassus.insight.bands import predictive_band
from parnassus.insight.style import svg


def test_bands_lie_around_the_mean_and_points_are_sorted():
    x, mean, std = np.array([2.0, 0.0, 1.0]), np.array([4.0, 0.0, 1.0]), np.array([1.0, 0.5, 2.0])
    seen = (np.zeros(4), np.ones(4))
    figure = predictive_band(x, mean, std, epistemic=std / 2, seen=seen, marked=[True, False, False, True])
    (axes,) = figure.axes
    assert axes.lines[0].get_xdata().tolist() == [0, 1, 2]
    assert axes.lines[0].get_ydata().tolist() == [0, 1, 4]
    outer, inner, dots, circles = axes.collections
    assert outer.get_datalim(axes.transData).y1 == pytest.approx(4 + norm.ppf(0.975))
    assert outer.get_datalim(axes.transData).y0 == pytest.approx(1 - 2 * norm.ppf(0.975))
    assert inner.get_datalim(axes.transData).y1 == pytest.approx(4 + norm.ppf(0.975) / 2)
    assert (len(dots.get_offsets()), len(circles.get_offsets())) == (4, 2)
    again = predictive_band(x, mean, std, epistemic=std / 2, seen=seen, marked=[True, False, False, True])
    assert svg(figure) == svg(again)


def test_other_shapes_are_refused():
    with pytest.raises(DataError, match=r"\(3,\), \(3,\) and \(2,\)"):
        predictive_band(np.zeros(3), np.zeros(3), np.ones(2))
