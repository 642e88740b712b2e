"""Pictures with their keypoints: where they were found, and where they are."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError
from .boxes import as_shown
from .style import GREEN, MUTED, VERMILION, canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def draw_keypoints(
    pictures: Any, found: np.ndarray, truths: np.ndarray | None = None, *, n_columns: int = 4
) -> "Figure":
    """The pictures with a numbered dot at each keypoint found (k, 2), and a ring at each true one.

    >>> len(draw_keypoints(np.zeros((2, 8, 8), dtype=np.uint8), np.full((2, 1, 2), 4.0)).axes)
    2
    """
    if len(pictures) != len(found) or (truths is not None and len(truths) != len(found)):
        raise DataError(f"{len(pictures)} pictures and the keypoints of {len(found)}; give one entry a picture")
    n_columns = max(1, min(n_columns, len(found)))
    n_rows = max(1, -(-len(found) // n_columns))
    label = "pictures with keypoints"
    figure, axes = canvas(n_rows, n_columns, width=2.2 * n_columns, height=2.2 * n_rows, label=label)
    for ax in axes:
        ax.set_axis_off()
    for i, points in enumerate(found):
        picture = as_shown(pictures, i)
        axes[i].imshow(picture, cmap="gray", vmin=0, vmax=255, extent=(0, picture.shape[1], picture.shape[0], 0))
        if truths is not None:
            there = np.asarray(truths[i])
            axes[i].scatter(there[:, 0], there[:, 1], s=60, facecolors="none", edgecolors=GREEN, linewidths=1.4)
        axes[i].scatter(points[:, 0], points[:, 1], s=12, color=VERMILION)
        for k, (x, y) in enumerate(points):
            axes[i].annotate(str(k), (x, y), xytext=(3, 2), textcoords="offset points", fontsize=6.5, color=VERMILION)
    if truths is not None and axes:
        axes[0].set_title("found; rings: true", fontsize=8.5, color=MUTED, fontweight="normal")
    return figure
