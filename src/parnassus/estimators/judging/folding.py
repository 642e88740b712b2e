"""The folds that a user asks for: a count, a share, "leave_one_out", a splitter of scikit-learn, or row numbers."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ...data import split
from ...data.answers import answer_array
from ...data.split import Split
from ...errors import DataError, SettingError

Stratify = Literal["auto", True, False]
FORMS = "a count of folds, a share of rows to hold out, 'leave_one_out', (train, test) pairs, or a splitter"


def folds_of(
    n_rows: int,
    labels: np.ndarray | None,
    *,
    folds: Any = 5,
    groups: Any = None,
    time: Any = None,
    repeats: int = 1,
    stratify: Stratify = "auto",
    seed: int = 0,
) -> tuple[list[Split], str]:
    """(train, test) row numbers, and in words how they were made.

    labels (rows,) are class numbers to stratify by, or None.
    """
    if stratify is True and labels is None:
        raise SettingError("stratify=True spreads classes over the folds, and y holds no single class a row")
    if groups is not None and time is not None:
        raise SettingError("groups and time both say which rows stay apart; give one of them")
    for name, given in (("groups", groups), ("time", time)):
        if given is not None and len(given) != n_rows:
            raise DataError(f"{name} has {len(given)} entries and X has {n_rows} rows; give one a row")
    if isinstance(folds, str | int | float | np.number) and not isinstance(folds, bool):
        spread = labels if stratify else None
        made, words = _counted(n_rows, spread, folds, groups, time, repeats, seed)
    else:
        if repeats != 1:
            raise SettingError("repeats is for folds given as a count or a share; repeat the pairs or the splitter")
        made, words = _given(n_rows, labels, folds, groups), "folds as given"
    return made, words


def _counted(
    n_rows: int, labels: np.ndarray | None, folds: Any, groups: Any, time: Any, repeats: int, seed: int
) -> tuple[list[Split], str]:
    """Folds by a count, a share or "leave_one_out"."""
    if isinstance(folds, str):
        if folds != "leave_one_out" or repeats != 1 or time is not None:
            raise SettingError(f"folds is {FORMS}; 'leave_one_out' goes without repeats and time; got {folds!r}")
        return _each_left_out(n_rows, groups, seed)
    if not (0 < folds < 1 or (folds >= 2 and folds == int(folds))):
        raise SettingError(f"folds is {FORMS}; got {folds!r}")
    if time is not None:
        return _in_time(time, folds, repeats)
    times_over = f", {repeats} times over" if repeats > 1 else ""
    kind = "grouped " if groups is not None else "stratified " if labels is not None else ""
    once = _holding_out if folds < 1 else _dividing
    made = split.repeated(lambda s: once(n_rows, labels, folds, groups, s), repeats, seed=seed)
    words = f"a {kind}{folds:.0%} of the rows held out" if folds < 1 else f"{int(folds)} {kind}folds"
    return made, words + times_over


def _each_left_out(n_rows: int, groups: Any, seed: int) -> tuple[list[Split], str]:
    if groups is None:
        return split.leave_one_out(n_rows), f"each of {n_rows} rows left out"
    n = len(np.unique(answer_array(groups)))
    return split.grouped_folds(groups, n, seed=seed), f"each of {n} groups left out"


def _in_time(time: Any, folds: Any, repeats: int) -> tuple[list[Split], str]:
    times = split.check_order(time)
    if repeats != 1:
        raise SettingError(f"folds in time are made in one way; leave repeats=1, got {repeats}")
    if folds < 1:
        return [split.time_split(times, float(folds))], f"the latest {folds:.0%} of the rows held out"
    return split.time_folds(times, int(folds)), f"{int(folds)} folds in time"


def _holding_out(n_rows: int, labels: np.ndarray | None, share: float, groups: Any, seed: int) -> list[Split]:
    if groups is not None:
        return [split.grouped_split(groups, share, seed=seed)]
    if labels is not None:
        return [split.stratified_split(labels, share, seed=seed)]
    return [split.random_split(n_rows, share, seed=seed)]


def _dividing(n_rows: int, labels: np.ndarray | None, n_folds: float, groups: Any, seed: int) -> list[Split]:
    if groups is not None:
        return split.grouped_folds(groups, int(n_folds), seed=seed)
    if labels is not None:
        return split.stratified_folds(labels, int(n_folds), seed=seed)
    return split.k_folds(n_rows, int(n_folds), seed=seed)


def _given(n_rows: int, labels: np.ndarray | None, folds: Any, groups: Any) -> list[Split]:
    """Row numbers that a splitter or the user gives, checked."""
    if hasattr(folds, "split"):
        given = list(folds.split(np.zeros((n_rows, 1)), np.zeros(n_rows) if labels is None else labels, groups))
    elif isinstance(folds, Sequence) or hasattr(folds, "__iter__"):
        given = list(folds)
    else:
        raise SettingError(f"folds is {FORMS}; got {folds!r}")
    made = []
    for i, pair in enumerate(given):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise SettingError(f"fold {i} is no pair (train, test) of row numbers; got {pair!r}")
        train, test = (np.flatnonzero(p) if p.dtype == bool else p for p in map(np.asarray, pair))
        for name, rows in (("train", train), ("test", test)):
            if not len(rows) or rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= n_rows:
                raise DataError(f"{name} of fold {i} holds no row numbers from 0 to {n_rows - 1}: {rows[:5]!r}")
        both = np.intersect1d(train, test)
        if len(both):
            raise DataError(f"fold {i} trains and tests on row {both[0]}; a row is on one side")
        made.append((train.astype(np.int64), test.astype(np.int64)))
    if not made:
        raise SettingError("folds holds no fold; give one pair (train, test) or more")
    return made
