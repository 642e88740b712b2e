"""Sequences of vectors or symbols, of equal or different lengths."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError, SettingError, did_you_mean
from ..codec import Codec, State
from ..masked_arrays import in_numbers, unmasked
from ..rows import Batch, Joined, Ragged, Rows

DTYPES = {"float32": torch.float32, "float64": torch.float64}


class SequenceList(list):
    """A list of sequences that says so: of symbols, or of anything else whose form its rows do not show."""

    form = "sequences"


class Steps(Ragged):
    """Sequences end to end; `take` pads them, and copies nothing where neighbours of one length are asked for."""

    def __init__(self, values: Tensor, lengths: Tensor, *, pad: float = 0, name: str = "x") -> None:
        super().__init__(values, lengths, pad=pad)
        self.name = name
        self.width = int(lengths[0]) if bool((lengths == lengths[0]).all()) else None

    def take(self, index: Tensor) -> Batch:
        first, n = int(index[0]), len(index)
        if self.width and int(index[-1]) - first == n - 1 and bool((index.diff() == 1).all()):
            held = self.values[first * self.width : (first + n) * self.width]
            batch = {"x": held.view(n, self.width, *held.shape[1:]), "lengths": self.lengths[first : first + n]}
        else:
            batch = super().take(index)
        return batch if self.name == "x" else {self.name: batch["x"]}


class Sequences(Codec):
    """Arrays (time, features) a row, or integers (time,) a row: symbols from 0 up, or strings (time,), each a symbol.

    Parameters
    ----------
    standardize : subtract each feature's mean over all training frames and divide by its standard deviation; nets learn
        better so. `pn.HMM` leaves it out.
    dtype : "float32", or "float64" for models whose sums over frames want it.
    n_symbols : how many symbols there are; None takes the largest of training and one more.

    The view "steps" has x (batch, time, features), or (batch, time) symbols, padded with 0, and lengths. Where all
    training rows are equally long the view "vector" has the frames side by side. A missing or infinite number is
    refused with its sequence and step.
    """

    kind = "sequences"
    form = "sequences"

    n_features: int  # 0 for symbols
    n_steps: int  # of every row; 0 where they differ
    max_length: int  # the longest row of training
    vocab_size: int
    symbols: tuple[str, ...] | list[str] = ()  # what symbols are called, where they came as strings
    mean: Tensor  # (features,)
    deviation: Tensor
    holed = False  # whether holes (NaN) are taken, and told beside x

    def __init__(self, *, standardize: bool = True, dtype: str = "float32", n_symbols: int | None = None) -> None:
        if dtype not in DTYPES:
            raise SettingError(f"Sequences: dtype={dtype!r}; {did_you_mean(dtype, DTYPES)}")
        self.options = {"dtype": dtype, "n_symbols": n_symbols, "standardize": standardize}

    def with_holes(self) -> Self:
        """A codec that takes NaN among numbers, and says as `observed` which entries of x were there."""
        made = type(self)(**self.options)
        vars(made).update(vars(self))
        made.holed = True
        return made

    def fit(self, raw: Any) -> Self:
        rows = string_rows(raw)
        self.symbols = [] if rows is None else sorted(set(np.concatenate(rows).tolist()))
        values, lengths = end_to_end(self._coded(raw), holes=self.holed)
        self.n_steps = int(lengths[0]) if (lengths == lengths[0]).all() else 0
        self.max_length = int(lengths.max())
        self.n_features = values.shape[1] if values.ndim == 2 else 0
        self.vocab_size = 0
        if not self.n_features:
            self.vocab_size = self.options["n_symbols"] or len(self.symbols) or int(values.max()) + 1
            self._refuse_gaps(values, lengths)
            self._check_symbols(values, lengths)
        if self.n_features and np.isnan(values).all(0).any():
            raise DataError(f"feature {int(np.isnan(values).all(0).argmax())} is missing at every step; leave it out")
        spread, centre = np.ones(self.n_features), np.zeros(self.n_features)
        if self.options["standardize"] and self.n_features:
            holes = bool(np.isnan(values).any())
            spread, centre = (np.nanstd(values, 0), np.nanmean(values, 0)) if holes else (values.std(0), values.mean(0))
        self.mean, self.deviation = torch.from_numpy(centre), torch.from_numpy(np.where(spread > 0, spread, 1.0))
        return self

    def _refuse_gaps(self, values: np.ndarray, lengths: np.ndarray) -> None:
        """Refuses symbols that are no numbers from 0 up: the alphabet would be mostly of what nobody has seen."""
        kinds = len(np.unique(values))
        if self.options["n_symbols"] is None and self.vocab_size > 65_536 and self.vocab_size > 16 * kinds:
            row, step = place_of(int(values.argmax()), lengths)
            raise DataError(
                f"sequence {row}, step {step}: symbol {int(values.max())} makes an alphabet of {self.vocab_size:,}, of "
                f"which training holds {kinds:,}; number symbols from 0 up, or say n_symbols= in codec=pn.Sequences()"
            )

    def views(self) -> dict[str, dict[str, Any]]:
        if not self.n_features:
            return {"steps": {"vocab_size": self.vocab_size, "max_length": self.max_length}}
        vector = {"vector": {"in_features": self.n_features * self.n_steps}} if self.n_steps else {}
        return {"steps": {"step_features": self.n_features, "max_length": self.max_length}, **vector}

    def encode(self, raw: Any) -> Rows:
        if self.n_features and getattr(raw, "ndim", 0) == 2 and raw.shape[1] == 1 and not hasattr(raw, "columns"):
            raise DataError(f"X is one sequence of {len(raw)} steps; give a list of sequences, such as [X]")
        values, lengths = end_to_end(self._coded(raw), holes=self.holed)
        width = values.shape[1] if values.ndim == 2 else 0
        if width != self.n_features:
            what = [f"{n} features a step" if n else "symbols (integers)" for n in (width, self.n_features)]
            raise DataError(f"these sequences have {what[0]}, and fit saw {what[1]}; give the same kind")
        if not self.n_features:
            self._check_symbols(values, lengths)
            return Steps(torch.from_numpy(values), torch.from_numpy(lengths))
        frames = torch.from_numpy(values)
        if self.options["standardize"]:
            frames = (frames - self.mean.cpu()) / self.deviation.cpu()
        frames, sizes = frames.to(DTYPES[self.options["dtype"]]), torch.from_numpy(lengths)
        observed = ~frames.isnan() if self.holed else None
        if observed is None or bool(observed.all()):
            return Steps(frames, sizes)
        return Joined(Steps(frames.nan_to_num(0.0), sizes), Steps(observed.to(frames.dtype), sizes, name="observed"))

    def _coded(self, raw: Any) -> Any:
        """Strings by their place among the symbols of training; whatever else as it is."""
        if not self.symbols:
            return raw
        rows = string_rows(raw)
        if rows is None:
            raise DataError(f"fit saw symbols as strings, such as {self.symbols[0]!r}; give sequences of strings")
        held = np.asarray(self.symbols)
        for i, row in enumerate(rows):
            strange = ~np.isin(row, held)
            if strange.any():
                step = int(strange.argmax())
                raise DataError(
                    f"sequence {i}, step {step}: {str(row[step])!r} is none of the {len(held)} symbols of training "
                    f"({', '.join(map(repr, self.symbols[:8]))}{', ...' if len(held) > 8 else ''}); fit with all"
                )
        return SequenceList(np.searchsorted(held, row) for row in rows)

    def named(self, symbols: np.ndarray) -> np.ndarray:
        """Symbols (time,) as they were called, where they came as strings."""
        return np.asarray(self.symbols)[symbols] if self.symbols else symbols

    def _check_symbols(self, values: np.ndarray, lengths: np.ndarray) -> None:
        bad = (values < 0) | (values >= self.vocab_size)
        if bad.any():
            row, step = place_of(int(bad.argmax()), lengths)
            raise DataError(
                f"sequence {row}, step {step}: symbol {values[bad.argmax()]} is outside the alphabet 0 to "
                f"{self.vocab_size - 1}; number symbols from 0, or fit with every symbol (or n_symbols=)"
            )

    def prepare(self, batch: Batch, view: str, *, training: bool = False) -> Batch:
        if view != "vector":
            return batch
        x = batch["x"]
        if x.shape[1] != self.n_steps or bool((batch["lengths"] != self.n_steps).any()):
            raise DataError(
                f"sequences of {sorted(set(batch['lengths'].tolist()))} steps, and the view 'vector' takes "
                f"{self.n_steps}, as all of fit's had; choose a model for steps, or give that length"
            )
        flat = {k: batch[k].flatten(1).float() for k in ("x", "observed") if k in batch}
        return {k: v for k, v in batch.items() if k != "lengths"} | flat

    def decode(self, x: Tensor) -> np.ndarray:
        """Padded sequences (rows, time, features) in the units of fit."""
        if not self.n_features:
            return x.cpu().numpy()
        frames = x.detach().cpu().double().view(len(x), -1, self.n_features)
        return (frames * self.deviation.cpu() + self.mean.cpu()).numpy()

    def state(self) -> State:
        own = ("n_features", "n_steps", "max_length", "vocab_size", "symbols", "mean", "deviation")
        holes = {"holed": True} if self.holed else {}
        return holes | {"options": dict(self.options)} | {name: getattr(self, name) for name in own}


def end_to_end(raw: Any, *, holes: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Frames (sum of lengths, features) float64 or symbols (sum,) int64, and lengths (rows,), checked.

    `holes` lets NaN pass.

    Raises
    ------
    DataError : no sequences, an empty one, a missing number, or rows of different kinds; the sequence is named.
    """
    rows = [frames_of(row, i) for i, row in enumerate(raw)]
    if not rows:
        raise DataError("X holds no sequences; give at least one array (time, features)")
    first = rows[0]
    for i, row in enumerate(rows):
        if not len(row):
            raise DataError(f"sequence {i} is empty; leave it out")
        if row.shape[1:] != first.shape[1:] or row.dtype != first.dtype:
            raise DataError(f"sequence {i} has {_words(row)}, and sequence 0 {_words(first)}; give one kind")
    values, lengths = np.concatenate(rows), np.array([len(r) for r in rows], dtype=np.int64)
    odd = np.isinf(values) if holes else ~np.isfinite(values)
    if values.dtype.kind == "f" and odd.any():
        at = int(odd.reshape(len(values), -1).any(1).argmax())
        i, step = place_of(at, lengths)
        raise DataError(f"sequence {i}, step {step} holds {values[at]}; give finite numbers, or leave it out")
    return values, lengths


def split_by_lengths(X: Any, lengths: Sequence[int]) -> SequenceList:
    """Sequences from frames that lie end to end (frames, ...) and the length of each.

    Raises
    ------
    DataError : lengths that do not add up to the frames, or one below 1.
    """
    odd = [n for n in lengths if int(n) != n]
    if odd:
        raise DataError(f"lengths are whole numbers of frames; got {odd[0]!r}")
    sizes = [int(n) for n in lengths]
    if sum(sizes) != len(X) or min(sizes, default=0) < 1:
        raise DataError(
            f"lengths add up to {sum(sizes)} (the least is {min(sizes, default=0)}), and X has {len(X)} frames; "
            "give lengths of at least 1 that add up to the frames"
        )
    ends = np.cumsum(sizes).tolist()
    return SequenceList(X[end - n : end] for end, n in zip(ends, sizes, strict=True))


def place_of(frame: int, lengths: np.ndarray) -> tuple[int, int]:
    """The sequence and the step in it of a frame among all."""
    row = int(np.searchsorted(lengths.cumsum(), frame, side="right"))
    return row, frame - int(lengths[:row].sum())


def is_steps(raw: Any) -> bool:
    """Whether raw data are sequences of numbers or symbols: arrays, or lists of arrays or of lists of numbers."""
    if getattr(raw, "form", None) == "sequences":
        return True
    if hasattr(raw, "ndim") and hasattr(raw, "dtype"):
        return raw.ndim in (2, 3) and np.asarray(raw[:0]).dtype.kind in "fiub"
    first: Any = raw[0] if isinstance(raw, list | tuple) and len(raw) else None
    if isinstance(first, str | bytes) or not hasattr(first, "__len__"):
        return False
    try:
        return (len(first) > 0 or hasattr(first, "ndim")) and np.asarray(first).dtype.kind in "fiub"
    except (ValueError, TypeError, RuntimeError):
        return False


def step_rows(raw: Any) -> SequenceList:
    """Sequences as arrays (time, features) float64, or (time,) int64 of symbols; others are refused by their place."""
    rows = SequenceList(frames_of(row, i) for i, row in enumerate(raw))
    end_to_end(rows)
    return rows


def string_rows(raw: Any) -> list[np.ndarray] | None:
    """Sequences of strings as arrays (time,); None where the first sequence holds something else."""
    first = raw[0] if isinstance(raw, list | tuple) and len(raw) else None
    if not (isinstance(first, list | tuple | np.ndarray) and len(first) and isinstance(first[0], str)):
        return None
    for i, row in enumerate(raw):
        odd = next((j for j, one in enumerate(row) if not isinstance(one, str)), None)
        if odd is not None or not len(row):
            what = "is empty" if odd is None else f"step {odd} holds {row[odd]!r:.60}"
            raise DataError(f"sequence {i} {what}, and sequence 0 holds strings; give strings alone")
    return [np.asarray(row, dtype=str) for row in raw]


def frames_of(row: Any, i: int) -> np.ndarray:
    """Sequence i as an array (time, features) float64, or (time,) int64 of symbols."""
    given = row.numpy(force=True) if isinstance(row, Tensor) else np.asarray(unmasked(row, f"sequence {i}"))
    given = in_numbers(given)
    if given.dtype.kind not in "fiub" or given.ndim not in (1, 2):
        raise DataError(
            f"sequence {i} is {_words(given)}; expected numbers (time, features), or integers (time,) for symbols"
        )
    if given.ndim == 1 and given.dtype.kind in "iub":
        return given.astype(np.int64, copy=False)
    frames = given.astype(np.float64, copy=False)  # joined, and so copied, by the caller
    return frames if given.ndim == 2 else frames[:, None]


def _words(array: np.ndarray) -> str:
    if array.dtype.kind in "iub":
        return f"symbols of shape {array.shape}"
    return f"{array.dtype} frames of shape {array.shape}"
