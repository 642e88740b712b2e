"""A map of contacts, what is true below its diagonal and what is said above."""

from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from .style import canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def draw_contacts(said: np.ndarray, true: np.ndarray | None = None) -> "Figure":
    """Probabilities (n, n) above the diagonal, and true contacts (n, n) below, or the probabilities again.

    >>> draw_contacts(np.eye(3), np.eye(3)).axes[0].get_xlabel()
    'residue'
    """
    said = np.asarray(said, dtype=np.float64)
    if said.ndim != 2 or said.shape[0] != said.shape[1] or (true is not None and np.shape(true) != said.shape):
        other = "" if true is None else f" and {np.shape(true)}"
        raise DataError(f"maps are (n, n), of one chain both; got {said.shape}{other}")
    below = said if true is None else np.asarray(true, dtype=np.float64)
    n = len(said)
    figure, (ax,) = canvas(width=4.4, height=3.7, label="map of contacts, true below the diagonal, predicted above")
    shown = ax.imshow(
        np.triu(said, 1) + np.tril(below), cmap="Blues", vmin=0, vmax=1, extent=(0.5, n + 0.5, n + 0.5, 0.5)
    )
    ax.grid(visible=False)
    ax.set_xlabel("residue")
    ax.set_ylabel("residue")
    ax.set_title("predicted above the diagonal" + (", true below" if true is not None else ""))
    figure.colorbar(shown, ax=ax, label="probability of contact")
    return figure
