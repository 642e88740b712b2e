"""Windows of series as rows: what was seen, scaled, and what came next; each window is cut when it is taken."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError, SettingError, did_you_mean
from ..codec import Codec
from ..rows import Batch
from .calendar import calendar_features
from .series import Panel, where_of

SCALINGS = ("window", "series", "none")
FLAT = 0.05  # of the series' own spread: a window that hardly moves is not blown up


@dataclass
class Spans:
    """Windows over series: for each which series it is of, and the step that its forecast begins with.

    `known` are the covariates known ahead, behind the end of each series, where the last windows forecast beyond it.
    """

    panel: Panel
    places: np.ndarray  # (windows, 2): series, first step forecast
    history: int
    horizon: int
    ahead: list[np.ndarray] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.places)

    def take_rows(self, rows: np.ndarray) -> "Spans":
        """Some windows, in the order given."""
        return Spans(self.panel, self.places[rows], self.history, self.horizon, self.ahead)

    def __getitem__(self, i: int) -> "Spans":
        return self.take_rows(np.array([i]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spans) and self.panel is other.panel and np.array_equal(self.places, other.places)

    def __deepcopy__(self, memo: Any) -> "Spans":
        return Spans(self.panel, self.places.copy(), self.history, self.horizon, self.ahead)


def training_spans(panel: Panel, *, history: int, horizon: int, stride: int = 1) -> Spans:
    """Every window whose history and forecast lie inside the series; one too short for any is refused by name."""
    places = []
    for i, track in enumerate(panel.tracks):
        if len(track) < history + horizon:
            raise DataError(
                f"{where_of(track.name)} has {len(track)} steps, and a window of history={history} and horizon="
                f"{horizon} needs {history + horizon}; give a longer series, or a shorter history or horizon"
            )
        first = np.arange(history, len(track) - horizon + 1)[::-1][::stride][::-1]  # the newest window is always there
        places.append(np.stack([np.full(len(first), i), first], 1))
    return Spans(panel, np.concatenate(places), history, horizon)


def last_spans(panel: Panel, ahead: list[np.ndarray], *, history: int, horizon: int) -> Spans:
    """The window at the end of each series, whose forecast lies behind it."""
    for track in panel.tracks:
        if len(track) < history:
            raise DataError(
                f"{where_of(track.name)} has {len(track)} steps, and the model sees {history}; give at least as many"
            )
    places = np.array([[i, len(track)] for i, track in enumerate(panel.tracks)])
    return Spans(panel, places, history, horizon, ahead)


class SeriesWindows(Codec):
    """Windows of series: y scaled, covariates beside it, the covariates of the steps ahead.

    Parameters
    ----------
    scaling : "window": each window by its own mean and spread; "series": by those of the series' training part;
        "none".
    transform : "none", or "log" for series above 0 whose swings grow with them.
    calendar : the periods of the calendar that steps know ahead, such as ("hour", "weekday").
    n_parameters : how many numbers a model says of each step.

    Everything is learned from the steps that training windows cover, so that nothing later leaks into them.

    Systems: chronological-split
    Source: Baker 3.6.1 and 6.3.6, Martinez-Ramon 5.7.1.
    """

    kind = "series"

    history: int
    horizon: int
    centers: dict[str, float]
    spreads: dict[str, float]
    feature_mean: list[float]
    feature_spread: list[float]
    n_past: int
    n_known: int

    def __init__(
        self,
        *,
        scaling: str = "window",
        transform: str = "none",
        calendar: tuple[str, ...] = (),
        n_parameters: int = 1,
    ) -> None:
        for name, value, known in (("scaling", scaling, SCALINGS), ("transform", transform, ("none", "log"))):
            if value not in known:
                raise SettingError(f"{name}={value!r}; {did_you_mean(value, known)}")
        self.options: Mapping[str, Any] = {
            "calendar": list(calendar),
            "n_parameters": n_parameters,
            "scaling": scaling,
            "transform": transform,
        }

    def fit(self, raw: Spans) -> Self:
        self.history, self.horizon = raw.history, raw.horizon
        tracks = raw.panel.tracks
        self.centers, self.spreads, seen = {}, {}, []
        for i in np.unique(raw.places[:, 0]):
            own = raw.places[raw.places[:, 0] == i, 1]
            part = slice(int(own.min()) - raw.history, int(own.max()) + raw.horizon)
            track = tracks[i]
            y = self.values(track.y[part], track.name)
            self.centers[track.name] = float(y.mean())
            self.spreads[track.name] = float(y.std()) if y.max() > y.min() else 1.0
            seen.append(np.concatenate([track.past[part], track.known[part]], 1) if track.past.ndim == 2 else None)
        self.n_past, self.n_known = _width(tracks[0].past), _width(tracks[0].known)
        if self.n_past + self.n_known:
            covariates = np.concatenate([s for s in seen if s is not None])
            spread = np.where(covariates.max(0) > covariates.min(0), covariates.std(0), 1.0)
            self.feature_mean, self.feature_spread = covariates.mean(0).tolist(), spread.tolist()
        else:
            self.feature_mean, self.feature_spread = [], []
        return self

    @property
    def n_ahead(self) -> int:
        """How many features each step ahead has."""
        return self.n_known + 2 * len(self.options["calendar"])

    def values(self, y: np.ndarray, name: str) -> np.ndarray:
        """y as the model sees it before scaling: its logarithm where that is asked for."""
        if self.options["transform"] == "none":
            return y
        if not (y > 0).all():
            step = int((y <= 0).argmax())
            at = f"{step}, of steps 0 to {len(y) - 1}"
            raise DataError(f"{where_of(name)} is {y[step]:g} at {at}, and transform='log' needs numbers above 0")
        return np.log(y)

    def back(self, y: np.ndarray) -> np.ndarray:
        """What `values` was given."""
        return np.exp(y) if self.options["transform"] == "log" else y

    def views(self) -> dict[str, dict[str, Any]]:
        said = {"n_outputs": self.horizon * self.options["n_parameters"]}
        shared = {**said, "history": self.history, "horizon": self.horizon}
        wide = self.history * (1 + self.n_past) + self.horizon * self.n_ahead
        steps = {"step_features": 1 + self.n_past + 2 * self.n_ahead}
        return {"steps": {**steps, **shared}, "vector": {"in_features": wide, **shared}}

    def encode(self, raw: Spans) -> "WindowRows":
        if not isinstance(raw, Spans):
            raise DataError(f"windows of series are cut from a panel; got a {type(raw).__name__}")
        if (raw.history, raw.horizon) != (self.history, self.horizon):
            raise DataError(
                f"windows of {raw.history} steps and {raw.horizon} ahead; fit saw {self.history} and {self.horizon}"
            )
        widths = (_width(raw.panel.tracks[0].past), _width(raw.panel.tracks[0].known))
        if widths != (self.n_past, self.n_known):
            raise DataError(
                f"these series have {widths} covariates past and known; fit saw {self.n_past, self.n_known}"
            )
        return WindowRows(self, raw)

    def prepare(self, batch: Batch, view: str, *, training: bool = False) -> Batch:
        """x of the view: steps with what is known beside and ahead of each, or all numbers in one vector.

        Beside step t stand the features of step t and of step t + horizon, so that the last steps know what is ahead.
        """
        y, past, ahead = batch["seen"], batch["past"], batch["ahead"]
        if view == "vector":
            beside = [ahead[:, self.history :].flatten(1)] if self.n_ahead else []
            x = torch.cat([y, *([past.flatten(1)] if self.n_past else []), *beside], 1)
        else:
            beside = [ahead[:, : self.history], ahead[:, self.horizon :]] if self.n_ahead else []
            x = torch.cat([y[..., None], *([past] if self.n_past else []), *beside], 2)
        kept = {k: t for k, t in batch.items() if k not in ("seen", "past", "ahead")}
        return {**kept, "x": x}

    def scales(self, y: np.ndarray, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Center and spread (windows, 1) of histories (windows, history) of these series."""
        if self.options["scaling"] == "none":
            return np.zeros((len(y), 1)), np.ones((len(y), 1))
        if self.options["scaling"] == "series":
            unknown = [n for n in names if n not in self.centers]
            if unknown:
                raise DataError(
                    f"{where_of(unknown[0])} was not there in fit, so that its scale is not known; scaling='window' "
                    "needs none"
                )
            return np.array([[self.centers[n]] for n in names]), np.array([[self.spreads[n]] for n in names])
        usual = float(np.median(list(self.spreads.values())))
        own = np.array([[self.spreads.get(n, usual)] for n in names])
        return y.mean(1, keepdims=True), np.maximum(y.std(1, keepdims=True), FLAT * own)

    def features(self, panel: Panel, i: int, ahead: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Standardised covariates of a series: past (time, n), and known with the calendar (time + ahead, n)."""
        track, n = panel.tracks[i], self.n_past
        mean, spread = np.array(self.feature_mean), np.array(self.feature_spread)
        past = (track.past - mean[:n]) / spread[:n] if n else np.zeros((len(track), 0))
        known = track.known if self.n_known else np.zeros((len(track), 0))
        n_ahead = self.horizon if ahead is None else len(ahead)
        behind = np.zeros((n_ahead, self.n_known)) if ahead is None else ahead
        known = np.concatenate([known, behind])
        known = (known - mean[n:]) / spread[n:] if self.n_known else known
        periods = tuple(self.options["calendar"])
        if periods:
            stamps = track.stamps.append(panel.grid.after(track.stamps[-1], n_ahead))
            known = np.concatenate([known, calendar_features(panel.grid.shown(stamps), periods)], 1)
        return past, known

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        codec = super().from_state(state)
        codec.options = dict(codec.options)
        return codec


class WindowRows:
    """Encoded windows. A row: seen (history,), past, ahead, y (horizon,), all scaled; center and spread (1,) float64.

    Numbers are scaled in float64 before they become float32, so that small swings of large numbers are kept. `y` is
    left out where a window forecasts beyond its series.
    """

    def __init__(self, codec: SeriesWindows, spans: Spans) -> None:
        self.codec, self.spans = codec, spans
        self.device = torch.device("cpu")
        panel = spans.panel
        self.names = [t.name for t in panel.tracks]
        each = [codec.values(t.y, t.name) for t in panel.tracks]
        lengths = np.array([len(y) for y in each])
        room = spans.horizon
        self.starts = np.concatenate([[0], np.cumsum(lengths + room)[:-1]])
        self.y = np.concatenate([np.concatenate([y, np.full(room, np.nan)]) for y in each])
        made = [codec.features(panel, i, spans.ahead[i] if spans.ahead else None) for i in range(len(each))]
        self.past = np.concatenate([np.concatenate([p, np.zeros((room, p.shape[1]))]) for p, _ in made])
        self.ahead = np.concatenate([k[: n + room] for (_, k), n in zip(made, lengths, strict=True)])

    def __len__(self) -> int:
        return len(self.spans)

    def take(self, index: Tensor) -> Batch:
        places = self.spans.places[index.cpu().numpy()]
        first = self.starts[places[:, 0]] + places[:, 1]
        seen = first[:, None] + np.arange(-self.spans.history, 0)
        coming = first[:, None] + np.arange(self.spans.horizon)
        y = self.y[seen]
        center, spread = self.codec.scales(y, [self.names[i] for i in places[:, 0]])
        answer = (self.y[coming] - center) / spread
        both = np.concatenate([seen, coming], 1)
        found = {
            "seen": _single((y - center) / spread),
            "past": _single(self.past[seen]),
            "ahead": _single(self.ahead[both]),
            "center": torch.from_numpy(center),
            "spread": torch.from_numpy(spread),
        }
        if np.isfinite(answer).all():
            found["y"] = _single(answer)
        return {k: t.to(self.device) for k, t in found.items()}

    def to(self, device: torch.device) -> Self:
        self.device = device
        return self

    @property
    def n_bytes(self) -> int:
        return self.y.nbytes + self.past.nbytes + self.ahead.nbytes


def _single(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


def _width(covariates: np.ndarray) -> int:
    return covariates.shape[1] if covariates.ndim == 2 else 0
