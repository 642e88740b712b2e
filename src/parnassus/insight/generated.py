"""Pictures that models made, on one page."""

from typing import TYPE_CHECKING

import numpy as np

from .style import canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def plot_grid(pictures: np.ndarray, *, n_columns: int = 8, label: str = "pictures that were made") -> "Figure":
    """Pictures (n, height, width[, channels]) from 0 to 255, row by row.

    >>> len(plot_grid(np.zeros((3, 8, 8), dtype=np.uint8), n_columns=2).axes)
    4
    """
    n_rows = -(-len(pictures) // n_columns)
    figure, axes = canvas(n_rows, n_columns, width=0.8 * n_columns, height=0.8 * n_rows, label=label)
    for ax in axes:
        ax.set_axis_off()
    for ax, picture in zip(axes, pictures, strict=False):
        ax.imshow(picture, cmap="gray", vmin=0, vmax=255)
    return figure


def plot_pairs(before: np.ndarray, after: np.ndarray) -> "Figure":
    """Pictures above, what became of them below.

    >>> len(plot_pairs(np.zeros((3, 8, 8), dtype=np.uint8), np.zeros((3, 8, 8), dtype=np.uint8)).axes)
    6
    """
    pictures = np.concatenate([before.reshape(after.shape), after])
    return plot_grid(pictures, n_columns=len(after), label="pictures above, their reconstructions below")


@styled
def plot_turned(before: np.ndarray, after: np.ndarray) -> "Figure":
    """Pictures above, what they were made into below; one kind may have colours and the other none.

    >>> len(plot_turned(np.zeros((3, 8, 8), dtype=np.uint8), np.zeros((3, 8, 8, 3), dtype=np.uint8)).axes)
    6
    """
    n = len(after)
    figure, axes = canvas(2, n, width=0.8 * n, height=1.6, label="pictures above, what they were made into below")
    for ax, picture in zip(axes, [*before, *after], strict=True):
        ax.set_axis_off()
        ax.imshow(picture, cmap="gray", vmin=0, vmax=255)
    return figure
