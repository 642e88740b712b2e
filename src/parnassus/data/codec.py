"""What a codec is, and which codec raw data call for."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self

import narwhals as nw
import numpy as np
import torch
from torch import Tensor

from ..errors import DataError
from ..imports import load_all
from .audio.sounds import is_sound_path, is_wave
from .images.pictures import is_picture_path
from .images.video_files import is_video_path
from .rows import Batch, Rows
from .tables.columns import only_column
from .tables.lookalikes import holds_prose
from .tables.path_columns import path_columns

State = dict[str, Any]


class Codec:
    """One modality's representation, learned from training rows and saved with the model.

    A constructor takes keyword options and keeps them as `options`, a dict; nothing else happens before `fit`.

    `fit` learns; `encode` turns raw data into compact rows, once; `prepare` makes what a model takes, on the device,
    for each batch; `decode` goes back; `views` names the shapes on offer with their facts, best first. A subclass
    names its `kind` and the `form` of raw data it serves. Every attribute is a JSON value or a tensor (or `state` and
    `from_state` say how it becomes one), so that a codec is saved without pickle.
    """

    kinds: ClassVar[dict[str, type["Codec"]]] = {}
    kind: ClassVar[str]
    form: ClassVar[str | None] = None
    options: Mapping[str, Any] = MappingProxyType({})

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "kind" in vars(cls):
            Codec.kinds[cls.kind] = cls

    def fit(self, raw: Any) -> Self:
        """Learn from the training rows alone."""
        raise NotImplementedError

    def views(self) -> dict[str, dict[str, Any]]:
        """The shapes on offer, best first: view -> facts."""
        raise NotImplementedError

    def encode(self, raw: Any) -> Rows:
        """Compact rows; refuses what differs from what `fit` saw."""
        raise NotImplementedError

    def prepare(self, batch: Batch, view: str, *, training: bool = False) -> Batch:
        """The batch as the view's shape, on the device; augmentation happens here, when training."""
        return batch

    def to(self, device: torch.device) -> Self:
        """Move what `prepare` uses to the device."""
        for key, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, key, value.to(device))
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.options.items())})"

    def state(self) -> State:
        """JSON values and tensors, from which `from_state` makes an equal codec."""
        return dict(vars(self))

    @classmethod
    def from_state(cls, state: State) -> Self:
        codec = cls.__new__(cls)
        vars(codec).update(state)
        return codec


def codec_kinds() -> dict[str, type[Codec]]:
    """Every kind of codec by name; the modules of this package are walked, so there is no list to edit."""
    load_all(__package__)
    return Codec.kinds


ENDINGS = (("sounds", is_sound_path), ("videos", is_video_path), ("pictures", is_picture_path))


def form_of(raw: Any) -> str | None:
    """What raw data look like: table, strings, pictures, sounds, sequences; one answer, so that codecs never compete.

    Pictures are uint8 arrays (rows, height, width[, channels]), PIL images, or paths of image files, as paths or
    strings; sequences are float arrays (rows, time, features), lists of arrays (time, features), or lists of integer
    arrays (time,) of different lengths; strings are lists of str. Sounds are paths of sound files, as paths or strings,
    or lists of float arrays (time,) of different lengths. Videos are arrays (rows, time, height, width, channels),
    lists of arrays (time, height, width, channels), or paths of video files.
    """
    if hasattr(raw, "form"):  # what `sources` opened says what it is
        return raw.form
    if isinstance(raw, Tensor):
        raw = raw.numpy(force=True)
    if hasattr(type(raw), "columns") or hasattr(type(raw), "schema"):
        named, n_columns = sound_columns(raw) if hasattr(raw, "columns") else ([], 0)
        return "sounds" if named and len(named) == n_columns else "table"
    if isinstance(raw, np.ndarray) and raw.ndim > 2:
        return "videos" if raw.ndim == 5 else "sequences" if raw.ndim == 3 and raw.dtype.kind == "f" else "pictures"
    first = first_known(raw)
    if ending := form_by_ending(raw, first):
        return ending
    if isinstance(first, str | bytes):
        nested = any(isinstance(row, list | tuple) for row in raw)
        return "strings" if getattr(raw, "ndim", 1) == 1 and not nested else "table"
    if hasattr(first, "getbands") or hasattr(first, "__fspath__"):
        return "pictures"
    if isinstance(first, np.ndarray | Tensor) and first.ndim >= 2 and isinstance(raw, list | tuple):
        steps = first.ndim == 2 and first.dtype not in (np.uint8, torch.uint8)
        return "videos" if first.ndim == 4 else "sequences" if steps else "pictures"
    return form_of_ragged(raw) or "table"


def first_known(raw: Any) -> Any:
    """The first row of a list or an array that is not missing, so that a gap does not hide what the others are."""
    if isinstance(raw, np.ndarray) and raw.dtype != object:
        return raw[0] if len(raw) else None
    rows = raw if isinstance(raw, list | tuple | np.ndarray) else ()
    return next((row for row in rows if row is not None and not (isinstance(row, float) and row != row)), None)


def form_of_ragged(raw: Any) -> str | None:
    """The form of a list of arrays (time,) of different lengths: of floats sounds, of integers sequences of symbols."""
    for form, fits in (("sounds", is_wave), ("sequences", is_symbols)):
        if isinstance(raw, list) and all(fits(row) for row in raw) and len({len(row) for row in raw}) > 1:
            return form
    return None


def is_symbols(given: Any) -> bool:
    """Whether something is one array of whole numbers from 0 up (time,); samples of 16 bits go below."""
    kind = isinstance(given, Tensor) and not given.is_floating_point() and not given.is_complex()
    whole = kind or (isinstance(given, np.ndarray) and given.dtype.kind in "iu")
    return whole and given.ndim == 1 and not bool((given < 0).any())


def form_by_ending(raw: Any, first: Any) -> str | None:
    """The form of paths that all have the ending of a sound, of a video, or of a picture."""
    return next((form for form, ends in ENDINGS if ends(first) and all(map(ends, raw))), None)


def sound_columns(frame: Any) -> tuple[list[Any], int]:
    """The columns of a data frame that hold paths of sounds, by their first entries, and how many columns it has."""
    names = list(getattr(frame, "column_names", None) or frame.columns)  # pyarrow's `columns` are its data
    if len(set(names)) < len(names) or not len(frame):
        return [], len(names)
    held = nw.from_native(frame, eager_only=True, pass_through=True)
    if not isinstance(held, nw.DataFrame):
        return [], len(names)
    return [name for name in names if is_sound_path(held.get_column(name)[0])], len(names)


def codec_for(raw: Any) -> Codec:
    """An unfitted codec for raw data; a frame whose only column holds prose calls for that of texts."""
    form = form_of(raw)
    if form == "table" and len(getattr(raw, "names", None) or ()) == 1 and hasattr(raw, "read"):  # a table in chunks
        first = only_column(next(iter(raw)))
        if first is not None and holds_prose(first):
            raise DataError(
                f"X holds texts, and more of them than memory={raw.memory} bytes allow; texts are learned from memory: "
                "raise memory, or give codec=pn.Table() to take each text as a category"
            )
    if form == "table" and (values := only_column(raw)) is not None and holds_prose(values):
        form = "strings"
    if form == "table" and hasattr(raw, "columns") and (named := sound_columns(raw)[0]):
        raise DataError(
            f"the column {named[0]!r} of X holds paths of sounds, and X has other columns; to learn from the sounds "
            f"alone give codec=pn.Speech(column={named[0]!r}), to learn from the others drop that column"
        )
    if form == "table" and (named := path_columns(raw)):
        raise DataError(
            f"the column {named[0]!r} of X holds paths of pictures or videos, and X has other columns; to learn from "
            "what the paths lead to give that column alone, to learn from the others drop it"
        )
    for codec in codec_kinds().values():
        if codec.form == form:
            return codec()
    shown = f"{type(raw).__name__} of shape {np.shape(raw)}" if hasattr(raw, "shape") else type(raw).__name__
    raise DataError(
        f"X is a {shown}; expected a 2-D array or a frame (table), strings (text), pictures (n, height, width[, "
        f"channels]) or paths (image), paths of sounds (speech), or arrays (time, features) a row (sequences)"
    )
