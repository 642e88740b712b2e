"""A function as a regressor has it: its mean along one column, and the bands in which answers are expected."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from .style import BLUE, INK, canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDE = 1.959963984540054  # deviations on either side of the mean that hold 95 % of a normal distribution


@styled
def predictive_band(
    x: ArrayLike,
    mean: ArrayLike,
    total: ArrayLike,
    *,
    epistemic: ArrayLike | None = None,
    seen: tuple[ArrayLike, ArrayLike] | None = None,
    marked: ArrayLike | None = None,
    names: tuple[str, str] = ("x", "y"),
) -> "Figure":
    """The mean (n,) over points x (n,), with 95 % of new answers in the light band and of the function in the dark one.

    Parameters
    ----------
    total, epistemic : standard deviations (n,), as `Regressor.uncertainty` gives them.
    seen : rows of training, x (m,) and y (m,), drawn as dots.
    marked : which of them are circled (m,), bool: a relevance vector machine's vectors.
    """
    at, middle, wide = (np.asarray(v, dtype=float) for v in (x, mean, total))
    inner = None if epistemic is None else np.asarray(epistemic, dtype=float)
    if at.ndim != 1 or any(v is not None and v.shape != at.shape for v in (middle, wide, inner)):
        raise DataError(f"x, mean and deviations are (n,); got shapes {at.shape}, {middle.shape} and {wide.shape}")
    order = np.argsort(at, kind="stable")
    at, middle, wide = at[order], middle[order], wide[order]
    figure, (axes,) = canvas(1, 1, width=6.6, height=3.4, label=f"{names[1]} by {names[0]}, with 95 % bands")
    low, high = middle - WIDE * wide, middle + WIDE * wide
    axes.fill_between(at, low, high, color=BLUE, alpha=0.15, linewidth=0, label="new answers, 95 %")
    if inner is not None:
        reach = WIDE * inner[order]
        axes.fill_between(
            at, middle - reach, middle + reach, color=BLUE, alpha=0.3, linewidth=0, label="function, 95 %"
        )
    axes.plot(at, middle, color=BLUE, linewidth=1.6, label="mean")
    if seen is not None:
        rows, answers = (np.asarray(v, dtype=float) for v in seen)
        axes.scatter(rows, answers, s=9, color=INK, linewidths=0, label="training rows", zorder=3)
        if marked is not None:
            kept = np.asarray(marked, dtype=bool)
            axes.scatter(
                rows[kept], answers[kept], s=60, facecolors="none", edgecolors=INK, linewidths=1.1, label="vectors"
            )
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4 if marked is None else 3)
    return figure
