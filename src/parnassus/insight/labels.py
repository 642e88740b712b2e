"""Plots of labelling: who agrees with whom, and what asking the model's own questions gains."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from .plots import shortened
from .style import BLUE, INK, MUTED, canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def kappa_map(kappa: ArrayLike, names: Sequence[Any]) -> "Figure":
    """Kappa of every two annotators as shades, with the numbers where there are few; empty where nothing is shared."""
    table = np.asarray(kappa, dtype=np.float64)
    n = len(names)
    if table.shape != (n, n):
        raise DataError(f"kappa has shape {table.shape}; expected {(n, n)} for {n} annotators")
    size = 2.2 + 0.42 * min(n, 20)
    figure, (ax,) = canvas(width=size + 1.2, height=size, label="Cohen's kappa of every two annotators")
    image = ax.imshow(np.ma.masked_invalid(table), vmin=0, vmax=1, cmap="Blues")
    if n <= 12:
        for i, j in zip(*np.nonzero(np.isfinite(table)), strict=True):
            shade = "white" if table[i, j] > 0.6 else INK
            ax.text(j, i, f"{table[i, j]:.2f}", ha="center", va="center", fontsize=8, color=shade)
    if n <= 40:
        ax.set_xticks(range(n), [shortened(a) for a in names], rotation=90)
        ax.set_yticks(range(n), [shortened(a) for a in names])
    ax.grid(False)
    ax.set_title("Cohen's kappa")
    figure.colorbar(image, ax=ax, shrink=0.8)
    return figure


@styled
def labelling_curves(
    labelled: Sequence[ArrayLike], scores: Sequence[ArrayLike], names: Sequence[str], *, title: str = "Accuracy"
) -> "Figure":
    """Scores by number of labelled rows, a line a way of asking; the last is drawn as the one to beat."""
    figure, (ax,) = canvas(label=f"{title} by labelled rows: {', '.join(names)}")
    for place, (n, score, name) in enumerate(zip(labelled, scores, names, strict=True)):
        last = place == len(names) - 1 and place > 0
        ax.plot(n, score, "o-" if not last else "o--", color=MUTED if last else BLUE, label=name)
    ax.set(xlabel="labelled rows", title=title)
    ax.legend()
    return figure
