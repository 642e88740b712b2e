"""From a fitted forecaster to numbers: means, quantiles and paths of the steps ahead, in the user's units."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from ...data.rows import Batch
from ...data.rows import batches as batches_of
from ...data.timeseries.calendar import calendar_features
from ...data.timeseries.series import Panel
from ...data.timeseries.series_windows import Spans, last_spans
from ...errors import DataError, Diverged, SettingError
from ...objectives.bayes.posterior import Posterior
from ...objectives.sequence.forecasting import Apart, Head
from ...objectives.sequence.local_forecasting import Local, Outlook, of_series
from ...train.randomness import kept_random
from ...train.timetable import cuts_of
from ..fitting.assembly import device_under, prepare
from ..fitting.training import threads_for
from ..judging.series_doubt import SHARED, doubt_of, next_step, parts_of_courses

if TYPE_CHECKING:
    from ..forecaster import Forecaster

TOGETHER = 512  # windows that are answered at a time
PATHS = 400  # that stand for a distribution where a model forecasts step on step
NONE = np.zeros((0, 0))


class Said(NamedTuple):
    """What is said of one series: mean (horizon,), quantiles (horizon, levels) or None, paths (n, horizon) or None.

    parts : deviations total, of the noise and of the weights (horizon, 3), where they were asked for.
    """

    mean: np.ndarray
    quantiles: np.ndarray | None
    paths: np.ndarray | None
    parts: np.ndarray | None = None


class Wanted(NamedTuple):
    """What is asked for: steps, quantiles' levels, how many paths, the seed of these, and deviations told apart."""

    horizon: int
    levels: Sequence[float] = ()
    n_paths: int = 0
    seed: int = 0
    split: bool = False


def outlooks(self: "Forecaster", panel: Panel, ahead: list[np.ndarray], wanted: Wanted) -> list[Said]:
    """What is said of each series of the panel; `ahead` are the covariates of the steps ahead."""
    if isinstance(self.objective_, Apart):
        return [_by_its_own(self, panel.only(i), ahead[i], wanted, i) for i in range(len(panel.tracks))]
    if isinstance(self.objective_, Local):
        found = [_local(self, panel, i, ahead[i], wanted) for i in range(len(panel.tracks))]
    elif self.strategy == "recursive":
        found = _step_on_step(self, panel, ahead, wanted)
    else:
        found = _at_once(self, panel, ahead, wanted)
    for track, said in zip(panel.tracks, found, strict=True):
        if not all(np.isfinite(part).all() for part in said if part is not None):
            raise Diverged(
                f"the forecast of series {track.name!r} is not finite: the training or the recursion diverged; try a "
                "smaller lr, another scaling, or another model"
            )
    return found


def _by_its_own(self: "Forecaster", panel: Panel, ahead: np.ndarray, wanted: Wanted, i: int) -> Said:
    """What the model of one series says; draws differ from series to series."""
    seed = int(np.random.SeedSequence([wanted.seed, i]).generate_state(1)[0])
    return outlooks(of_series(self.members_, panel.names[0]), panel, [ahead], wanted._replace(seed=seed))[0]


# --- models of single series ----------------------------------------------------------------------


def outlook_of(self: "Forecaster", panel: Panel, i: int, ahead: np.ndarray, horizon: int) -> Outlook:
    """What a local model says of series i, in the codec's transformed units."""
    objective, track = self.objective_, panel.tracks[i]
    assert isinstance(objective, Local)
    y = self.codec_.values(track.y, track.name)
    known = track.known if track.known.size else NONE
    return objective.look(y, objective.of(track.name), horizon, ahead, known)


def _local(self: "Forecaster", panel: Panel, i: int, ahead: np.ndarray, wanted: Wanted) -> Said:
    found, codec = outlook_of(self, panel, i, ahead, wanted.horizon), self.codec_
    rng = np.random.default_rng([wanted.seed, i])
    return Said(
        codec.back(found.mean),
        codec.back(found.quantiles(wanted.levels)) if wanted.levels else None,
        codec.back(found.paths(wanted.n_paths, rng)) if wanted.n_paths else None,
    )


# --- nets: all steps at once ----------------------------------------------------------------------


def answers(
    self: "Forecaster", spans: Spans, say: Callable[[Batch], torch.Tensor] | None = None
) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """Outputs of windows (or what else `say` says of them), and center and spread (windows, 1) that take them back."""
    rows = self.codec_.encode(spans)
    parts, centers, spreads = [], [], []
    objective = self.objective_.eval()
    device = device_under(objective)
    with torch.inference_mode(), threads_for(objective, TOGETHER), kept_random(device, self.seed, "use"):
        for taken in batches_of(rows, torch.arange(len(rows)), cuts_of(len(rows), TOGETHER)):
            batch = prepare(self, device, taken)
            parts.append((say or objective.outputs)(batch).cpu())
            centers.append(batch["center"].cpu().numpy())
            spreads.append(batch["spread"].cpu().numpy())
    return torch.cat(parts), np.concatenate(centers), np.concatenate(spreads)


def at_the_end(self: "Forecaster", panel: Panel, ahead: list[np.ndarray]) -> Spans:
    """The window at the end of each series, with covariates for as many steps as are said at once."""
    n = self.codec_.horizon
    known = [np.concatenate([a, np.repeat(a[-1:], n - len(a), 0)]) if len(a) < n else a[:n] for a in ahead]
    return last_spans(panel, known, history=self.codec_.history, horizon=n)


def _at_once(self: "Forecaster", panel: Panel, ahead: list[np.ndarray], wanted: Wanted) -> list[Said]:
    trained = self.codec_.horizon
    if wanted.horizon > trained:
        raise SettingError(
            f"the model forecasts {trained} steps at once, and {wanted.horizon} are asked for; fit with horizon="
            f"{wanted.horizon}, or with strategy='recursive'"
        )
    spans = at_the_end(self, panel, ahead)
    parts, h, back = None, wanted.horizon, self.codec_.back
    if isinstance(self.objective_, Posterior):
        doubt, center, spread = doubt_of(self, spans)
        mean = doubt.mean() * spread + center
        levels = doubt.quantiles(tuple(wanted.levels)) if wanted.levels else None
        paths = doubt.paths(wanted.n_paths, np.random.default_rng(wanted.seed)) if wanted.n_paths else None
        parts = doubt.parts(center, spread, log=self.codec_.options["transform"] == "log")
    else:
        outputs, center, spread = answers(self, spans)
        mean = self.head_.mean(outputs) * spread + center
        levels = _levels(self, self.head_, outputs, wanted.levels)
        paths = _draws(self, self.head_, outputs, wanted)
    found = []
    for i in range(len(panel.tracks)):
        said = None if levels is None else back(levels[i, :h] * spread[i] + center[i])
        drawn = None if paths is None else back(paths[:, i, :h] * spread[i] + center[i])
        found.append(Said(back(mean[i, :h]), said, drawn, None if parts is None else parts[i, :h]))
    return found


def _levels(self: "Forecaster", head: Head, outputs: torch.Tensor, levels: Sequence[float]) -> np.ndarray | None:
    """Quantiles (rows, horizon, levels) in scaled units: the head's, or those of the errors that a point made."""
    if not levels:
        return None
    own = head.quantiles(outputs, levels)
    if own is not None:
        return own
    errors = np.quantile(self.errors_, levels, axis=0, method="weibull").T  # (horizon, levels), of n + 1 places
    return head.mean(outputs)[:, :, None] + errors


def _draws(self: "Forecaster", head: Head, outputs: torch.Tensor, wanted: Wanted) -> np.ndarray | None:
    """Paths (n, rows, horizon) in scaled units; those of a point add whole rows of the errors that it made."""
    if not wanted.n_paths:
        return None
    rng = np.random.default_rng(wanted.seed)
    own = head.draw(outputs, wanted.n_paths, rng)
    if own is not None:
        return own
    picked = rng.integers(0, len(self.errors_), (wanted.n_paths, len(outputs)))
    return head.mean(outputs) + self.errors_[picked]


# --- nets: step on step ---------------------------------------------------------------------------


def _step_on_step(self: "Forecaster", panel: Panel, ahead: list[np.ndarray], wanted: Wanted) -> list[Said]:
    """The mean feeds on itself; paths feed on draws, and quantiles are those of paths."""
    objective = self.objective_
    n_paths = wanted.n_paths or (PATHS if wanted.levels or wanted.split else 0)
    middle = _run(self, panel, ahead, wanted._replace(n_paths=1), draw=False)[0]
    drawn = _run(self, panel, ahead, wanted._replace(n_paths=n_paths), draw=True) if n_paths else None
    n_draws = objective.n_answers if isinstance(objective, Posterior) and wanted.split else 0
    alike = (
        _run(self, panel, ahead, wanted._replace(n_paths=SHARED * n_draws), draw=True, alike=n_draws)
        if n_draws
        else None
    )
    back, found = self.codec_.back, []
    for i in range(len(panel.tracks)):
        paths = None if drawn is None else back(drawn[:, i])
        levels = None if paths is None or not wanted.levels else np.quantile(paths, wanted.levels, axis=0).T
        parts = None if alike is None or paths is None else parts_of_courses(paths, back(alike[:, i]), n_draws)
        found.append(Said(back(middle[i]), levels, paths if wanted.n_paths else None, parts))
    return found


def _run(
    self: "Forecaster", panel: Panel, ahead: list[np.ndarray], wanted: Wanted, *, draw: bool, alike: int = 1
) -> np.ndarray:
    """Courses (n, series, horizon) in the codec's units, each step on the steps before it.

    alike : how many times the same noise is met.
    """
    codec, n, history = self.codec_, wanted.n_paths, self.codec_.history
    tracks, rng = panel.tracks, np.random.default_rng([wanted.seed, 1])
    for track in tracks:
        if len(track) < history:
            raise DataError(f"series {track.name!r} has {len(track)} steps, and the model sees {history}; give more")
    seen = np.stack([codec.values(t.y[-history:], t.name) for t in tracks])
    beside = np.stack([_known_of(self, panel, i, ahead[i]) for i in range(len(tracks))])
    names = [t.name for t in tracks] * n
    y, beside = np.tile(seen, (n, 1)), np.tile(beside, (n, 1, 1))
    objective = self.objective_.eval()
    device = device_under(objective)
    found = []
    with torch.inference_mode(), kept_random(device, self.seed, "use"):
        for step in range(wanted.horizon):
            center, spread = codec.scales(y, names)
            batch: Batch = {
                "seen": torch.from_numpy(((y - center) / spread).astype(np.float32)),
                "past": torch.zeros(len(y), history, 0),
                "ahead": torch.from_numpy(beside[:, step : step + history + 1].astype(np.float32)),
            }
            prepared = prepare(self, device, batch)
            if draw and isinstance(objective, Posterior):
                z = next_step(objective, prepared, n, rng, alike=alike)
            else:
                outputs = objective.outputs(prepared).cpu()
                z = _drawn(self, outputs, rng) if draw else self.head_.mean(outputs)
            following = z * spread + center
            found.append(following[:, 0])
            y = np.concatenate([y[:, 1:], following], 1)
    return np.stack(found, 1).reshape(n, len(tracks), wanted.horizon)


def _drawn(self: "Forecaster", outputs: torch.Tensor, rng: np.random.Generator) -> np.ndarray:
    own = self.head_.draw(outputs, 1, rng)
    if own is not None:
        return own[0]
    return self.head_.mean(outputs) + self.errors_[rng.integers(0, len(self.errors_), len(outputs))]


def _known_of(self: "Forecaster", panel: Panel, i: int, ahead: np.ndarray) -> np.ndarray:
    """Standardised features of the last `history` steps and those ahead (history + horizon, features)."""
    codec, n = self.codec_, self.codec_.n_past
    track, n_ahead = panel.tracks[i], len(ahead)
    parts = []
    if codec.n_known:
        both = np.concatenate([track.known[-codec.history :], ahead])
        parts.append((both - np.array(codec.feature_mean[n:])) / np.array(codec.feature_spread[n:]))
    periods = tuple(codec.options["calendar"])
    if periods:
        stamps = track.stamps[-codec.history :].append(panel.grid.after(track.stamps[-1], n_ahead))
        parts.append(calendar_features(panel.grid.shown(stamps), periods))
    return np.concatenate(parts, 1) if parts else np.zeros((codec.history + n_ahead, 0))
