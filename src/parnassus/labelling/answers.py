"""What annotators answered about items: who agrees, what the labels are, who errs, which items are hard."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import narwhals as nw
import numpy as np

from ..data.answers import is_gap
from ..errors import DataError, SettingError, did_you_mean
from ..evaluation.bootstrap import wilson
from ..functional.crowds import votes
from .agreement import Agreement, agreement_of
from .consensus import Consensus, by_model, by_vote


@dataclass(frozen=True)
class Answers:
    """Labels that annotators gave to items, each item any number of them; made by `Answers.long` or `Answers.wide`.

    Attributes
    ----------
    items, annotators, labels : their names, in the order of their first answers; labels sorted, or as the scheme says.
    item, annotator, label : an answer each, as places in those lists.

    Systems: annotation-workflow
    Source: Baker, section 5.1 (1:A087-A089): a scheme fixed before the start, a pilot, cases at the edge settled, items
    whose answer is known among the others, and several annotators an item. Its figures for crowds are not repeated.
    """

    items: list[Any]
    annotators: list[Any]
    labels: list[Any]
    item: np.ndarray
    annotator: np.ndarray
    label: np.ndarray

    @classmethod
    def long(
        cls,
        table: Any,
        *,
        item: str = "item",
        annotator: str = "annotator",
        label: str = "label",
        labels: Sequence[Any] | None = None,
    ) -> Self:
        """Answers of a table with one answer a row: a frame, or the path of a CSV file.

        `labels` is the scheme, in its order: an answer that is not in it is refused.
        """
        frame = _frame(table)
        for name in (item, annotator, label):
            if name not in frame.columns:
                raise DataError(f"the table has no column {name!r}; {did_you_mean(name, frame.columns)}")
        columns = [frame.get_column(name).to_list() for name in (item, annotator, label)]
        for name, values in zip((item, annotator), columns, strict=False):
            row = next((i for i, v in enumerate(values) if is_gap(v)), None)
            if row is not None:
                raise DataError(f"row {row} has no {name!r}; say whose answer it is and to what, or leave the row out")
        return cls._made(columns[0], columns[1], columns[2], labels)

    @classmethod
    def wide(cls, table: Any, *, item: str | None = None, labels: Sequence[Any] | None = None) -> Self:
        """Answers of a table with an item a row and an annotator a column; None, NaN and "" stand for no answer.

        table : an array (items, annotators), or a frame or the path of a CSV file, whose column `item` names the items.
        """
        if isinstance(table, np.ndarray | list | tuple):
            matrix = np.array(table, dtype=object)
            if matrix.ndim != 2:
                raise DataError(f"the answers have shape {matrix.shape}; expected (items, annotators)")
            names, who = list(range(len(matrix))), list(range(matrix.shape[1]))
        else:
            frame = _frame(table)
            if item is not None and item not in frame.columns:
                raise DataError(f"the table has no column {item!r}; {did_you_mean(item, frame.columns)}")
            who = [c for c in frame.columns if c != item]
            names = list(range(len(frame))) if item is None else frame.get_column(item).to_list()
            if len(set(names)) < len(names):
                raise DataError(f"column {item!r} names an item twice; give one row an item, or use Answers.long")
            given = [frame.get_column(c).to_list() for c in who]
            matrix = np.array(given, dtype=object).reshape(len(who), len(frame)).T
        rows, columns = np.indices(matrix.shape).reshape(2, -1)
        return cls._made([names[i] for i in rows], [who[a] for a in columns], matrix.ravel().tolist(), labels)

    @classmethod
    def _made(cls, items: list, annotators: list, given: list, scheme: Sequence[Any] | None) -> Self:
        triples = [
            t for t in zip(items, annotators, given, strict=True) if not (is_gap(t[2]) or str(t[2]).strip() == "")
        ]
        if not triples:
            raise DataError("the table holds no answer")
        labels = list(scheme) if scheme is not None else _ordered({said for _, _, said in triples})
        if len(set(labels)) < len(labels):
            raise SettingError(f"labels names a label twice: {labels}")
        places = [{name: i for i, name in enumerate(dict.fromkeys(column))} for column in zip(*triples, strict=True)]
        places[2] = {name: i for i, name in enumerate(labels)}
        seen: set[tuple[Any, Any]] = set()
        for what, who, said in triples:
            if said not in places[2]:
                raise DataError(
                    f"{who!r} labelled item {what!r} {said!r}, which is not in the scheme; "
                    f"{did_you_mean(str(said), [str(k) for k in labels])}"
                )
            if (what, who) in seen:
                raise DataError(f"{who!r} labelled item {what!r} twice; keep one answer, or name the second round")
            seen.add((what, who))
        codes = [np.array([where[v] for v in c]) for where, c in zip(places, zip(*triples, strict=True), strict=True)]
        return cls(list(places[0]), list(places[1]), labels, *codes)

    def __len__(self) -> int:
        return len(self.item)

    def __str__(self) -> str:
        return (
            f"{len(self):,} answers of {len(self.annotators):,} annotators to {len(self.items):,} items, "
            f"{len(self.labels)} labels"
        )

    @property
    def counts(self) -> np.ndarray:
        """How many annotators gave each item each label, (items, labels)."""
        return votes(self.item, self.label, len(self.items), len(self.labels))

    def agreement(
        self, *, level: Any = "nominal", values: Any = None, n_bootstrap: int = 1000, seed: int = 0
    ) -> Agreement:
        """Krippendorff's alpha with its interval, kappa of every two annotators, agreement by annotator and by label.

        `level` and `values` say what a disagreement costs; see `functional.metrics.krippendorff_alpha`.
        """
        return agreement_of(self, level=level, values=values, n_bootstrap=n_bootstrap, seed=seed)

    def consensus(self, how: str = "dawid_skene", **options: Any) -> Consensus:
        """One label an item: "majority" counts votes, "dawid_skene" weighs annotators by how they err.

        Options go to `functional.crowds.dawid_skene`.
        """
        if how == "majority":
            if options:
                raise SettingError(f"a vote takes no settings; got {', '.join(options)}")
            return by_vote(self)
        if how != "dawid_skene":
            raise SettingError(f"how is 'dawid_skene' or 'majority'; got {how!r}")
        return by_model(self, **options)

    def against(self, gold: Mapping[Any, Any]) -> list[dict[str, Any]]:
        """How often each annotator is right on items whose label is known, the least right first.

        Each is a dict: annotator, n (known items answered), right (a share), and low and high, its 95 % interval; right
        is NaN for one who answered none of them.
        """
        strange = next((k for k in gold if k not in set(self.items)), None)
        if strange is not None:
            hint = did_you_mean(str(strange), [str(i) for i in self.items])
            raise DataError(f"item {strange!r} has a known label and no answer; {hint}")
        lost = next((v for v in gold.values() if v not in self.labels), None)
        if lost is not None:
            raise DataError(f"the known label {lost!r} is not in the scheme {self.labels}")
        known = np.array([self.labels.index(gold[i]) if i in gold else -1 for i in self.items])[self.item]
        found = []
        for a, name in enumerate(self.annotators):
            mine = (self.annotator == a) & (known >= 0)
            n, right = int(mine.sum()), float("nan")
            low, high = float("nan"), float("nan")
            if n:
                right = float((self.label[mine] == known[mine]).mean())
                low, high = wilson(right, n, 0.95)
            found.append({"annotator": name, "n": n, "right": right, "low": low, "high": high})
        return sorted(found, key=lambda one: (np.isnan(one["right"]), one["right"]))

    def disputed(self, n: int = 20) -> list[tuple[Any, dict[Any, int]]]:
        """The items whose answers differ most (entropy of the votes), with the votes: cases for the scheme."""
        counts = self.counts
        share = counts / counts.sum(1, keepdims=True)
        spread = -(share * np.log(np.where(share > 0, share, 1))).sum(1)
        worst = [int(i) for i in np.argsort(-spread, kind="stable")[:n] if spread[i] > 0]
        return [(self.items[i], {k: int(c) for k, c in zip(self.labels, counts[i], strict=True) if c}) for i in worst]


def pilot(items: Sequence[Any], n: int, *, by: Sequence[Any] | None = None, seed: int = 0) -> list[Any]:
    """A few items for everybody to label first, so that the scheme is tried before it is fixed.

    `by` groups the items (their source, or what a first guess says): every group gives in turn, so that rare ones come.
    """
    if not 0 < n <= len(items):
        raise SettingError(f"a pilot has 1 to {len(items)} items; got {n}")
    drawn = np.random.default_rng(seed).permutation(len(items)).tolist()
    if by is None:
        return [items[i] for i in drawn[:n]]
    if len(by) != len(items):
        raise DataError(f"by has {len(by)} entries for {len(items)} items; give one an item")
    turn: dict[Any, int] = {}
    order = []
    for i in drawn:
        turn[by[i]] = turn.get(by[i], -1) + 1
        order.append((turn[by[i]], i))
    return [items[i] for _, i in sorted(order, key=lambda one: one[0])[:n]]


def _ordered(labels: set[Any]) -> list[Any]:
    try:
        return sorted(labels)
    except TypeError:
        raise DataError(f"the labels are of several types, such as {list(labels)[:3]}; write them alike") from None


def _frame(table: Any) -> Any:
    """A frame, read where it is a path."""
    if isinstance(table, str | os.PathLike):
        import pandas as pd

        if not os.path.exists(table):
            raise DataError(f"there is no file {os.fspath(table)!r}")
        return nw.from_native(pd.read_csv(table, dtype=str), eager_only=True)
    try:
        return nw.from_native(table, eager_only=True)
    except TypeError:
        raise DataError(f"expected a frame, an array or the path of a CSV file; got {type(table).__name__}") from None
