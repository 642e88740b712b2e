"""Which rows train, which validate, which test: index arrays, int64, from a seed; no global random state is touched.

A fraction of n rows is rounded to the nearest whole number of rows, and never leaves a part empty.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import DataError, SettingError
from .answers import answer_array, shown

Split = tuple[np.ndarray, np.ndarray]


def random_split(n_rows: int, test_size: float = 0.25, *, seed: int = 0) -> Split:
    """(train, test), shuffled.

    >>> train, test = random_split(10, 0.3)
    >>> len(train), len(test), sorted({*train.tolist(), *test.tolist()}) == list(range(10))
    (7, 3, True)
    """
    n_test = part_size(n_rows, test_size)
    order = np.random.default_rng(seed).permutation(n_rows)
    return order[n_test:], order[:n_test]


def stratified_split(y: Any, test_size: float = 0.25, *, seed: int = 0) -> Split:
    """(train, test), shuffled, with each class's share in both: largest remainders, at least one row a class in train.

    A class with a single row is refused; every class of two rows or more is in the test part when it has room.
    """
    _, code, counts = classes_of(y, 2, "a stratified split")
    rng = np.random.default_rng(seed)
    n_test = part_size(len(code), test_size)
    if n_test < len(counts) or len(code) - n_test < len(counts):
        raise DataError(
            f"{len(counts)} classes need {len(counts)} rows in each part; "
            f"{len(code)} rows at test_size={test_size} leave "
            f"{len(code) - n_test} and {n_test}; use another fraction, or random_split"
        )
    quota = counts * (n_test / len(code))
    taken = np.minimum(np.maximum(np.floor(quota), 1), counts - 1).astype(np.int64)
    while taken.sum() != n_test:  # hand out, or take back, the largest remainders
        more = taken.sum() < n_test
        room = taken < counts - 1 if more else taken > 1
        gap = np.where(room, (quota - taken) if more else (taken - quota), -np.inf)
        taken[gap.argmax()] += 1 if more else -1
    held = np.zeros(len(code), dtype=bool)
    for label, n in enumerate(taken):
        held[rng.permutation(np.flatnonzero(code == label))[:n]] = True
    return rng.permutation(np.flatnonzero(~held)), rng.permutation(np.flatnonzero(held))


def grouped_split(groups: Any, test_size: float = 0.25, *, seed: int = 0) -> Split:
    """(train, test) where no group is on both sides; whole groups, drawn at random, fill the test part.

    A group is taken while that brings the test part nearer to its size.
    """
    names, code, counts = np.unique(answer_array(groups), return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise DataError(f"a grouped split needs two groups or more; all rows are in {shown(names)}")
    n_test, n_held = part_size(len(code), test_size), 0
    held: list[int] = []
    for group in np.random.default_rng(seed).permutation(len(names)).tolist():
        nearer = abs(n_held + counts[group] - n_test) < abs(n_held - n_test)
        if (nearer or not held) and len(held) < len(names) - 1:
            held.append(group)
            n_held += int(counts[group])
    inside = np.isin(code, held)
    return np.flatnonzero(~inside), np.flatnonzero(inside)


def time_split(times: Any, test_size: float = 0.25) -> Split:
    """(train, test) in order of time: the test part is the latest, and no time stamp is on both sides.

    times: dates or numbers (rows,). Rows that share the boundary's stamp all go to the test part.
    """
    times = answer_array(times)
    if times.ndim != 1 or not len(times):
        raise DataError(f"times are one date or number a row; got shape {times.shape}")
    gone = np.isnat(times) if times.dtype.kind in "mM" else times != times
    if gone.any():
        raise DataError(f"row {int(gone.argmax())} has no time; leave it out, or fill it in")
    n_test = part_size(len(times), test_size)
    order = np.argsort(times, kind="stable")
    boundary = times[order[-n_test]]
    n_train = int(np.searchsorted(times[order], boundary, side="left"))
    if not n_train:
        raise DataError(
            f"all rows up to the last {n_test} share the time {boundary}; there is nothing earlier to train on"
        )
    return order[:n_train], order[n_train:]


def three_way_split(
    n_rows: int, *, validation: float = 0.15, test: float = 0.15, y: Any = None, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(train, validation, test): 70/15/15 unless told otherwise; stratified by y where y is given.

    Fractions are of all rows. For millions of rows the Keras course takes 95/2.5/2.5.

    Systems: train-val-test-split
    Source: Baker A046; Keras course K58. The test part stays locked until the end.
    """
    if validation + test >= 1:
        raise SettingError(f"validation={validation} and test={test} leave no rows to train on; their sum is below 1")
    n_validation = part_size(n_rows, validation)
    if y is None:
        rest, held = random_split(n_rows, test, seed=seed)
        train, other = random_split(len(rest), n_validation / len(rest), seed=seed + 1)
    else:
        labels = answer_array(y)
        rest, held = stratified_split(labels, test, seed=seed)
        train, other = stratified_split(labels[rest], n_validation / len(rest), seed=seed + 1)
    return rest[train], rest[other], held


def k_folds(n_rows: int, n_folds: int = 5, *, seed: int | None = 0) -> list[Split]:
    """(train, test) for each of n_folds near-equal folds: every row is tested once. seed=None keeps the order.

    n_folds = n_rows leaves one out.

    Systems: k-fold-cv
    Source: Hifny A14.12; Martinez-Ramon, Ajith and Kurup, section 3.5.6.

    >>> [test.tolist() for _, test in k_folds(5, 2, seed=None)]
    [[0, 1, 2], [3, 4]]
    """
    if n_folds < 2 or n_folds > n_rows:
        raise DataError(f"{n_folds} folds of {n_rows} rows cannot be made; ask for 2 to {n_rows} folds")
    order = np.arange(n_rows) if seed is None else np.random.default_rng(seed).permutation(n_rows)
    return _complements(np.array_split(order, n_folds))


def stratified_folds(y: Any, n_folds: int = 5, *, seed: int = 0) -> list[Split]:
    """(train, test) for each fold, each class spread evenly over the folds."""
    _, code, counts = classes_of(y, n_folds, f"{n_folds} folds")
    rng = np.random.default_rng(seed)
    fold = np.empty(len(code), dtype=np.int64)
    start = 0
    for label, count in enumerate(counts):
        # Dealing on from where the last class ended keeps the folds' sizes within one row of each other.
        fold[rng.permutation(np.flatnonzero(code == label))] = (np.arange(count) + start) % n_folds
        start += int(count)
    return _complements([rng.permutation(np.flatnonzero(fold == k)) for k in range(n_folds)])


def grouped_folds(groups: Any, n_folds: int = 5, *, seed: int = 0) -> list[Split]:
    """(train, test) for each fold; no group is on both sides. The largest groups are dealt to the smallest folds."""
    names, code, counts = np.unique(answer_array(groups), return_inverse=True, return_counts=True)
    if n_folds < 2 or len(names) < n_folds:
        raise DataError(
            f"{n_folds} folds need {max(n_folds, 2)} groups or more; there are {len(names)}: {shown(names)}"
        )
    shuffled = np.random.default_rng(seed).permutation(len(names))
    size = np.zeros(n_folds, dtype=np.int64)
    owner = np.empty(len(names), dtype=np.int64)
    for group in shuffled[np.argsort(-counts[shuffled], kind="stable")]:
        owner[group] = size.argmin()
        size[owner[group]] += counts[group]
    return _complements([np.flatnonzero(owner[code] == k) for k in range(n_folds)])


def time_folds(times: Any, n_folds: int = 5) -> list[Split]:
    """(train, test) for each fold: train is all that came before, test the next of n_folds + 1 equal stretches."""
    times = answer_array(times)
    if n_folds < 1 or len(times) < n_folds + 1:
        raise DataError(f"{n_folds} folds in time need {max(n_folds, 1) + 1} rows or more; there are {len(times)}")
    parts = np.array_split(np.argsort(times, kind="stable"), n_folds + 1)
    folds = [(np.concatenate(parts[: k + 1]), parts[k + 1]) for k in range(n_folds)]
    for train, test in folds:
        if times[train[-1]] == times[test[0]]:
            raise DataError(f"the time {times[test[0]]} would be in train and test; use fewer folds, or time_split")
    return folds


def leave_one_out(n_rows: int) -> list[Split]:
    """(train, test) for each row: it alone is tested, and all others train.

    Source: Martinez-Ramon, Ajith and Kurup, section 3.5.6.

    >>> [test.tolist() for _, test in leave_one_out(3)]
    [[0], [1], [2]]
    """
    return k_folds(n_rows, n_rows, seed=None)


def repeated(folds: Callable[[int], list[Split]], n_repeats: int, *, seed: int = 0) -> list[Split]:
    """The folds of `folds(seed)`, `folds(seed + 1)` and so on, one after another.

    >>> len(repeated(lambda seed: k_folds(6, 3, seed=seed), 2))
    6
    """
    if n_repeats < 1:
        raise SettingError(f"folds are repeated once or more; got repeats={n_repeats}")
    return [split for i in range(n_repeats) for split in folds(seed + i)]


def check_order(times: Any) -> np.ndarray:
    """Times (rows,), refused where one is earlier than the row before it."""
    times = answer_array(times)
    if times.ndim != 1:
        raise DataError(f"times are one date or number a row; got shape {times.shape}")
    gone = np.isnat(times) if times.dtype.kind in "mM" else times != times
    if gone.any():
        raise DataError(f"row {int(gone.argmax())} has no time; leave it out, or fill it in")
    back = times[1:] < times[:-1]
    if back.any():
        row = int(back.argmax()) + 1
        raise DataError(
            f"row {row} is of {times[row]} and the row before it of {times[row - 1]}; folds in time look back only: "
            "sort the rows by time"
        )
    return times


def bootstrap_draw(n_rows: int, n_drawn: int | None = None, *, seed: int = 0) -> Split:
    """(drawn, left out): n_drawn row numbers (n_rows unless told) drawn with replacement, and those never drawn.

    A row is left out of n draws with chance (1 - 1/n)^n, which tends to 1/e.

    Systems: bootstrap
    Source: Hifny A14.16, section 14.7; Jaiswal J50, section 2.6.4.

    >>> drawn, left_out = bootstrap_draw(6, seed=1)
    >>> len(drawn), sorted({*drawn.tolist(), *left_out.tolist()})
    (6, [0, 1, 2, 3, 4, 5])
    """
    if n_rows < 1 or (n_drawn is not None and n_drawn < 1):
        raise DataError(f"a bootstrap draws 1 row or more of 1 row or more; asked for {n_drawn} of {n_rows}")
    drawn = np.random.default_rng(seed).integers(n_rows, size=n_rows if n_drawn is None else n_drawn)
    return drawn, np.setdiff1d(np.arange(n_rows), drawn)


def balanced_order(rows: np.ndarray, y: Any = None, *, seed: int = 0) -> np.ndarray:
    """Row numbers shuffled so that each beginning holds every class of y in about its share.

    y: one label for each of `rows`, or None for a plain shuffle.

    >>> y = np.array([0] * 6 + [1] * 2)
    >>> y[balanced_order(np.arange(8), y)[:4]].sum()
    np.int64(1)
    """
    order = np.random.default_rng(seed).permutation(len(rows))
    if y is None:
        return rows[order]
    _, code, counts = np.unique(answer_array(y), return_inverse=True, return_counts=True)
    place = np.empty(len(rows))
    for label, count in enumerate(counts):
        place[order[code[order] == label]] = (np.arange(count) + 0.5) / count
    return rows[order[np.argsort(place[order], kind="stable")]]


def mean_and_spread(scores: Sequence[float]) -> tuple[float, float]:
    """The mean of the folds' scores and their standard deviation (n - 1 in the denominator)."""
    values = np.asarray(scores, dtype=np.float64)
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0


def mean_variance(variance: float, n_folds: int, correlation: float) -> float:
    """The variance of the mean of K fold scores: (s^2 / K) (1 + (K - 1) rho).

    Folds share training rows, so that their scores correlate (rho) and averaging helps less than 1 / K.

    Source: Hifny A14.13, equations 14.21 to 14.24.

    >>> round(mean_variance(1.0, 5, 0.5), 12)
    0.6
    """
    return variance / n_folds * (1 + (n_folds - 1) * correlation)


def part_size(n_rows: int, part: float) -> int:
    """How many of n_rows a fraction is, at least 1 and at most n_rows - 1."""
    if not 0 < part < 1:
        raise SettingError(f"a part is a fraction between 0 and 1; got {part}")
    if n_rows < 2:
        raise DataError(f"{n_rows} rows cannot be split in two; give more rows (n_samples = {n_rows})")
    return min(max(round(n_rows * part), 1), n_rows - 1)


def classes_of(y: Any, least: int, why: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(classes, class number of each row, counts); refuses classes with fewer rows than are needed."""
    if least < 2:
        raise DataError(f"{why} cannot be made; ask for 2 or more")
    labels = answer_array(y)
    if labels.ndim != 1:
        raise DataError(f"to stratify takes one label a row; y has shape {labels.shape}: use a random split for it")
    names, code, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if not len(names):
        raise DataError("y is empty; there is nothing to split")
    if counts.min() < least:
        few = int(counts.argmin())
        raise DataError(
            f"class {names[few].item()!r} has {counts[few]} rows and {why} needs {least}; add rows of it, leave it "
            "out, or use fewer folds or a random split"
        )
    return names, code, counts


def _complements(parts: list[np.ndarray]) -> list[Split]:
    """(all others, part) for each part."""
    return [(np.concatenate(parts[:k] + parts[k + 1 :]), part) for k, part in enumerate(parts)]
