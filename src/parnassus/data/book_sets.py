"""The well-known sets that the books use, read from where the user has them on disk. Nothing is fetched.

`read_set("mnist", folder)` gives training and test rows in the form that estimators take.
"""

import csv
import gzip
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, FileError, SettingError, did_you_mean
from .images.cifar import read_batch

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True)
class BookSet:
    """Rows and answers to learn from, and others to be judged by; the test rows are None where the set has no split.

    Attributes
    ----------
    X, y : pictures (n, height, width) or (n, height, width, 3) uint8, paths, texts, or numbers; and their answers.
    X_test, y_test : the same of the set's own test part.
    """

    X: Any
    y: Any
    X_test: Any = None
    y_test: Any = None


def read_set(name: str, path: str | Path) -> BookSet:
    """A set by its name, from the files that its own page offers; no file is unpickled and none is changed.

    Parameters
    ----------
    name : one of

        - "mnist": a folder of four IDX files, `train-images-idx3-ubyte` and so on, with or without `.gz`;
        - "cifar10": the folder `cifar-10-batches-py`;
        - "imdb": the folder `aclImdb`, with `train/pos`, `train/neg`, `test/pos` and `test/neg`;
        - "atis": a folder with `atis_intents_train.csv` and `atis_intents_test.csv`, an intent and a text in each line;
        - "tatoeba": one file, two sentences in each line with a tab between; what comes after them is left out;
        - "flights": one CSV file with the columns year, month and passengers;
        - "cats_dogs": a folder of pictures `cat.0.jpg`, `dog.0.jpg`, ..., or with one folder for each class;
        - "prices": one CSV file with a column Close, in the order of its column Date.
    path : the folder or the file.

    Examples
    --------
    >>> read_set("mnist", "nowhere")
    Traceback (most recent call last):
    parnassus.errors.FileError: nowhere: there is no such folder; the set 'mnist' is read from a folder
    """
    if name not in READERS:
        raise SettingError(f"no set {name!r} can be read; {did_you_mean(name, READERS)}")
    kind, read = READERS[name]
    found = Path(path)
    if not (found.is_dir() if kind == "folder" else found.is_file()):
        raise FileError(f"{found}: there is no such {kind}; the set {name!r} is read from a {kind}")
    return read(found)


# --- pictures -------------------------------------------------------------------------------------


def read_idx(path: Path) -> np.ndarray:
    """The array of an IDX file of bytes, of any rank, compressed by gzip or not."""
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError) as error:
            raise FileError(f"{path}: cannot be unpacked: {error}") from error
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] != 8:
        raise FileError(f"{path}: no IDX file of bytes; it begins with {raw[:4].hex(' ') or 'nothing'}, not 00 00 08")
    rank = raw[3]
    if len(raw) < 4 + 4 * rank:
        raise FileError(f"{path}: cut off within its header, after {len(raw)} bytes")
    shape = struct.unpack(f">{rank}I", raw[4 : 4 + 4 * rank])
    values = np.frombuffer(raw, np.uint8, offset=4 + 4 * rank)
    if len(values) != np.prod(shape, dtype=object):
        raise FileError(f"{path}: its header says {shape}, but {len(values)} values follow")
    return values.reshape(shape).copy()


def _mnist(folder: Path) -> BookSet:
    parts = []
    for part in ("train", "t10k"):
        pictures = read_idx(_one_of(folder, _names(f"{part}-images", 3)))
        labels = read_idx(_one_of(folder, _names(f"{part}-labels", 1)))
        if pictures.ndim != 3 or labels.ndim != 1 or len(pictures) != len(labels):
            raise DataError(f"{folder}: {part} has pictures {pictures.shape} and labels {labels.shape}")
        parts += [pictures, labels]
    return BookSet(*parts)


def _names(stem: str, rank: int) -> list[str]:
    return [f"{stem}{dot}idx{rank}-ubyte{end}" for dot in "-." for end in ("", ".gz")]


def _cifar(folder: Path) -> BookSet:
    batches = [read_batch(_one_of(folder, [f"data_batch_{i}"])) for i in range(1, 6)]
    test = read_batch(_one_of(folder, ["test_batch"]))
    return BookSet(np.concatenate([b[0] for b in batches]), np.concatenate([b[1] for b in batches]), *test)


def _cats_dogs(folder: Path) -> BookSet:
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    labels = [p.name.split(".")[0] if p.parent == folder else p.parent.name for p in found]
    if len(set(labels)) < 2:
        raise DataError(f"{folder}: {len(found)} pictures of {len(set(labels))} kinds; at least two kinds are needed")
    return BookSet(found, np.array(labels))


# --- texts ----------------------------------------------------------------------------------------


def _imdb(folder: Path) -> BookSet:
    parts: list[Any] = []
    for part in ("train", "test"):
        texts, labels = [], []
        for label in ("neg", "pos"):
            found = sorted((folder / part / label).glob("*.txt"))
            if not found:
                raise FileError(f"{folder / part / label}: no reviews (*.txt) here")
            texts += [p.read_text(encoding="utf-8") for p in found]
            labels += [label] * len(found)
        parts += [texts, np.array(labels)]
    return BookSet(*parts)


def _atis(folder: Path) -> BookSet:
    parts: list[Any] = []
    for part in ("train", "test"):
        path = _one_of(folder, [f"atis_intents_{part}.csv"])
        rows = list(_lines(path, csv.reader(_text(path).splitlines()), least=2))
        parts += [[r[1].strip() for r in rows], np.array([r[0].strip() for r in rows])]
    return BookSet(*parts)


def _tatoeba(path: Path) -> BookSet:
    rows = list(_lines(path, (line.split("\t") for line in _text(path).splitlines()), least=2))
    return BookSet([r[0] for r in rows], [r[1] for r in rows])


# --- series ---------------------------------------------------------------------------------------


def _flights(path: Path) -> BookSet:
    rows = _columns(path, ("year", "month", "passengers"))
    months = [m.strip().lower()[:3] for m in rows["month"]]
    numbers = [MONTHS.index(m) if m in MONTHS else -1 for m in months]
    if -1 in numbers:
        raise DataError(f"{path}: {rows['month'][numbers.index(-1)]!r} in column month is no month's name")
    when = np.array([f"{int(y):04d}-{m + 1:02d}" for y, m in zip(rows["year"], numbers, strict=True)], "datetime64[M]")
    order = np.argsort(when, kind="stable")
    return BookSet(when[order], _numbers(path, "passengers", rows["passengers"])[order])


def _prices(path: Path) -> BookSet:
    rows = _columns(path, ("Date", "Close"))
    when = np.array(rows["Date"], "datetime64[D]")
    order = np.argsort(when, kind="stable")
    return BookSet(when[order], _numbers(path, "Close", rows["Close"])[order])


READERS: dict[str, tuple[str, Callable[[Path], BookSet]]] = {
    "mnist": ("folder", _mnist),
    "cifar10": ("folder", _cifar),
    "imdb": ("folder", _imdb),
    "atis": ("folder", _atis),
    "tatoeba": ("file", _tatoeba),
    "flights": ("file", _flights),
    "cats_dogs": ("folder", _cats_dogs),
    "prices": ("file", _prices),
}


def _one_of(folder: Path, names: list[str]) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise FileError(f"{folder}: no file {names[0]} here")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: not in UTF-8 at byte {error.start}") from error


def _lines(path: Path, rows: Iterable[list[str]], *, least: int) -> Iterable[list[str]]:
    n = 0
    for n, row in enumerate(rows, 1):
        if len(row) < least:
            raise DataError(f"{path}: line {n} has {len(row)} fields of at least {least}")
        yield row
    if n == 0:
        raise DataError(f"{path}: no lines")


def _columns(path: Path, names: tuple[str, ...]) -> dict[str, list[str]]:
    rows = list(csv.DictReader(_text(path).splitlines()))
    if not rows:
        raise DataError(f"{path}: no rows")
    missing = [n for n in names if n not in rows[0]]
    if missing:
        raise DataError(f"{path}: no column {', '.join(missing)}; it has {', '.join(map(str, rows[0]))}")
    return {n: [row[n] or "" for row in rows] for n in names}


def _numbers(path: Path, column: str, values: list[str]) -> np.ndarray:
    found = np.empty(len(values))
    for i, value in enumerate(values):
        try:
            found[i] = float(value)
        except ValueError as error:
            raise DataError(f"{path}: row {i + 1} of column {column} is no number: {value!r}") from error
    return found
