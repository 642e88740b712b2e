"""How good forecasts would have been: fitted again and again on the past alone, and judged on what came."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.timeseries.series import Panel
from ...errors import DataError
from ...evaluation.bootstrap import Bootstrap, Statistic, interval
from ...evaluation.doubt import with_intervals, with_rhat
from ...evaluation.result import Evaluation, Metric
from ...functional import forecasting as F
from .doubt import LEVELS, Agreement
from .series_doubt import agreement_of

if TYPE_CHECKING:
    from ..forecaster import Forecaster

Arrays = list[np.ndarray]
MIDDLES = tuple((i + 0.5) / 50 for i in range(50))  # quantiles that stand for a distribution in its score
FEWEST = 8  # forecasts, one a series and origin, from which resampling them says something


@dataclass
class Judged:
    """Truth and forecasts of one origin: lists over series of (horizon,), quantiles (horizon, 3), scales of MASE.

    spread : the quantiles `MIDDLES` (horizon, 50), over series; None where only some levels were learned.
    ends : percent that an interval is to hold -> its ends (horizon, 2), over series.
    parts : deviations total, of the noise and of the weights (horizon, 3), over series, after a fit with `inference`.
    agreement : that of the chains, where the weights were drawn by chains.
    """

    true: Arrays
    said: Arrays
    quantiles: Arrays
    naive: Arrays
    scales: list[float]
    spread: Arrays | None
    ends: dict[int, Arrays]
    parts: Arrays | None = None
    agreement: Agreement | None = None


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
    from ..fitting.series_learning import learn

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
    from ..answers.outlooks import Wanted, outlooks

    horizon = len(future[0])
    judged, between = self.judged_levels(), ends_of(self)
    middles = () if self.distribution == "quantiles" else MIDDLES
    levels = sorted({*judged, *middles, *(end for ends in between.values() for end in ends)})
    split = self.inference is not None
    found = outlooks(self, past, ahead, Wanted(horizon, levels, 0, self.seed, split=split))
    said = [np.asarray(s.quantiles) for s in found]

    def at(wanted: Sequence[float]) -> Arrays:
        return [q[:, [levels.index(w) for w in wanted]] for q in said]

    season = min(past.season, past.n_steps - 1)
    naive = [F.seasonal_naive(t.y, horizon, season=season).mean for t in past.tracks]
    scales = [F.naive_scale(t.y, season=season) for t in past.tracks]
    return Judged(
        future,
        [s.mean for s in found],
        at(judged),
        naive,
        scales,
        at(middles) if middles else None,
        {percent: at(ends) for percent, ends in between.items()},
        [np.asarray(s.parts) for s in found] if split else None,
        agreement_of(self, past, ahead) if split else None,
    )


def ends_of(self: "Forecaster") -> dict[int, tuple[float, float]]:
    """Percent that an interval is to hold -> the levels of its ends; of learned quantiles the outermost alone."""
    if self.distribution == "quantiles":
        low, high = self.judged_levels()[0], self.judged_levels()[-1]
        return {round(100 * (high - low)): (low, high)}
    return {percent: ((100 - percent) / 200, (100 + percent) / 200) for percent in LEVELS}


def summarised(judged: Sequence[Judged], levels: tuple[float, ...]) -> Backtest:
    """All origins as one evaluation, beside seasonal naive on the same steps."""
    true, said, naive = (np.stack([np.stack(getattr(j, k)) for j in judged]) for k in ("true", "said", "naive"))
    quantiles = np.stack([np.stack(j.quantiles) for j in judged])
    scales = np.array([j.scales for j in judged])[:, :, None]
    error, other = np.abs(true - said), np.abs(true - naive)
    score = crps_of(judged, true)
    between = intervals_of(error, scales, score)
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
    metrics.append(Metric("pinball", pinball, None, None, None, False))
    if score is not None:  # of a forecast that is a point it is the absolute error
        metrics.append(Metric("crps", float(score.mean()), *between["crps"], float(other.mean()), False))
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
    by_step = (error.mean((0, 1)), other.mean((0, 1)), np.square(error).mean((0, 1)))
    return Backtest(folds, *by_step, with_doubt(evaluation, judged), list(judged))


def with_doubt(found: Evaluation, judged: Sequence[Judged]) -> Evaluation:
    """An evaluation with the coverage and width of intervals, each forecast (a series and origin) a row; R-hat."""
    true = np.concatenate([np.stack(j.true) for j in judged])
    ends = {k: np.concatenate([np.stack(j.ends[k]) for j in judged]) for k in judged[0].ends}
    inside = {k: ((e[..., 0] <= true) & (true <= e[..., 1])).mean(-1) for k, e in ends.items()}
    widest, more = ends[max(ends)], {}
    if judged[0].parts is not None:
        parts = np.concatenate([np.stack(j.parts or []) for j in judged])
        more = {"variance": np.square(parts[..., 0]).mean(-1), "epistemic": np.square(parts[..., 2]).mean(-1)}
    n_bootstrap = 1000 if len(true) >= FEWEST else 0
    found = with_intervals(found, inside, (widest[..., 1] - widest[..., 0]).mean(-1), n_bootstrap=n_bootstrap, **more)
    told = [j.agreement for j in judged if j.agreement is not None]
    return with_rhat(found, **max(told)._asdict()) if told else found


def crps_of(judged: Sequence[Judged], true: np.ndarray) -> np.ndarray | None:
    """The continuous ranked probability score of each step, (origins, series, horizon); None without a distribution."""
    if judged[0].spread is None:
        return None
    quantiles = np.stack([np.stack(j.spread or []) for j in judged])
    return F.crps_samples(true, np.moveaxis(quantiles, -1, 0))


def intervals_of(
    error: np.ndarray, scales: np.ndarray, score: np.ndarray | None = None
) -> dict[str, tuple[float | None, float | None]]:
    """The intervals of mean errors over resampled forecasts, one a series and origin; None of fewer than `FEWEST`.

    error, score (origins, series, horizon); scales (origins, series, 1), of MASE.
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # a series that repeats itself has no scale, and no MASE
        told = {"mae": error, "rmse": np.square(error), "mase": error / scales}
    told |= {} if score is None else {"crps": score}
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
