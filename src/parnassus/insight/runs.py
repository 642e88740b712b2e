"""Plots of several trainings side by side."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from .style import BLUE, GREEN, MUTED, ORANGE, PURPLE, SKY, VERMILION, canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
LEFT_OUT = ("rate",)
MOST = 3  # measures that a picture shows


@styled
def curves(runs: Mapping[str, Mapping[str, Sequence[float]]]) -> "Figure":
    """Every measure that runs share or have, by epoch: validation ones first; runs of one colour and dash in all."""
    from matplotlib.ticker import MaxNLocator

    names = dict.fromkeys(n for held in runs.values() for n, values in held.items() if len(values))
    wanted = sorted((n for n in names if n not in LEFT_OUT), key=lambda n: not n.startswith("validation"))[:MOST]
    if not wanted:
        raise DataError("the runs hold no curves to draw: their log.csv is missing or empty")
    figure, axes = canvas(1, len(wanted), width=4.8 * len(wanted), height=3.6, label="Runs by epoch")
    for ax, name in zip(axes, wanted, strict=True):
        for i, (run, held) in enumerate(runs.items()):
            if name in held:
                values = np.asarray(held[name], dtype=np.float64)
                colour = COLOURS[i % len(COLOURS)] if i < 2 * len(COLOURS) else MUTED
                dash, mark = "-" if i < len(COLOURS) else "--", "o" if len(values) == 1 else ""
                ax.plot(np.arange(1, len(values) + 1), values, dash, color=colour, marker=mark, label=tail(run))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set(xlabel="epoch", title=name.replace("_", " "))
    handles = {label: line for ax in axes for line, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=min(4, len(handles)))
    return figure


def tail(path: str, length: int = 34) -> str:
    """The end of a path, which tells runs apart."""
    return path if len(path) <= length else "..." + path[3 - length :]
