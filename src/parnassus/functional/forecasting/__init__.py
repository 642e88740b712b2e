"""Forecasts of series as equations: NumPy arrays in, arrays out; what is learned comes in as an argument.

A series y is (time,), oldest first; a forecast is (horizon,), nearest first. `season` is m, the steps of one season.
"""

from .autoregression import (
    AutoRegression,
    autocorrelation,
    fit_autoregression,
    forecast_autoregression,
    partial_autocorrelation,
    response_weights,
    yule_walker,
)
from .bases import polynomial_basis, seasonal_basis
from .naive import Spread, drift, mean, naive, seasonal_naive
from .reconciliation import bottom_up, min_trace, summing_matrix
from .scores import coverage, crps_gaussian, crps_samples, guarded_mape, mase, naive_scale, pinball_score, smape
from .smoothing import Smoothing, first_states, fit_smoothing, smooth, smooth_slowly
from .theta import Theta, fit_theta, forecast_theta
from .windows import lagged, sliding_windows

__all__ = [
    "AutoRegression",
    "Smoothing",
    "Spread",
    "Theta",
    "autocorrelation",
    "bottom_up",
    "coverage",
    "crps_gaussian",
    "crps_samples",
    "drift",
    "first_states",
    "fit_autoregression",
    "fit_smoothing",
    "fit_theta",
    "forecast_autoregression",
    "forecast_theta",
    "guarded_mape",
    "lagged",
    "mase",
    "mean",
    "min_trace",
    "naive",
    "naive_scale",
    "partial_autocorrelation",
    "pinball_score",
    "polynomial_basis",
    "response_weights",
    "seasonal_basis",
    "seasonal_naive",
    "sliding_windows",
    "smape",
    "smooth",
    "smooth_slowly",
    "summing_matrix",
    "yule_walker",
]
