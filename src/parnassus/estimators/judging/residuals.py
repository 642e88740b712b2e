"""What a forecaster got wrong inside its series, steps that follow them, pictures and the page of it."""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ...data.timeseries.covariates import known_ahead, stamps_like
from ...data.timeseries.series import Panel, read_panel, where_of
from ...data.timeseries.series_windows import training_spans
from ...errors import DataError, SettingError
from ...evaluation.result import Evaluation
from ...files import write_text
from ...objectives.sequence.forecasting import Apart
from ...objectives.sequence.local_forecasting import Local, of_series
from ..answers.outlooks import NONE, Wanted, answers, outlooks
from ..answers.series_tables import position_of
from ..fitting.identity import versions
from .backtesting import Judged, judge, summarised
from .reporting import changed_params

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..forecaster import Forecaster

Arrays = list[np.ndarray]
MOST_FANS = 4  # series that a report draws; of more, three


def one_step_errors(self: "Forecaster", X: Any = None) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each series the steps (n,) that have a one-step forecast, and truth minus forecast there (n,).

    X : other series than those of fit, for models that learn from windows.
    """
    if X is not None and isinstance(self.objective_, Local):
        raise SettingError(
            f"{self.model_name} knows the series of fit alone; for errors in other series take a model that learns "
            "from windows, such as 'ridge' or 'gru'"
        )
    return _errors_in(self, self.panel_ if X is None else read_panel(X, self.panel_.reading))


def _errors_in(self: "Forecaster", panel: Panel) -> list[tuple[np.ndarray, np.ndarray]]:
    if isinstance(self.objective_, Apart):
        return [_errors_in(of_series(self.members_, name), panel.only(i))[0] for i, name in enumerate(panel.names)]
    codec = self.codec_
    if isinstance(self.objective_, Local):
        found = []
        for track in panel.tracks:
            y = codec.values(track.y, track.name)
            known = track.known if track.known.size else NONE
            said = codec.back(self.objective_.fitted(y, self.objective_.of(track.name), known))
            at = np.flatnonzero(np.isfinite(said))
            found.append((at, track.y[at] - said[at]))
        return found
    spans = training_spans(panel, history=codec.history, horizon=codec.horizon)
    outputs, center, spread = answers(self, spans)
    said = codec.back(self.head_.mean(outputs) * spread + center)[:, 0]
    found = []
    for i, track in enumerate(panel.tracks):
        own = spans.places[:, 0] == i
        at = spans.places[own, 1]
        found.append((at, track.y[at] - said[own]))
    return found


def residuals_of(self: "Forecaster") -> Any:
    """Errors of one-step forecasts: an array for an array, else a frame."""
    found = one_step_errors(self)
    if self.panel_.form == "array":
        return found[0][1]
    import pandas as pd

    parts = []
    for track, (at, error) in zip(self.panel_.tracks, found, strict=True):
        stamps = at if track.stamps is None else self.panel_.grid.shown(track.stamps[at])
        parts.append(pd.DataFrame({"series": track.name, "time": stamps, "residual": error}))
    return pd.concat(parts, ignore_index=True)


def followed(self: "Forecaster", X: Any) -> tuple[Panel, Arrays, Arrays]:
    """The series of fit, and covariates and values of X, whose steps come right after them."""
    from ...data.timeseries.series import read_panel

    own = self.panel_
    frequency = own.reading.frequency or (own.grid.offset if own.reading.time else None)  # one step alone says none
    later = read_panel(X, replace(own.reading, frequency=frequency))
    if sorted(later.names) != sorted(own.names):
        odd = sorted(set(later.names) ^ set(own.names))
        raise DataError(f"X and the series of fit differ: {', '.join(map(repr, odd[:5]))} are in one of them only")
    by_name = {t.name: t for t in later.tracks}
    steps = min(int(self.horizon), later.n_steps)
    ahead, future = [], []
    for track in own.tracks:
        new = by_name[track.name]
        if track.stamps is not None and new.stamps is not None and own.reading.time is not None:
            due = own.grid.after(track.stamps[-1], 1)
            first = stamps_like(own, new.stamps[:1], later.grid.zone, later.grid.wall, where="X")
            if first[0] != due[0]:
                came, after = own.grid.shown(first)[0], own.grid.shown(due)[0]
                raise DataError(
                    f"X begins at {came} for {where_of(track.name)}, and the step after fit's is {after}: "
                    "give the steps that follow"
                )
        future.append(new.y[:steps])
        ahead.append(new.known[:steps] if new.known.size else np.zeros((steps, 0)))
    return own, ahead, future


# --- pictures -------------------------------------------------------------------------------------


def fan_of(self: "Forecaster", *, n_past: int | None, known: Any, which: str | None) -> "Figure":
    """The end of one series, its forecast, and shares of its likely courses."""
    i, steps = position_of(self.panel_, which), int(self.horizon)
    low, middle, high = (self.judged_levels()[0], 0.5, self.judged_levels()[-1])
    levels = tuple(sorted({low, 0.5 * (low + middle), 0.5 * (high + middle), high}))
    ahead = known_ahead(self.panel_, known, steps)
    said = outlooks(self, self.panel_, ahead, Wanted(steps, levels, 0, self.seed))[i]
    return _fan(self, i, said.mean, said.quantiles, levels=levels, n_past=n_past)


def fans_beside(self: "Forecaster", found: Judged) -> dict[str, "Figure"]:
    """Caption -> the end of a series, its forecast, and what came: of all, or of the worst, a middling, the best."""
    errors = [
        np.abs(true - said).mean() / scale
        for true, said, scale in zip(found.true, found.said, found.scales, strict=True)
    ]
    names, levels, fans = self.panel_.names, self.judged_levels(), {}
    for i, rank in worst_to_best(errors).items():
        words = f"{where_of(names[i]).capitalize()}{rank}: what was forecast, and what came."
        fans[words] = _fan(self, i, found.said[i], found.quantiles[i], levels=levels, true=found.true[i])
    return fans


def worst_to_best(errors: Sequence[float]) -> dict[int, str]:
    """Which series are drawn, and what is said of them: all where they are few, or the worst, a middling, the best.

    >>> worst_to_best([0.5, 2.0, 0.1, 0.3, 0.2])
    {1: ' (the worst of 5)', 3: ' (the median of 5)', 2: ' (the best of 5)'}
    """
    n = len(errors)
    if n <= MOST_FANS:
        return dict.fromkeys(range(n), "")
    order = np.argsort(np.nan_to_num(np.asarray(errors), nan=np.inf), kind="stable")[::-1]
    return {int(order[at]): f" (the {name} of {n})" for at, name in ((0, "worst"), (n // 2, "median"), (-1, "best"))}


def _fan(
    self: "Forecaster", i: int, said: Any, quantiles: Any, *, levels: tuple[float, ...], n_past: int | None = None,
    true: Any = None,
) -> "Figure":  # fmt: skip
    from ...insight.forecasts import forecast_fan

    steps, track, grid = len(said), self.panel_.tracks[i], self.panel_.grid
    n = min(len(track), n_past or max(3 * steps, 4 * self.panel_.season, 24))
    stamps = None if track.stamps is None else grid.shown(track.stamps[-n:])
    last = track.stamps[-1] if track.stamps is not None else float(len(track) - 1)
    return forecast_fan(
        track.y[-n:],
        said,
        times=np.arange(len(track) - n, len(track)) if stamps is None else stamps,
        times_ahead=grid.shown(grid.after(last, steps)),
        quantiles=quantiles,
        levels=levels,
        true=true,
        name=track.name,
    )


def write_forecast_report(
    self: "Forecaster", path: str | os.PathLike, X: Any = None, *, title: str | None = None, data: str = "the series",
    command: str | None = None, known: Any = None,
) -> Evaluation:  # fmt: skip
    """Write the page, and return its numbers: on X, the steps that follow, or of a backtest in up to 3 folds."""
    from ...insight.report import Report, code_of, render_report

    if X is not None:
        past, ahead, future = followed(self, X)
        found = summarised([judge(self, past, ahead, future)], self.judged_levels())
        judged_on = "steps that follow those of the training"
    else:
        folds = max(1, min(3, self.panel_.n_steps // (3 * int(self.horizon))))
        found = self.backtest(folds)
        judged_on = f"steps after {folds} origins of a backtest, fitted anew at each"
    report = Report(
        title=title or f"Forecast of {data}",
        task=self.task,
        model=self.model_name,
        data=data,
        n_rows={"training": sum(len(t) for t in self.panel_.tracks), "evaluated": found.evaluation.n_rows},
        evaluation=cast(Any, found.evaluation),
        evaluated_on=judged_on,
        parameters=changed_params(self) | {"seed": self.seed},
        history=self.history_,
        best_epoch=self.best_epoch_,
        n_parameters=sum(p.numel() for p in self.objective_.parameters()),
        seconds=self.seconds_,
        figures=_figures(self, None if X is None else found.judged[0], known),
        environment=versions(),
        command=command or code_of(self),
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    write_text(path, render_report(report))
    return found.evaluation


def _figures(self: "Forecaster", found: Judged | None, known: Any) -> dict[str, str]:
    """Caption -> SVG of what the page draws: forecasts beside what came, or else the next one; and the residuals."""
    from ...insight.forecasts import residual_diagnostics
    from ...insight.style import svg

    names, errors = self.panel_.names, [error for _, error in one_step_errors(self)]
    tracks = self.panel_.tracks
    spread = [
        float(np.abs(e).mean() / (t.y.std() or 1)) if len(e) else 0.0 for e, t in zip(errors, tracks, strict=True)
    ]
    ranks = worst_to_best(spread)
    figures = {} if found is None else fans_beside(self, found)
    if found is None and (not self.panel_.reading.known or known is not None):
        for i, rank in ranks.items():
            whose = f" of {where_of(names[i])}{rank}" if len(names) > 1 else ""
            figures[f"The forecast{whose}."] = fan_of(self, n_past=None, known=known, which=names[i] or None)
    worst = int(np.argmax(spread))
    whose = f" of {where_of(names[worst])}, which they fit worst" if len(names) > 1 else ""
    words = f"Residuals of one-step forecasts{whose}."
    figures[words] = residual_diagnostics(errors[worst], season=self.panel_.season)
    return {words: svg(figure) for words, figure in figures.items()}
