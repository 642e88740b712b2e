"""Whether a model serves all groups alike: how good it is for each language, and how much of each it knows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data.text.pieces import Pieces
from ..data.text.text import Text
from ..data.text.tokenizers import CLOSED, UNKNOWN
from ..errors import DataError
from .bootstrap import wilson

FIRST_STRONG, POP = "\u2068", "\u2069"  # a name from right to left leaves the columns beside it alone


@dataclass(frozen=True)
class GroupScore:
    """One group: rows, share of right answers with its interval, and what is known of its texts (None: not asked)."""

    group: Any
    n_rows: int
    accuracy: float
    low: float
    high: float
    coverage: float | None


@dataclass(frozen=True)
class Equity:
    """The groups, worst first, and what lies between the best and the worst of them."""

    groups: list[GroupScore]

    @property
    def gap(self) -> float:
        """The best group's accuracy minus the worst's."""
        return self.groups[-1].accuracy - self.groups[0].accuracy

    @property
    def apart(self) -> list[Any]:
        """Groups whose whole interval lies below the best group's: not served alike, whatever chance does."""
        return [g.group for g in self.groups if g.high < self.groups[-1].low]

    def table(self) -> str:
        """The groups as aligned text; names from right to left are held apart from the numbers."""
        names = [f"{FIRST_STRONG}{g.group}{POP}" for g in self.groups]
        width = max(len("group"), *(len(name) - 2 for name in names))
        lines = [f"{'group':<{width}}  {'rows':>6}  {'accuracy':>8}  {'95% interval':>16}  {'known':>6}"]
        for name, g in zip(names, self.groups, strict=True):
            known = "" if g.coverage is None else f"{g.coverage:.3f}"
            space = " " * (width - len(name) + 2)
            interval = f"{g.low:.4f} to {g.high:.4f}"
            lines.append(f"{name}{space}  {g.n_rows:>6}  {g.accuracy:>8.4f}  {interval:>16}  {known:>6}".rstrip())
        return "\n".join(lines)

    __str__ = table


def evaluate_groups(
    true: Sequence[Any], said: Sequence[Any], groups: Sequence[Any], *, coverage: Sequence[float] | None = None
) -> Equity:
    """Accuracy of each group with Wilson's interval, worst first; `coverage` is the share of each text that is known.

    A row of several labels is right where all of them are.

    Systems: language-equity-check
    Source: Baker 7.1 (A199): a report by language, given as "supports few languages well"; Wilson 1927.
    """
    columns = {"true": list(true), "said": list(said), "groups": list(groups)}
    if coverage is not None:
        columns["coverage"] = list(coverage)
    sizes = {name: len(column) for name, column in columns.items()}
    if len(set(sizes.values())) > 1 or not columns["true"]:
        told = ", ".join(f"{name} {n}" for name, n in sizes.items())
        raise DataError(f"rows of different numbers, or none: {told}; give one of each a row")
    for row, group in enumerate(columns["groups"]):
        if group is None or (isinstance(group, float) and math.isnan(group)):
            raise DataError(f"row {row} has no group; name it, or leave the row out")
    right = np.array([np.array_equal(t, s) for t, s in zip(columns["true"], columns["said"], strict=True)])
    check_kinds(columns["true"], columns["said"])
    known = np.asarray(columns["coverage"], dtype=np.float64) if coverage is not None else None
    found = []
    for group in dict.fromkeys(columns["groups"]):
        own = np.array([g == group for g in columns["groups"]])
        n, accuracy = int(own.sum()), float(right[own].mean())
        share = None if known is None else float(known[own].mean())
        found.append(GroupScore(group, n, accuracy, *wilson(accuracy, n, 0.95), share))
    return Equity(sorted(found, key=lambda g: g.accuracy))


def check_kinds(true: list[Any], said: list[Any]) -> None:
    """Refuses answers that are missing, and texts beside numbers, none of which could ever be right."""
    for name, column in (("true", true), ("said", said)):
        gap = next((i for i, v in enumerate(column) if v is None or (isinstance(v, float) and math.isnan(v))), None)
        if gap is not None:
            raise DataError(f"row {gap} of {name} has no answer; leave the row out of all")
    texts = [isinstance(column[0], str) for column in (true, said)]
    if texts[0] != texts[1]:
        kinds = [
            f"{name} are {'texts' if text else 'no texts'}" for name, text in zip(("true", "said"), texts, strict=True)
        ]
        raise DataError(
            f"{' and '.join(kinds)} ({true[0]!r:.40}, {said[0]!r:.40}), so that none is right; give one kind"
        )


def known_share(codec: Any, texts: Sequence[str]) -> np.ndarray:
    """The share of each text's units that a fitted `pn.Text`, or `pn.Pieces`, knows (texts,); 1 of texts of none."""
    if isinstance(codec, Pieces):
        cut = codec.tokenizer.rows(list(texts))
        return np.array([1 - row.count(codec.tokenizer.unknown) / max(len(row), 1) for row in cut])
    if not isinstance(codec, Text):
        raise DataError(f"what is known of texts is asked of a fitted Text or Pieces; got {codec!r:.60}")
    if codec.options["unit"] in CLOSED:
        return np.ones(len(texts))  # of bytes and hashes none is unknown
    rows = codec.encode(list(texts))
    ends = np.concatenate([[0], rows.lengths.numpy().cumsum()])
    unknown = np.concatenate([[0], (rows.values.numpy() == UNKNOWN).cumsum()])
    n = np.maximum(rows.lengths.numpy(), 1)
    return 1 - (unknown[ends[1:]] - unknown[ends[:-1]]) / n
