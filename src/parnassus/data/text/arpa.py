"""N-gram models as ARPA files, which other tools write and read."""

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import DataError, FileError
from ...functional.ngram_counts import Level, spelled
from ...functional.ngram_smoothing import NGramModel

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
NEVER = -99.0  # what ARPA files write for log10 of 0
LN10 = math.log(10)
COUNT = re.compile(r"ngram\s+\d+\s*=\s*(\d+)")


def write_arpa(model: NGramModel, names: Sequence[str], path: str | os.PathLike) -> None:
    """Write a model that backs off; `names` are the words of its ids, "<s>", "</s>" and "<unk>" among them.

    Raises
    ------
    DataError : a model that does not back off, or a name that no line can hold.
    """
    if model.beyond != "back_off":
        raise DataError("an ARPA file holds models that back off; Laplace's and Lidstone's do not: choose another one")
    for i, name in enumerate(names):
        if not name or len(name.split()) != 1:
            raise DataError(f"the name of id {i} is {name!r}, and ARPA files part words by spaces; rename it")
    lines = ["\\data\\", *(f"ngram {k}={len(level.codes)}" for k, level in enumerate(model.levels, 1))]
    for k, log_p in enumerate(model.log_p, 1):
        lines += ["", f"\\{k}-grams:"]
        scores = np.maximum(log_p / LN10, NEVER).tolist()
        words = [" ".join(names[i] for i in row) for row in spelled(model.levels, k).tolist()]
        if k == model.order:
            lines += [f"{p:.9g}\t{w}" for p, w in zip(scores, words, strict=True)]
            continue
        backs = np.maximum(model.log_back[k - 1] / LN10, NEVER).tolist()
        lines += [f"{p:.9g}\t{w}\t{b:.9g}" for p, w, b in zip(scores, words, backs, strict=True)]
    Path(path).write_text("\n".join([*lines, "", "\\end\\", ""]), encoding="utf-8")


def read_arpa(path: str | os.PathLike) -> tuple[NGramModel, list[str]]:
    """The model of an ARPA file and the words of its ids: "<s>" is 0, "<unk>" is 1, "</s>" is the last.

    Others have the order of the file.

    Raises
    ------
    FileError : no file, not UTF-8, or no ARPA file; the line is named.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise FileError(f"{os.fspath(path)}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise FileError(f"{os.fspath(path)}: byte {error.start} is no UTF-8; save the file as UTF-8") from error
    sections = _sections(text.splitlines(), os.fspath(path))
    listed = [word for words, _, _ in sections[0] for word in words]
    last = [END] if END in listed else []
    names = [START, UNKNOWN, *(w for w in listed if w not in (START, UNKNOWN, END)), *last]
    ids = {name: i for i, name in enumerate(names)}
    levels, log_p, log_back = list[Level](), list[np.ndarray](), list[np.ndarray]()
    for k, rows in enumerate(sections, 1):
        try:
            spelling = np.array([[ids[w] for w in words] for words, _, _ in rows], dtype=np.int64).reshape(-1, k)
        except KeyError as error:
            raise FileError(
                f"{os.fspath(path)}: the {k}-gram with {error} has no 1-gram; the file is not whole"
            ) from None
        values = np.array([[p, back] for _, p, back in rows]).reshape(-1, 2)
        level, p, back = _level(levels, spelling, values, len(names), os.fspath(path))
        levels.append(level)
        log_p.append(p)
        log_back.append(back)
    return NGramModel(levels, log_p, log_back[:-1], len(names) - 1, start=0), names


def _level(
    levels: list[Level], spelling: np.ndarray, values: np.ndarray, n_ids: int, path: str
) -> tuple[Level, np.ndarray, np.ndarray]:
    """N-grams of one k in the order of their codes, with ln p and ln of what comes back."""
    if not levels:
        dense = np.zeros((n_ids, 2))
        dense[:, 0] = NEVER
        dense[spelling[:, 0]] = values
        zeros = np.zeros(n_ids, dtype=np.int64)
        return Level(np.arange(n_ids), zeros, zeros), _ln(dense[:, 0]), _ln(dense[:, 1])
    place = spelling[:, 0]
    for j, level in enumerate(levels[1:], 1):
        place = level.find(place * n_ids + spelling[:, j])
    if (place < 0).any():
        raise FileError(
            f"{path}: {int((place < 0).sum())} of the {spelling.shape[1]}-grams begin with what the file has not"
        )
    codes = place * n_ids + spelling[:, -1]
    order = np.argsort(codes)
    zeros = np.zeros(len(codes), dtype=np.int64)
    return Level(codes[order], zeros, zeros), _ln(values[order, 0]), _ln(values[order, 1])


def _ln(log10: np.ndarray) -> np.ndarray:
    return np.where(log10 <= NEVER, -np.inf, log10 * LN10)


def _sections(lines: list[str], path: str) -> list[list[tuple[list[str], float, float]]]:
    """For each k the n-grams: words, log10 p, log10 of what comes back (0 where a line has none)."""
    found: list[list[tuple[list[str], float, float]]] = []
    promised: list[int] = []
    for number, line in enumerate(lines, 1):
        if not found and (told := COUNT.fullmatch(line.strip())):
            promised.append(int(told[1]))
        if line.startswith("\\") and line.rstrip().endswith("-grams:"):
            found.append([])
        elif line.startswith("\\end"):
            break
        elif found and line.strip():
            k, parts = len(found), line.split()
            try:
                if len(parts) not in (k + 1, k + 2):
                    raise ValueError
                found[-1].append((parts[1 : k + 1], float(parts[0]), float(parts[-1]) if len(parts) == k + 2 else 0.0))
            except ValueError:
                raise FileError(f"{path}, line {number}: {line[:60]!r} is no {k}-gram of an ARPA file") from None
    if not found or not found[0]:
        raise FileError(f"{path}: no ARPA file: it has no \\1-grams:")
    held = [len(rows) for rows in found]
    if promised and held != promised:
        raise FileError(f"{path}: its head promises {promised} n-grams and it holds {held}; the file is not whole")
    return found
