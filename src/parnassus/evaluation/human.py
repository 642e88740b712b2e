"""What people said of pictures: which of two is real, and which of several is best, as tables with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DataError
from .bootstrap import wilson
from .unsupervised import Z


@dataclass(frozen=True)
class Judged:
    """One system: how many answers, its number, and the interval of 95 per cent."""

    system: str
    n: int
    value: float
    low: float
    high: float


def fooled(answers: Mapping[str, Sequence[Any]]) -> list[Judged]:
    """How often people took a made picture for the real one of a pair, by system, most often first.

    Parameters
    ----------
    answers : system -> one answer a pair, True where the made picture was taken for the real one. 0.5 is the best that
        can be hoped for. The interval is Wilson's, of pairs that are answered independently: give each person's
        answers as a share of their own where one person answered many.

    Systems: human-evaluation
    Source: Isola et al. 2017, section 4.1; Martinez-Ramon 8.7.1, who gives no numbers.

    >>> [(one.system, one.value, round(one.low, 3), round(one.high, 3)) for one in fooled({"a": [True] + [False] * 3})]
    [('a', 0.25, 0.046, 0.699)]
    """
    found = []
    for system, given in answers.items():
        said = np.asarray(given)
        if said.ndim != 1 or not len(said) or not np.isin(said, (0, 1)).all():
            raise DataError(f"answers on {system!r} are True or False, one a pair; got {list(given)[:4]!r}")
        share = float(said.astype(float).mean())
        found.append(Judged(system, len(said), share, *wilson(share, len(said), 0.95)))
    return sorted(found, key=lambda one: -one.value)


def mean_ranks(ranks: Mapping[str, Sequence[float]]) -> list[Judged]:
    """The mean rank of each system over questions in which people put all systems in order, best first.

    Parameters
    ----------
    ranks : system -> its rank in each question, 1 the best; ties share the mean of their places. Every question ranks
        every system, so that the ranks of a question add up to 1 + 2 + ... + the number of systems.

    Systems: human-evaluation
    Source: Zhang et al. 2017, section 4.1; Martinez-Ramon 8.9.1, table 8.3.

    >>> [(one.system, one.value) for one in mean_ranks({"old": [2, 2, 1], "new": [1, 1, 2]})]
    [('new', 1.3333333333333333), ('old', 1.6666666666666667)]
    """
    if len(ranks) < 2 or len({len(given) for given in ranks.values()}) != 1:
        raise DataError("ranks are of two systems or more, each ranked in every question")
    table = np.array([list(given) for given in ranks.values()], dtype=np.float64)
    due = len(ranks) * (len(ranks) + 1) / 2
    wrong = np.flatnonzero(~np.isclose(table.sum(0), due) | (table < 1).any(0))
    if not table.shape[1] or len(wrong):
        where = f"question {wrong[0]} has {table[:, wrong[0]].tolist()}" if len(wrong) else "there is no question"
        raise DataError(f"the ranks of {len(ranks)} systems are 1 or more and add up to {due:g}; {where}")
    n = table.shape[1]
    half = Z * table.std(1, ddof=1) / np.sqrt(n) if n > 1 else np.full(len(table), np.nan)
    found = [Judged(s, n, float(m), float(m - h), float(m + h))
             for s, m, h in zip(ranks, table.mean(1), half, strict=True)]  # fmt: skip
    return sorted(found, key=lambda one: one.value)


def table(judged: Sequence[Judged], *, what: str = "share fooled") -> str:
    """The numbers in aligned columns.

    >>> print(table(fooled({"a": [1, 0], "b": [1, 1]})))
    system  answers  share fooled  95 % interval
    b       2        1.000         0.342 to 1.000
    a       2        0.500         0.095 to 0.905
    """
    rows = [("system", "answers", what, "95 % interval")]
    rows += [(j.system, str(j.n), f"{j.value:.3f}", f"{j.low:.3f} to {j.high:.3f}") for j in judged]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)
