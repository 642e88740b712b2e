"""What looks wrong in data that can nonetheless be learned from: duplicates, leaks, ids, gaps, imbalance, outliers."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from torch import Tensor

from ..errors import DataError
from .answers import answer_array, is_label_lists, shown
from .codec import form_of
from .duplicates import row_keys
from .tables.chunks import Chunks
from .tables.columns import Frame, is_missing, kind_of, read_frame
from .tables.lookalikes import holds_prose, numbers_in, quantities_in, spellings_in

FEW_ROWS = 20  # below this, coincidences are no findings
LEAK_ROWS = 1_000
WRITTEN = ("speech_recognizer", "translator", "image_captioner")  # tasks whose answers are texts, and no classes


@dataclass(frozen=True)
class Finding:
    """One thing to look at: how bad, what, where, and what to do."""

    severity: Literal["info", "warning"]
    what: str
    where: str
    remedy: str

    @property
    def words(self) -> str:
        """Where it is, what it is and what to do, without how bad it is."""
        return f"{self.where}: {self.what}; {self.remedy}"

    def __str__(self) -> str:
        return f"{self.severity}: {self.words}"


def audit(X: Any, y: Any = None, *, quantities: bool = False, texts: bool = False) -> list[Finding]:
    """Findings for inputs of any form, and for their answers: classes, quantities or texts; warnings first."""
    if isinstance(X, Chunks):  # larger than memory: its first rows
        places, X = X.places, next(iter(X))
        y = None if y is None else np.asarray(y)[: len(X)] if places is None else np.asarray(y)[places[: len(X)]]
    form = form_of(X)
    found = (
        audit_table(X, y)
        if form == "table"
        else audit_images(X, y)
        if form == "pictures"
        else audit_rows(row_keys(X), y)
    )
    found += audit_target(y, quantities=quantities) if y is not None and not texts else []
    return sorted(found, key=lambda finding: finding.severity != "warning")


# --- tables ---------------------------------------------------------------------------------------


def audit_table(X: Any, y: Any = None) -> list[Finding]:
    """Findings in the rows and columns of a table."""
    frame = read_frame(X)
    answers = single_answers(y)
    found = audit_rows(row_keys(frame), y)
    for j in range(frame.n_columns):
        where = f"column {frame.names[j]!r}" if frame.names else f"column {j}"
        found += audit_column(frame.column(j), where, answers, ordered=j in frame.levels, beside=frame.n_columns > 1)
    return found


def audit_column(
    column: np.ndarray, where: str, answers: np.ndarray | None, *, ordered: bool = False, beside: bool = True
) -> list[Finding]:
    """Findings in one column, which may stand beside others: mixed types, gaps, constancy, ids, outliers, leaks."""
    try:
        kind = kind_of(column, where, ordered=ordered)
    except DataError as error:
        return [Finding("warning", "mixed types", where, str(error))]
    missing = is_missing(column)
    known = column[~missing]
    found = []
    if missing.any():
        share = missing.mean()
        found.append(
            Finding(
                "warning" if share > 0.5 else "info",
                f"{int(missing.sum())} values ({share:.0%}) are missing",
                where,
                "fill them by codec=pn.Table(missing='median')" if share <= 0.5 else "leave the column out",
            )
        )
    codes, counts = coded(known)
    if len(counts) <= 1:
        return [*found, Finding("info", "one value in all rows, or none", where, "it is dropped; leave it out")]
    prose = kind == "category" and holds_prose(known.tolist())
    if prose and beside:
        words = "texts, most of them unlike all others, of which the commonest words are counted"
        found.append(Finding("info", words, where, "to learn from their order, learn from them alone, as X[column]"))
    elif not prose:
        found += audit_ids(known, kind, len(counts), where)
    if kind == "number" and known.dtype.kind in "iuf":
        found += audit_outliers(known.astype(np.float64), where)
    if kind == "category" and not prose:
        found += audit_texts(known, where)
    if answers is not None and len(answers) == len(column):
        found += audit_leak(known, codes, counts, answers[~missing], where)
    return found


def audit_ids(known: np.ndarray, kind: str | None, n_distinct: int, where: str) -> list[Finding]:
    """Whether a column names rows instead of describing them: all values differ, and they are text or count up."""
    if len(known) < FEW_ROWS or n_distinct < len(known):
        return []
    counting = known.dtype.kind in "iu" and bool((np.diff(np.sort(known)) == 1).all())
    if kind != "category" and not counting:
        return []
    return [Finding("warning", "every row has a value of its own, like a name or an id", where, "leave the column out")]


def audit_outliers(known: np.ndarray, where: str) -> list[Finding]:
    """Values further than 10 interquartile ranges outside the quartiles, or infinite."""
    finite = known[np.isfinite(known)]
    found = []
    if len(finite) < len(known):
        found.append(
            Finding(
                "warning",
                f"{len(known) - len(finite)} values are infinite",
                where,
                "mend them, or mark them as missing",
            )
        )
    if len(finite) < FEW_ROWS:
        return found
    low, high = np.quantile(finite, [0.25, 0.75])
    far = (finite < low - 10 * (high - low)) | (finite > high + 10 * (high - low))
    if high > low and far.any():
        worst = finite[far][np.abs(finite[far] - (low + high) / 2).argmax()]
        found.append(
            Finding(
                "info",
                f"{int(far.sum())} outliers (the furthest is {worst:g}; half the values lie in {low:g} to {high:g})",
                where,
                "look at them; pn.Table(scaling='log') or 'quantile' bounds their weight",
            )
        )
    return found


def audit_texts(known: np.ndarray, where: str) -> list[Finding]:
    """Texts that stand for numbers or dates, and names spelled in two ways."""
    texts = [value for value in known.tolist() if isinstance(value, str)]
    told = numbers_in(texts) or quantities_in(texts) or spellings_in(texts)
    return [] if told is None else [Finding(told[0], told[1], where, told[2])]


def audit_leak(
    known: np.ndarray, codes: np.ndarray, counts: np.ndarray, answers: np.ndarray, where: str
) -> list[Finding]:
    """Whether a column tells the answer by itself: it equals the target, or each of its few values has one answer."""
    if len(known) < FEW_ROWS:
        return []
    remedy = "leave the column out if it is not known when predictions are made"
    if known.dtype.kind in "iuf" and answers.dtype.kind in "iuf" and len(np.unique(answers)) > 2:
        a, b = known.astype(np.float64), answers.astype(np.float64)
        varied = np.ptp(a) > 0 and np.ptp(b) > 0
        if varied and np.isfinite(a).all() and np.isfinite(b).all() and abs(np.corrcoef(a, b)[0, 1]) > 1 - 1e-9:
            return [Finding("warning", "it is the target, up to scale", where, remedy)]
    _, target = np.unique(answers, return_inverse=True)
    n_classes = int(target.max()) + 1
    # numbers that separate the classes are good features; numbers with one value a class are the class by another name
    few = n_classes if known.dtype.kind in "iuf" else max(len(known) // 5, n_classes)
    if 2 <= n_classes <= len(known) // 5 and len(counts) <= few:
        pairs = np.unique(codes.astype(np.int64) * n_classes + target)
        if len(pairs) == len(counts):
            return [Finding("warning", "it determines the target: each of its values has one answer", where, remedy)]
    return []


def leaks(X: Any, y: Any) -> list[Finding]:
    """Columns of a table that give the answer away, judged by `LEAK_ROWS` rows spread evenly: cheap for `fit`."""
    answers = single_answers(y)
    if answers is None or isinstance(X, Chunks):
        return []
    frame = read_frame(X)
    rows = np.unique(np.linspace(0, frame.n_rows - 1, min(frame.n_rows, LEAK_ROWS)).astype(np.int64))
    answers, found = answers[rows], []
    for j in suspects(frame, rows, answers):
        column = frame.column(j)[rows]
        known = ~is_missing(column)
        if known.sum() >= FEW_ROWS:
            where = f"column {frame.names[j]!r}" if frame.names else f"column {j}"
            found += audit_leak(column[known], *coded(column[known]), answers[known], where)
    return found


def suspects(frame: Frame, rows: np.ndarray, answers: np.ndarray) -> list[int]:
    """The columns that `audit_leak` must look at; in a matrix of numbers most are cleared together."""
    if not isinstance(frame.columns, np.ndarray) or frame.columns.dtype.kind not in "iuf":
        return list(range(frame.n_columns))
    block = frame.columns[rows].astype(np.float64)
    n_values = 1 + np.count_nonzero(np.diff(np.sort(block, 0), axis=0), 0)
    names = np.unique(answers)
    suspect = (n_values <= len(names)) & (n_values > 1)
    if answers.dtype.kind in "iuf" and len(names) > 2:
        with np.errstate(over="ignore", invalid="ignore"):  # numbers too large to correlate give nothing away
            off, y = block - block.mean(0), answers - answers.mean()
            size = np.sqrt(np.square(off).sum(0) * np.square(y).sum())
            suspect |= (np.abs(y @ off) > (1 - 1e-9) * size) & (n_values > 1)
    return np.flatnonzero(suspect).tolist()


def coded(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(number of the distinct value, its counts) for each value of any type."""
    if values.dtype.kind == "O":
        import pandas as pd

        codes, names = pd.factorize(values)
        return codes, np.bincount(codes, minlength=len(names))
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    return codes, counts


# --- pictures, rows, answers ----------------------------------------------------------------------


def audit_images(X: Any, y: Any = None) -> list[Finding]:
    """Findings in pictures: equal ones, equal ones with different labels, blank ones."""
    found = audit_rows(row_keys(X), y)
    if isinstance(X, np.ndarray | Tensor):
        pixels = X.numpy(force=True) if isinstance(X, Tensor) else X
        flat = pixels.reshape(len(pixels), -1)
        blank = np.flatnonzero(flat.min(1) == flat.max(1))
        if len(blank):
            found.append(
                Finding(
                    "warning", f"{len(blank)} pictures are of one colour", f"pictures {shown(blank)}", "remove them"
                )
            )
    return found


def audit_rows(keys: np.ndarray, y: Any = None) -> list[Finding]:
    """Equal rows, and equal rows with different answers (candidates for wrong labels)."""
    _, code, counts = np.unique(keys, return_inverse=True, return_counts=True)
    n_extra = len(keys) - len(counts)
    if not n_extra:
        return []
    twice = np.flatnonzero(counts[code] > 1)
    found = [
        Finding(
            "info",
            f"{n_extra} {'row repeats' if n_extra == 1 else 'rows repeat'} an earlier one",
            f"rows {shown(twice)}",
            "remove them if they are the same thing twice: in train and test they make scores too good",
        )
    ]
    answers = single_answers(y)
    if answers is None or answers.dtype.kind == "f" or len(answers) != len(keys):
        return found
    _, target = np.unique(answers, return_inverse=True)
    pairs = np.unique(np.stack([code, target], 1), axis=0)
    torn = np.bincount(pairs[:, 0], minlength=len(counts)) > 1
    if torn.any():
        rows = np.flatnonzero(torn[code])
        found.append(
            Finding(
                "warning",
                f"{len(rows)} rows equal another row and have a different label",
                f"rows {shown(rows)}",
                "look at their labels: one of each is wrong, or the columns do not tell them apart",
            )
        )
    return found


def audit_target(y: Any, *, quantities: bool = False) -> list[Finding]:
    """Findings in the answers: imbalance, classes of one row, outliers, labels that look like numbers or names."""
    answers = single_answers(y)
    if answers is None or not len(answers):
        return []
    if answers.dtype.kind in "iuf" and (quantities or (answers != np.trunc(answers)).any()):
        return audit_outliers(answers.astype(np.float64), "y")
    names, counts = np.unique(answers, return_counts=True)
    if len(names) > max(FEW_ROWS, len(answers) / 2):
        return [
            Finding(
                "info",
                f"{len(names)} distinct answers in {len(answers)} rows",
                "y",
                "if it is a quantity use Regressor",
            )
        ]
    found = []
    if told := spellings_in([name for name in names.tolist() if isinstance(name, str)]):
        found.append(Finding(told[0], told[1], "y", told[2]))
    single = names[counts == 1]
    if len(single):
        found.append(
            Finding("warning", f"classes {shown(single)} have one row", "y", "add rows of them, or leave them out")
        )
    ratio = counts.max() / counts.min()
    if ratio >= 4 and len(names) > 1:
        often, rare = (names[[i]].tolist()[0] for i in (counts.argmax(), counts.argmin()))  # text may be plain str
        found.append(
            Finding(
                "warning" if ratio >= 20 else "info",
                f"{often!r} has {counts.max()} rows and {rare!r} has {counts.min()} ({ratio:.0f} to 1)",
                "y",
                "read balanced accuracy rather than accuracy; weigh classes with class_weight='balanced'",
            )
        )
    return found


def single_answers(y: Any) -> np.ndarray | None:
    """y as one answer a row, or None where it is not that."""
    if y is None or is_label_lists(y):
        return None
    try:
        answers = answer_array(y)
    except DataError:
        return None
    answers = answers[:, 0] if answers.ndim == 2 and answers.shape[1] == 1 else answers
    return answers if answers.ndim == 1 else None
