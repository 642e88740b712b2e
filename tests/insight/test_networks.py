"""Drawings of nets: what is in them, by the figure's own parts."""

import matplotlib.colors
import numpy as np

from parnassus.byhand.autodiff import Variable, tanh
from parnassus.byhand.diagram import Box, Diagram, layered_diagram
from parnassus.insight.networks import draw_diagram, draw_graph
from parnassus.insight.style import SKY, VERMILION, svg


def test_weights_colour_and_width_say_sign_and_size() -> None:
    figure = draw_diagram(layered_diagram("net", [np.array([[2.0], [-1.0]])], [np.zeros(2), np.zeros(1)]))
    large, small = figure.axes[0].lines
    assert matplotlib.colors.same_color(large.get_color(), SKY)
    assert matplotlib.colors.same_color(small.get_color(), VERMILION)
    assert large.get_linewidth() == 2 * small.get_linewidth()


def test_every_box_is_written_at_its_place() -> None:
    figure = draw_diagram(Diagram("d", [Box("left", 0, 0, "layer"), Box("right", 2, -1, "operation")]))
    assert [(t.get_text(), t.get_position()) for t in figure.axes[0].texts] == [("left", (0, 0)), ("right", (2, -1))]


def test_a_graph_shows_operations_values_and_slopes() -> None:
    x = Variable(0.5, name="x")
    y = tanh(x) * 2.0
    y.backward()
    words = " ".join(t.get_text() for t in draw_graph(y).axes[0].texts)
    assert all(word in words for word in ("x", "tanh", "*", "0.5", "slope 2"))


def test_a_drawing_is_an_svg_of_its_own_and_the_same_each_time() -> None:
    diagram = layered_diagram("a net", [np.eye(2)], [np.zeros(2), np.ones(2)])
    first, second = svg(draw_diagram(diagram)), svg(draw_diagram(diagram))
    assert first == second
    assert 'aria-label="a net"' in first
