"""A fitted forecaster's net as one module of tensors: windows in their own units in, the steps ahead out."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ..data.rows import Batch
from ..data.timeseries.covariates import known_ahead
from ..data.timeseries.series_windows import FLAT, SeriesWindows, Spans, last_spans, training_spans
from ..errors import DataError, SettingError
from ..estimators.answers.outlooks import answers
from ..objectives.sequence.forecasting import Forecasts
from .graph import Feeds, Graph, Inlet

if TYPE_CHECKING:
    from ..estimators.forecaster import Forecaster


class SeriesGraph(nn.Module):
    """`forward(*inputs)`, as the inlet names them -> the steps ahead (rows, horizon) float64, in their own units."""

    jumps = Graph.jumps

    def __init__(self, estimator: "Forecaster") -> None:
        super().__init__()
        if not isinstance(estimator.objective_, Forecasts):
            raise SettingError(
                f"{estimator.model_name} has no net for all series that could be written as a graph, and stays with "
                "this library: see `parnassus serve`. Nets are 'gru', 'tcn', 'nbeats' and others; of scope='local' "
                "take one of `members_`"
            )
        self.objective = estimator.objective_
        self.inlet, self.codec, self.view = series_inlet(estimator.codec_), estimator.codec_, estimator.view_
        n = self.codec.horizon
        self.output: dict[str, Any] = {"holds": "the next step" if n == 1 else f"the next {n} steps", "steps": n}

    def forward(self, *given: Tensor) -> Tensor:
        batch = self.inlet.batch(dict(zip(self.inlet.names, given, strict=True)))
        outputs = self.objective.outputs(self.codec.prepare(batch, self.view))
        y = self.objective.head.middle(outputs).double() * batch["spread"] + batch["center"]
        return y.exp() if self.codec.options["transform"] == "log" else y

    def due(self, estimator: "Forecaster", rows: Spans) -> np.ndarray:
        """What the estimator says of these windows."""
        outputs, center, spread = answers(estimator, rows)
        return self.codec.back(self.objective.head.mean(outputs) * spread + center)


def windows_of(estimator: "Forecaster", X: Any) -> Spans:
    """Windows to try a file on: those inside the series of X, or of `fit`, and the last where nothing known is due."""
    from ..estimators.forecaster import panel_to_go_on

    panel, codec = panel_to_go_on(estimator, X), estimator.codec_
    if codec.n_known:
        return training_spans(panel, history=codec.history, horizon=codec.horizon)
    ahead = known_ahead(panel, None, codec.horizon)
    found = last_spans(panel, ahead, history=codec.history, horizon=codec.horizon)
    if panel.n_steps < codec.history + codec.horizon:
        return found
    inside = training_spans(panel, history=codec.history, horizon=codec.horizon)
    return Spans(panel, np.concatenate([found.places, inside.places[::-1]]), codec.history, codec.horizon, ahead)


def series_inlet(codec: SeriesWindows) -> Inlet:
    """A window of y, beside it the covariates that there are, and the series that it is of where scales differ."""
    options, n_past = codec.options, codec.n_past
    names, periods = list(codec.spreads), tuple(options["calendar"])
    by_series = options["scaling"] == "series" or (options["scaling"] == "window" and len(names) > 1)
    told: dict[str, Any] = {"y": {"holds": "the last steps in their own units", "steps": codec.history}}
    both = f"of these {codec.history} steps and of the {codec.horizon} ahead"
    if n_past:
        told["past"] = {"holds": "covariates of these steps in their own units", "columns": n_past}
    if codec.n_known:
        told["known"] = {"holds": f"covariates {both} in their own units", "columns": codec.n_known}
    if periods:
        told["calendar"] = {"holds": f"sine and cosine of each period {both}", "periods": list(periods)}
    if by_series:
        other = "" if options["scaling"] == "series" else "; -1 another"
        told["series"] = {"holds": f"the place of the series among those learned{other}", "names": names}

    def feeds(rows: Any) -> Feeds:
        made = _feeds(codec, rows)
        strange = rows.panel.names[rows.places[int((made["series"] < 0).argmax()), 0]] if by_series else ""
        if options["scaling"] == "series" and (made["series"] < 0).any():
            raise DataError(f"series {strange!r} was not there in fit, so that its scale is not known")
        return {name: made[name] for name in told}

    return Inlet(tuple(told), feeds, Scaled(codec, by_series=by_series), told)


def _feeds(codec: SeriesWindows, rows: Spans) -> Feeds:
    """All that a graph may take of windows, raw."""
    names, found = list(codec.spreads), []
    for i, first in rows.places.tolist():
        track = rows.panel.tracks[i]
        behind = slice(first - codec.history, first)
        beyond = rows.ahead[i] if rows.ahead else np.zeros((codec.horizon, codec.n_known))
        known = np.concatenate([track.known, beyond]) if codec.n_known else np.zeros((len(track) + codec.horizon, 0))
        both = slice(first - codec.history, first + codec.horizon)
        calendar = codec.features(rows.panel, i, rows.ahead[i] if rows.ahead else None)[1][both, codec.n_known :]
        past = track.past[behind] if codec.n_past else np.zeros((codec.history, 0))
        number = names.index(track.name) if track.name in names else -1
        found.append((track.y[behind], past, known[both], calendar, number))
    parts = [np.stack(list(map(np.asarray, part))) for part in zip(*found, strict=True)]
    return dict(zip(("y", "past", "known", "calendar", "series"), parts, strict=True))


class Scaled:
    """What encoded windows would be, of raw ones: y by its scale, covariates by theirs, in float64 before float32."""

    def __init__(self, codec: SeriesWindows, *, by_series: bool) -> None:
        self.codec, self.by_series = codec, by_series
        usual = float(np.median(list(codec.spreads.values())))
        self.spreads = torch.tensor([*codec.spreads.values(), usual], dtype=torch.float64)  # -1 is the last
        self.centers = torch.tensor([*codec.centers.values(), 0.0], dtype=torch.float64)
        self.mean = torch.tensor(codec.feature_mean, dtype=torch.float64)
        self.spread = torch.tensor(codec.feature_spread, dtype=torch.float64)

    def __call__(self, given: Batch) -> Batch:
        y, n = given["y"], self.codec.n_past
        y = y.log() if self.codec.options["transform"] == "log" else y
        center, spread = self.scales(y, given.get("series"))
        steps = y[:, :1].expand(-1, self.codec.history + self.codec.horizon)[..., None]
        past = (given["past"] - self.mean[:n]) / self.spread[:n] if n else steps[:, : self.codec.history, :0]
        beside = [(given["known"] - self.mean[n:]) / self.spread[n:]] if self.codec.n_known else []
        beside += [given["calendar"]] if "calendar" in given else []
        ahead = torch.cat(beside, 2) if beside else steps[..., :0]
        found = {"seen": (y - center) / spread, "past": past, "ahead": ahead}
        return {name: value.float() for name, value in found.items()} | {"center": center, "spread": spread}

    def scales(self, y: Tensor, series: Tensor | None) -> tuple[Tensor, Tensor]:
        """Center and spread (rows, 1), as `SeriesWindows.scales` has them."""
        how = self.codec.options["scaling"]
        if how == "none":
            return torch.zeros_like(y[:, :1]), torch.ones_like(y[:, :1])
        last = len(self.spreads) - 1
        at = torch.where(series < 0, last, series) if self.by_series and series is not None else None
        own = self.spreads[at][:, None] if at is not None else self.spreads[last]
        if how == "series":
            assert at is not None
            return self.centers[at][:, None], own
        center = y.mean(1, keepdim=True)
        return center, torch.maximum((y - center).square().mean(1, keepdim=True).sqrt(), FLAT * own)
