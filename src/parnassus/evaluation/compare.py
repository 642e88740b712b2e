"""Two evaluations side by side: on the same rows (which model), or on other rows (which world)."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from ..errors import SettingError
from .bootstrap import interval
from .result import Evaluation, json_values


@dataclass(frozen=True)
class Difference:
    """One metric of two evaluations, and the interval of second minus first.

    `texts` are both values as a table shows them. `better` names the side that the whole interval favours. `share` is
    the share of resamples in which the second is better.
    """

    name: str
    title: str
    texts: tuple[str, str]
    first: float
    second: float
    low: float | None
    high: float | None
    share: float | None
    better: Literal["first", "second", "undecided"]

    @property
    def difference(self) -> float:
        """Second minus first."""
        return self.second - self.first


@dataclass(frozen=True)
class Comparison:
    """The differences in every metric that two evaluations share."""

    differences: list[Difference]
    n_rows: tuple[int, int]
    paired: bool

    def __getitem__(self, name: str) -> Difference:
        return next(d for d in self.differences if d.name == name)

    def table(self) -> str:
        """Aligned text: both values, the difference, its interval, and who is better."""
        rows = [("metric", "first", "second", "difference", "interval", "better")]
        for d in self.differences:
            between = "" if d.low is None else f"{d.low:+.4g} to {d.high:+.4g}"
            rows.append((d.title, d.texts[0], d.texts[1], f"{d.difference:+.4g}", between, d.better))
        widths = [max(len(r[i]) for r in rows) for i in range(6)]
        return "\n".join(
            "  ".join([f"{r[0]:<{widths[0]}}", *(f"{c:>{w}}" for c, w in zip(r[1:], widths[1:], strict=True))])
            for r in rows
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return json_values(
            {
                "n_rows": self.n_rows,
                "paired": self.paired,
                "differences": [asdict(d) | {"difference": d.difference} for d in self.differences],
            }
        )


def compare(first: Evaluation, second: Evaluation) -> Comparison:
    """Second against first on the same rows: a paired bootstrap.

    Both were scored on the same resamples, so what makes a resample easy is subtracted out, and the interval is
    narrower than two intervals side by side suggest. Takes the evaluations as they were returned: those read back
    from JSON have left their resamples behind.
    """
    _need_replicates(first, second)
    if first.rows != second.rows:
        raise SettingError(
            "the evaluations are on other rows, weights, seeds or resample counts; evaluate both on the same rows with "
            "the same seed, or use shift() for two samples of rows"
        )
    return _compared(first, second, shift_by=0)


def shift(source: Evaluation, target: Evaluation) -> Comparison:
    """The same model on rows from another distribution: target minus source, for independent samples of rows.

    The risk on rows drawn like the training rows says nothing about rows drawn otherwise; this is the gap, and what
    chance alone could make of it.

    Source: Baker, section 3.6.1 (1:A045).

    Systems: distribution-shift
    """
    _need_replicates(source, target)
    # One step apart, so that resamples drawn with one seed do not go together: the samples are independent.
    return _compared(source, target, shift_by=1)


def _need_replicates(first: Evaluation, second: Evaluation) -> None:
    if not (first.replicates and second.replicates):
        raise SettingError("an evaluation without resamples cannot be compared; evaluate with n_bootstrap above 0")


def _compared(first: Evaluation, second: Evaluation, *, shift_by: int) -> Comparison:
    differences = []
    for a in first.metrics:
        b = next((m for m in second.metrics if m.name == a.name), None)
        if b is None or a.name not in first.replicates:
            continue
        n = min(len(first.replicates[a.name]), len(second.replicates[a.name]))
        gap = second.replicates[a.name][:n] - np.roll(first.replicates[a.name][:n], shift_by)
        gap = gap[np.isfinite(gap)]
        low, high = interval(gap, first.confidence)
        sign = 1 if a.higher_is_better else -1
        share = float((sign * gap > 0).mean() + (gap == 0).mean() / 2) if len(gap) else None
        better: Literal["first", "second", "undecided"] = "undecided"
        if low is not None and high is not None and (low > 0 or high < 0):
            better = "second" if (low > 0) == a.higher_is_better else "first"
        texts = (a.text(a.value), a.text(b.value))
        differences.append(Difference(a.name, a.title, texts, a.value, b.value, low, high, share, better))
    return Comparison(differences, (first.n_rows, second.n_rows), paired=shift_by == 0)
