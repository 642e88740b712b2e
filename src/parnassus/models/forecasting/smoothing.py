"""Classical forecasts with parameters for each series: autoregression, exponential smoothing, theta."""

import math
from typing import Any, cast

import numpy as np

from ...errors import DataError, SettingError, did_you_mean
from ...functional import forecasting as F
from ...functional.forecasting.autoregression import Method
from ...functional.forecasting.smoothing import (
    Seasonal,
    Trend,
    forecast_smoothing,
    simulate_smoothing,
    smoothing_response,
)
from ...objectives.sequence.local_forecasting import Local, Outlook
from ...registry import model

PATHS = 4000  # that measure the spread of a season that multiplies


class AR(Local):
    """y[t] = c + sum_j w[j] y[t - 1 - j] + e[t]; `order` None takes that of the least AIC on the same rows."""

    def __init__(self, order: int | None, method: str) -> None:
        super().__init__()
        self.order, self.method = order, method

    def learn(self, y: np.ndarray, known: np.ndarray) -> dict[str, Any]:
        most = max(1, min(len(y) // 3 - 1, max(int(10 * math.log10(len(y))), self.season + 1)))
        order = best_order(y, most) if self.order is None else self.order
        found = F.fit_autoregression(y, order, method=cast(Method, self.method))
        return {"constant": found.constant, "weights": found.weights.tolist(), "std": found.std}

    def look(
        self, y: np.ndarray, learned: dict[str, Any], horizon: int, ahead: np.ndarray, known: np.ndarray
    ) -> Outlook:
        found = F.AutoRegression(learned["constant"], np.array(learned["weights"]), learned["std"])
        psi = F.response_weights(horizon, found.weights)
        mean = F.forecast_autoregression(y, found, horizon)
        if not np.isfinite(mean).all() or not np.isfinite(psi).all():
            raise DataError("the autoregression explodes before the horizon; take method='yule_walker', which cannot")
        return Outlook(mean, found.std * np.sqrt(np.cumsum(psi**2)), psi)

    def fitted(self, y: np.ndarray, learned: dict[str, Any], known: np.ndarray) -> np.ndarray:
        weights, said = np.array(learned["weights"]), np.full(len(y), np.nan)
        n = len(weights)
        if n:
            X, _ = F.lagged(y, np.arange(1, n + 1))
            said[n:] = learned["constant"] + X @ weights
        else:
            said[:] = learned["constant"]
        return said


def best_order(y: np.ndarray, most: int) -> int:
    """The order of the least AIC, all orders fitted to the same steps: n ln(mean squared error) + 2 (order + 1).

    Source: Akaike 1974.
    """
    X, now = F.lagged(y, np.arange(1, most + 1))
    losses = []
    for order in range(most + 1):
        design = np.concatenate([np.ones((len(X), 1)), X[:, :order]], 1)
        errors = now - design @ np.linalg.lstsq(design, now, rcond=None)[0]
        scale = max(float(np.square(errors).mean()), 1e-12 * max(float(now.var()), 1e-300))
        losses.append(len(X) * math.log(scale) + 2 * (order + 1))
    return int(np.argmin(losses))


class ExponentialSmoothing(Local):
    """Level, trend and season, their weights those of least squared one-step errors."""

    def __init__(self, trend: str, seasonal: str) -> None:
        super().__init__()
        self.trend, self.seasonal = trend, seasonal

    def learn(self, y: np.ndarray, known: np.ndarray) -> dict[str, Any]:
        seasonal = self.seasonal
        if seasonal != "none" and self.season < 2:
            raise SettingError(
                f"seasonal={seasonal!r} needs a season; give season= (12 for months), or seasonal='none'"
            )
        found, std = F.fit_smoothing(
            y, season=self.season, trend=cast(Trend, self.trend), seasonal=cast(Seasonal, seasonal)
        )
        return {**found._asdict(), "season": found.season.tolist(), "std": std}

    def _model(self, learned: dict[str, Any]) -> F.Smoothing:
        kept = {k: v for k, v in learned.items() if k != "std"}
        return F.Smoothing(**{**kept, "season": np.array(kept["season"])})

    def look(
        self, y: np.ndarray, learned: dict[str, Any], horizon: int, ahead: np.ndarray, known: np.ndarray
    ) -> Outlook:
        last, std = F.smooth(y, self._model(learned)).last, learned["std"]
        psi = smoothing_response(last, horizon)
        if last.seasonal != "mul":
            return Outlook(forecast_smoothing(last, horizon), std * np.sqrt(np.cumsum(psi**2)), psi)
        errors = std * np.random.default_rng(0).standard_normal((PATHS, horizon))
        spread = simulate_smoothing(last, errors).std(0)
        return Outlook(forecast_smoothing(last, horizon), spread, psi)

    def fitted(self, y: np.ndarray, learned: dict[str, Any], known: np.ndarray) -> np.ndarray:
        return F.smooth(y, self._model(learned)).fitted


class ThetaForecast(Local):
    """The Theta method of two lines."""

    def learn(self, y: np.ndarray, known: np.ndarray) -> dict[str, Any]:
        found = F.fit_theta(y, season=self.season)
        return {**found._asdict(), "season": found.season.tolist()}

    def look(
        self, y: np.ndarray, learned: dict[str, Any], horizon: int, ahead: np.ndarray, known: np.ndarray
    ) -> Outlook:
        found = F.Theta(**{**learned, "season": np.array(learned["season"])})
        psi = np.concatenate([[1.0], np.full(horizon - 1, found.alpha)])
        place = (len(y) + np.arange(horizon)) % len(found.season)
        std = found.std * np.sqrt(np.cumsum(psi**2)) * (found.season[place] if found.form == "mul" else 1.0)
        return Outlook(F.forecast_theta(y, found, horizon), std, psi)

    def fitted(self, y: np.ndarray, learned: dict[str, Any], known: np.ndarray) -> np.ndarray:
        found = F.Theta(**{**learned, "season": np.array(learned["season"])})
        said = np.full(len(y), np.nan)
        for t in range(1, len(y)):
            said[t] = F.forecast_theta(y[:t], found, 1)[0]
        return said


@model.register("forecaster")
def ar(*, order: int | None = None, method: str = "least_squares") -> AR:
    """Autoregression on `order` values (None: by AIC), by "least_squares" or "yule_walker"."""
    if method not in ("least_squares", "yule_walker"):
        raise SettingError(f"model 'ar': method={method!r}; {did_you_mean(method, ('least_squares', 'yule_walker'))}")
    if order is not None and order < 0:
        raise SettingError(f"model 'ar': order is 0 or more; got {order}")
    return AR(order, method)


@model.register("forecaster")
def exponential_smoothing(*, trend: str = "none", seasonal: str = "none") -> ExponentialSmoothing:
    """Exponential smoothing; trend is "none", "add" or "damped", seasonal "none", "add" or "mul"."""
    return _smoothing("exponential_smoothing", trend, seasonal)


@model.register("forecaster")
def holt_winters(*, trend: str = "add", seasonal: str = "add") -> ExponentialSmoothing:
    """Exponential smoothing with trend and season; seasonal "mul" multiplies."""
    return _smoothing("holt_winters", trend, seasonal)


def _smoothing(name: str, trend: str, seasonal: str) -> ExponentialSmoothing:
    for key, value, known in (
        ("trend", trend, ("none", "add", "damped")),
        ("seasonal", seasonal, ("none", "add", "mul")),
    ):
        if value not in known:
            raise SettingError(f"model {name!r}: {key}={value!r}; {did_you_mean(value, known)}")
    return ExponentialSmoothing(trend, seasonal)


@model.register("forecaster")
def theta() -> ThetaForecast:
    """The Theta method: a line and a smoothed line twice as bent, averaged, after dividing by the season."""
    return ThetaForecast()
