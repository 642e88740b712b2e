"""What a forecaster does with series that are read: parts for training, a codec, a rule or a net, and its errors."""

import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ...data.timeseries.calendar import calendar_periods
from ...data.timeseries.series import Panel, where_of
from ...data.timeseries.series_windows import SeriesWindows, Spans, training_spans
from ...errors import DataError, DataWarning, SettingError
from ...functional.quantiles import check_quantiles
from ...objectives.sequence.forecasting import DISTRIBUTIONS, Apart, Forecasts, head_of
from ...objectives.sequence.local_forecasting import Local
from ...train.phase import Objective
from ..judging.series_doubt import check_inference, inferred
from ..judging.series_errors import CROSS, HELD_OUT, TRAINING, check_cross_fits, measure, put_right
from ..protocol import unfitted_on_error
from .identity import identity_of, versions
from .training import Ready, device_of

if TYPE_CHECKING:
    from ..forecaster import Forecaster

STRATEGIES = ("direct", "recursive")
SCOPES = ("global", "local")
WORST_FIRST = (TRAINING, HELD_OUT, CROSS)
LONGEST = 512  # steps of history that are taken unless asked for


def check(self: "Forecaster") -> None:
    """Refuses settings that are none of theirs."""
    for name, value, known in (
        ("strategy", self.strategy, STRATEGIES),
        ("scope", self.scope, SCOPES),
        ("distribution", self.distribution, DISTRIBUTIONS),
    ):
        if value == "sequence":
            raise SettingError("a decoder that is fed its own forecasts is a model: pn.Forecaster('seq2seq')")
        if value not in known:
            raise SettingError(f"{name} is one of {', '.join(map(repr, known))}; got {value!r}")
    for name, least in (("horizon", 1), ("history", 1), ("season", 1)):
        number = getattr(self, name)
        if number is None and name != "horizon":
            continue
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < least:
            raise SettingError(f"{name} is a whole number of at least {least}; got {number!r}")
    if isinstance(self.model, nn.Module):
        raise SettingError("Forecaster takes a model's name or pn.model(...), such as 'gru'; not a module")
    if self.strategy == "recursive" and self.past:
        raise SettingError(
            f"strategy='recursive' would need the future of past={self.past!r}; use strategy='direct', or known="
        )
    if self.distribution == "quantiles":
        check_quantiles(self.quantiles)
    check_cross_fits(self, local=is_local(self))
    check_inference(self, local=is_local(self))


def learn(self: "Forecaster", panel: Panel, validation: Any) -> None:
    """What `fit` does with series that are read."""
    for name in ("objective_", "members_", "apart_"):
        vars(self).pop(name, None)
    if self.scope == "local" and not is_local(self):
        learn_apart(self, panel, validation)
    else:
        learn_together(self, panel, validation)
    found = self.checked_
    if found is not None and self.model is None and not found["model"] < found["seasonal_naive"]:
        warnings.warn(
            f"on the steps held out the net is off by {found['model']:.4g} and seasonal naive by "
            f"{found['seasonal_naive']:.4g}: Forecaster('seasonal_naive') is simpler and no worse here",
            DataWarning,
            stacklevel=3,
        )


def learn_apart(self: "Forecaster", panel: Panel, validation: Any) -> None:
    """Each series by a forecaster of its own, as if the others were not there."""
    members: dict[str, Forecaster] = {}
    for i, track in enumerate(panel.tracks):
        out = None if self.out is None else os.path.join(self.out, "series", f"{i:04d}")
        member = type(self)(**self.get_params(deep=False) | {"scope": "global", "out": out})
        learn_together(member, panel.only(i), validation)
        member.target_name_, members[track.name] = None, member
        if member.interrupted_:
            raise KeyboardInterrupt(f"stopped at series {i + 1} of {len(panel.tracks)}")
    first, parts = next(iter(members.values())), list(members.values())
    self.panel_, self.validation_, self.members_ = panel, validation, members
    self.codec_, self.target_, self.held_ = first.codec_, None, None
    self.view_, self.facts_, self._optimizer_state = first.view_, first.facts_, {}
    self.objective_ = self.objective_around(first.objective_)
    self.history_ = _in_the_mean([part.history_ for part in parts])
    self.best_epoch_, self.n_steps_ = None, sum(part.n_steps_ for part in parts)
    self.seconds_ = sum(part.seconds_ or 0.0 for part in parts)
    self.data_ = {"n_rows": sum(part.data_["n_rows"] for part in parts), "model": self.model_name}
    self.versions_, self.interrupted_, self.target_name_ = versions(), False, None
    self.errors_ = np.concatenate([part.errors_ for part in parts])
    self.errors_from_ = next((kind for kind in WORST_FIRST if any(part.errors_from_ == kind for part in parts)), None)
    checks = [part.checked_ for part in parts if part.checked_ is not None]
    self.checked_ = _in_the_mean([[one] for one in checks])[0] if checks else None


def _in_the_mean(histories: list[list[dict[str, float]]]) -> list[dict[str, float]]:
    """The mean of each number at each place, over those that go so far."""
    found = []
    for place in range(max(map(len, histories))):
        held = [history[place] for history in histories if place < len(history)]
        found.append({name: float(np.mean([one[name] for one in held])) for name in held[0]})
    return found


def learn_together(self: "Forecaster", panel: Panel, validation: Any) -> None:
    """All series by one model, or each by a rule of its own where the model is one."""
    self._optimizer_state = {}
    self.panel_, self.validation_ = panel, validation
    n_held = steps_held_out(self, panel, validation)
    steps = 1 if self.strategy == "recursive" else int(self.horizon)
    self.codec_ = codec_for_panel(self, panel)
    self.target_, self.held_ = None, None
    builder_is_local = is_local(self)
    history = 1 if builder_is_local else history_for(self, panel, n_held, steps)
    spans = training_spans(panel.until(n_held), history=history, horizon=1 if builder_is_local else steps)
    self.codec_.fit(spans)
    device = device_of(self.device)
    self._build(device)
    if isinstance(self.objective_, Local):
        learn_each(self, self.objective_, panel)
        return
    learn_windows(self, panel, spans, n_held, history, steps, device)


def objective_around(self: "Forecaster", made: Any) -> Objective:
    """What a builder made as an objective: a net says what the distribution asks for."""
    loss = self.spec("loss", self.loss or "squared_error").make(task="numbers")
    self.head_ = head_of(self.distribution, self.quantiles, loss)
    put_right(self)
    if hasattr(self, "members_"):
        return Apart([member.objective_ for member in self.members_.values()])
    if self.loss is not None and self.distribution != "point":
        raise SettingError(f"distribution={self.distribution!r} brings its own loss; leave loss=None")
    if self.inference is not None:
        return inferred(self, made)
    if not isinstance(made, Objective):
        return Forecasts(made, self.head_)
    if self.distribution != "point":
        raise SettingError(
            f"the model {self.model!r} learns no distribution={self.distribution!r}; leave distribution='point': "
            "its quantiles are those of its errors"
        )
    if self.loss is not None:
        raise SettingError(f"the model {self.model!r} brings its own objective; leave loss=None")
    return made


def is_local(self: "Forecaster") -> bool:
    """Whether the model learns each series by itself."""
    given = self.spec("model", self.model or self.default_models["series"])
    return all(not b.facts for b in given.builders(self.task))


def codec_for_panel(self: "Forecaster", panel: Panel) -> SeriesWindows:
    """The codec of windows that the settings and the steps call for, unfitted."""
    periods = calendar_periods(panel.grid) if self.calendar is None else tuple(self.calendar)
    if periods and panel.grid.offset is None:
        raise SettingError(f"calendar={periods} is of dates, and these series have none")
    n = head_of(self.distribution, self.quantiles, None).n_parameters  # type: ignore[arg-type]
    return SeriesWindows(scaling=self.scaling, transform=self.transform, calendar=periods, n_parameters=n)


def steps_held_out(self: "Forecaster", panel: Panel, validation: Any) -> int:
    """How many steps at the end are not learned from."""
    if is_local(self):
        return 0
    if validation is None and (self.patience or self.model is None):
        room = panel.n_steps - 4 * int(self.horizon)
        validation = None if room < 0 and not self.patience else 0.1
    if validation is None:
        return 0
    if isinstance(validation, bool) or not isinstance(validation, int | float) or not 0 < validation < 1:
        raise SettingError(f"validation is the fraction of the steps to hold out, in (0, 1); got {validation!r}")
    return max(int(self.horizon), round(validation * panel.n_steps))


def history_for(self: "Forecaster", panel: Panel, n_held: int, steps: int) -> int:
    """How many steps a net sees."""
    if self.history is not None:
        return int(self.history)
    wanted = min(LONGEST, max(2 * panel.season, 2 * int(self.horizon), 8))
    return max(1, min(wanted, (panel.n_steps - n_held - steps) // 2))


def learn_each(self: "Forecaster", objective: Local, panel: Panel) -> None:
    """Each series by itself."""
    beside = [name for name in ("past", "known") if getattr(panel.reading, name)]
    if beside and not (objective.covariates and beside == ["known"]):
        raise SettingError(f"model {self.model_name!r} takes no covariates: leave out {' and '.join(beside)}")
    objective.season = panel.season
    objective.learned = {}
    for track in panel.tracks:
        try:
            objective.learned[track.name] = objective.learn(self.codec_.values(track.y, track.name), track.known)
        except DataError as error:
            raise DataError(f"{where_of(track.name)}: {error}") from error
    self.history_, self.best_epoch_, self.n_steps_, self.seconds_ = [], None, 0, None
    self.data_ = {"n_rows": sum(len(t) for t in panel.tracks), "model": self.model_name}
    self.versions_, self.interrupted_, self.target_name_ = versions(), False, None
    self.errors_, self.errors_from_, self.checked_ = np.zeros((0, int(self.horizon))), None, None


def learn_windows(
    self: "Forecaster", panel: Panel, spans: Spans, n_held: int, history: int, steps: int, device: torch.device
) -> None:
    """Windows of all series by one model; those whose forecast is held out are watched."""
    rows = self.codec_.encode(spans)
    judged, watched = spans, None
    if n_held:
        later = training_spans(panel, history=history, horizon=steps)
        lengths = np.array([len(t) for t in panel.tracks])
        after = later.places[:, 1] >= lengths[later.places[:, 0]] - n_held
        judged = later.take_rows(np.flatnonzero(after))
        watched = self.codec_.encode(judged)
    self.objective_.n_training = len(rows)
    self.data_ = identity_of(self, rows)
    self._train(Ready(rows, watched, None, device))
    with unfitted_on_error(self):
        measure(self, spans, judged, watched)
