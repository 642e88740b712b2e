"""The target of segmentation: a class for every pixel."""

import os
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import DataError, FileError
from ...functional.losses import IGNORED
from ..codec import Codec, State
from ..packing import packed, unpacked
from ..rows import Batch, Dense
from ..targets import Target

UNCOUNTED = 255  # the byte of a pixel that is not to be learned or judged
LOSSLESS = (".png", ".bmp", ".gif", ".tif", ".tiff")  # JPEG would change class numbers
Map = NDArray[np.int64]


class MaskTargets(Target):
    """A map of class numbers for each picture, of the picture's own size; y holds them in the frame of the codec.

    Attributes: `classes` (K,), the numbers that `fit` saw, sorted; `counts` (K,), pixels of each; `frame`; `resize`.
    """

    kind = "masks"
    loss_name = "cross_entropy"

    classes: np.ndarray
    counts: np.ndarray
    frame: tuple[int, int] | None = None
    resize: str = "stretch"

    def __init__(self, ignored: int | None = UNCOUNTED) -> None:
        self.ignored = ignored

    @property
    def loss_kind(self) -> str:
        return "labels"

    def fit(self, raw: Any, inputs: Codec | None = None) -> Self:
        counts: dict[int, int] = {}
        for i, one in enumerate(raw):
            for value, n in zip(*np.unique(read(one, f"mask {i}"), return_counts=True), strict=True):
                counts[int(value)] = counts.get(int(value), 0) + int(n)
        left_out = counts.pop(int(self.ignored), 0) if self.ignored is not None else 0
        if len(counts) < 2:
            more = f" ({left_out:,} pixels of {self.ignored} do not count: ignored=None makes it a class)"
            raise DataError(
                f"the masks hold the classes {sorted(counts)}; segmentation learns to tell two or more apart"
                f"{more if left_out else ''}"
            )
        self.classes = np.array(sorted(counts))
        self.counts = np.array([counts[int(k)] for k in self.classes])
        shape = getattr(inputs, "shape", None)
        self.frame = None if shape is None else (int(shape[1]), int(shape[2]))
        self.resize = "stretch" if inputs is None else str(inputs.options.get("resize") or "stretch")
        return self

    def facts(self) -> dict[str, Any]:
        return {"n_outputs": len(self.classes)}

    def numbers(self, given: Any, where: str = "y") -> Map:
        """The place of each pixel's class in `classes`, of a mask or the path of one; -1 for those that do not count.

        A class that `fit` has not seen is refused.
        """
        mask = read(given, where)
        place = np.searchsorted(self.classes, mask).clip(max=len(self.classes) - 1)
        known = self.classes[place] == mask
        free = mask == self.ignored if self.ignored is not None else np.zeros(mask.shape, bool)
        if not (known | free).all():
            strange = sorted({int(v) for v in mask[~(known | free)].ravel()[:1000]})
            raise DataError(f"{where}: fit has seen no pixel of class {strange[:5]}; it saw {self.classes.tolist()}")
        return np.where(known & ~free, place, -1)

    def encode(self, raw: Any) -> Dense:
        framed = []
        for i, one in enumerate(raw):
            found = self.numbers(one, f"mask {i}")
            size = self.frame or found.shape
            framed.append(into_frame(found, (int(size[0]), int(size[1])), self.resize))
        return Dense(y=torch.from_numpy(np.stack(framed)).to(torch.int16))

    def cut(self, batch: Batch) -> Batch:
        if "y" not in batch:
            return batch
        y = batch["y"].long()
        return batch | {"y": torch.where(y < 0, torch.full_like(y, IGNORED), y)}

    def decode(self, found: Any, sizes: Any = None) -> list[np.ndarray]:
        """Class places in the frame (n, h, w), in the user's numbers and each picture's own size."""
        maps = [np.asarray(one) for one in found]
        own = [one.shape for one in maps] if sizes is None else [(int(s[0]), int(s[1])) for s in sizes]
        return [self.classes[out_of_frame(one, size, self.resize)] for one, size in zip(maps, own, strict=True)]

    def state(self) -> State:
        return {
            "classes": packed(self.classes.tolist()),
            "counts": packed(self.counts.tolist()),
            "frame": self.frame and list(self.frame),
            "resize": self.resize,
            "ignored": self.ignored,
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        target = cls(state["ignored"])
        target.classes, target.counts = np.array(unpacked(state["classes"])), np.array(unpacked(state["counts"]))
        target.frame, target.resize = state["frame"] and tuple(state["frame"]), state["resize"]
        return target


def _inner(size: tuple[int, int], frame: tuple[int, int]) -> tuple[int, int, int, int]:
    """Where a picture of this size lies in its frame when it is padded: top, left, height, width."""
    ratio = min(frame[0] / size[0], frame[1] / size[1])
    height, width = max(round(size[0] * ratio), 1), max(round(size[1] * ratio), 1)
    # as `pictures.resized` rounds: of an odd rest the larger half comes first
    return (frame[0] - height + 1) // 2, (frame[1] - width + 1) // 2, height, width


def nearest(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A map (h, w) at another size, each pixel the nearest one's class."""
    rows = ((np.arange(size[0]) + 0.5) * values.shape[0] / size[0]).astype(np.intp)
    columns = ((np.arange(size[1]) + 0.5) * values.shape[1] / size[1]).astype(np.intp)
    return values[rows[:, None], columns]


def into_frame(values: np.ndarray, frame: tuple[int, int], how: str) -> np.ndarray:
    """A map as its picture lies in the frame; what is not of the picture is -1."""
    if values.shape == frame:
        return values
    if how != "pad":
        return nearest(values, frame)
    top, left, height, width = _inner(values.shape, frame)
    found = np.full(frame, -1, dtype=values.dtype)
    found[top : top + height, left : left + width] = nearest(values, (height, width))
    return found


def out_of_frame(values: np.ndarray, size: tuple[int, int], how: str) -> np.ndarray:
    """A map in the frame brought back to its picture's own size."""
    if values.shape == size:
        return values
    if how == "pad":
        top, left, height, width = _inner(size, values.shape)
        values = values[top : top + height, left : left + width]
    return nearest(values, size)


def masks_of(given: Any, sizes: list[tuple[int, int]]) -> list[np.ndarray]:
    """Masks as arrays of whole numbers (h, w), one a picture and of its size; anything else is refused by number."""
    if isinstance(given, str | os.PathLike):
        folder = Path(given)
        if not folder.is_dir():
            raise FileError(f"there is no folder {str(folder)!r} with a mask for each picture")
        given = sorted(p for p in folder.iterdir() if p.suffix.lower() in LOSSLESS)
    if len(given) != len(sizes):
        raise DataError(f"there are {len(given)} masks for {len(sizes)} pictures; give one a picture, in their order")
    return [opened(one, i, size).astype(np.int64) for i, (one, size) in enumerate(zip(given, sizes, strict=True))]


def opened(one: Any, i: int, size: tuple[int, int]) -> np.ndarray:
    """Mask i, an array or a path, as whole numbers (h, w); one that does not fit a picture of this size is refused."""
    named = f"mask {i} ({Path(one).name})" if isinstance(one, str | os.PathLike) else f"mask {i}"
    mask = read(one, named)
    if mask.ndim != 2 or mask.dtype.kind not in "biu":
        raise DataError(
            f"{named} has shape {mask.shape} and holds {mask.dtype}; expected whole class numbers (height, width)"
        )
    if mask.shape != tuple(size):
        raise DataError(f"{named} is {mask.shape[0]} x {mask.shape[1]} and its picture {size[0]} x {size[1]}")
    return mask


def read(one: Any, named: str) -> np.ndarray:
    """A mask, or what the file at a path holds of one, as an array."""
    if not isinstance(one, str | os.PathLike):
        return np.asarray(one)
    from PIL import Image

    if Path(one).suffix.lower() in (".jpg", ".jpeg"):
        raise DataError(f"{named}: JPEG changes the class numbers of a mask; save it as PNG")
    try:
        with Image.open(one) as file:
            if file.mode not in ("1", "L", "P", "I", "I;16"):
                raise DataError(
                    f"{named} has mode {file.mode}: a mask has one class number a pixel (mode L, or P, whose places in "
                    "the palette are the classes); turn its colours into such numbers first"
                )
            return np.asarray(file)
    except OSError as error:
        raise FileError(f"{named}: {one} cannot be read as a picture ({error})") from error
