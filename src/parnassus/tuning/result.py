"""What a search found: its trials, the best of them, the front of several measures, which settings mattered."""

import html
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SettingError
from ..estimators.judging.validation import between, lined, metric_of, within
from ..evaluation.folds import FoldMean, fold_mean
from ..evaluation.result import json_values
from ..files import write_text
from ..registry import Spec
from .courses import COSTS
from .study import EPOCHS, MEASURES, SECONDS, WHY, Order, optuna, quiet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 10  # trials that a table shows, the best first
UNITS = {"latency": "ms", "size": "parameters"}


@dataclass(frozen=True)
class Trial:
    """One setting that was tried: `state` is "complete", "pruned", "failed" or "running"; `why` it did not end."""

    number: int
    state: str
    params: dict[str, Any]
    values: tuple[float, ...] | None
    seconds: float | None
    epochs: int | None
    why: str = ""
    measures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Nested:
    """What the best of a search is worth on rows that the search never saw: `scores` has a number an outer fold."""

    folds: str
    scores: dict[str, np.ndarray]
    params: list[dict[str, Any]]
    test_share: float

    def __getitem__(self, name: str) -> FoldMean:
        return within(name, fold_mean(self.scores[name], test_share=self.test_share))


@dataclass
class Tuning:
    """A search that ended. `print` shows the best trials; the scores of trials are those that the search chose by."""

    metrics: tuple[str, ...]
    higher: tuple[bool, ...]
    space: dict[str, Any]
    trials: list[Trial]
    folds: str
    seconds: float
    mattered: Callable[[], dict[str, float]] = field(repr=False)
    interrupted: bool = False
    nested: Nested | None = None
    best_estimator_: Any = field(default=None, repr=False)

    @cached_property
    def importance(self) -> dict[str, float]:
        """The share of the first measure's differences that goes back to each setting; made when first asked for."""
        return self.mattered()

    @property
    def complete(self) -> list[Trial]:
        """Trials that came to their end, in the order they were made."""
        return [t for t in self.trials if t.state == "complete"]

    @property
    def ranked(self) -> list[Trial]:
        """The same, the best by the first measure first."""
        sign = -1 if self.higher[0] else 1
        return sorted(self.complete, key=lambda t: sign * (t.values or (0.0,))[0])

    @property
    def front(self) -> list[Trial]:
        """Trials that no other beats in one measure without losing in another (Pareto), the best by the first first."""
        signs = np.array([-1 if higher else 1 for higher in self.higher])
        points = {t.number: signs * np.array(t.values) for t in self.complete}

        def beaten(t: Trial) -> bool:
            mine = points[t.number]
            return any(bool((o <= mine).all() and (o < mine).any()) for o in points.values())

        return [t for t in self.ranked if not beaten(t)]

    @property
    def best_trial_(self) -> Trial:
        """The best trial; of several measures, the best of the front by the first."""
        if not self.complete:
            raise SettingError(f"no trial came to its end: {self.reasons()}")
        return self.ranked[0]

    @property
    def best_params_(self) -> dict[str, Any]:
        """The settings of the best trial, as `set_params` takes them."""
        return {k: v.copy() if isinstance(v, Spec) else v for k, v in self.best_trial_.params.items()}

    @property
    def best_score_(self) -> float:
        """The best trial's first measure: it was chosen by it, and is too kind; see `nested`, or rows kept apart."""
        values = self.best_trial_.values
        assert values is not None
        return values[0]

    def reasons(self) -> str:
        """Why trials failed, each reason with how often."""
        counts = Counter(t.why for t in self.trials if t.state == "failed")
        return "; ".join(f"{n} x {why}" for why, n in counts.most_common()) or "none failed"

    def table(self) -> str:
        """Aligned text: the best trials with their settings, how many were pruned or failed and why, what mattered."""
        names = list(self.space)
        best = (self.front if len(self.metrics) > 1 else self.ranked)[:SHOWN]
        rows = [("trial", *(title(m) for m in self.metrics), "epochs", "s", *names)]
        for t in best:
            values = [text(m, v) for m, v in zip(self.metrics, t.values or (), strict=True)]
            chosen = [shown(t.params[n]) if n in t.params else "" for n in names]
            rows.append((str(t.number), *values, str(t.epochs or ""), f"{t.seconds or 0:.3g}", *chosen))
        lines = [lined(rows), self.summary()]
        if self.importance:
            parts = ", ".join(f"{k} {v:.0%}" for k, v in self.importance.items())
            lines.append(f"what the differences go back to: {parts}")
        if self.nested is not None:
            lines.append(self._nested_words(self.nested))
        return "\n".join(lines)

    def summary(self) -> str:
        """How many trials came to which end, and why some failed."""
        counts = Counter(t.state for t in self.trials)
        parts = [f"{n} {state}" for state, n in counts.items()]
        words = f"{len(self.trials)} trials ({', '.join(parts)}) on {self.folds}, {self.seconds:.3g} s"
        return f"{words}\nfailed: {self.reasons()}" if counts["failed"] else words

    def _nested_words(self, nested: Nested) -> str:
        name = self.metrics[0] if self.metrics[0] in nested.scores else next(iter(nested.scores))
        found, word = nested[name], metric_of(name).text
        interval = between(name, found.low, found.high)
        return f"on rows the search never saw ({nested.folds}): {title(name)} {word(found.mean)}, interval {interval}"

    def __str__(self) -> str:
        return self.table()

    def plot(self) -> "Figure":
        """The search in order, what mattered, and the front or the best setting's neighbours."""
        from ..insight.tuning import tuning

        first, second = self.metrics[0], self.metrics[1] if len(self.metrics) > 1 else None
        points = [(t.number, t.state, t.values[0] if t.values else None) for t in self.trials]
        pairs = [(t.values[0], t.values[1]) for t in self.complete if t.values and second]
        edge = [(t.values[0], t.values[1]) for t in self.front if t.values and second]
        titles = (title(first), title(second) if second else "")
        return tuning(points, self.importance, titles=titles, maximized=self.higher[0], pairs=pairs, front=edge)

    def report(self, path: str | os.PathLike) -> None:
        """Write one HTML page: the table, the plot, and every trial. It needs no network."""
        from ..insight.style import svg

        names = list(self.space)
        head = "".join(
            f"<th>{html.escape(c)}</th>" for c in ("trial", "state", *map(title, self.metrics), "s", *names, "why")
        )
        body = []
        for t in self.trials:
            values = (
                [text(m, v) for m, v in zip(self.metrics, t.values, strict=True)]
                if t.values
                else [""] * len(self.metrics)
            )
            cells = [
                t.number,
                t.state,
                *values,
                f"{t.seconds or 0:.3g}",
                *(shown(t.params.get(n, "")) for n in names),
                t.why,
            ]
            body.append("<tr>" + "".join(f"<td>{html.escape(str(c))}</td>" for c in cells) + "</tr>")
        drawing = svg(self.plot()) if self.complete else ""
        page = PAGE.format(table=html.escape(self.table()), drawing=drawing, head=head, body="\n".join(body))
        write_text(path, page)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        trials = [vars(t) | {"params": {k: plainly(v) for k, v in t.params.items()}} for t in self.trials]
        said = {"metrics": self.metrics, "folds": self.folds, "seconds": self.seconds, "importance": self.importance}
        said |= {"space": {k: str(v) for k, v in self.space.items()}, "trials": trials, "failed": self.reasons()}
        if self.complete:
            said |= {"best": self.best_trial_.number, "front": [t.number for t in self.front]}
        if self.nested is not None:
            said |= {"nested": {k: self.nested[k].to_dict() for k in self.nested.scores}}
        return json_values(said)


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>A search for settings</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1c2733; }}
pre, .wide {{ overflow-x: auto; }} table {{ border-collapse: collapse; font-size: 13px; }}
th, td {{ padding: .25rem .6rem; text-align: left; border-bottom: 1px solid #dde3e9; white-space: nowrap; }}
svg {{ max-width: 100%; height: auto; }}
</style></head><body><h1>A search for settings</h1><pre>{table}</pre>
{drawing}
<h2>Every trial</h2><div class="wide"><table><thead><tr>{head}</tr></thead><tbody>
{body}
</tbody></table></div></body></html>
"""


def title(name: str) -> str:
    """A measure's heading, with its unit where it has one."""
    return f"{name} ({UNITS[name]})" if name in UNITS else metric_of(name).title


def text(name: str, value: float) -> str:
    """A measure's value as a table shows it."""
    return (f"{value:,.0f}" if name == "size" else f"{value:.3g}") if name in COSTS else metric_of(name).text(value)


def shown(value: Any) -> str:
    """A setting as a table shows it."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def plainly(value: Any) -> Any:
    """A setting as JSON has it."""
    return repr(value) if isinstance(value, Spec) else value


STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running", "WAITING": "waiting"}


def found_in(study: Any, order: Order, course: Any, *, seconds: float, interrupted: bool) -> Tuning:
    """What a study holds, in the user's own terms."""
    trials = []
    for one in study.get_trials(deepcopy=False):
        params = {k: order.space[k].meant(v) for k, v in one.params.items() if k in order.space}
        told = one.user_attrs
        complete = one.state.name == "COMPLETE"
        values = tuple(one.values) if complete else None
        why = told.get(WHY, "")
        trials.append(
            Trial(
                one.number,
                STATES[one.state.name],
                params,
                values,
                told.get(SECONDS),
                told.get(EPOCHS),
                why,
                told.get(MEASURES, {}),
            )
        )
    trials = [t for t in trials if t.state != "waiting"]

    def mattered() -> dict[str, float]:
        with quiet():
            return importance_of(study, order)

    return Tuning(order.metrics, order.higher, dict(order.space), trials, course.words, seconds, mattered, interrupted)


def importance_of(study: Any, order: Order) -> dict[str, float]:
    """The share of the first measure's differences that goes back to each setting (fANOVA), largest first."""
    package = optuna()
    complete = [t for t in study.get_trials(deepcopy=False) if t.state.name == "COMPLETE"]
    values = {t.values[0] for t in complete}
    shared = set.intersection(*[set(t.params) for t in complete]) if complete else set()
    varied = {k for k in shared if len({repr(t.params[k]) for t in complete}) > 1}
    if len(complete) < 4 or len(values) < 2 or not varied:
        return {}
    evaluator = package.importance.FanovaImportanceEvaluator(seed=order.seed)
    found = package.importance.get_param_importances(
        study, evaluator=evaluator, params=sorted(varied), target=lambda t: t.values[0]
    )
    return {k: float(v) for k, v in sorted(found.items(), key=lambda item: -item[1])}
