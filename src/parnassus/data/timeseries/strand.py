"""One series as a user gave it: its numbers, and the time of each."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError, DataWarning
from .series import Reading, read_panel


@dataclass(frozen=True)
class Strand:
    """A series y (time,) without holes, and the times of its steps: dates, numbers, or the steps of what was given."""

    y: Tensor
    times: np.ndarray
    name: str

    def time(self, step: int) -> Any:
        return self.times[step]


def strand_of(X: Any, **reading: Any) -> Strand:
    """The one series in X; several are refused. Where `target` names a column, the others may be anything."""
    target = reading.pop("target", None)
    with warnings.catch_warnings():
        if target is not None:
            reading["target"] = (target,) if isinstance(target, str) else tuple(target)
            warnings.filterwarnings("ignore", message="the columns .* are not used", category=DataWarning)
        panel = read_panel(X, Reading.of(reading))
    if len(panel.tracks) != 1:
        names = ", ".join(repr(n) for n in panel.names[:5])
        raise DataError(
            f"X holds {len(panel.tracks)} series ({names}{', ...' if len(panel.tracks) > 5 else ''}); give one, "
            "or name its column by target="
        )
    track = panel.tracks[0]
    if track.stamps is not None:
        times = np.asarray(track.stamps)
    else:
        n_given = len(X) if hasattr(X, "__len__") and not isinstance(X, dict | str) else len(track)
        times = np.arange(len(track)) + max(0, n_given - len(track))  # steps before the first value are gone
    return Strand(torch.from_numpy(np.ascontiguousarray(track.y)), times, track.name)
