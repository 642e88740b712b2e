"""Forecasts of series and of their sums that add up."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.timeseries.series import Panel
from ...errors import DataError, SettingError, did_you_mean
from ...functional.forecasting import bottom_up, min_trace, summing_matrix
from ..judging.residuals import one_step_errors

if TYPE_CHECKING:
    from ..forecaster import Forecaster

WEIGHTED = ("variance", "covariance", "shrinkage")  # by errors
WAYS = ("bottom_up", "ols", "structural", *WEIGHTED)
APART = 0.01  # of a total's mean size, by which its parts may be off in the mean: roundings


def reconciled(
    self: "Forecaster", panel: Panel, said: Sequence[np.ndarray], groups: Mapping[str, Sequence[str]], weighting: str
) -> list[np.ndarray]:
    """Forecasts (horizon,) of the panel's series in their order, such that totals are the sums of their parts."""
    if weighting not in WAYS:
        raise SettingError(f"weighting={weighting!r}; {did_you_mean(weighting, WAYS)}")
    groups = _named(panel, groups)
    parts = {part for held in groups.values() for part in held}
    bottom = [name for name in panel.names if name in parts]
    names, summing = summing_matrix(groups, bottom)
    place = {name: i for i, name in enumerate(panel.names)}
    order = [place[name] for name in names]
    _check_sums(panel, groups, place)
    forecasts = np.stack([said[i] for i in order])
    if weighting == "bottom_up":
        found = bottom_up(forecasts, summing)
    else:
        errors = _errors(self, names) if weighting in WEIGHTED else None
        found = min_trace(forecasts, summing, errors=errors, weighting=weighting)  # type: ignore[arg-type]
    right = dict(zip(names, found, strict=True))
    return [right.get(name, said[i]) for i, name in enumerate(panel.names)]


def _named(panel: Panel, groups: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Groups by the names of series; what is none, or would need another total's sum, is refused."""
    if not isinstance(groups, Mapping) or not groups:
        raise SettingError(f"groups say which series a total adds up, {{'all': ['a', 'b']}}; got {groups!r}")
    if len(panel.names) < 2:
        raise SettingError(
            "there is one series, and nothing to add up; fit totals and their parts as series of one panel"
        )
    if any(isinstance(parts, str) or not len(parts) for parts in groups.values()):
        raise SettingError("groups name the parts of each total as a list of series: {'all': ['a', 'b']}")
    found = {str(total): [str(part) for part in parts] for total, parts in groups.items()}
    for name in [*found, *(part for parts in found.values() for part in parts)]:
        if name not in panel.names:
            more = "; fit totals as series of their own, beside their parts" if name in found else ""
            raise DataError(f"no series {name!r} was forecast{more}; {did_you_mean(name, panel.names)}")
    inner = [(total, part) for total, parts in found.items() for part in parts if part in found]
    if inner:
        total, part = inner[0]
        raise SettingError(
            f"the total {total!r} adds up {part!r}, which is a total itself: name the series at the bottom, "
            f"{', '.join(map(repr, found[part][:5]))}"
        )
    return found


def _check_sums(panel: Panel, groups: Mapping[str, Sequence[str]], place: Mapping[str, int]) -> None:
    """Refuses totals that end at another time than their parts, or have not been their sums so far."""
    for total, parts in groups.items():
        tracks = [panel.tracks[place[name]] for name in (total, *parts)]
        if tracks[0].stamps is not None:
            late = next((t for t in tracks[1:] if t.stamps[-1] != tracks[0].stamps[-1]), None)
            if late is not None:
                raise DataError(
                    f"series {late.name!r} ends at {late.stamps[-1]} and its total {total!r} at "
                    f"{tracks[0].stamps[-1]}: forecasts of other steps do not add up; cut them to one end"
                )
        n = min(map(len, tracks))
        whole, sums = tracks[0].y[-n:], np.sum([t.y[-n:] for t in tracks[1:]], 0)
        if np.abs(whole - sums).mean() > APART * np.abs(whole).mean():
            worst = int(np.abs(whole - sums).argmax())
            at = worst if tracks[0].stamps is None else tracks[0].stamps[-n:][worst]
            raise DataError(
                f"{total!r} is {whole[worst]:g} at {at}, and its parts add up to {sums[worst]:g}: it is not their sum"
            )


def _errors(self: "Forecaster", names: Sequence[str]) -> np.ndarray:
    """Errors of one-step forecasts (steps, series) at the steps that all series of fit have."""
    held: dict[str, dict[Any, float]] = {}
    for track, (at, error) in zip(self.panel_.tracks, one_step_errors(self), strict=True):
        steps = at - len(track) if track.stamps is None else track.stamps[at]
        held[track.name] = dict(zip(steps, error, strict=True))
    missing = [name for name in names if name not in held]
    if missing:
        raise DataError(f"fit saw no series {missing[0]!r}, and knows no errors of it; take weighting='structural'")
    common = sorted(set.intersection(*(set(held[name]) for name in names)))
    found = np.array([[held[name][step] for name in names] for step in common]).reshape(len(common), len(names))
    if len(common) < 2:
        raise DataError(f"the series share {len(common)} steps with an error; take weighting='structural'")
    sure = [name for name, never in zip(names, (found == 0).all(0), strict=True) if never]
    if sure:
        raise DataError(
            f"every forecast of series {sure[0]!r} was exact, so that its errors weigh nothing; take "
            "weighting='structural'"
        )
    return found
