"""Nets as boxes and lines."""

import numpy as np

from parnassus.byhand.diagram import MOST_UNITS, chain_diagram, layered_diagram


def test_a_dense_net_has_a_box_a_unit_and_a_line_a_weight() -> None:
    w = np.arange(6.0).reshape(2, 3)
    diagram = layered_diagram("net", [w], [np.zeros(2), np.ones(3)])
    assert [box.column for box in diagram.boxes] == [0, 0, 1, 1, 1]
    assert [line.weight for line in diagram.lines] == [0, 1, 2, 3, 4, 5]
    assert (diagram.lines[-1].start, diagram.lines[-1].end) == (1, 4)


def test_wide_layers_say_how_many_units_are_left_out() -> None:
    diagram = layered_diagram("net", [np.ones((1, 64))], [np.zeros(1), np.ones(64)])
    assert diagram.boxes[-1].text == f"+ {64 - MOST_UNITS}"
    assert len(diagram.lines) == MOST_UNITS


def test_a_chain_is_joined_from_first_to_last() -> None:
    assert [(line.start, line.end) for line in chain_diagram("c", "abc").lines] == [(0, 1), (1, 2)]
