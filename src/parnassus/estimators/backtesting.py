"""How good forecasts would have been: fitted again and again on the past alone, and judged on what came."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.series import Panel
from ..errors import DataError
from ..evaluation.bootstrap import Bootstrap, Statistic, interval
from ..evaluation.result import Evaluation, Metric
from ..functional import forecasting as F

if TYPE_CHECKING:
    from .forecaster import Forecaster

Arrays = list[np.ndarray]
FEWEST = 8  # forecasts, one a series and origin, from which resampling them says something


@dataclass
class Judged:
    """Truth and forecasts of one origin: lists over series of (horizon,), quantiles (horizon, 3), scales of MASE."""

    true: Arrays
    said: Arrays
    quantiles: Arrays
    naive: Arrays
    scales: list[float]


@dataclass
class Backtest:
    """Errors over origins. `by_step` are mean absolute errors of each step ahead, `naive_by_step` seasonal naive's.

    `folds` has a row an origin. Print it, or take `evaluation`.
    """

    folds: list[dict[str, float]]
    by_step: np.ndarray
    naive_by_step: np.ndarray
    squared_by_step: np.ndarray
    evaluation: Evaluation
    judged: list[Judged] = field(repr=False, default_factory=list)

    def __str__(self) -> str:
        return self.evaluation.table()

    def __getitem__(self, name: str) -> float:
        return self.evaluation[name].value


def backtest(self: "Forecaster", n_folds: int, step: int, refit_every: int) -> Backtest:
    """Origins `step` apart, the last one so that its forecast ends with the series."""
    from .series_learning import learn

    panel, horizon = self.panel_, self.horizon
    judged: list[Judged] = []
    made: Any = self
    for fold in range(n_folds):
        n_left_out = horizon + (n_folds - 1 - fold) * step
        if panel.n_steps - n_left_out < 2:
            raise DataError(
                f"{n_folds} folds of horizon {horizon} need {n_left_out + 2} steps, and the shortest series has "
                f"{panel.n_steps}; ask for fewer folds"
            )
        past = panel.until(n_left_out)
        if fold % refit_every == 0:
            made = type(self)(**self.get_params(deep=False) | {"out": None, "progress": False})
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                learn(made, past, self.validation_)
        first = [len(t) for t in past.tracks]
        future = [t.y[n : n + horizon] for t, n in zip(panel.tracks, first, strict=True)]
        ahead = [t.known[n : n + horizon] for t, n in zip(panel.tracks, first, strict=True)]
        ahead = [a if a.size else np.zeros((horizon, 0)) for a in ahead]
        judged.append(judge(made, past, ahead, future))
    return summarised(judged, made.judged_levels())


def judge(self: "Forecaster", past: Panel, ahead: Arrays, future: Arrays) -> Judged:
    """Forecasts after `past` beside what came."""
    from .outlooks import Wanted, outlooks

    horizon = len(future[0])
    levels = self.judged_levels()
    found = outlooks(self, past, ahead, Wanted(horizon, levels, 0, self.seed))
    season = min(past.season, past.n_steps - 1)
    naive = [F.seasonal_naive(t.y, horizon, season=season).mean for t in past.tracks]
    scales = [F.naive_scale(t.y, season=season) for t in past.tracks]
    return Judged(future, [s.mean for s in found], [np.asarray(s.quantiles) for s in found], naive, scales)


def summarised(judged: Sequence[Judged], levels: tuple[float, ...]) -> Backtest:
    """All origins as one evaluation, beside seasonal naive on the same steps."""
    true, said, naive = (np.stack([np.stack(getattr(j, k)) for j in judged]) for k in ("true", "said", "naive"))
    quantiles = np.stack([np.stack(j.quantiles) for j in judged])
    scales = np.array([j.scales for j in judged])[:, :, None]
    error, other = np.abs(true - said), np.abs(true - naive)
    between = intervals_of(error, scales)
    metrics = [
        Metric("mae", float(error.mean()), *between["mae"], float(other.mean()), False),
        Metric("rmse", _root(error), *between["rmse"], _root(other), False),
        Metric("smape", F.smape(true.ravel(), said.ravel()), None, None, F.smape(true.ravel(), naive.ravel()), False),
    ]
    notes = []
    if (scales > 0).all():
        shares = (float((error / scales).mean()), float((other / scales).mean()))
        metrics.insert(0, Metric("mase", shares[0], *between["mase"], shares[1], False))
    else:
        notes.append("A series repeats itself exactly, so that MASE has no scale and is left out.")
    share = F.guarded_mape(true.ravel(), said.ravel())
    if np.isfinite(share):
        metrics.append(Metric("mape", share, None, None, F.guarded_mape(true.ravel(), naive.ravel()), False))
        if (true == 0).any():
            notes.append(f"The percentage error leaves out {int((true == 0).sum())} values that are truly 0.")
    pinball = float(F.pinball_score(true, quantiles, levels=levels).mean())
    inside = F.coverage(true.ravel(), quantiles[..., 0].ravel(), quantiles[..., -1].ravel())
    metrics.append(Metric("pinball", pinball, None, None, None, False))
    metrics.append(Metric(f"coverage_{100 * (levels[-1] - levels[0]):.0f}", inside, None, None, None, True))
    evaluation = Evaluation(
        task="regression",
        metrics=metrics,
        n_rows=int(true.size),
        baseline="seasonal naive",
        notes=notes,
        curves={"scatter": {"true": true.ravel().tolist(), "predicted": said.ravel().tolist()}},
    )
    folds = [
        {"fold": float(i), "mae": float(error[i].mean()), "naive_mae": float(other[i].mean())}
        for i in range(len(judged))
    ]
    steps = (0, 1)
    return Backtest(folds, error.mean(steps), other.mean(steps), np.square(error).mean(steps), evaluation, list(judged))


def intervals_of(error: np.ndarray, scales: np.ndarray) -> dict[str, tuple[float | None, float | None]]:
    """The intervals of mean errors over resampled forecasts, one a series and origin; None of fewer than `FEWEST`.

    error (origins, series, horizon); scales (origins, series, 1), of MASE.
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # a series that repeats itself has no scale, and no MASE
        told = {"mae": error, "rmse": np.square(error), "mase": error / scales}
    each = {name: values.mean(-1).ravel() for name, values in told.items()}
    if len(each["mae"]) < FEWEST:
        return dict.fromkeys(told, (None, None))

    def of(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {name: values @ weights / weights.sum(0) for name, values in each.items()}

    _, drawn = Bootstrap(np.ones(len(each["mae"]))).run([Statistic(of)])
    drawn["rmse"] = np.sqrt(drawn["rmse"])
    return {name: interval(values, 0.95) for name, values in drawn.items()}


def _root(error: np.ndarray) -> float:
    return float(np.sqrt(np.square(error).mean()))
