"""Pictures, held as bytes, normalised on the device."""

import os
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError, DataWarning, SettingError, did_you_mean
from ...functional.threads import one_thread
from ..answers import shown
from ..codec import Codec, State
from ..detection.moved_boxes import changed_with_boxes, changed_with_masks, changed_with_points
from ..rows import Batch, Dense, Joined, Rows, Stream
from .augmentation import Augmentation, augmentation
from .holes import laid_out, mean_picture, without_holes
from .measuring import BLOCK, moments_of
from .pictures import RESIZES, checked_size, look, pixels_of, refuse_range, unit_floats

MEMORY_BUDGET = 2 << 30  # bytes of pixels; more pictures than that stay in files
THREADS = 8


class Image(Codec):
    """Pictures of any size and mode: uint8 arrays, tensors, PIL images, or paths of files.

    Arrays are (n, height, width), (n, height, width, channels) or, where the last axis is no number of channels (1 to
    4) and the second is, (n, channels, height, width); tensors are channels-first. Whole numbers run from 0 to 255,
    floats from 0 to 1. Lists may mix sizes. EXIF orientation is applied, alpha is laid on white, of an animation the
    first frame is taken; see `pictures.converted`.

    Parameters
    ----------
    size : (height, width), or one number for both; None takes the common size, or the median where sizes differ.
    resize : "crop" (fill, then cut evenly), "pad" (fit, black around) or "stretch". None leaves it, and with it a size
        that is not given, to the task: "crop", but where answers lie in places see `Detector`, `Segmenter`, and
        `KeypointFinder`.
    mode : "L" (grey), "RGB", or "auto": the mode that all pictures share; grey and coloured ones together are refused.
    memory : bytes of pixels that may be held; pictures in files beyond that are decoded when a batch needs them.
    augment : random changes of training pictures, such as "shift-flip" or {"rotate": 10, "zoom": 0.1}; see
        `pn.data.images.augmentation.Augmentation`.

    Pixels are held as uint8 (float32 where floats are given that are no multiples of 1/255) and become
    (x - mean) / std by channel in `prepare`. The view "vector" runs row by row, channels last; the view "rows" has
    each row of pixels as a step of a sequence.

    Systems: image-pixel-grid
    Source: Hifny A3.24, Baker A066.
    """

    kind = "image"
    form = "pictures"

    shape: tuple[int, int, int]  # channels, height, width
    mean: Tensor
    std: Tensor
    axes: Tensor  # of the training pictures' colours, where `augment` shifts along them; else empty
    usual: Tensor | None = None  # the mean training picture, 0 to 255, which stands in holes
    holed = False  # whether holes (NaN) are taken, and told beside x

    def __init__(
        self,
        *,
        size: int | Sequence[int] | None = None,
        resize: str | None = None,
        mode: str = "auto",
        memory: int = MEMORY_BUDGET,
        augment: str | Mapping[str, Any] | None = None,
    ) -> None:
        if resize is not None and resize not in RESIZES:
            raise SettingError(f"Image: resize={resize!r}; {did_you_mean(resize, RESIZES)}")
        if mode not in ("auto", "L", "RGB"):
            raise SettingError(f"Image: mode={mode!r}; {did_you_mean(mode, ('auto', 'L', 'RGB'))}")
        if size is not None:
            size = checked_size("Image", size)
        if not isinstance(memory, int | float) or isinstance(memory, bool) or not memory >= 0:
            raise SettingError(f"Image: memory is a number of bytes, such as 2**30; got {memory!r}")
        self.augmentation = augmentation(augment)
        augment = dict(augment) if isinstance(augment, Mapping) else augment
        self.options = {"size": size, "resize": resize, "mode": mode, "memory": memory, "augment": augment}
        self._decoded: tuple[Any, np.ndarray] | None = None

    def with_holes(self) -> Self:
        """A codec that takes stacks of floats with NaN, and says as `observed` which entries of x were there."""
        made = type(self)(**self.options)
        vars(made).update(vars(self))
        made.holed = True
        return made

    # --- fit --------------------------------------------------------------------------------------

    def fit(self, raw: Any) -> Self:
        self.even = True
        raw, missing = self._apart(raw)
        parts: Iterable[np.ndarray]
        if is_stack(raw):
            pixels = stacked(raw)
            if self.options["size"] or self.options["mode"] != "auto":
                pixels = self._remade(pixels)
            self.shape, parts = (pixels.shape[3], pixels.shape[1], pixels.shape[2]), [pixels]
        else:
            pictures = listed(raw)
            self._choose(pictures)
            if in_files(pictures) and self._size_of(len(pictures)) > self.options["memory"]:
                n = max(BLOCK // int(np.prod(self.shape)), 1)
                parts = (self._pixels(pictures[i : i + n], i) for i in range(0, len(pictures), n))
            else:
                pixels = self._pixels(pictures)
                self._decoded, parts = (raw, pixels), [pixels]  # `encode` of the same pictures comes next
        shifts = self.augmentation is not None and self.augmentation.pca > 0
        self.mean, self.std, self.axes = moments_of(parts, self.shape, colours=shifts)
        if self.holed:
            self.usual = mean_picture(parts if isinstance(parts, list) else self.mean.expand(self.shape), missing)
        return self

    def _apart(self, raw: Any) -> tuple[Any, np.ndarray | None]:
        """Pictures without their holes, and where these were; None where there are none."""
        if not self.holed:
            return raw, None
        raw, missing = without_holes(raw)
        if missing is not None and self.augmentation is not None:
            raise SettingError("augment= changes pictures, and holes would stay where they were; leave it out")
        return raw, missing

    def _choose(self, pictures: list) -> None:
        """Mode and size, from all pictures; of files only the headers are read."""
        with ThreadPoolExecutor(THREADS) as pool:
            seen = list(pool.map(look, pictures, [name_of(p, i) for i, p in enumerate(pictures)]))
        modes = Counter(mode for mode, _ in seen)
        mode = self.options["mode"]
        if mode == "auto" and len(modes) > 1:
            rare = min(modes, key=lambda m: modes[m])
            which = [name_of(p, i) for i, (p, (m, _)) in enumerate(zip(pictures, seen, strict=True)) if m == rare]
            raise DataError(
                f"{modes['L']} pictures are grey and "
                f"{modes['RGB']} have colours; {'grey' if rare == 'L' else 'coloured'} "
                f"are {shown(which)}; say what all shall be: codec=pn.Image(mode='RGB') or codec=pn.Image(mode='L')"
            )
        mode = next(iter(modes)) if mode == "auto" else mode
        sizes = [size for _, size in seen]
        self.even = len(set(sizes)) == 1
        median = tuple(int(v) for v in np.rint(np.median(np.array(sizes), axis=0)))
        height, width = self.options["size"] or (sizes[0] if self.even else median)
        self.shape = (1 if mode == "L" else 3, height, width)

    # --- encode -----------------------------------------------------------------------------------

    def views(self) -> dict[str, dict[str, Any]]:
        channels, height, width = self.shape
        return {
            "image": {"in_channels": channels, "image_size": (height, width)},
            "vector": {"in_features": channels * height * width},
            "rows": {"step_features": channels * width},
        }

    def encode(self, raw: Any) -> Rows:
        raw, missing = self._apart(raw)
        if missing is None:
            return self._encoded(raw)
        if missing.shape[1:] != (*self.shape[1:], self.shape[0]):
            raise DataError(
                f"pictures with holes are taken as they are, (height, width, channels) = "
                f"{(*self.shape[1:], self.shape[0])} in this model, and X has {missing.shape[1:]}; resize them before"
            )
        return Joined(self._encoded(raw), Dense(observed=torch.from_numpy(~missing).permute(0, 3, 1, 2)))

    def _encoded(self, raw: Any) -> Rows:
        if is_stack(raw):
            return held(self._checked(stacked(raw)))
        if self._decoded is not None and self._decoded[0] is raw:
            pixels, self._decoded = self._decoded[1], None
            return held(pixels)
        pictures = listed(raw)
        if in_files(pictures) and self._size_of(len(pictures)) > self.options["memory"]:
            return Stream(pictures, self._read)
        return held(self._pixels(pictures))

    def _checked(self, pixels: np.ndarray) -> np.ndarray:
        """A stack like those of `fit`; it is remade only where the settings ask for a size or mode."""
        shape = (pixels.shape[3], pixels.shape[1], pixels.shape[2])
        if shape == self.shape:
            return pixels
        if not self.options["size"] and not (self.options["mode"] != "auto" and shape[1:] == self.shape[1:]):
            raise DataError(
                f"fit saw pictures of (channels, height, width) = {self.shape}, and X has {shape}; "
                f"resize them, or fit with "
                "codec=pn.Image(size=(height, width), mode='RGB'), which takes any"
            )
        return self._as_fitted(pixels)

    def _remade(self, pixels: np.ndarray) -> np.ndarray:
        """A stack in the size and mode of the settings, which are learned from it where they are left open."""
        height, width = self.options["size"] or pixels.shape[1:3]
        mode = self.options["mode"]
        mode = ("L" if pixels.shape[3] == 1 else "RGB") if mode == "auto" else mode
        self.shape = (1 if mode == "L" else 3, height, width)
        return self._as_fitted(pixels)

    def _as_fitted(self, pixels: np.ndarray) -> np.ndarray:
        """A stack in the size and mode that were learned."""
        if pixels.shape[3] not in (1, 3, 4):
            raise DataError(
                f"pictures of {pixels.shape[3]} channels cannot change their size or mode; do it before, and give none"
            )
        return self._pixels(list(pixels if pixels.dtype == np.uint8 else np.rint(pixels).astype(np.uint8)))

    def _size_of(self, n_pictures: int) -> int:
        return n_pictures * int(np.prod(self.shape))

    def _pixels(self, pictures: Sequence, start: int = 0) -> np.ndarray:
        """uint8 (n, height, width, channels), decoded by a pool of threads."""
        channels, height, width = self.shape
        pixels = np.empty((len(pictures), height, width, channels), dtype=np.uint8)
        mode, size, how = "L" if channels == 1 else "RGB", (height, width), self.options["resize"] or "crop"

        n_threads = min(THREADS, (os.cpu_count() or 1) + 2, len(pictures))

        def decode(first: int) -> int:
            """Every `n_threads`-th picture from the first on, since a task for each would cost half as much as it."""
            n_other = 0
            for i in range(first, len(pictures), n_threads):
                found, other = pixels_of(pictures[i], name_of(pictures[i], start + i), mode, size, how)
                pixels[i] = found.reshape(height, width, channels)
                n_other += other
            return n_other

        with ThreadPoolExecutor(n_threads) as pool:
            n_other = sum(pool.map(decode, range(n_threads)))
        if n_other and self.even and not self.options["size"]:
            warnings.warn(
                f"{n_other} pictures are not {height} x {width}, as all were in training; they are resized ({how})",
                DataWarning,
                stacklevel=4,
            )
        return pixels

    @one_thread()
    def _read(self, pictures: list) -> Dense:
        """Pictures of a stream, channels first: where threads decode, torch's would but wait in their way."""
        return Dense(x=held(self._pixels(pictures)).tensors["x"].contiguous())

    # --- prepare and decode -----------------------------------------------------------------------

    def prepare(self, batch: Batch, view: str, *, training: bool = False) -> Batch:
        change, x = (self.augmentation if training else None), batch["x"]
        plain = x.is_cpu and x.dtype == torch.uint8 and not with_places(batch)
        if change and not (plain and change.copies((x.shape[2], x.shape[3]))):
            batch = self._changed(batch, change)
            x = batch["x"].sub_(self.mean).div_(self.std)
        else:
            with one_thread() if x.is_cpu and x.numel() <= BLOCK else nullcontext():
                x = change(x) if change else x  # bytes are moved at a third of what floats cost
                x = x.to(torch.float32, copy=True).sub_(self.mean).div_(self.std)
        if "observed" not in batch:
            return batch | {"x": seen_as(view, x)}
        usual = 127.5 if self.usual is None else self.usual
        x = torch.where(batch["observed"], x, (usual - self.mean) / self.std)
        return batch | {"x": seen_as(view, x), "observed": seen_as(view, batch["observed"].to(x.dtype))}

    def _changed(self, batch: Batch, change: Augmentation) -> Batch:
        """The batch, its pictures changed as floats from 0 to 255, and boxes, masks or keypoints with them."""
        x = batch["x"].to(torch.float32, copy=True).div_(255)
        if not with_places(batch):
            return batch | {"x": change(x, axes=self.axes).mul_(255)}
        boxes, points = "y_labels" in batch, batch["y"].is_floating_point()
        follow = changed_with_boxes if boxes else changed_with_points if points else changed_with_masks
        batch = follow(change, x, batch, axes=self.axes)
        return batch | {"x": batch["x"].mul_(255)}

    def decode(self, x: Tensor) -> np.ndarray:
        """uint8 pictures (n, height, width) or (n, height, width, channels) from any view."""
        channels, height, width = self.shape
        x = x.detach()
        x = x.permute(0, 2, 3, 1) if x.ndim == 4 else x.reshape(-1, height, width, channels)
        pixels = (x * self.std.view(-1).to(x.device) + self.mean.view(-1).to(x.device)).round().clamp(0, 255)
        array = pixels.to(torch.uint8).cpu().numpy()
        return array[..., 0] if channels == 1 else array

    def state(self) -> State:
        holes = {"holed": True, "usual": self.usual} if self.holed else {}
        return holes | {
            "options": dict(self.options),
            "shape": list(self.shape),
            "even": self.even,
            "mean": self.mean,
            "std": self.std,
            "axes": self.axes,
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        codec = cls(**state["options"])
        codec.shape, codec.even = tuple(state["shape"]), state["even"]
        codec.mean, codec.std = state["mean"], state["std"]
        codec.axes = state.get("axes", torch.empty(0, 0))
        codec.holed, codec.usual = state.get("holed", False), state.get("usual")
        return codec


def seen_as(view: str, x: Tensor) -> Tensor:
    """Entries of pictures (n, channels, height, width) as a view has them."""
    return x if view == "image" else x.permute(0, 2, 3, 1).flatten(1 if view == "vector" else 2)


def with_places(batch: Batch) -> bool:
    """Whether answers are boxes, masks or keypoints, which move with their pictures."""
    return "y_labels" in batch or ("y" in batch and batch["y"].ndim == 3)


def is_stack(raw: Any) -> bool:
    """Whether pictures come as one array or tensor."""
    return isinstance(raw, Tensor) or (isinstance(raw, np.ndarray) and raw.dtype.kind not in "OU")


def stacked(raw: np.ndarray | Tensor) -> np.ndarray:
    """A stack as (n, height, width, channels): uint8, or float32 from 0 to 255; no copy where bytes are given."""
    x = laid_out(raw)
    if x.dtype == np.uint8:
        return x
    if x.dtype == bool:
        return x.astype(np.uint8) * 255
    if x.dtype.kind in "iu":
        refuse_range(x, 255, "X")
        return x.astype(np.uint8)
    exact = (unit_floats(x, "X") * 255).astype(np.float32)
    whole = np.rint(exact)
    return whole.astype(np.uint8) if np.abs(exact - whole).max() < 1e-4 else exact


def held(pixels: np.ndarray) -> Dense:
    """(n, height, width, channels) as rows (n, channels, height, width), sharing the memory where it may be written."""
    if not pixels.flags.writeable or min(pixels.strides) < 0:
        pixels = pixels.copy()
    return Dense(x=torch.from_numpy(pixels).permute(0, 3, 1, 2))


def listed(raw: Any) -> list:
    """Pictures one by one, as a list; none at all is refused."""
    pictures = list(raw)
    if not pictures:
        raise DataError("X holds no pictures; give at least one")
    return pictures


def in_files(pictures: list) -> bool:
    """Whether pictures are paths of files."""
    return isinstance(pictures[0], str | os.PathLike)


def name_of(picture: Any, i: int) -> str:
    """A picture as a message names it."""
    return str(picture) if isinstance(picture, str | os.PathLike) else f"picture {i}"
