"""Entities in rows of tags, and how many of them are found."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

OUTSIDE = "O"


class Entity(NamedTuple):
    """What an entity is, its first token and the one behind its last."""

    name: str
    start: int
    end: int


def entities(tags: Sequence[str]) -> list[Entity]:
    """The entities of one row of BIO, IOBES or BILOU tags, in order.

    A run ends where a tag is O, begins another (B, S, U), is of another name, or stands behind an end (E, S, L, U); an
    I, E or L without a beginning begins one, as the CoNLL script and seqeval have it.

    >>> entities(["B-PER", "I-PER", "O", "B-LOC", "B-LOC", "I-PER"])
    [Entity(name='PER', start=0, end=2), Entity(name='LOC', start=3, end=4), Entity(name='LOC', start=4, end=5), \
Entity(name='PER', start=5, end=6)]
    """
    found: list[Entity] = []
    start, before, own = 0, OUTSIDE, ""
    for i, tag in enumerate([*tags, OUTSIDE]):
        part, _, name = tag.partition("-")
        opened = before != OUTSIDE
        begins = part != OUTSIDE and (part in "BSU" or before in "OESLU" or name != own)
        if opened and (begins or part == OUTSIDE or before in "ESLU"):
            found.append(Entity(own, start, i))
        if begins:
            start, own = i, name
        before = part
    return found


class Found(NamedTuple):
    """Shares of entities: of those said, of those true, and their harmonic mean; 0 where there are none."""

    precision: float
    recall: float
    f1: float
    n_true: int


def entity_scores(true: Sequence[Sequence[str]], said: Sequence[Sequence[str]]) -> dict[str, Found]:
    """Scores of each name of entity, and of all together under "": exact in name, beginning and end.

    precision = n_right / n_said,   recall = n_right / n_true,   F1 = 2 n_right / (n_said + n_true)

    Systems: bert-token-head
    Source: Tjong Kim Sang and De Meulder 2003; Martinez-Ramon 6.4.3.

    >>> entity_scores([["B-A", "I-A", "O"]], [["B-A", "O", "O"]])[""].f1
    0.0
    """
    return scores_of(entity_counts(true, said))


def entity_counts(true: Sequence[Sequence[str]], said: Sequence[Sequence[str]]) -> dict[str, tuple[int, int, int]]:
    """(right, said, true) entities of each name, and under "" of all."""
    right: Counter[str] = Counter()
    given: Counter[str] = Counter()
    due: Counter[str] = Counter()
    for row_true, row_said in zip(true, said, strict=True):
        a, b = set(entities(row_true)), set(entities(row_said))
        for counts, some in ((due, a), (given, b), (right, a & b)):
            counts.update(entity.name for entity in some)
            counts[""] += len(some)
    names = sorted({*due, *given, ""})
    return {name: (right[name], given[name], due[name]) for name in names}


def scores_of(counts: dict[str, tuple[int, int, int]]) -> dict[str, Found]:
    """Scores from (right, said, true) of each name."""
    return {
        name: Found(n / max(given, 1), n / max(due, 1), 2 * n / max(given + due, 1), due)
        for name, (n, given, due) in counts.items()
    }
