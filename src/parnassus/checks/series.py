"""Forecasts against statsmodels and scikit-learn, and against what the books' series are known to allow."""

import warnings

import numpy as np
import torch

from ..data.split import time_folds
from ..data.timeseries.calendar import calendar_features
from ..data.timeseries.synthetic_series import harmonic
from ..estimators.forecaster import Forecaster
from ..functional import forecasting as F
from ..functional.forecasting.smoothing import forecast_smoothing
from ..imports import imported
from ..objectives.sequence.forecasting import head_of
from ..registry import loss, model
from . import check, gap, relative_gap


def a_series(n: int = 96) -> np.ndarray:
    """A trend, a season of 12 and noise."""
    t = np.arange(n)
    return (50 + 0.4 * t) * (1 + 0.2 * np.sin(2 * np.pi * t / 12)) + np.random.default_rng(0).normal(0, 1, n)


@check("exponential-smoothing", oracle="statsmodels", tolerance=1e-8)
def smoothing_against_statsmodels() -> float:
    """One-step forecasts and forecasts of additive Holt-Winters with given weights against ExponentialSmoothing."""
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    y, season = a_series(), np.linspace(-5, 5, 12)
    ours = F.smooth(y, F.Smoothing(0.3, 0.1, 0.2, 1.0, 50.0, 0.4, season, "add"))
    made = ExponentialSmoothing(
        y, trend="add", seasonal="add", seasonal_periods=12, initialization_method="known",
        initial_level=50.0, initial_trend=0.4, initial_seasonal=season,
    )  # fmt: skip
    theirs = made.fit(smoothing_level=0.3, smoothing_trend=0.1, smoothing_seasonal=0.2, optimized=False)
    return max(gap(ours.fitted, theirs.fittedvalues), gap(forecast_smoothing(ours.last, 11), theirs.forecast(11)))


@check("arima", oracle="statsmodels", tolerance=1e-6)
def autoregressions_against_statsmodels() -> float:
    """Weights and forecasts of AR(3) by least squares against AutoReg, and of ARIMA(1, 1, 1) against SARIMAX."""
    from statsmodels.tsa.ar_model import AutoReg
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    y = a_series()
    ours = F.fit_autoregression(y, 3)
    found = AutoReg(y, 3).fit()
    first = relative_gap(F.forecast_autoregression(y, ours, 12), found.forecast(12))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = SARIMAX((y - y.mean()) / y.std(), order=(1, 1, 1)).fit(disp=False, maxiter=200)
    said = Forecaster(model("arima", order=(1, 1, 1)), horizon=12).fit(y).predict()
    return max(first, relative_gap(said, theirs.forecast(12) * y.std() + y.mean()))


@check("theta-method", oracle="statsmodels", tolerance=5e-3)
def theta_against_statsmodels() -> float:
    """Forecasts of the theta method with a season against ThetaModel; the two look for the weight in their own ways."""
    from statsmodels.tsa.forecasting.theta import ThetaModel

    y = a_series()
    theirs = ThetaModel(y, period=12, use_test=False, method="multiplicative").fit(use_mle=False).forecast(12)
    return relative_gap(F.forecast_theta(y, F.fit_theta(y, season=12), 12), np.asarray(theirs))


@check("naive-forecasts", "sliding-window-matrix", oracle="(book)", tolerance=1e-12)
def windows_and_benchmarks_against_the_books() -> float:
    """Ten values in windows of three, and the seasonal naive fixture whose mean absolute error is 2."""
    X, Y = F.sliding_windows(np.arange(10), 3)
    wrong = max(gap(X[:, 0], np.arange(7)), gap(Y[:, 0], np.arange(3, 10)))
    said = F.seasonal_naive([10, 20, 30, 40], 4, season=4).mean
    return max(wrong, gap(np.abs(np.array([12, 22, 32, 42]) - said).mean(), 2))


@check("hierarchical-reconciliation", oracle="(closed form)", tolerance=1e-10)
def reconciliation_against_least_squares() -> float:
    """Forecasts made to add up against the projection by numpy.linalg.lstsq."""
    _, S = F.summing_matrix({"all": "abcd", "left": "ab", "right": "cd"}, list("abcd"))
    f = np.random.default_rng(0).normal(5, 2, (7, 3))
    return gap(F.min_trace(f, S), S @ np.linalg.lstsq(S, f, rcond=None)[0])


@check("multistep-forecaster", "synthetic-series", oracle="(closed form)", tolerance=2e-3)
def a_harmonic_signal_goes_on_for_ever() -> float:
    """A linear model of six lags, step on step, against the harmonic signal it was taught without noise."""
    y = harmonic(140, noise=0)
    found = Forecaster("linear", strategy="recursive", history=6, scaling="none").fit(y[:120])
    return gap(found.predict(20), y[120:])


@check("tree-forecaster", oracle="scikit-learn", tolerance=1e-4)
def trees_against_scikit_learn() -> float:
    """A forest on windows of eight against RandomForestRegressor on the same windows."""
    y = a_series()
    made = model("forest", n_trees=20)
    found = Forecaster(made, horizon=3, history=8, scaling="none").fit(y)
    X, Y = F.sliding_windows(y, 8, horizon=3)
    kind = imported("sklearn.ensemble").RandomForestRegressor
    theirs = kind(20, min_samples_leaf=2, max_features=0.5, random_state=0).fit(X.astype(np.float32), Y)
    return relative_gap(found.predict(), theirs.predict(y[None, -8:].astype(np.float32))[0])


@check("probabilistic-forecast", oracle="scikit-learn", tolerance=1e-9)
def what_a_head_says_of_the_steps_ahead() -> float:
    """Losses and quantiles of Gaussian and Student's heads by scipy, of quantile heads by the pinball loss."""
    from scipy import stats
    from sklearn.metrics import mean_pinball_loss

    rng = np.random.default_rng(0)
    raw, y, levels = rng.normal(size=(6, 4, 3)), rng.normal(size=(6, 4)), [0.1, 0.5, 0.9]
    spread, freedom = np.log1p(np.exp(raw[..., 1])) + 1e-3, 2 + 1e-3 + np.log1p(np.exp(raw[..., 2]))
    laws = {
        "gaussian": (2, stats.norm(raw[..., 0], spread)),
        "student_t": (3, stats.t(freedom, raw[..., 0], spread)),
    }
    worst, truth = 0.0, torch.from_numpy(y)
    for name, (n, law) in laws.items():
        head, outputs = (
            head_of(name, levels, loss("squared_error").make()),
            torch.from_numpy(raw[..., :n].reshape(6, -1)),
        )
        found = head.quantiles(outputs, levels)
        assert found is not None
        wanted = np.stack([law.ppf(level) for level in levels], 2)
        worst = max(worst, gap(head.loss(outputs, truth), -law.logpdf(y).mean()), gap(found, wanted))
    head = head_of("quantiles", levels, loss("squared_error").make())
    pinball = np.mean([mean_pinball_loss(y.ravel(), raw[..., i].ravel(), alpha=a) for i, a in enumerate(levels)])
    return max(worst, gap(head.loss(torch.from_numpy(raw.reshape(6, -1)), truth), pinball))


@check("chronological-split", "lag-calendar-features", oracle="pandas", tolerance=1e-12)
def the_past_beside_the_present() -> float:
    """Folds in time as scikit-learn cuts them, lags by pandas' shift, weekdays and years by its calendar."""
    import pandas as pd
    from sklearn.model_selection import TimeSeriesSplit

    y = a_series(60)
    cuts = zip(time_folds(np.arange(60), 4), TimeSeriesSplit(4).split(y), strict=True)
    worst = float(sum(list(a[0]) != list(b[0]) or list(a[1]) != list(b[1]) for a, b in cuts))
    series = pd.Series(y)
    wanted = pd.concat([series.shift(k) for k in (1, 7)], axis=1)[7:].to_numpy()
    worst = max(worst, gap(F.lagged(y, [1, 7])[0], wanted))
    days = pd.date_range("2023-12-20", periods=60)
    shares = days.day_of_week.to_numpy() / 7, (days.day_of_year.to_numpy() - 1) / np.where(days.is_leap_year, 366, 365)
    circles = np.stack([f(2 * np.pi * s) for s in shares for f in (np.sin, np.cos)], 1)
    return max(worst, gap(calendar_features(days, ("weekday", "year")), circles))
