"""Holes in tables, pictures and sequences: what was given apart from what is missing, and both together again."""

from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from ...data.images.holes import filled_pictures, laid_out
from ...data.images.image import Image, is_stack, listed
from ...data.tables.filled import filled
from ...data.tables.holed import HoledTable
from ...data.timeseries.sequences import SequenceList, Sequences, frames_of
from ...errors import DataError, SettingError
from ..fitting.intake import inputs_of, is_path

if TYPE_CHECKING:
    from ..autoencoder import Autoencoder


class HoledRows:
    """Raw rows with holes: `raw` as a codec takes them, with NaN; `filled(made)` puts what was made into the holes."""

    raw: Any

    def filled(self, made: Any) -> Any:
        """The rows as they were given, with what was made (in the user's terms) in their holes."""
        raise NotImplementedError


def holed_rows(model: "Autoencoder", X: Any, missing: Any) -> HoledRows:
    """Rows of the form that the fitted model takes, holes being NaN or where `missing` is True."""
    codec = model.codec_
    if isinstance(codec, HoledTable):
        return TableWithHoles(inputs_of(X, model.target_name_) if is_path(X) else X, missing)
    if isinstance(codec, Image):
        codec.holed = True  # those of earlier versions refused holes
        return PicturesWithHoles(codec, X, missing)
    if isinstance(codec, Sequences) and codec.n_features:
        codec.holed = True
        return SequencesWithHoles(inputs_of(X, None), missing)
    if codec.form == "strings":
        raise SettingError(
            "impute fills numbers, and a text is words in an order: what stands in the place of one is told by "
            "pn.LanguageModel('bert').fill('... [MASK] ...')"
        )
    raise SettingError(
        f"impute fills the holes of tables, pictures and sequences of numbers, and this model reads "
        f"{type(codec).__name__}; of tables leave codec=None in fit"
    )


def flags(missing: Any, shapes: tuple[tuple[int, ...], ...], of: str) -> np.ndarray:
    """Which entries are missing, bool, in one of these shapes."""
    found = np.asarray(missing.numpy(force=True) if isinstance(missing, Tensor) else missing)
    if found.dtype != bool:
        raise DataError(f"missing is True where {of} holds nothing that is known; got {found.dtype}, give booleans")
    if found.shape not in shapes:
        raise DataError(
            f"missing has shape {found.shape}, and {of} {' or '.join(map(str, shapes))}; give a flag an entry"
        )
    return found


class TableWithHoles(HoledRows):
    """Rows of an array or frame."""

    def __init__(self, X: Any, missing: Any) -> None:
        self.raw = X
        if missing is None:
            return
        if hasattr(X, "columns") or hasattr(X, "schema"):
            raise SettingError("missing= is of arrays; a frame says itself what it has not: X.mask(missing) of pandas")
        own = np.array(X, dtype=np.float64)
        self.raw = np.where(flags(missing, (own.shape,), "X"), np.nan, own)

    def filled(self, made: Any) -> Any:
        return filled(self.raw, made)


class PicturesWithHoles(HoledRows):
    """A stack of pictures, or others as the codec makes a stack of them."""

    def __init__(self, codec: Image, X: Any, missing: Any) -> None:
        if isinstance(X, np.ma.MaskedArray):
            X, missing = X.data, np.ma.getmaskarray(X) | (False if missing is None else np.asarray(missing))
        self.own = X if is_stack(X) else decoded(codec, inputs_of(X, None))
        x = laid_out(self.own)
        hole = np.isnan(x) if x.dtype.kind == "f" else np.zeros(x.shape, dtype=bool)
        if missing is not None:
            given = flags(missing, (x.shape[:3], x.shape, tuple(self.own.shape)), "X")
            hole = hole | (laid_out(given) if given.shape != x.shape else given)
        self.hole = hole
        whole = np.where(hole, x.dtype.type(0), x) if hole.any() else self.own
        self.raw = whole
        if hole.any():
            unit = 1 if x.dtype.kind in "fb" else 255
            self.raw = np.where(hole, np.float32(np.nan), whole.astype(np.float32) / unit)

    def filled(self, made: Any) -> Any:
        return filled_pictures(self.own, self.hole, np.asarray(made))


def decoded(codec: Image, X: Any) -> np.ndarray:
    """Pictures of files and the like as the codec reads them: (n, height, width[, channels]) uint8."""
    pixels = codec._pixels(listed(X))
    return pixels[..., 0] if pixels.shape[3] == 1 else pixels


class SequencesWithHoles(HoledRows):
    """Arrays (time, features) a row, in a list or in one array."""

    def __init__(self, X: Any, missing: Any) -> None:
        self.own, rows = X, []
        if missing is not None and len(missing) != len(X):
            raise DataError(f"missing is of {len(missing)} sequences, and X holds {len(X)}; give flags for each")
        for i, row in enumerate(X):
            frames = frames_of(row, i).astype(np.float64)
            if missing is not None:
                gone = flags(missing[i], (frames.shape[:1], frames.shape), f"sequence {i}")
                frames = np.where(gone if gone.ndim == frames.ndim else gone[:, None], np.nan, frames)
            rows.append(frames)
        self.raw = SequenceList(rows)

    def filled(self, made: Any) -> Any:
        whole = []
        for own, holed, new in zip(self.own, self.raw, np.asarray(made), strict=True):
            frames = np.where(np.isnan(holed), new[: len(holed)], holed).reshape(np.shape(own))
            kind = np.asarray(own).dtype
            whole.append((frames if kind.kind == "f" else np.rint(frames)).astype(kind))
        return np.stack(whole) if hasattr(self.own, "ndim") else whole
