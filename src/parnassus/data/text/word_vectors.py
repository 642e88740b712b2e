"""Files of word vectors in word2vec's text format: a line with two counts, then a word and its numbers a line."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import DataError, FileError


def write_vectors(path: str | os.PathLike, words: Sequence[str], vectors: np.ndarray) -> None:
    """Write words and their vectors (n_words, d), each number so that float32 comes back as it was."""
    for word in words:
        if not word or any(c.isspace() for c in word):
            raise DataError(f"the word {word!r} has a space in it, and a space ends a word in this format")
    try:
        with Path(path).open("w", encoding="utf-8", newline="\n") as file:
            file.write(f"{len(words)} {vectors.shape[1]}\n")
            for word, row in zip(words, np.asarray(vectors, dtype=np.float32), strict=True):
                file.write(f"{word} {' '.join(f'{v:.9g}' for v in row.tolist())}\n")
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error.strerror or error}") from error


def read_vectors(path: str | os.PathLike) -> tuple[list[str], np.ndarray]:
    """Words and their vectors (n_words, d) float32, of word2vec's text format, or of GloVe's, which has no first line.

    Raises
    ------
    FileError : no such file, bytes that are no UTF-8, a line of another width, no finite number; the line is named.
    """
    place = Path(path)
    try:
        lines = place.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise FileError(f"{place}: {error.strerror or error}; give the path of a file of word vectors") from error
    except UnicodeDecodeError as error:
        raise FileError(f"{place}: byte {error.start} is no UTF-8; the text format is due, not the binary") from error
    lines = [line.rstrip() for line in lines]
    head = lines[0].split(" ") if lines else []
    first = 1 if len(head) == 2 and all(part.isdigit() for part in head) else 0
    words: list[str] = []
    rows: list[list[float]] = []
    for number, line in enumerate(lines[first:], first + 1):
        if not line:
            continue
        word, *values = line.split(" ")
        if rows and len(values) != len(rows[0]):
            raise FileError(f"{place}: line {number} has {len(values)} numbers, and those before {len(rows[0])}")
        try:
            rows.append([float(v) for v in values])
        except ValueError as error:
            raise FileError(f"{place}: line {number}: {error}") from error
        words.append(word)
    table = np.array(rows, dtype=np.float32)
    if not table.size or not np.isfinite(table).all():
        raise FileError(f"{place}: no vectors, or one that is not finite; each line is a word and its numbers")
    if first and len(words) != int(head[0]):
        raise FileError(f"{place}: {len(words)} words, and the first line says {head[0]}; the file is cut short")
    if len(set(words)) < len(words):
        twice = next(w for i, w in enumerate(words) if w in set(words[:i]))
        raise FileError(f"{place}: the word {twice!r} stands there twice")
    return words, table
