"""What `fit` was given, as examples: raw inputs, raw answers, weights; and the part held out for validation."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import torch

from ...data.audio.sounds import Sounds
from ...data.audit import leaks
from ...data.codec import form_of
from ...data.duplicates import straddling
from ...data.masked_arrays import in_a_list, is_masked, refuse_masked, unmasked
from ...data.sources import Columns
from ...data.split import random_split, stratified_split
from ...data.tables.chunks import Chunks
from ...data.tables.path_columns import paths_alone
from ...data.targets import check_lengths
from ...data.timeseries.panels import has_two_levels, is_nested, panel_sequences
from ...data.timeseries.sequences import SequenceList
from ...errors import DataError, DataWarning, SettingError, did_you_mean


@dataclass
class Examples:
    """Raw rows: inputs X, answers y and weights (each row's, or None), and where they came from."""

    X: Any
    y: Any = None
    weight: np.ndarray | None = None
    source: Any = None
    target: Columns | None = None

    def __len__(self) -> int:
        return count_rows(self.X)

    def take(self, rows: np.ndarray) -> "Examples":
        """Some rows, in the order given."""
        weight = None if self.weight is None else self.weight[rows]
        return Examples(take_rows(self.X, rows), take_rows(self.y, rows), weight, self.source, self.target)


def count_rows(raw: Any) -> int:
    """How many rows raw data hold."""
    if isinstance(raw, torch.Tensor):
        try:
            raw.flatten()[:0].numpy(force=True)
        except (TypeError, RuntimeError) as error:
            kind = f"{raw.dtype} tensor ({raw.layout}, on {raw.device})"
            raise DataError(f"a {kind} is no array of numbers; give one, such as X.to_dense().float()") from error
    if hasattr(raw, "shape"):
        if not raw.shape:
            raise DataError(f"expected an array with rows; got a single {type(raw).__name__}; give one row an example")
        return int(raw.shape[0])
    if hasattr(raw, "__array__"):
        return len(np.asarray(raw))
    try:
        return len(raw)
    except TypeError:
        raise DataError(
            f"X is a {type(raw).__name__}; expected an array, a frame, a list of rows, or a path to a file or folder"
        ) from None


def take_rows(raw: Any, rows: np.ndarray) -> Any:
    """Some rows of raw data of any form, in the form they came."""
    if raw is None:
        return None
    if isinstance(raw, np.ndarray):
        return raw[rows]
    if isinstance(raw, torch.Tensor):
        return raw[torch.from_numpy(rows)]
    if isinstance(raw, Sequence):
        return type(raw)([raw[i] for i in rows.tolist()]) if isinstance(raw, list | tuple) else [raw[i] for i in rows]
    if hasattr(raw, "take_rows"):
        return raw.take_rows(rows)
    try:
        frame = nw.from_native(raw, eager_only=True, allow_series=True, pass_through=True)
        return nw.to_native(frame[rows.tolist()], pass_through=True)
    except (TypeError, KeyError, ValueError) as error:
        raise DataError(
            f"a {type(raw).__name__} is not taken apart into rows ({str(error).splitlines()[0]}); expected an array, a "
            f"frame with one name a column, or a list of rows"
        ) from error


def is_path(raw: Any) -> bool:
    """Whether raw data are a path to read: a string or an os.PathLike."""
    return isinstance(raw, str | os.PathLike)


def split_target(X: Any, target: Columns, *, role: str = "target") -> tuple[Any, Any]:
    """A frame without its target column or columns, and what they hold: a column, or a frame of several.

    `role` is what messages call the column, where it holds no answers but groups or times.
    """
    wanted = [target] if isinstance(target, str | int) else list(target)
    if hasattr(X, "iloc") and all(name in X.columns for name in wanted):
        return X.drop(columns=wanted), X[wanted[0] if isinstance(target, str | int) else wanted]
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        other = "y" if role == "target" else "one value a row"
        raise SettingError(f"{role}={target!r} names a column, and X is a {type(X).__name__}; give a frame, or {other}")
    for name in wanted:
        if name not in frame.columns:
            raise DataError(f"X has no column {name!r} to be the {role}; {did_you_mean(name, frame.columns)}")
    answers = frame[target] if isinstance(target, str) else frame.select(wanted)
    return frame.drop(wanted).to_native(), answers.to_native()


def check_target(target: Any) -> None:
    """Refuses a target that is no name of a column, nor several different ones."""
    if target is None or isinstance(target, str | int):
        return
    if not isinstance(target, list | tuple):
        raise SettingError(f"target is the name of a column, or several; got a {type(target).__name__}: give it as y")
    if not target or not all(isinstance(name, str) for name in target) or len(set(target)) < len(target):
        raise SettingError(f"target names columns, each once, such as ['height', 'weight']; got {target!r}")


def as_learned(target: Columns | None, learned: Columns | None) -> Columns | None:
    """The columns named, in the order that was learned: each is scored against its own answers."""
    several = isinstance(target, list | tuple) and isinstance(learned, list | tuple)
    return learned if several and sorted(target or ()) == sorted(learned or ()) else target


def examples_of(
    X: Any,
    y: Any,
    *,
    target: Columns | None = None,
    sample_weight: Any = None,
    memory: int | None = None,
    as_text: bool = False,
) -> Examples:
    """What `fit(X, y, target=..., sample_weight=...)` means: paths are opened, the target column is taken out.

    `as_text` takes every cell of a CSV as it is written.
    """
    source = None
    check_target(target)
    if is_path(X):
        from ...data.sources import open_source

        if y is not None:
            raise SettingError(f"X is the path {Path(X)}; its answers come with it: name the column by target=, not y")
        source = open_source(X, target=target, memory=memory, as_text=as_text)
        X, y = source.X, source.y
    elif target is not None:
        if y is not None:
            raise SettingError(f"give the answers once: as y, or as target={target!r}")
        X, y = split_target(X, target)
    X = listed(X)
    n = count_rows(X)
    refuse_masked(y, "y")
    if y is not None:
        if has_two_levels(X) and count_rows(y) != n and count_rows(y) == X.index.get_level_values(0).nunique():
            raise DataError(
                "X has an index of two levels and y an answer for each entry of the first: where rows are the steps of "
                "instances, give X=pn.panel_sequences(X), in fit and in predict"
            )
        check_lengths(n, count_rows(y))
    for name, given in (("y", y), ("sample_weight", sample_weight)):
        check_alignment(X, given, name)
    return Examples(X, y, weights_of(sample_weight, n), source, target)


def listed(X: Any) -> Any:
    """A Series, a frame of paths alone and an array of arrays as a list, a frame of series as sequences; else as it is.

    What a mask hides is missing: NaN.
    """
    if isinstance(X, dict):
        raise DataError(
            f"X is a dict of {', '.join(map(repr, list(X)[:5])) or 'nothing'}; give its columns as a data frame, "
            "pandas.DataFrame(X), or the rows as a list of dicts"
        )
    if is_nested(X):
        return panel_sequences(X)
    X = in_a_list(unmasked(X) if is_masked(X) else X)
    return X.to_list() if type(X).__name__ == "Series" and hasattr(X, "to_list") else paths_alone(X)


def as_coded(X: Any, codec: Any) -> Any:
    """A list as what its codec takes, which its rows do not show: those of symbols or samples look like a table's."""
    form, options = getattr(codec, "form", None), getattr(codec, "options", {})
    if not isinstance(X, list | tuple) or hasattr(X, "form"):
        return X
    if form == "sequences":
        return SequenceList(X)
    rate = options.get("sample_rate") if form == "sounds" else None
    return Sounds(X, rate) if rate and not any(is_path(one) for one in X) else X


def check_alignment(X: Any, given: Any, name: str) -> None:
    """Refuses pandas rows whose index says that they are in another order than those of X; rows go by place."""
    if not (hasattr(X, "iloc") and hasattr(given, "iloc")) or X.index.equals(given.index):
        return
    if X.index.is_unique and len(X.index) == len(given.index) and X.index.isin(given.index).all():
        raise DataError(f"{name} has the rows of X in another order, by its index; give {name}.loc[X.index]")
    both = int(X.index.isin(given.index).sum())
    if both:
        warnings.warn(
            f"{name} and X share {both} of {len(X.index)} index entries; rows are taken by their place, not by index",
            DataWarning,
            stacklevel=4,
        )


def inputs_of(X: Any, target: Columns | None, *, memory: int | None = None) -> Any:
    """Raw inputs for a prediction: a path is opened, and the column of the answers is left out where it is there."""
    if is_path(X):
        from ...data.sources import open_source

        X = open_source(X, memory=memory).X
    X = listed(X)
    columns = X.names or () if isinstance(X, Chunks) else X.columns if hasattr(type(X), "columns") else ()
    wanted = [target] if isinstance(target, str | int) else target or ()
    there = [name for name in wanted if name in columns]
    if there and isinstance(X, Chunks):
        return X.without(there)
    return listed(split_target(X, there)[0]) if there else X


def weights_of(given: Any, n_rows: int) -> np.ndarray | None:
    """Row weights (n_rows,) float64, finite and not negative."""
    if given is None:
        return None
    refuse_masked(given, "sample_weight")
    try:
        found = np.asarray(given.numpy(force=True) if isinstance(given, torch.Tensor) else given)
        weight = found.astype(np.float64) if found.dtype.kind != "c" else np.empty(0)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise DataError(f"sample_weight is no array of numbers ({error}); give one number a row") from error
    if found.dtype.kind == "c":
        raise DataError("sample_weight holds complex numbers; give one number of at least 0 a row")
    if weight.ndim == 0:
        weight = np.full(n_rows, float(weight))
    if weight.ndim != 1:
        raise DataError(f"Sample weights must be 1D array or scalar; got shape {weight.shape}: give one number a row")
    if len(weight) != n_rows:
        raise DataError(f"sample_weight.shape == {weight.shape}, expected {(n_rows,)}: give one weight a row")
    bad = ~(weight <= np.finfo(np.float32).max) | (weight < 0)
    if bad.any():
        row = int(bad.argmax())
        raise DataError(f"sample_weight of row {row} is {weight[row]}; weights are finite in float32 and not negative")
    if not weight.any():
        raise DataError("sample_weight is zero in every row; at least one row must count")
    return weight


def hold_out(
    examples: Examples, validation: Any, *, seed: int, labels: np.ndarray | None, memory: int | None = None
) -> tuple[Examples, Examples | None]:
    """Training and validation examples: a fraction is drawn (stratified by `labels`), a pair or path taken as it is."""
    if validation is None:
        return examples, None
    if isinstance(validation, int | float) and not isinstance(validation, bool):
        if not 0 < validation < 1:
            raise SettingError(f"validation is a fraction in (0, 1), (X, y), or a path; got {validation!r}")
        n = len(examples)
        if labels is None:
            kept, held = random_split(n, float(validation), seed=seed)
        else:
            kept, held = stratified_split(labels, float(validation), seed=seed)
        return examples.take(kept), examples.take(held)
    if isinstance(validation, tuple) and len(validation) in (2, 3):
        return examples, examples_of(*validation[:2], sample_weight=validation[2] if len(validation) == 3 else None)
    if is_path(validation):
        return examples, examples_of(validation, None, target=examples.target, memory=memory)
    raise SettingError(f"validation is a fraction in (0, 1), (X, y), or a path; got a {type(validation).__name__}")


def warn_of_leaks(train: Examples, held: Examples | None) -> None:
    """Warns of columns that give the answer away, and of equal rows in training and validation."""
    form = form_of(train.X)
    found = [f.words for f in leaks(train.X, train.y)] if form == "table" and train.y is not None else []
    if held is not None and not isinstance(train.X, Chunks) and not isinstance(held.X, Chunks):
        n = straddling(train.X, held.X)
        if n:
            found.append(
                f"{n} of {len(held)} validation rows are also training rows, so that scores on them are too "
                f"good; drop duplicates before splitting"
            )
    for words in found:
        warnings.warn(words, DataWarning, stacklevel=5)
