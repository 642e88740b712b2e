"""Pictures with their boxes drawn: what is there, and what a detector found."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.detection.boxes import Boxes
from ..data.images.image import is_stack, stacked
from ..data.images.pictures import converted, open_picture, plain_mode
from ..errors import DataError
from .style import GREEN, MUTED, VERMILION, canvas, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def draw_boxes(
    pictures: Any, found: Sequence[Boxes], truths: Sequence[Boxes] | None = None, *, n_columns: int = 4
) -> "Figure":
    """The pictures with the boxes found, each with its class and score; true boxes are drawn dashed beneath.

    Masks, where boxes have them, are laid over the picture, each thing in its own colour, with the edge of true ones;
    keypoints are dots, and rings where they truly are.

    >>> one = Boxes(np.array([[1.0, 1, 6, 5]]), np.array(["cat"]), np.array([0.9]))
    >>> len(draw_boxes(np.zeros((1, 8, 8), dtype=np.uint8), [one]).axes)
    1
    """
    if len(pictures) != len(found) or (truths is not None and len(truths) != len(found)):
        raise DataError(f"{len(pictures)} pictures and the boxes of {len(found)}; give one entry a picture")
    shown = [as_shown(pictures, i) for i in range(len(found))]
    n_columns = max(1, min(n_columns, len(shown)))
    n_rows = max(1, -(-len(shown) // n_columns))
    figure, axes = canvas(n_rows, n_columns, width=2.2 * n_columns, height=2.2 * n_rows, label="pictures with boxes")
    for ax in axes:
        ax.set_axis_off()
    for i, picture in enumerate(shown):
        axes[i].imshow(picture, cmap="gray", vmin=0, vmax=255, extent=(0, picture.shape[1], picture.shape[0], 0))
        _lay(axes[i], found[i])
        if truths is not None:
            _trace(axes[i], truths[i])
            _dot(axes[i], truths[i], s=40, facecolors="none", edgecolors=GREEN)
            _outline(axes[i], truths[i], GREEN, dashed=True)
        _outline(axes[i], found[i], VERMILION)
        _dot(axes[i], found[i], s=10, color=VERMILION)
    if truths is not None and axes:
        axes[0].set_title("found; dashed: true", fontsize=8.5, color=MUTED, fontweight="normal")
    return figure


def _lay(ax: "Axes", boxes: Boxes) -> None:
    """The masks, the best on top, half transparent."""
    import matplotlib

    colours = matplotlib.colormaps["tab10"]
    for k in range(len(boxes) - 1, -1, -1) if boxes.masks is not None else ():
        height, width = boxes.masks[k].shape  # type: ignore[index]
        laid = np.zeros((height, width, 4))
        laid[boxes.masks[k]] = (*colours(k % 10)[:3], 0.6)  # type: ignore[index]
        ax.imshow(laid, extent=(0, width, height, 0), interpolation="nearest")


def _trace(ax: "Axes", boxes: Boxes) -> None:
    """The edges of the masks, along the pixels' centres."""
    for mask in boxes.masks if boxes.masks is not None else ():
        around = np.pad(mask, 1).astype(float)
        at = [np.arange(n) - 0.5 for n in around.shape]
        ax.contour(at[1], at[0], around, levels=[0.5], colors=[GREEN], linewidths=0.8)


def _dot(ax: "Axes", boxes: Boxes, **style: Any) -> None:
    """The keypoints that are there."""
    for points in boxes.points if boxes.points is not None else ():
        ax.scatter(points[:, 0], points[:, 1], linewidths=1.2, **style)


def _outline(ax: "Axes", boxes: Boxes, colour: str, *, dashed: bool = False) -> None:
    from matplotlib.patches import Rectangle

    for k, (x1, y1, x2, y2) in enumerate(boxes.boxes.tolist()):
        style: Any = {"linestyle": (0, (3, 2)) if dashed else "-", "linewidth": 1.2, "edgecolor": colour}
        ax.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, **style))
        if dashed:
            continue
        words = str(boxes.labels[k]) + ("" if boxes.scores is None else f" {boxes.scores[k]:.2f}")
        patch: Any = {"facecolor": colour, "edgecolor": "none", "pad": 0.8, "alpha": 0.85}
        ax.text(x1, y1, words, fontsize=6.5, color="white", va="bottom", bbox=patch, clip_on=True)


def as_shown(pictures: Any, i: int) -> np.ndarray:
    """Picture i as bytes (height, width) or (height, width, 3)."""
    if is_stack(pictures):
        pixels = stacked(pictures[i : i + 1])[0]
        pixels = pixels if pixels.dtype == np.uint8 else np.rint(pixels).astype(np.uint8)
        return pixels[..., 0] if pixels.shape[2] in (1, 2) else pixels[..., :3]
    image = open_picture(pictures[i], f"picture {i}")
    return np.asarray(converted(image, plain_mode(image)))
