"""ARIMA with seasons and covariates, estimated by statsmodels."""

from typing import Any

import numpy as np

from ..errors import DataError, SettingError, missing_extra
from ..objectives.local_forecasting import Local, Outlook
from ..registry import model


class Arima(Local):
    """phi(B)(1 - B)^d (y - beta x) = c + theta(B) e, by maximum likelihood; saved as its parameters.

    Systems: arima
    Source: Box and Jenkins 1970; Baker A157.
    """

    covariates = True

    def __init__(self, order: tuple[int, ...], seasonal: tuple[int, ...], trend: str) -> None:
        super().__init__()
        self.order, self.seasonal, self.trend = order, seasonal, trend

    def _model(self, y: np.ndarray, known: np.ndarray) -> Any:
        try:
            from statsmodels.tsa.statespace.sarimax import SARIMAX
        except ImportError:
            raise missing_extra("statsmodels", "series", "the model 'arima'") from None
        seasonal = (*self.seasonal, self.season if any(self.seasonal) else 0)
        if any(self.seasonal) and self.season < 2:
            raise SettingError("model 'arima': seasonal= needs a season of 2 steps or more; give season=")
        trend = {"none": None, "constant": "c", "line": "ct"}[self.trend]
        exog = known if known.size else None
        return SARIMAX(y, exog=exog, order=self.order, seasonal_order=seasonal, trend=trend)

    def learn(self, y: np.ndarray, known: np.ndarray) -> dict[str, Any]:
        import warnings

        made = self._model(y, known)
        if len(y) < made.k_states + len(made.param_names) + 2:
            raise DataError(f"the series has {len(y)} steps, too few for the orders asked for; ask for smaller ones")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = made.fit(disp=False, maxiter=200)
        if not np.isfinite(found.params).all():
            raise DataError("the likelihood has no maximum that could be found; ask for smaller orders")
        return {"parameters": np.asarray(found.params).tolist(), "names": list(made.param_names)}

    def look(
        self, y: np.ndarray, learned: dict[str, Any], horizon: int, ahead: np.ndarray, known: np.ndarray
    ) -> Outlook:
        found = self._model(y, known).smooth(np.array(learned["parameters"]))
        said = found.get_forecast(horizon, exog=ahead if ahead.size else None)
        psi = np.asarray(found.impulse_responses(horizon - 1)).reshape(horizon, -1)[:, 0]
        return Outlook(np.asarray(said.predicted_mean), np.asarray(said.se_mean), psi / psi[0])

    def fitted(self, y: np.ndarray, learned: dict[str, Any], known: np.ndarray) -> np.ndarray:
        found = self._model(y, known).smooth(np.array(learned["parameters"]))
        said = np.asarray(found.fittedvalues).copy()
        said[: found.loglikelihood_burn] = np.nan
        return said


@model.register("forecaster")
def arima(*, order: tuple[int, ...] = (1, 1, 1), seasonal: tuple[int, ...] = (0, 0, 0), trend: str = "none") -> Arima:
    """ARIMA of orders (p, d, q), with seasonal orders (P, D, Q), trend "none", "constant" or "line", by statsmodels."""
    for name, value in (("order", order), ("seasonal", seasonal)):
        if len(value) != 3 or min(value) < 0:
            raise SettingError(f"model 'arima': {name} is three numbers of at least 0, such as (1, 1, 1); got {value}")
    if trend not in ("none", "constant", "line"):
        raise SettingError(f"model 'arima': trend is 'none', 'constant' or 'line'; got {trend!r}")
    return Arima(tuple(order), tuple(seasonal), trend)
