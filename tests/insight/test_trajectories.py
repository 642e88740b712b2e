"""Contours and paths: what is drawn is what was given."""

import numpy as np
import torch

from parnassus.functional.surfaces import quadratic
from parnassus.insight.style import svg
from parnassus.insight.trajectories import bounds, rate_curve, trajectories, values_at

PATH = np.array([[1.0, 1.0], [0.5, -0.5], [0.0, 0.2]])
VALUES = quadratic(torch.from_numpy(PATH)).numpy()


def test_the_box_holds_every_point_with_a_margin():
    low, high = bounds([PATH, PATH + 1])
    assert (low < PATH.min(0)).all()
    assert (high > PATH.max(0) + 1).all()
    assert bounds([PATH], (-9, -9), (9, 9))[0].tolist() == [-9, -9]


def test_a_path_that_stands_still_has_a_box_too():
    low, high = bounds([np.zeros((3, 2))])
    assert (low < high).all()


def test_values_on_a_grid_are_those_of_single_points():
    places = torch.rand(4, 3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def single(x):
        return quadratic(x) if x.ndim == 1 else x @ "no"

    assert np.allclose(values_at(quadratic, places), values_at(single, places))


def test_every_path_is_drawn_with_its_name_and_the_contours_below():
    figure = trajectories(quadratic, {"one": (PATH, VALUES), "two": (-PATH, VALUES)})
    left, right = figure.axes
    assert [line.get_label() for line in right.get_lines()] == ["one", "two"]
    assert np.allclose(left.get_lines()[1].get_xydata(), -PATH)
    assert left.collections, "no contours"
    assert svg(figure) == svg(figure)


def test_the_suggestion_is_marked():
    ax = rate_curve(np.array([1e-3, 1e-2, 1e-1]), np.array([1.0, 0.5, 2.0]), 1e-2).axes[0]
    assert ax.get_lines()[1].get_xdata()[0] == 1e-2
