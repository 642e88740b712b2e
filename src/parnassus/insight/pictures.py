"""What pictures become on their way into a model."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..data.image import Image
from ..errors import SettingError
from ..train.randomness import kept_random
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
