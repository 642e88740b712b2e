"""What comes next in one or many series."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..data.sources import Columns
from ..data.timeseries.covariates import known_ahead
from ..data.timeseries.series import Panel, read_panel
from ..data.timeseries.series_windows import SeriesWindows
from ..errors import DataError, SettingError
from ..evaluation.result import Evaluation
from ..functional.quantiles import check_quantiles
from ..objectives.sequence.forecasting import Head
from ..train.phase import Objective
from .answers.outlooks import Said, Wanted, outlooks
from .answers.reconciling import reconciled
from .answers.series_parts import parts_of, picture_of_parts
from .answers.series_tables import as_given, packed, reading_of, unpacked
from .base import Estimator
from .fitting.series_learning import check, learn, objective_around
from .fitting.training import check_settings
from .judging.backtesting import Backtest, Judged, backtest, judge, summarised
from .judging.series_doubt import check_doubt
from .judging.series_errors import warn_of_narrow
from .protocol import fitted
from .saving import rebuilt, tree_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Forecaster(Estimator):
    """The next steps of series, as numbers, quantiles or paths.

    Parameters
    ----------
    horizon : how many steps ahead.
    history : how many steps a net sees; None takes two seasons or horizons, whichever is longer, as far as there are.
    season : steps of a season; None takes what such steps usually have (12 months, 24 hours, 7 days), 1 for arrays.
    scope : "global" is one model across all series; "local" one for each, which sees no other: as many fits, and as
        much in the file. Rules such as "theta" always learn each series by itself.
    strategy : "direct" says all steps at once; "recursive" one step on another, for any horizon.
    distribution : what a net learns of each step: "point", "quantiles", "gaussian", "student_t".
    quantiles : the levels that distribution="quantiles" learns.
    n_cross_fits : models fitted beside, each without a stretch of every series, whose errors there make the intervals,
        and put right those that a distribution learned; each costs a fit. None takes 3 for models of tables where
        nothing is held out, and 0 for nets: their intervals are too narrow, which a warning says when they are asked
        for.
    scaling : of a net's windows: "window" by their own mean and spread, "series" by the training part's, "none".
    transform : "none", or "log" for series above 0 whose swings grow with them.
    calendar : periods of the calendar that a net sees, such as ("hour", "weekday"); None takes what the steps call for.
    time : the column of times; None takes an index of dates, or the only column of dates.
    series : the column that tells series apart.
    past : columns of covariates that are known until now.
    known : columns of covariates that are known ahead, and given to `predict`.
    frequency : the step of time as a pandas offset, such as "D", "h", "MS"; None finds it.
    missing : NaN and steps that are not there: "refuse", or filled "linear", "last", "seasonal", "zero".
    duplicates : rows of one time: "refuse", or joined by "mean", "sum", "first", "last".
    **training : the settings that all estimators share; see `Estimator`.

    Attributes: `history_`, `n_series_`, `season_`, `checked_` (mean absolute errors of the model and of seasonal naive
    on the steps held out, or None), `errors_` (scaled errors of windows) and `errors_from_` (which windows), `apart_`
    (what a distribution said of windows that it had not learned from, and what came, by which its quantiles are put
    right), `members_` (for scope="local", the forecaster of each series by its name).

    The series are kept, and saved with the model: a forecast goes on from their end.

    Systems: forecasting, global-forecasting, lstm-forecaster, rnn-window-forecaster
    Source: Baker 6.2.1 and A162; Hifny 10.7; Martinez-Ramon 5.3.1, 5.7.1 (with a linear head: F40).
    """

    default_models = {"series": "gru"}

    panel_: Panel
    head_: Head
    errors_: np.ndarray
    errors_from_: str | None
    apart_: dict[str, np.ndarray]
    checked_: dict[str, float] | None
    members_: dict[str, "Forecaster"]
    validation_: Any
    codec_: SeriesWindows

    def __init__(
        self, model: Any = None, *, horizon: int = 12, history: int | None = None, season: int | None = None,
        scope: str = "global", strategy: str = "direct", distribution: str = "point",
        quantiles: tuple[float, ...] = (0.1, 0.5, 0.9), n_cross_fits: int | None = None, scaling: str = "window",
        transform: str = "none", calendar: tuple[str, ...] | None = None, time: str | None = None,
        series: str | None = None, past: tuple[str, ...] | str = (), known: tuple[str, ...] | str = (),
        frequency: str | None = None, missing: str = "refuse", duplicates: str = "refuse", **training: Any,
    ) -> None:  # fmt: skip
        super().__init__(model, **training)
        self.horizon, self.history, self.season = horizon, history, season
        self.scope, self.strategy, self.n_cross_fits = scope, strategy, n_cross_fits
        self.distribution, self.quantiles, self.scaling, self.transform = distribution, quantiles, scaling, transform
        self.calendar, self.time, self.series, self.past, self.known = calendar, time, series, past, known
        self.frequency, self.missing, self.duplicates = frequency, missing, duplicates

    # --- fit --------------------------------------------------------------------------------------

    def fit(
        self, X: Any, y: Any = None, *, target: Columns | None = None, validation: Any = None, sample_weight: Any = None
    ) -> Self:
        """Learn from series X, each oldest first.

        Parameters
        ----------
        X : a 1-D array; (time, series); a list or dict of arrays; a Series, a frame, or a path to a CSV or Parquet.
        y : None: what comes next is cut out of X.
        target : the column of a frame to forecast, or several, each a series of its own.
        validation : the fraction of the steps at the end that is held out, and watched by `patience`. The default net
            holds out some even for None, to be checked against seasonal naive.
        sample_weight : None.

        Raises
        ------
        DataError : the data break a contract; the message names the series, the time and the remedy.
        """
        if y is not None or sample_weight is not None:
            raise SettingError("a forecaster learns from series alone: give them as X, without y and sample_weight")
        check_settings(self)
        check(self)
        learn(self, self.panel_of(X, target=target), validation)
        self.target_name_ = target
        return self

    def panel_of(self, X: Any, *, target: Columns | None = None) -> Panel:
        """Series X as `fit` reads them: in order, on one grid of time, without holes, or refused."""
        return read_panel(X, reading_of(self, target))

    def objective_around(self, made: Any) -> Objective:
        """What a builder made as an objective: a net says what the distribution asks for."""
        return objective_around(self, made)

    # --- use --------------------------------------------------------------------------------------

    def predict(
        self,
        horizon: int | None = None,
        *,
        X: Any = None,
        known: Any = None,
        quantiles: Sequence[float] | None = None,
        return_std: bool = False,
    ) -> Any:
        """The steps after the series of `fit` or of X, as a frame for a frame, else as an array with a row a series.

        Parameters
        ----------
        horizon : how many steps; None takes the estimator's.
        X : other series, or the same ones with newer steps, to go on from.
        known : the covariates that are known ahead, a frame with a row for each step.
        quantiles : levels such as (0.1, 0.9), a column each, in place of the mean.
        return_std : after a fit with `inference`, also the standard deviations of what may come, noise included, in
            the same form.
        """
        levels = () if quantiles is None else check_quantiles(quantiles)
        panel, found = _ahead(self, X, known, Wanted(_steps(self, horizon), levels, 0, self.seed, split=return_std))
        if quantiles is None:
            answer = as_given(panel, [said.mean for said in found])
        else:
            answer = as_given(panel, [_levels(said) for said in found], columns=[f"{q:g}" for q in levels])
        return (answer, as_given(panel, [_parts(said)[:, 0] for said in found])) if return_std else answer

    def uncertainty(self, horizon: int | None = None, *, X: Any = None, known: Any = None) -> Any:
        """Standard deviations of the steps ahead after a fit with `inference`: total, aleatoric (of the noise) and
        epistemic (of the weights), a column each; total squared is the sum of the others' squares.

        Rows are those of `predict`, and so are the arguments. For strategy="recursive" they are estimated from courses,
        where noise is whatever one draw of the weights makes of it.
        """
        panel, found = _ahead(self, X, known, Wanted(_steps(self, horizon), (), 0, self.seed, split=True))
        return as_given(panel, [_parts(said) for said in found], columns=["total", "aleatoric", "epistemic"])

    def predict_samples(
        self,
        n: int = 100,
        horizon: int | None = None,
        *,
        X: Any = None,
        known: Any = None,
        seed: int | None = None,
    ) -> np.ndarray:
        """n courses that the steps ahead may take: (n, horizon), or (n, series, horizon) for several series.

        Steps of one course belong together for "recursive", for models of single series, and for "point", which adds
        whole errors; the direct heads draw each step by itself, and so does `inference` around one draw of the weights.
        """
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise SettingError(f"n is how many courses to draw, a whole number of at least 1; got {n!r}")
        wanted = Wanted(_steps(self, horizon), (), n, self.seed if seed is None else seed)
        panel, found = _ahead(self, X, known, wanted)
        paths = np.stack([np.asarray(said.paths) for said in found], 1)
        return paths[:, 0] if panel.form == "array" or len(found) == 1 else paths

    def reconcile(
        self, groups: Mapping[str, Sequence[str]], horizon: int | None = None, *, X: Any = None, known: Any = None,
        weighting: str = "shrinkage",
    ) -> Any:  # fmt: skip
        """What `predict` says, put right such that each total is the sum of its parts.

        Parameters
        ----------
        groups : which series at the bottom each total adds up, such as {"all": ["north", "south"]}; others stay.
        weighting : how what does not add up is shared out: by the covariance of one-step errors, drawn towards its
            diagonal ("shrinkage") or as it is ("covariance"), by their "variance", by how many series a total adds up
            ("structural"), alike ("ols"), or all of it to totals ("bottom_up").

        Systems: hierarchical-reconciliation
        Source: Wickramasuriya, Athanasopoulos and Hyndman 2019; Baker A162.
        """
        panel, found = _ahead(self, X, known, Wanted(_steps(self, horizon), (), 0, self.seed))
        return as_given(panel, reconciled(self, panel, [said.mean for said in found], groups, weighting))

    def components(self, X: Any = None, *, known: Any = None) -> Any:
        """What a forecast of "nbeats" or "nhits" is made of: its level and the part of each stack, a column each.

        Rows are those of `predict`. Columns add up to the forecast; for transform="log" they multiply. `X` and `known`
        are as in `predict`.
        """
        panel = panel_to_go_on(self, X)
        names, found = parts_of(self, panel, known_ahead(panel, known, int(self.horizon)))
        return as_given(panel, found, columns=names)

    def residuals(self) -> Any:
        """Errors of one-step forecasts inside the series of fit, truth minus forecast: where there is a forecast.

        An array for an array (its last steps), else a frame with series, time and residual.
        """
        from .judging.residuals import residuals_of

        return residuals_of(fitted(self))

    # --- how good it is ---------------------------------------------------------------------------

    def backtest(self, n_folds: int = 5, *, step: int | None = None, refit_every: int = 1) -> Backtest:
        """Forecasts from `n_folds` origins, each by a model fitted on what came before, judged on what came after.

        Parameters
        ----------
        step : steps between origins; None takes the horizon, so that no step is judged twice.
        refit_every : fit anew at every so many origins; a later origin than 1 uses the model fitted before it.

        Systems: forecasting
        Source: Tashman 2000; Baker 6.2.1 (backtest errors), Martinez-Ramon problem 5.1 (error by horizon).
        """
        for name, value in (("n_folds", n_folds), ("step", step or 1), ("refit_every", refit_every)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise SettingError(f"{name} is a whole number of at least 1; got {value!r}")
        return backtest(fitted(self), n_folds, step or int(self.horizon), refit_every)

    def judged_levels(self) -> tuple[float, ...]:
        """The quantiles that an evaluation looks at: 0.1 to 0.9, or the outermost that were learned."""
        if self.distribution != "quantiles":
            return (0.1, 0.5, 0.9)
        low, high = max(0.1, self.quantiles[0]), min(0.9, self.quantiles[-1])
        return (low, float(np.clip(0.5, low, high)), high) if low < 0.5 < high else tuple(sorted({low, high}))

    def evaluate(
        self, X: Any, y: Any = None, *, target: Columns | None = None, sample_weight: Any = None
    ) -> Evaluation:
        """Errors on the steps X that follow those of fit, beside seasonal naive's."""
        return summarised([_judged(self, X)], self.judged_levels()).evaluation

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, target: Columns | None = None) -> float:
        """1 minus the mean absolute error over that of seasonal naive, on the steps that follow: above 0 beats it."""
        found = self.evaluate(X, target=target)["mae"]
        assert found.baseline is not None
        if found.baseline == 0:
            return 1.0 if found.value == 0 else float("-inf")
        return 1 - found.value / found.baseline

    def plot(self, *, n_past: int | None = None, known: Any = None, which: str | None = None) -> "Figure":
        """The end of a series and the fan of its forecast; `which` names the series."""
        from .judging.residuals import fan_of

        warn_of_narrow(fitted(self))
        return fan_of(self, n_past=n_past, known=known, which=which)

    def plot_components(self, *, known: Any = None, which: str | None = None) -> "Figure":
        """The level of a forecast and the part of each stack, one below the other; `which` names the series."""
        return picture_of_parts(fitted(self), known, which)

    def report(self, path: str | os.PathLike, X: Any = None, y: Any = None, **words: Any) -> Evaluation:
        """Write one HTML page: errors on X, the steps that follow, or of a backtest; the fan, and the residuals."""
        from .judging.residuals import write_forecast_report

        return write_forecast_report(fitted(self), path, X, **words)

    @property
    def season_(self) -> int:
        """Steps of a season."""
        return fitted(self).panel_.season

    @property
    def n_series_(self) -> int:
        """How many series were learned from."""
        return len(fitted(self).panel_.tracks)

    @property
    def series_state_(self) -> dict[str, Any]:
        """The series as a file holds them."""
        return packed(self.panel_)

    @series_state_.setter
    def series_state_(self, state: dict[str, Any]) -> None:
        self.panel_ = unpacked(state)

    @property
    def members_state_(self) -> dict[str, Any]:
        """The forecasters of single series as a file holds them."""
        return {f"s{name}": tree_of(member) for name, member in self.members_.items()}

    @members_state_.setter
    def members_state_(self, state: dict[str, Any]) -> None:
        self.members_ = {name[1:]: rebuilt(tree) for name, tree in state.items()}

    learned = (*Estimator.learned, "series_state_", "errors_", "errors_from_", "apart_", "checked_", "validation_")
    learned += ("members_state_",)


def panel_to_go_on(self: Forecaster, X: Any) -> Panel:
    """Series that forecasts go on from: those of fit, or X, of the same steps of time."""
    own = fitted(self).panel_
    if X is None:
        return own
    panel = read_panel(X, own.reading)
    if panel.grid.offset != own.grid.offset:
        raise DataError(f"the steps of X are {panel.grid.words} apart, and those of fit {own.grid.words}")
    panel.season = own.season
    return panel


def _ahead(self: Forecaster, X: Any, known: Any, wanted: Wanted) -> tuple[Panel, list[Said]]:
    """The series that forecasts go on from, and what is said of each."""
    panel = panel_to_go_on(self, X)
    warn_of_narrow(self, stacklevel=4) if wanted.levels or wanted.n_paths else None
    check_doubt(self) if wanted.split else None
    return panel, outlooks(self, panel, known_ahead(panel, known, wanted.horizon), wanted)


def _judged(self: Forecaster, X: Any) -> Judged:
    """Forecasts after the series of fit beside X, which goes on from them."""
    from .judging.residuals import followed

    past, ahead, future = followed(fitted(self), X)
    return judge(self, past, ahead, future)


def _levels(said: Said) -> np.ndarray:
    assert said.quantiles is not None
    return said.quantiles


def _parts(said: Said) -> np.ndarray:
    assert said.parts is not None
    return said.parts


def _steps(self: Forecaster, horizon: int | None) -> int:
    steps = self.horizon if horizon is None else horizon
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1:
        raise SettingError(f"horizon is a whole number of at least 1; got {steps!r}")
    return int(steps)
