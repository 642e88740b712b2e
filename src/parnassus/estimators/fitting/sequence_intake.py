"""Sequences as a hidden Markov model is given them: arrays, lists, tables with a row a step, panels, paths."""

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...data.timeseries.panels import has_two_levels, is_nested, panel_sequences
from ...data.timeseries.sequences import SequenceList, split_by_lengths
from ...data.timeseries.step_tables import StepTable, is_frame, read_steps
from ...errors import DataError, SettingError
from ..protocol import fitted
from .intake import inputs_of, is_path

if TYPE_CHECKING:
    from ..hmm import HMM


class Given(NamedTuple):
    """Sequences, whether what was given is one alone, and the table that they came from, if any."""

    X: SequenceList
    single: bool
    table: StepTable | None = None

    def back(self, parts: Sequence[Any]) -> Any:
        """What was said of the steps of each sequence, in the form that they came in: rows of a table in its order."""
        if self.table is not None:
            return self.table.in_rows(parts)
        return parts[0] if self.single else list(parts)

    def known(self, y: Any, lengths: Any) -> SequenceList | None:
        """States that are known, each sequence's by itself: y, or the target column of the table."""
        if self.table is None:
            return None if y is None else sequences_of(y, lengths).X
        if y is None:
            return None if self.table.answers is None else SequenceList(map(states_in, self.table.answers))
        return SequenceList(map(states_in, self.table.apart(y)))


def sequences_of(X: Any, lengths: Any, **columns: Any) -> Given:
    """Sequences: one array (time, features) is one alone, as numbers (time,) are; `columns` are those of `read_steps`.

    A frame without a column that tells sequences apart is one sequence, unless `lengths` say where it is cut.
    """
    if is_path(X):
        X = opened(X)
    if isinstance(X, SequenceList):
        return Given(X, single=False)
    if isinstance(X, Tensor):
        X = X.numpy(force=True)
    if is_nested(X) or has_two_levels(X):
        return Given(panel_sequences(X), single=False)
    if is_frame(X) and lengths is None:
        table = read_steps(X, **columns)
        return Given(table.X, columns.get("sequence") is None, table)
    if is_frame(X):
        X = np.asarray(X)
    if lengths is not None:
        if isinstance(X, list | tuple) and X and np.ndim(X[0]) > 0 and np.shape(X[0]) != np.shape(X[-1]):
            raise DataError("X is a list of sequences already; leave lengths out, or put them end to end in one array")
        whole = np.asanyarray(X)  # a masked array keeps its mask
        return Given(split_by_lengths(whole, np.asarray(lengths).tolist()), single=False)
    return _listed(X)


def _listed(X: Any) -> Given:
    """An array or a list: of one sequence where its entries are single numbers or symbols."""
    if isinstance(X, np.ndarray) and X.dtype != object and X.ndim < 3:
        return Given(SequenceList([X]), single=True)
    rows = list(inputs_of(X, None))
    if rows and all(np.ndim(row) == 0 for row in rows):
        return Given(SequenceList([np.asarray(rows)]), single=True)
    return Given(SequenceList(rows), single=False)


def given_to(hmm: "HMM", X: Any, lengths: Any = None) -> Given:
    """Sequences as a fitted HMM takes them: of a table, the columns that `fit` saw."""
    symbols, columns = not fitted(hmm).codec_.n_features, getattr(hmm, "columns_", None)
    return sequences_of(X, lengths, sequence=hmm.sequence, time=hmm.time, columns=columns, symbols=symbols)


def refuse_named_columns(given: Given, **columns: Any) -> None:
    """Refuses columns that are named where no table was given."""
    for name, column in columns.items():
        if column is not None and given.table is None:
            raise SettingError(f"{name}={column!r} names a column, and X is no table with a row a step; give one")


def opened(path: Any) -> Any:
    """What lies at a path: a table with a row a step, or the array X of an NPZ file."""
    from ...data.sources import open_source

    held = open_source(path).X
    if not is_frame(held) and not isinstance(held, np.ndarray):
        raise DataError(
            f"{path} holds no table that fits the memory, nor arrays; give a CSV or Parquet file with a row a step, "
            "NPZ, or a list of arrays (time, features)"
        )
    return held


def states_in(column: np.ndarray) -> np.ndarray:
    """A column of known states as integers, -1 where it has none."""
    try:
        values = np.array([np.nan if one is None else one for one in column.tolist()], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"known states are whole numbers from 0 up, or nothing ({str(error)[:80]})") from error
    if (values[np.isfinite(values)] % 1 != 0).any() or np.isinf(values).any():
        raise DataError("known states are whole numbers from 0 up, or nothing; the column holds others")
    return np.where(np.isnan(values), -1, values).astype(np.int64)


def refuse_unless_whole(least: int, **given: Any) -> None:
    """Refuses what is no whole number of at least `least`."""
    for name, value in given.items():
        if not isinstance(value, Integral) or value < least:
            raise SettingError(f"{name} is a whole number of at least {least}; got {value!r}")


def refuse_lost(log_p: np.ndarray) -> None:
    """Refuses sequences without a path, of which no mean can be taken."""
    lost = np.flatnonzero(~np.isfinite(log_p))
    if len(lost):
        raise DataError(
            f"sequence {lost[0]} has no path, so that the mean of log p is minus infinity; `decode` says at which "
            "step; give a prior (or emission_prior), or leave the sequence out"
        )


def known_states(y: SequenceList, n_states: int) -> tuple[Tensor, Tensor]:
    """Known states end to end, -1 for unknown, and lengths."""
    for i, row in enumerate(y):
        states = np.asarray(row)
        if states.dtype.kind not in "iu" or states.ndim != 1 or not len(states):
            raise DataError(f"y of sequence {i} is {states.dtype} {states.shape}; give one integer a step, -1 unknown")
        if states.min() < -1 or states.max() >= n_states:
            raise DataError(
                f"y of sequence {i} holds states {states.min()} to {states.max()}; there are 0 to {n_states - 1}, and "
                "-1 for unknown"
            )
    lengths = torch.tensor([len(row) for row in y])
    return torch.from_numpy(np.concatenate([np.asarray(row, dtype=np.int64) for row in y])), lengths


def refuse_other_lengths(steps: Tensor, states: Tensor) -> None:
    """Refuses known states (n,) that are more or fewer than their sequences' steps."""
    bad = (steps != states).nonzero()[:, 0]
    if len(bad):
        i = int(bad[0])
        raise DataError(f"y of sequence {i} has {int(states[i])} states, and X has {int(steps[i])} steps")
