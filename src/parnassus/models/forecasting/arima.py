"""ARIMA with seasons and covariates, estimated by statsmodels."""

import warnings
from typing import Any, NamedTuple

import numpy as np

from ...errors import DataError, DataWarning, SettingError, missing_extra
from ...objectives.sequence.local_forecasting import Local, Outlook
from ...registry import model

PERFECT = 1e-6  # variance of errors, of the series', below which the fit is perfect and the likelihood has no end


class Units(NamedTuple):
    """What a series and its covariates are measured in, so that neither is far from 1: (y - center) / scale."""

    center: float = 0.0
    scale: float = 1.0
    covariates: tuple[float, ...] = ()

    @classmethod
    def of(cls, learned: dict[str, Any]) -> "Units":
        """Those that parameters were learned in; files of before have the user's own."""
        if "units" not in learned:
            return cls()
        center, scale, covariates = learned["units"]
        return cls(center, scale, tuple(covariates))

    def series(self, y: np.ndarray) -> np.ndarray:
        return (y - self.center) / self.scale

    def beside(self, known: np.ndarray) -> np.ndarray:
        return known / np.array(self.covariates) if self.covariates else known


class Arima(Local):
    """phi(B)(1 - B)^d (y - beta x) = c + theta(B) e, by maximum likelihood; saved as its parameters.

    It is estimated in units of the series' own spread, about its mean where a constant or a difference takes that up:
    in others, such as those of an exchange rate, the search stops far from the maximum.

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
        units = self._units(y, known)
        made = self._model(units.series(y), units.beside(known))
        if len(y) < made.k_states + len(made.param_names) + 2:
            raise DataError(f"the series has {len(y)} steps, too few for the orders asked for; ask for smaller ones")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = made.fit(disp=False, maxiter=500)
        if not np.isfinite(found.params).all():
            raise DataError("the likelihood has no maximum that could be found; ask for smaller orders")
        if found.mle_retvals["warnflag"] == 1 and found.params[-1] > PERFECT:  # 1: it was still under way
            warnings.warn(
                "arima: the search for the maximum of the likelihood did not end in 500 steps; ask for smaller orders",
                DataWarning,
                stacklevel=2,
            )
        learned = {"parameters": np.asarray(found.params).tolist(), "names": list(made.param_names)}
        return learned | {"units": [units.center, units.scale, list(units.covariates)]}

    def _units(self, y: np.ndarray, known: np.ndarray) -> Units:
        free = self.trend != "none" or self.order[1] + self.seasonal[1] > 0
        spreads = [float(v) if v > 0 else 1.0 for v in (y.std(), *(known.std(0) if known.size else ()))]
        return Units(float(y.mean()) if free else 0.0, spreads[0], tuple(spreads[1:]))

    def look(
        self, y: np.ndarray, learned: dict[str, Any], horizon: int, ahead: np.ndarray, known: np.ndarray
    ) -> Outlook:
        units = Units.of(learned)
        found = self._model(units.series(y), units.beside(known)).smooth(np.array(learned["parameters"]))
        said = found.get_forecast(horizon, exog=units.beside(ahead) if ahead.size else None)
        psi = np.asarray(found.impulse_responses(horizon - 1)).reshape(horizon, -1)[:, 0]
        mean, std = np.asarray(said.predicted_mean), np.asarray(said.se_mean)
        return Outlook(mean * units.scale + units.center, std * units.scale, psi / psi[0])

    def fitted(self, y: np.ndarray, learned: dict[str, Any], known: np.ndarray) -> np.ndarray:
        units = Units.of(learned)
        found = self._model(units.series(y), units.beside(known)).smooth(np.array(learned["parameters"]))
        said = np.asarray(found.fittedvalues) * units.scale + units.center
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
