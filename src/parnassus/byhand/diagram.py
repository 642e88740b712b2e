"""Pictures of nets and graphs as plain data: boxes on a grid and the lines between them. Whoever draws, draws these."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MOST_UNITS = 10  # of a layer that are drawn one by one


@dataclass(frozen=True)
class Box:
    """A unit, an operation or a layer: its words, its place (column from the left, row from the middle), its kind."""

    text: str
    column: float
    row: float
    kind: str = "unit"


@dataclass(frozen=True)
class Line:
    """A connection from one box to another by their numbers, with a weight where it has one."""

    start: int
    end: int
    weight: float | None = None


@dataclass(frozen=True)
class Diagram:
    """Boxes and lines, with a title."""

    title: str
    boxes: list[Box] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def draw(self) -> Any:
        """A matplotlib Figure of it."""
        # found by its name: the drawing stands floors above, and nothing that is computed here depends on it
        return importlib.import_module("parnassus.insight.networks").draw_diagram(self)


def layered_diagram(title: str, ws: Sequence[Array], values: Sequence[Array]) -> Diagram:
    """A dense net: a column of units a layer with the values of one row, a line a weight w (n_inputs, n_units)."""
    boxes: list[Box] = []
    numbers: list[list[int]] = []
    for column, h in enumerate(values):
        shown = min(len(h), MOST_UNITS)
        rows = np.arange(shown) - (shown - 1) / 2
        numbers.append(list(range(len(boxes), len(boxes) + shown)))
        boxes += [Box(f"{v:.3g}", column, float(-r)) for v, r in zip(h[:shown], rows, strict=True)]
        if shown < len(h):
            boxes.append(Box(f"+ {len(h) - shown}", column, -(shown + 1) / 2, "more"))
    lines = [
        Line(start, end, float(w[i, j]))
        for w, left, right in zip(ws, numbers[:-1], numbers[1:], strict=True)
        for i, start in enumerate(left)
        for j, end in enumerate(right)
    ]
    return Diagram(title, boxes, lines)


def chain_diagram(title: str, names: Sequence[str]) -> Diagram:
    """Layers as boxes in a row, each feeding the next."""
    boxes = [Box(name, column, 0.0, "layer") for column, name in enumerate(names)]
    return Diagram(title, boxes, [Line(i, i + 1) for i in range(len(boxes) - 1)])


def unrolled_diagram(title: str, x: Array, h: Array, outputs: Array | None = None) -> Diagram:
    """A recurrent net over time: for each step of one sequence its input, state and output, the states in a chain."""
    boxes: list[Box] = []
    lines: list[Line] = []
    n_kinds = 2 if outputs is None else 3
    for t in range(len(x)):
        first = len(boxes)
        boxes += [Box(_vector(x[t]), t, -1.0, "input"), Box(_vector(h[t]), t, 0.0, "unit")]
        lines.append(Line(first, first + 1))
        if outputs is not None:
            boxes.append(Box(_vector(outputs[t]), t, 1.0, "output"))
            lines.append(Line(first + 1, first + 2))
        if t:
            lines.append(Line(first + 1 - n_kinds, first + 1))
    return Diagram(title, boxes, lines)


def _vector(v: Array) -> str:
    shown = "\n".join(f"{value:.3g}" for value in v[:4])
    return shown if len(v) <= 4 else f"{shown}\n..."
