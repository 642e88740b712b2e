"""Pictures with maps of classes laid over them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError
from .boxes import as_shown
from .style import MUTED, canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def draw_masks(
    pictures: Any,
    found: Sequence[np.ndarray],
    truths: Sequence[np.ndarray] | None = None,
    *,
    classes: Sequence[int],
    words: Sequence[str] = ("picture", "found", "true"),
) -> "Figure":
    """A column a picture: as it is, with the map found, and with the true one; the first class is left clear.

    `words` are what the lines are called.

    >>> one = np.zeros((8, 8), dtype=int)
    >>> len(draw_masks(np.zeros((2, 8, 8), dtype=np.uint8), [one, one], classes=[0, 1]).axes)
    4
    """
    if len(pictures) != len(found) or (truths is not None and len(truths) != len(found)):
        raise DataError(f"{len(pictures)} pictures and the maps of {len(found)}; give one map a picture")
    import matplotlib

    lines = 2 if truths is None else 3
    n = len(found)
    figure, axes = canvas(
        lines, n, width=1.6 * n + 0.3, height=1.6 * lines + 0.3, label="pictures with maps of classes"
    )
    colours = matplotlib.colormaps["tab10"]
    for i in range(n):
        picture = as_shown(pictures, i)
        for line, maps in enumerate([None, found, truths][:lines]):
            ax = axes[line * n + i]
            ax.imshow(picture, cmap="gray", vmin=0, vmax=255)
            if maps is not None:
                place = np.searchsorted(np.asarray(classes), maps[i])
                laid = colours((place - 1) % 10)
                laid[..., 3] = np.where((place > 0) & (maps[i] != 255), 0.65, 0.0)
                ax.imshow(laid)
    for ax in axes:
        ax.set_axis_off()
    for line, name in enumerate(words[:lines]):
        axes[line * n].set_title(name, fontsize=8.5, color=MUTED, fontweight="normal", loc="left")
    return figure
