"""The columns of a table as `fit` found them, and the checked features they give."""

import warnings
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...errors import DataError, DataWarning
from ..answers import shown
from . import columns as col
from .columns import Frame
from .counted_words import are_texts, common_words, word_weights
from .encodings import DATE_PARTS, date_parts, level_of, ordinal, thermometer
from .scaling import Moments

INFINITY = "mend the cell, or mark it as missing (NaN) and give codec=pn.Table(missing='median')"
MISSING = "leave the row out, or fill it in: codec=pn.Table(missing='median')"


class Schema:
    """Names and kinds of columns, their categories, and the features (column, part) that they make.

    A spec is a dict of JSON values: name, kind (number, boolean, category, ordered, date, text, constant), for
    categories levels and types, for texts the rarity of each word. A column that turned out constant keeps its kind as
    `was`; of numbers `whole` says that all were whole.
    """

    def __init__(self, specs: list[dict[str, Any]], feature_names: list[str] | None) -> None:
        self.specs, self.feature_names = specs, feature_names
        self.names = [spec["name"] for spec in specs]
        self.features: list[tuple[int, str]] = []
        for j, spec in enumerate(specs):
            kind = spec.get("was", spec["kind"])
            if kind in ("number", "boolean"):
                self.features.append((j, "value" if kind == "number" else "bit"))
            elif kind == "ordered":
                self.features += [(j, f"bit {level!r}") for level in spec["levels"][1:]]
            elif kind == "date":
                self.features += [(j, part) for part in DATE_PARTS]
            elif kind == "text":
                self.features += [(j, f"word {word}") for word in spec["rarity"]]
        # A matrix of numbers is then its own features, and needs no look at single columns.
        self.plain = all(spec.get("was", spec["kind"]) in ("number", "boolean") for spec in specs)

    @property
    def grouped(self) -> list[int]:
        """The columns that hold categories."""
        return [j for j, spec in enumerate(self.specs) if spec["kind"] == "category"]

    def where(self, j: int) -> str:
        """A column as a message names it."""
        return f"column {self.names[j]!r}" if self.feature_names is not None else f"column {j}"

    def check(self, frame: Frame) -> None:
        """Refuses columns that differ from those of `fit`, and tables without rows."""
        if frame.names is not None and self.feature_names is not None:
            col.refuse_names(frame.names, self.feature_names)
        if frame.n_columns != len(self.specs):
            raise DataError(
                f"X has {frame.n_columns} features, but Table is expecting {len(self.specs)} features as input; give "
                "the columns that fit was given"
            )
        if not frame.n_rows:
            refuse_empty(frame)

    def expand(self, frame: Frame, start: int, *, filled: bool) -> np.ndarray:
        """Every feature of some rows (rows, features), float64, NaN for missing; `start` is the first row's number.

        Infinity is refused, and NaN too unless it is to be `filled`.
        """
        if isinstance(frame.columns, np.ndarray) and self.plain:
            block = frame.columns.astype(np.float64)
        else:
            parts = [self._part(frame.column(j), j, start) for j in dict.fromkeys(j for j, _ in self.features)]
            block = np.concatenate(parts, 1) if parts else np.zeros((frame.n_rows, 0))
        if np.isfinite(block).all():
            return block
        self._refuse(np.isinf(block), start, "infinity", INFINITY)
        if not filled:
            self._refuse(np.isnan(block), start, "NaN (a missing value)", MISSING)
        return block

    def _part(self, column: np.ndarray, j: int, start: int) -> np.ndarray:
        """One column's features (rows, n)."""
        spec, where = self.specs[j], self.where(j)
        kind = spec.get("was", spec["kind"])
        if kind == "date":
            return date_parts(col.dates_of(column, where, start))
        if kind == "ordered":
            values = col.categories_of(column, where, {"str", "int", "float", "bool"}, start)
            return thermometer(ordinal(values, spec["levels"], where=where, start=start), len(spec["levels"]))
        if kind == "text":
            return word_weights(col.categories_of(column, where, {"str"}, start).tolist(), spec["rarity"])
        return col.numbers_of(column, where, start)[:, None]

    def _refuse(self, wrong: np.ndarray, start: int, what: str, remedy: str) -> None:
        if not wrong.any():
            return
        row, i = (int(k) for k in np.argwhere(wrong)[0])
        raise DataError(f"row {start + row}, {self.where(self.features[i][0])} of X holds {what}; {remedy}")

    def ids(self, frame: Frame, j: int, start: int, *, missing: str) -> tuple[np.ndarray, list]:
        """Category ids (rows,) of one column, 0 where unknown or missing, and the categories that were not known."""
        spec, where = self.specs[j], self.where(j)
        column = frame.column(j)
        codes = any(str(level).lstrip("-").replace(".", "", 1).isdigit() for level in spec["levels"])
        if codes and set(spec["types"]) == {"str"} and column.dtype.kind in "iuf":
            column = col.as_texts(column)  # a file whose rows of this column happen to be numbers alone
        values = col.categories_of(column, where, set(spec["types"]), start)
        known = {level: i + 1 for i, level in enumerate(spec["levels"])}
        known[None] = known[spec["mode"]] if missing == "mode" else 0
        ids = np.fromiter((known.get(v, -1) for v in values), dtype=np.int32, count=len(values))
        if missing == "refuse" and any(v is None for v in values):
            refuse_gap(start + next(i for i, v in enumerate(values) if v is None), where)
        unseen = [] if spec["cut"] else sorted(set(values[ids < 0].tolist()), key=str)
        return np.maximum(ids, 0), unseen

    def decode(
        self, full: np.ndarray, hot: dict[int, np.ndarray], kept: set[int], *, missing: str, whole: bool = False
    ) -> Any:
        """The table from its features (rows, features) in the user's units and the unit vectors of its categories.

        A table of numbers is an array, any other a pandas frame. `kept` are the features that were not dropped,
        `missing` is as of `Table`, and `whole` rounds columns that held whole numbers alone.
        """
        columns = []
        for j, spec in enumerate(self.specs):
            at = [i for i, (owner, _) in enumerate(self.features) if owner == j]
            if spec["kind"] == "constant":
                column = np.array([np.nan if spec["value"] is None else spec["value"]] * len(full))
            elif spec["kind"] == "category":
                column = nearest(spec, hot[j], holed=missing not in ("mode", "told") and spec["missing"] > 0)
            elif spec["kind"] == "ordered":
                column = np.array(spec["levels"], dtype=object)[level_of(full[:, at])]
            elif spec["kind"] == "date":
                timed = at[DATE_PARTS.index("hour sine")] in kept
                days = full[:, at[0]] if timed else np.round(full[:, at[0]])
                column = np.datetime64("1970-01-01", "us") + np.round(days * 86_400e6).astype("timedelta64[us]")
            elif spec["kind"] == "text":
                words = np.array(list(spec["rarity"]), dtype=object)
                column = np.array([" ".join(words[row > 1e-6]) for row in full[:, at]], dtype=object)
            else:
                column = full[:, at[0]] if spec["kind"] == "number" else full[:, at[0]] > 0.5
                if whole and spec.get("whole"):
                    column = np.rint(column) + 0.0  # no -0
                    exact = not self.plain and (np.abs(column) < col.WIDEST).all()
                    column = column.astype(np.int64) if exact else column
            columns.append(column)
        if self.plain:
            return np.stack(columns, 1).astype(np.float64)
        import pandas as pd

        return pd.DataFrame(dict(zip(self.names, columns, strict=True)))


def nearest(spec: dict[str, Any], hot: np.ndarray, *, holed: bool) -> np.ndarray:
    """The category of the largest entry of each row (rows, levels), and the commonest of a row of zeros.

    Where training rows were zeros (`holed`, or the rarer categories that were cut), a row without a positive entry is
    None.
    """
    holed = holed or spec["cut"]
    known = np.array([*spec["levels"], None], dtype=object)
    there = hot.max(1) > 0 if holed else hot.any(1)
    return known[np.where(there, hot.argmax(1), -1 if holed else spec["levels"].index(spec["mode"]))]


def learn_schema(frames: Iterable[Frame], *, max_categories: int, max_words: int, filled: bool) -> Schema:
    """Kinds and categories of every column, from one pass over the training rows; gaps are refused unless `filled`."""
    counters: dict[int, Counter] = {}
    broken: set[int] = set()  # columns of numbers that hold a fraction
    kinds: list[str | None] = []
    first: Frame | None = None
    n_rows = 0
    for frame in frames:
        if first is None:
            first, kinds = frame, [None] * frame.n_columns
            names = frame.names or [str(j) for j in range(frame.n_columns)]
        for j in range(frame.n_columns):
            where = f"column {names[j]!r}" if frame.names else f"column {j}"
            found = col.kind_of(frame.column(j), where, n_rows, ordered=j in first.levels)
            kinds[j] = merged(kinds[j], found, where)
            if found == "category":
                cells = frame.column(j)
                missing = col.is_missing(cells)
                if missing.any() and not filled:
                    refuse_gap(n_rows + int(missing.argmax()), where)
                counters.setdefault(j, Counter()).update(map(col.plain, cells[~missing].tolist()))
        n_rows, broken = n_rows + frame.n_rows, with_fractions(frame, broken)
    if first is None or not n_rows:
        refuse_empty(first)
    assert first is not None
    specs: list[dict[str, Any]] = [
        {"name": n, "kind": k or "empty", "missing": 0} for n, k in zip(names, kinds, strict=True)
    ]
    note_whole(specs, broken)
    for j, counter in counters.items():
        if max_words and are_texts(counter) and (rarity := common_words(counter, max_words)):
            specs[j] |= {"kind": "text", "rarity": rarity, "missing": n_rows - counter.total()}
        else:
            choose_levels(specs[j], counter, n_rows, max_categories)
    for j, levels in first.levels.items():
        specs[j] |= {"levels": levels}
    return Schema(specs, first.names)


def with_fractions(frame: Frame, known: set[int]) -> set[int]:
    """The columns that are no whole numbers alone: those known of earlier rows, and those of these."""
    if isinstance(frame.columns, np.ndarray) and frame.columns.dtype.kind == "f":
        return known | set(np.flatnonzero(~col.are_whole(frame.columns)).tolist())
    return known | {j for j in range(frame.n_columns) if j not in known and not col.is_whole(frame.column(j))}


def note_whole(specs: list[dict[str, Any]], broken: set[int]) -> None:
    """Writes into the specs of numbers that all were whole."""
    for j, spec in enumerate(specs):
        if spec["kind"] == "number" and j not in broken:
            spec["whole"] = True


def keep_features(schema: Schema, moments: Moments) -> np.ndarray:
    """The features that vary; columns without any become constant, with a warning. Statistics go into the specs."""
    features, specs = schema.features, schema.specs
    varies = (moments.low < moments.high) | (moments.n_rows == 1)
    kept = [i for i, (_, part) in enumerate(features) if varies[i] or part.startswith("bit ")]
    owners = {features[i][0] for i in kept}
    for i, (j, part) in enumerate(features):
        if part in ("value", "bit", "days"):
            known = bool(moments.count[i])
            found = {"mean": moments.mean, "std": moments.std, "low": moments.low, "high": moments.high}
            specs[j] |= {k: float(v[i]) if known else None for k, v in found.items()}
            specs[j]["missing"] = moments.n_rows - int(moments.count[i])
        if j not in owners and specs[j]["kind"] != "constant":
            specs[j] |= {"value": specs[j].get("low"), "was": specs[j]["kind"], "kind": "constant"}
    for spec in specs:
        if spec["kind"] == "empty":
            spec |= {"kind": "constant", "value": None}
    still = [spec["name"] for spec in specs if spec["kind"] == "constant"]
    if still:
        warnings.warn(
            f"columns {shown(still)} hold one value in all training rows, or none, and are dropped",
            DataWarning,
            stacklevel=4,
        )
    return np.array(kept, dtype=np.int64)


def refuse_overflow(schema: Schema, kept: np.ndarray, center: np.ndarray, scale: np.ndarray) -> None:
    """Refuses a column whose mean or spread is beyond the floats."""
    wild = ~(np.isfinite(center) & np.isfinite(scale))
    if wild.any():
        where = schema.where(schema.features[kept[wild][0]][0])
        raise DataError(
            f"{where} of X holds numbers too large for their mean and spread; "
            "divide it by a constant first, or fit with "
            "codec=pn.Table(scaling='log')"
        )


def refuse_giant(schema: Schema, row: int, feature: int) -> None:
    """Refuses a number that is infinite once it is scaled."""
    raise DataError(
        f"row {row}, {schema.where(schema.features[feature][0])} of X holds a number too large "
        "to compute with (float32), or "
        "far beyond those of fit; mend the cell, or fit with codec=pn.Table(scaling='log')"
    )


def merged(old: str | None, new: str | None, where: str) -> str | None:
    """The kind of a column, from two parts of it."""
    if old is None or new is None or old == new:
        return old or new
    if {old, new} == {"boolean", "number"}:
        return "number"
    raise DataError(
        f"{where} holds a {old} in its first rows and a {new} further down; mend the file, or turn the whole "
        "column into strings"
    )


def choose_levels(spec: dict[str, Any], counter: Counter, n_rows: int, max_categories: int) -> None:
    """Writes the categories a column keeps into its spec: all, or the most frequent."""
    spec["types"] = sorted({col.plain_kind(type(v)) for v in counter})
    spec["cut"] = len(counter) > max_categories
    if spec["cut"]:
        warnings.warn(
            f"column {spec['name']!r} holds {len(counter)} categories in {n_rows} rows; "
            f"the {max_categories} most frequent "
            "are kept (max_categories) and the others count as unknown; leave the column out if it is a name or "
            "an id",
            DataWarning,
            stacklevel=4,
        )
    often = sorted(counter, key=lambda v: (-counter[v], str(v)))[:max_categories]
    spec |= {"levels": sorted(often, key=lambda v: (type(v).__name__, v)), "mode": often[0]}
    spec["missing"] = n_rows - counter.total()
    if len(counter) == 1 and n_rows > 1 and not spec["missing"]:
        spec |= {"kind": "constant", "value": often[0]}


def refuse_gap(row: int, where: str) -> None:
    """Refuses a category that is missing."""
    raise DataError(
        f"row {row}, {where} of X is missing (NaN or None); "
        "leave the row out, give the gap a name such as 'missing', or "
        "give codec=pn.Table(missing='mode')"
    )


def refuse_empty(frame: Frame | None) -> None:
    """Refuses a table without rows."""
    shape = f" (shape=(0, {frame.n_columns}))" if frame is not None else ""
    raise DataError(f"X holds 0 sample(s){shape} while a minimum of 1 is required; give at least one row")


def summary(spec: dict[str, Any]) -> dict[str, Any]:
    """One column for a report: name, kind, missing, and range, categories or number of words."""
    told = {k: v for k, v in spec.items() if k not in ("types", "cut", "rarity", "whole")}
    return told | {"n_words": len(spec["rarity"])} if "rarity" in spec else told
