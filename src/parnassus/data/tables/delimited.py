"""Text tables: the delimiter, the header, and lines that do not fit, found before pandas reads them."""

import csv
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import DataError, DataWarning, FileError
from ..answers import shown

SNIFFED = 1 << 16
CODE = re.compile(r"0\d+$")
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$")


def delimiter_of(path: Path) -> str:
    """The character between cells: comma, semicolon, tab or bar; the header and the first row are checked."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            sample = file.read(SNIFFED)
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not UTF-8 text (byte {error.start}: {error.reason}); save it as UTF-8") from error
    header = sample.partition("\n")[0]
    counts = {mark: header.count(mark) for mark in ",;\t|"}
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(counts, key=lambda mark: counts[mark])
    rows = csv.reader(sample.splitlines(), delimiter=delimiter)
    names = next(rows, [])
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{path}: the columns {shown(twice)} appear twice in the header; give each column its own name")
    if names and all(re.fullmatch(r"[-+]?\d+(\.\d*)?(e[-+]?\d+)?", name.strip(), re.IGNORECASE) for name in names):
        raise DataError(
            f"{path}: the first line holds numbers alone, {shown(names)}; write the columns' names above it"
        )
    blank = [i for i, name in enumerate(names) if not name.strip()]
    if blank == [0]:
        warnings.warn(
            f"{path}: the first column has no name and is left out, as the row numbers that pandas writes",
            DataWarning,
            stacklevel=4,
        )
    elif blank:
        raise DataError(f"{path}: column {blank[-1]} (counted from 0) has no name in the header; give it one")
    first = next(rows, names)
    if len(first) > len(names):
        raise DataError(
            f"{path}, line 2: {len(first)} cells where the header names {len(names)}; mend the line or the header"
        )
    return delimiter


def read_as_written(path: Path, delimiter: str) -> tuple[list[str], list[str]]:
    """The columns whose first cells are all dates as ISO 8601 writes them, and those of codes such as 007.

    A code is digits that begin with 0: read as a number it would lose them, and would be another code.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = file.read(SNIFFED).splitlines()[:-1]
    rows = csv.reader(lines, delimiter=delimiter)
    names = next(rows, [])
    cells = list(zip(*(row for row in rows if len(row) == len(names)), strict=True)) or [()] * len(names)
    dates, codes = [], []
    for name, column in zip(names, cells, strict=True):
        filled = [cell for cell in column if cell]
        if filled and all(ISO_DATE.match(cell) for cell in filled):
            dates.append(name)
        elif all(cell.isascii() and cell.isdigit() for cell in filled) and any(CODE.match(cell) for cell in filled):
            codes.append(name)
    return dates, codes


def read_csv(
    path: Path, delimiter: str, columns: list[str] | None, *, dates: list[str], codes: list[str] | None, n_rows: int
) -> Iterator[Any]:
    """Frames of at most n_rows rows; a line with too many cells is refused by its number.

    `codes` are columns whose cells stay as they are written; None keeps all so, and "NA" is a word there.
    """
    import pandas as pd

    try:
        with pd.read_csv(
            path,
            sep=delimiter,
            usecols=columns,
            dtype=str if codes is None else dict.fromkeys(codes, str),
            keep_default_na=codes is not None,
            na_values=None if codes is not None else [""],
            chunksize=n_rows,
            encoding="utf-8-sig",
            low_memory=False,
        ) as frames:
            for frame in frames:
                for name in dates:
                    if name in frame.columns:
                        frame[name] = as_dates(path, frame[name])
                refuse_headers(path, frame)
                frame = frame.drop(columns="Unnamed: 0", errors="ignore")  # pandas' name for a blank header
                yield frame if columns is None else frame[columns]
    except pd.errors.ParserError as error:
        found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        if found is None:
            raise DataError(f"{path} cannot be read as a table: {error}; look for an open quotation mark") from error
        due, line, came = found.groups()
        raise DataError(
            f"{path}, line {line}: {came} cells where {due} are due; put quotation marks around cells that hold "
            f"{delimiter!r}"
        ) from error
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not UTF-8 text (byte {error.start}: {error.reason}); save it as UTF-8") from error
    except pd.errors.EmptyDataError as error:
        raise FileError(f"{path} holds no table ({error}); give a header and rows") from error


def refuse_headers(path: Path, frame: Any) -> None:
    """Refuses rows that are the header again, as in files that were put behind each other."""
    if any(dtype.kind in "iufb" for dtype in frame.dtypes):  # a name among numbers would have made them texts
        return
    again = frame.index[(frame == frame.columns).all(axis=1)]
    if len(again):
        raise DataError(
            f"{path}: row {again[0]} (counted from 0) repeats the header, as where files were put behind each other"
            f"{f', and so do {len(again) - 1} more' if len(again) > 1 else ''}; remove such lines"
        )


def as_dates(path: Path, column: Any) -> Any:
    """A column of ISO dates as datetimes; the first cell that is none is named."""
    import pandas as pd

    try:
        parsed = pd.to_datetime(column, format="ISO8601", errors="coerce", utc=False)
    except ValueError:  # offsets that differ, as where summer time begins
        parsed = pd.to_datetime(column, format="ISO8601", errors="coerce", utc=True)
    wrong = parsed.isna() & column.notna()
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise DataError(
            f"{path}: column {column.name!r}, row {column.index[row]} holds {column.iloc[row]!r} where dates such as "
            "2024-12-31 are due; mend the cell"
        )
    return parsed
