"""Drawings of small nets and of computation graphs: boxes, and lines whose colour and width say the weight."""

from typing import TYPE_CHECKING, Any

from ..byhand.autodiff import Variable, graph
from ..byhand.diagram import Box, Diagram
from .style import BLUE, CARD, GREEN, INK, MUTED, ORANGE, PAPER, PURPLE, RULE, SKY, VERMILION, canvas, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EDGES = {"unit": BLUE, "layer": BLUE, "input": GREEN, "output": PURPLE, "operation": ORANGE, "more": CARD}
WIDEST = 3.0  # points, of the line of the largest weight
FEW_LINES = 30  # that still have room for their weights in figures


PLATE: dict[str, Any] = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.8}


@styled
def draw_diagram(diagram: Diagram) -> "Figure":
    """A Figure of boxes and lines; a weight below 0 is red, above 0 blue, the larger the wider; few have their numbers.

    >>> from parnassus.byhand.capacity import xor_by_relus
    >>> figure = draw_diagram(xor_by_relus().trace([[0, 1]], [[1]]).diagram())
    >>> len(figure.axes[0].texts)  # five boxes and six weights
    11
    """
    columns = [box.column for box in diagram.boxes] or [0.0]
    rows = [box.row for box in diagram.boxes] or [0.0]
    width, height = 1.5 * (max(columns) - min(columns)) + 1.8, 0.75 * (max(rows) - min(rows)) + 1.2
    figure, (ax,) = canvas(width=min(width, 24.0), height=min(height, 18.0), label=diagram.title)
    _lines(ax, diagram)
    for box in diagram.boxes:
        _box(ax, box)
    ax.set_xlim(min(columns) - 0.6, max(columns) + 0.6)
    ax.set_ylim(min(rows) - 0.8, max(rows) + 0.8)
    ax.set_axis_off()
    ax.set_title(diagram.title)
    if any(line.weight is not None for line in diagram.lines):
        words = "Boxes hold values, lines weights: blue above 0, red below, the larger the wider."
        figure.supxlabel(words, fontsize=8, color=MUTED)
    return figure


def draw_graph(output: Variable) -> "Figure":
    """A Figure of how a Variable of `byhand.autodiff` was made, with values and, after `backward`, slopes.

    >>> x = Variable(2.0, name="x")
    >>> len(draw_graph(x * x + 1.0).axes[0].texts)
    4
    """
    return draw_diagram(graph(output))


def _lines(ax: "Axes", diagram: Diagram) -> None:
    largest = max((abs(line.weight) for line in diagram.lines if line.weight is not None), default=0.0) or 1.0
    for line in diagram.lines:
        start, end = diagram.boxes[line.start], diagram.boxes[line.end]
        colour, width = MUTED, 1.0
        if line.weight is not None:
            colour = RULE if line.weight == 0 else (SKY if line.weight > 0 else VERMILION)
            width = max(0.4, WIDEST * abs(line.weight) / largest)
        places = ([start.column, end.column], [start.row, end.row])
        ax.plot(*places, color=colour, linewidth=width, zorder=1, solid_capstyle="butt")
        if line.weight is not None and len(diagram.lines) <= FEW_LINES:
            # a third of the way, where lines that end in one box have not met yet
            x, y = start.column + (end.column - start.column) / 3, start.row + (end.row - start.row) / 3
            words = f"{line.weight:.3g}"
            ax.text(x, y, words, fontsize=7, color=MUTED, ha="center", va="center", zorder=1.5, bbox=PLATE)


def _box(ax: "Axes", box: Box) -> None:
    shape = {"boxstyle": "round,pad=0.4", "facecolor": CARD, "edgecolor": EDGES[box.kind], "linewidth": 1.2}
    ax.text(box.column, box.row, box.text, ha="center", va="center", fontsize=8, color=INK, zorder=2, bbox=shape)
