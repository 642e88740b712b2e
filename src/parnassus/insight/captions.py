"""Where a net looked in a picture while it wrote what the picture shows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from .plots import shortened
from .style import canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 6


@styled
def looks_at_picture(picture: ArrayLike, units: Sequence[str], maps: ArrayLike) -> "Figure":
    """A picture (h, w) or (h, w, channels), and for each unit the same under where the net looked, (units, y, x)."""
    shown, weights = np.asarray(picture), np.asarray(maps, dtype=float)
    if weights.ndim != 3 or len(weights) != len(units):
        raise DataError(f"maps are (units, y, x) of {len(units)} units; got {weights.shape}")
    shown = shown[..., 0] if shown.ndim == 3 and shown.shape[2] == 1 else shown
    n = len(units) + 1
    columns = min(COLUMNS, n)
    rows = -(-n // columns)
    label = f"Where the net looked: {' '.join(units)}"
    figure, axes = canvas(rows, columns, width=1.7 * columns, height=1.9 * rows, label=label)
    grey = "gray" if shown.ndim == 2 else None
    for ax, title in zip(axes, ["", *units], strict=False):
        ax.imshow(shown, cmap=grey)
        ax.set_title(shortened(title), fontsize=9)
    height, width = shown.shape[:2]
    for ax, own in zip(axes[1:], weights, strict=False):
        box = (-0.5, width - 0.5, height - 0.5, -0.5)
        ax.imshow(own, extent=box, cmap="inferno", alpha=0.55, vmin=0, interpolation="bilinear")
    for ax in axes:
        ax.set_axis_off()
    return figure
