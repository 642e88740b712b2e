"""Forecasts of four public series, model by model, beside seasonal naive: fitted anew at each origin of a backtest."""

import time
from typing import Any

import numpy as np

from .. import registry
from ..errors import missing_extra
from ..estimators.forecaster import Forecaster
from . import Size, Table, recipe

# Monthly airline passengers, 1949 to 1960, in thousands; Box and Jenkins 1970, series G.
AIRLINE = np.array([
    112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118, 115, 126, 141, 135, 125, 149, 170, 170, 158, 133, 114,
    140, 145, 150, 178, 163, 172, 178, 199, 199, 184, 162, 146, 166, 171, 180, 193, 181, 183, 218, 230, 242, 209, 191,
    172, 194, 196, 196, 236, 235, 229, 243, 264, 272, 237, 211, 180, 201, 204, 188, 235, 227, 234, 264, 302, 293, 259,
    229, 203, 229, 242, 233, 267, 269, 270, 315, 364, 347, 312, 274, 237, 278, 284, 277, 317, 313, 318, 374, 413, 405,
    355, 306, 271, 306, 315, 301, 356, 348, 355, 422, 465, 467, 404, 347, 305, 336, 340, 318, 362, 348, 363, 435, 491,
    505, 404, 359, 310, 337, 360, 342, 406, 396, 420, 472, 548, 559, 463, 407, 362, 405, 417, 391, 419, 461, 472, 535,
    622, 606, 508, 461, 390, 432], dtype=np.float64)  # fmt: skip
CLASSICAL = ("naive", "drift", "ar", "exponential_smoothing", "holt_winters", "theta", "ridge", "forest", "echo_state")
NETS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("mlp", {}),
    ("lstm", {"hidden": 32}),
    ("gru", {"hidden": 32}),
    ("seq2seq", {"hidden": 32}),
    ("tcn", {"channels": (16, 16, 16)}),
    ("wavenet", {"channels": 16}),
    ("nbeats", {"hidden": 64, "n_blocks": 3}),
    ("nhits", {"hidden": 64}),
    ("transformer", {"hidden": 32}),
    ("patch_transformer", {"hidden": 32, "n_heads": 4, "n_layers": 2, "feed_forward": 64, "patch": 4, "stride": 2}),
)


def public_series() -> dict[str, tuple[np.ndarray, int, int, str]]:
    """Name -> values, season, horizon and transform of airline passengers, CO2, sunspots and the Nile."""
    try:
        from statsmodels import datasets
    except ImportError:
        raise missing_extra("statsmodels", "series", "the recipe 'forecasts'") from None
    co2 = datasets.co2.load_pandas().data["co2"].resample("MS").mean().interpolate()
    sunspots = datasets.sunspots.load_pandas().data["SUNACTIVITY"]
    nile = datasets.nile.load_pandas().data["volume"]
    return {
        "airline": (AIRLINE, 12, 12, "log"),
        "co2": (co2.to_numpy(dtype=np.float64), 12, 12, "none"),
        "sunspots": (sunspots.to_numpy(dtype=np.float64), 11, 11, "none"),
        "nile": (nile.to_numpy(dtype=np.float64), 1, 5, "none"),
    }


@recipe("forecasts", source="Baker 6.5; Martinez-Ramon 5.7", figure="flights: seasonal naive 52.78, persistence 55.79")
def forecasts(size: Size) -> Table:
    """Errors of classical models, trees and nets on airline passengers, CO2, sunspots and the Nile, by backtest."""
    tiny = size == "tiny"
    data = {"airline": (AIRLINE, 12, 12, "log")} if tiny else public_series()
    rows = []
    for series, (y, season, horizon, transform) in data.items():
        plan: dict[str, Any] = {"horizon": horizon, "season": season, "transform": transform, "progress": False}
        classical = ("theta", "ridge") if tiny else CLASSICAL
        named = [(name, registry.model(name)) for name in classical if season > 1 or name != "holt_winters"]
        named += [(name, registry.model(name, **options)) for name, options in (NETS[:1] if tiny else NETS)]
        for name, made in named:
            started = time.process_time()
            net = name in dict(NETS)
            training: dict[str, Any] = {"epochs": 2 if tiny else 60, "lr": 0.003} if net else {}
            found = Forecaster(made, **plan, **training).fit(y)
            judged = found.backtest(2 if tiny else 4).evaluation
            mae = judged["mae"]
            ratio = mae.value / mae.baseline if mae.baseline else float(mae.value)
            coverage = judged["coverage_80"].value
            rows.append((series, name, mae.value, mae.baseline, ratio, coverage, time.process_time() - started))
    columns = ("series", "model", "mae", "seasonal naive", "ratio", "coverage of 80 %", "CPU seconds")
    notes = [
        "A ratio below 1 beats seasonal naive on the same steps. Each origin has a model fitted on what came before.",
        "Nets are trained as they come, on windows of one short series; nothing was tuned.",
    ]
    return Table("Forecasts beside seasonal naive", columns, rows, notes, {"folds": 2 if tiny else 4, "seed": 0})
