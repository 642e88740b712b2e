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


def tiled(pictures: np.ndarray, *, n_columns: int, gap: int = 1, least: int = 32) -> np.ndarray:
    """Pictures (n, height, width[, channels]) of bytes as one, row by row, black between and in places left over.

    Pixels are repeated until pictures are about `least` a side.

    >>> tiled(np.full((3, 2, 2), 9, dtype=np.uint8), n_columns=2, least=2)[:, :3].tolist()
    [[9, 9, 0], [9, 9, 0], [0, 0, 0], [9, 9, 0], [9, 9, 0]]
    """
    scale = max(1, least // max(pictures.shape[1:3]))
    large = pictures.repeat(scale, 1).repeat(scale, 2)
    (n, height, width), n_rows = large.shape[:3], -(-len(large) // n_columns)
    page = np.zeros((n_rows * (height + gap) - gap, n_columns * (width + gap) - gap, *large.shape[3:]), np.uint8)
    for i in range(n):
        top, left = i // n_columns * (height + gap), i % n_columns * (width + gap)
        page[top : top + height, left : left + width] = large[i]
    return page


@styled
def plot_stages(pages: dict[int, np.ndarray]) -> "Figure":
    """Pages (height, width[, channels]) side by side, each under the epoch after which it was drawn.

    >>> plot_stages({2: np.zeros((4, 4), dtype=np.uint8)}).axes[0].get_title("left")
    'epoch 2'
    """
    label = "pictures drawn from the same noises while the net learned"
    figure, axes = canvas(1, len(pages), width=2.0 * len(pages), height=2.2, label=label)
    for ax, (epoch, page) in zip(axes, pages.items(), strict=True):
        ax.set_axis_off()
        ax.set_title(f"epoch {epoch}")
        ax.imshow(page, cmap="gray", vmin=0, vmax=255)
    return figure


def plot_pairs(before: np.ndarray, after: np.ndarray) -> "Figure":
    """Pictures above, what became of them below.

    >>> len(plot_pairs(np.zeros((3, 8, 8), dtype=np.uint8), np.zeros((3, 8, 8), dtype=np.uint8)).axes)
    6
    """
    pictures = np.concatenate([before.reshape(after.shape), after])
    return plot_grid(pictures, n_columns=len(after), label="pictures above, their reconstructions below")


@styled
def plot_rows(rows: dict[str, np.ndarray]) -> "Figure":
    """Named rows of pictures (n, height, width[, channels]), one below the other; some may have colours.

    >>> len(plot_rows({"A": np.zeros((3, 8, 8)), "B": np.zeros((3, 8, 8, 3))}).axes)
    6
    """
    n = max(map(len, rows.values()))
    label = "rows of pictures: " + ", ".join(rows)
    figure, axes = canvas(len(rows), n, width=0.8 * n + 0.4, height=0.8 * len(rows), label=label)
    for i, (name, pictures) in enumerate(rows.items()):
        for j in range(n):
            ax = axes[i * n + j]
            ax.set_xticks([])
            ax.set_yticks([])
            for side in ax.spines.values():
                side.set_visible(False)
            if j < len(pictures):
                ax.imshow(pictures[j], cmap="gray", vmin=0, vmax=255)
        axes[i * n].set_ylabel(name)
    return figure


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
