"""Two kinds of pictures: those to be made into others are inputs, the others a target; both from -1 to 1."""

from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError
from ..codec import Codec, State
from ..rows import Batch, Dense
from ..sources import pictures_in
from ..targets import Target
from .image import Image, is_stack

HALF = 127.5  # of the range of bytes


def centred(codec: Image) -> Image:
    """The codec with pixels from -1 to 1 in place of standardised ones."""
    codec.mean, codec.std = torch.full((1, 1, 1), HALF), torch.full((1, 1, 1), HALF)
    return codec


class PictureTarget(Target):
    """Pictures of the other kind, in the size of the first.

    Attributes: `image`, the codec of these pictures.
    """

    kind = "picture_target"
    image: Image

    @property
    def loss_kind(self) -> str:
        return "numbers"

    def fit(self, raw: Any, inputs: Codec | None = None) -> Self:
        assert isinstance(inputs, Image)
        codec = Image(**dict(inputs.options) | {"augment": None}).fit(raw)
        if codec.shape[1:] != inputs.shape[1:]:
            raise DataError(
                f"pictures A are {inputs.shape[1:]} (height, width) and pictures B {codec.shape[1:]}; both are to be "
                "of one size: give codec=pn.Image(size=...), which brings them there"
            )
        self.image = centred(codec)
        return self

    def facts(self) -> dict[str, Any]:
        return {"n_outputs": self.image.shape[0]}

    def encode(self, raw: Any) -> Dense:
        rows = self.image.encode(raw)
        if not isinstance(rows, Dense):
            raise DataError("pictures B are more than memory= takes; raise it, or give them a smaller codec size")
        return Dense(y=rows.tensors["x"])

    def cut(self, batch: Batch) -> Batch:
        return batch | {"y": (batch["y"].to(torch.float32) - HALF) / HALF} if "y" in batch else batch

    def decode(self, x: Tensor) -> np.ndarray:
        """uint8 pictures from maps (n, channels, height, width)."""
        return self.image.decode(x)

    def to(self, device: torch.device) -> Self:
        self.image.to(device)
        return self

    def state(self) -> State:
        return {"image": self.image.state()}

    @classmethod
    def from_state(cls, state: State) -> Self:
        target = cls()
        target.image = Image.from_state(state["image"])
        return target


def pictures_of(raw: Any, name: str) -> Any:
    """Pictures as the codec takes them: a folder as the paths in it; a single picture, and fewer than two, refused."""
    if isinstance(raw, str | Path):
        if not Path(raw).is_dir():
            raise DataError(f"{name} is {str(raw)!r}, which is no folder; give a folder of pictures, or a list")
        raw = [str(path) for path in pictures_in(Path(raw))]
        if not raw:
            raise DataError(f"{name}: the folder holds no pictures of its own; give the folder that they lie in")
    if is_stack(raw):
        shape = tuple(raw.shape)
        coloured = len(shape) == 3 and shape[2] in (3, 4) and min(shape[:2]) > 4
        if len(shape) == 2 or coloured:
            raise DataError(
                f"{name} has shape {shape}, which is a single picture; give a list of pictures, or {name}[None]"
            )
        return raw
    try:
        return list(raw)
    except TypeError:
        raise DataError(f"{name} is a {type(raw).__name__}; expected pictures, paths, or a folder") from None
