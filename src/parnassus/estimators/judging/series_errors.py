"""How far a forecaster is off on windows that it did not learn from: the errors that its intervals are made of."""

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch

from ...data.rows import Rows
from ...data.timeseries.series_windows import Spans
from ...errors import DataError, DataWarning, SettingError
from ...functional.forecasting import seasonal_naive
from ...objectives.bayes.posterior import Posterior
from ...objectives.sequence.forecasting import Forecasts
from ..answers.outlooks import answers
from ..fitting.training import Ready

if TYPE_CHECKING:
    from ..forecaster import Forecaster

KEPT = 512  # windows whose errors say how far a forecast is off
TABLE_FITS = 3  # beside the model of a table, which cost little
LEAST = 4  # windows that a model is fitted to
TRAINING, HELD_OUT, CROSS = "training windows", "held-out windows", "cross-fits"


def measure(self: "Forecaster", spans: Spans, judged: Spans, watched: Rows | None) -> None:
    """Keep the errors of windows that are judged, or of cross-fits; `watched` are the held-out windows as rows."""
    chosen = some_of(judged)
    self.checked_ = beside_naive(self, chosen) if watched is not None else None
    if isinstance(self.objective_, Posterior):  # which has learned the noise
        self.errors_, self.errors_from_ = np.zeros((0, self.codec_.horizon)), None
        return
    found, self.errors_from_ = errors_of(self, chosen), TRAINING if watched is None else HELD_OUT
    n_folds = n_fits(self, spans, watched)
    crossed = cross_errors(self, spans, n_folds, watched) if n_folds else None
    if crossed is not None:
        found, self.errors_from_ = crossed, CROSS
    self.errors_, outputs, true = found
    if self.distribution != "point" and self.errors_from_ != TRAINING:
        self.apart_ = {"outputs": outputs, "y": true}
        put_right(self)


def put_right(self: "Forecaster") -> None:
    """Tell the head what it said of windows that it had not learned from, and what came; nothing where there are none.

    Files of before say nothing of such windows: their quantiles are as they were learned.
    """
    found = getattr(self, "apart_", None)
    self.head_.apart = None if found is None else (torch.from_numpy(found["outputs"]), found["y"])


def some_of(spans: Spans) -> Spans:
    """As many windows as are kept, evenly spread."""
    return spans.take_rows(np.unique(np.linspace(0, len(spans) - 1, min(KEPT, len(spans))).round().astype(int)))


def errors_of(self: "Forecaster", spans: Spans) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth minus forecast (windows, horizon), outputs, and truth (windows, horizon), in scaled units."""
    outputs, _, _ = answers(self, spans)
    true = self.codec_.encode(spans).take(torch.arange(len(spans)))["y"].double().numpy()
    return true - self.head_.mean(outputs), outputs.numpy(), true


def beside_naive(self: "Forecaster", spans: Spans) -> dict[str, float]:
    """Mean absolute errors of the model and of seasonal naive on windows, in the user's units."""
    outputs, center, spread = answers(self, spans)
    said = self.codec_.back(self.head_.mean(outputs) * spread + center)
    naive, truth = [], []
    for i, first in spans.places:
        y, season = self.panel_.tracks[i].y, min(self.panel_.season, first)
        naive.append(seasonal_naive(y[:first], spans.horizon, season=season).mean)
        truth.append(y[first : first + spans.horizon])
    errors = {"model": np.abs(truth - said), "seasonal_naive": np.abs(np.stack(truth) - np.stack(naive))}
    return {name: float(each.mean()) for name, each in errors.items()}


def n_fits(self: "Forecaster", spans: Spans, watched: Rows | None) -> int:
    """How many models to fit beside this one for the sake of their errors; 0 where there are too few windows for it."""
    asked = self.n_cross_fits
    if asked is None:
        table = not isinstance(self.objective_, Forecasts)
        enough = table and watched is None and all(len(kept) >= LEAST for kept, _ in folds(spans, TABLE_FITS))
        return TABLE_FITS if enough else 0
    if asked and not all(len(kept) >= LEAST for kept, _ in folds(spans, asked)):
        raise DataError(
            f"n_cross_fits={asked} leaves fewer than {LEAST} of the {len(spans)} windows to learn from, since those "
            "that share steps with a stretch are left out with it; give longer series, or a shorter history or horizon"
        )
    return asked


def folds(spans: Spans, n: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Windows to learn from and windows left out: of each series a stretch, and none that forecasts one of its steps.

    Source: the leave-out of neighbours by Burman, Chow and Nolan 1994 (h-block cross-validation).
    """
    series, first = spans.places.T
    stretch = np.zeros(len(spans), dtype=int)
    for i in np.unique(series):
        own = np.flatnonzero(series == i)
        stretch[own] = np.arange(len(own)) * n // len(own)
    for fold in range(n):
        kept = stretch != fold
        for i in np.unique(series):
            out = first[(series == i) & ~kept]
            if len(out):
                near = (first > out.min() - spans.horizon) & (first < out.max() + spans.horizon)
                kept &= ~((series == i) & near)
        yield np.flatnonzero(kept), np.flatnonzero(stretch == fold)


def cross_errors(
    self: "Forecaster", spans: Spans, n: int, watched: Rows | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """`errors_of` every stretch by a model that was fitted without it; None where that is stopped."""
    settings = self.get_params(deep=False) | {"out": None, "resume": False, "progress": False}
    found = []
    for kept, out in folds(spans, n):
        beside = type(self)(**settings)
        beside.panel_, beside.codec_ = self.panel_, self.codec_
        beside.target_, beside.held_, beside._optimizer_state = None, None, {}
        device = next(iter(self.objective_.parameters()), torch.empty(0)).device
        beside._build(device)
        rows = self.codec_.encode(spans.take_rows(kept))
        beside.objective_.n_training, beside.data_ = len(rows), {}
        beside._train(Ready(rows, watched, None, device))
        if beside.interrupted_:
            return None
        found.append(errors_of(beside, some_of(spans.take_rows(out))))
    errors, outputs, true = map(np.concatenate, zip(*found, strict=True))
    return errors, outputs, true


def check_cross_fits(self: "Forecaster", *, local: bool) -> None:
    """Refuses a number of cross-fits that is none, or that nothing would come of."""
    n = self.n_cross_fits
    if n is None:
        return
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0 or n == 1:
        raise SettingError(f"n_cross_fits is None, 0, or a whole number of at least 2; got {n!r}")
    if n and local:
        raise SettingError(
            f"n_cross_fits={n} is for intervals made of errors on windows, and a rule has the errors of its steps; "
            "leave n_cross_fits=None"
        )


def warn_of_narrow(self: "Forecaster", *, stacklevel: int = 3) -> None:
    """Say that intervals are too narrow where they are made of errors on what was learned from.

    Of spreads that are learned it is said where there are more weights than steps, which may be known by heart.
    """
    if getattr(self, "errors_from_", None) != TRAINING:
        return
    n_steps = sum(len(track) for track in self.panel_.tracks)
    if self.distribution == "point":
        why = "they are made of its errors on windows that it learned from, since none were held out"
    elif sum(p.numel() for p in self.objective_.parameters()) > n_steps:
        why = f"they were learned on windows that it may know by heart, with more weights than the {n_steps} steps"
    else:
        return
    warnings.warn(
        f"the intervals of {self.model_name} are too narrow: {why}; fit with n_cross_fits=2 (two trainings more), or "
        "with validation=0.2",
        DataWarning,
        stacklevel=stacklevel,
    )
