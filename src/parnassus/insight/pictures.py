"""What pictures become on their way into a model."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..data.detection.boxes import Boxes
from ..data.images.image import Image
from ..data.rows import Batch, Joined
from ..errors import SettingError
from ..train.randomness import kept_random
from .boxes import draw_boxes
from .keypoints import draw_keypoints
from .masks import draw_masks
from .style import MUTED, canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def augmented(codec: Image, pictures: Any, *, times: int = 7, seed: int = 0) -> np.ndarray:
    """Pictures as the codec changes them for training, uint8 (n, times, height, width) or (..., channels).

    The codec has learned its size (`estimator.codec_`, or `pn.Image(augment=...).fit(pictures)`).
    """
    if codec.augmentation is None:
        raise SettingError("this codec changes no pictures; make it with pn.Image(augment=...)")
    rows = codec.encode(pictures)
    index = torch.arange(len(rows)).repeat_interleave(times)
    with kept_random(codec.mean.device, seed):
        batch = {k: t.to(codec.mean.device) for k, t in rows.take(index).items()}
        changed = codec.decode(codec.prepare(batch, "image", training=True)["x"])
    return changed.reshape(len(rows), times, *changed.shape[1:])


def augmented_answers(
    codec: Image, target: Any, pictures: Any, answers: Any, *, times: int = 4, seed: int = 0
) -> tuple[np.ndarray, list[Any]]:
    """Pictures as training changes them, (n * times, ...), and what each answer is then, in pixels of the frame.

    `codec` and `target` are an estimator's `codec_` and `target_`. An answer is `Boxes`, a map of classes (255 where
    none counts), or keypoints (k, 2), NaN where one is not there.
    """
    rows = Joined(codec.encode(pictures), target.encode(answers))
    index = torch.arange(len(rows)).repeat_interleave(times)
    with kept_random(codec.mean.device, seed):
        batch = {k: t.to(codec.mean.device) for k, t in rows.take(index).items()}
        batch = {k: t.cpu() for k, t in codec.prepare(target.cut(batch), "image", training=True).items()}
    changed, y = codec.decode(batch["x"]), batch["y"].numpy()
    if "y_labels" in batch:
        return changed, [_boxes_of(batch, target.classes, i) for i in range(len(y))]
    if not batch["y"].is_floating_point():
        return changed, [np.where(one < 0, 255, np.asarray(target.classes)[one.clip(0)]) for one in y]
    return changed, [np.where(one[:, 2:] > 0, one[:, :2], np.nan) for one in y]


def _boxes_of(batch: Batch, classes: np.ndarray, i: int) -> Boxes:
    """The boxes of picture i of a batch, in the frame; those that are not counted are left out."""
    n, labels = int(batch["y_lengths"][i]), batch["y_labels"][i].numpy()
    kept = np.flatnonzero(labels[:n] >= 0)
    beside: dict[str, Any] = {}
    if "y_masks" in batch:
        beside["masks"] = batch["y_masks"][i].numpy()[kept] > 0
    if "y_points" in batch:
        points = batch["y_points"][i].numpy()[kept]
        beside["points"] = np.where(points[..., 2:] > 0, points[..., :2], np.nan)
    return Boxes(batch["y"][i].numpy()[kept].astype(np.float64), classes[labels[kept]], **beside)


def augmented_with_answers(
    codec: Image, target: Any, pictures: Any, answers: Any, *, times: int = 4, seed: int = 0
) -> "Figure":
    """Pictures as training changes them with the boxes, masks or keypoints that followed, `times` occasions a line."""
    changed, moved = augmented_answers(codec, target, pictures, answers, times=times, seed=seed)
    if target.kind == "boxes":
        return draw_boxes(changed, moved, n_columns=times)
    if target.kind == "points":
        return draw_keypoints(changed, np.stack(moved), n_columns=times)
    return draw_masks(changed, moved, classes=target.classes, words=("in training", "and its map"))


@styled
def augmented_pictures(codec: Image, pictures: Any, *, times: int = 7, seed: int = 0) -> "Figure":
    """A line a picture: as it is, then as training sees it on `times` occasions.

    >>> codec = Image(augment={"rotate": 20}).fit(np.zeros((2, 8, 8), dtype=np.uint8))
    >>> len(augmented_pictures(codec, np.zeros((2, 8, 8), dtype=np.uint8), times=3).axes)
    8
    """
    changed = augmented(codec, pictures, times=times, seed=seed)
    plain = codec.decode(codec.prepare(codec.encode(pictures).take(torch.arange(len(changed))), "image")["x"])
    height, width = plain.shape[1:3]
    each = 0.85 if width >= height else 0.85 * width / height
    size = {"width": (1 + times) * each, "height": len(plain) * each * height / width + 0.25}
    figure, axes = canvas(len(plain), 1 + times, **size, label="pictures as training changes them")
    shown = np.concatenate([plain[:, None], changed], 1).reshape(-1, *plain.shape[1:])
    for ax, picture in zip(axes, shown, strict=True):
        ax.imshow(picture, cmap="gray", vmin=0, vmax=255)
        ax.set_axis_off()
    for ax, words in zip(axes, ("as it is", "in training"), strict=False):
        ax.set_title(words, fontsize=9, color=MUTED, fontweight="normal")
    return figure
