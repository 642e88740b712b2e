"""What a forecast is made of: its level, and the part of each stack of a net whose forecast is a sum of parts."""

from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from ...data.rows import Batch
from ...data.timeseries.covariates import known_ahead
from ...data.timeseries.series import Panel
from ...data.timeseries.series_windows import last_spans
from ...errors import SettingError
from ...models.forecasting.nbeats import Stacked
from ...objectives.bayes.posterior import Posterior
from ...objectives.sequence.forecasting import Apart, QuantileHead
from ...objectives.sequence.local_forecasting import of_series
from .outlooks import answers
from .series_tables import position_of, times_after

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..forecaster import Forecaster


def parts_of(self: "Forecaster", panel: Panel, ahead: list[np.ndarray]) -> tuple[list[str], list[np.ndarray]]:
    """Names of parts, and the parts (horizon, parts) of each series' forecast in the user's units.

    Their sum is the forecast; for transform="log" their product is.
    """
    if isinstance(self.objective_, Apart):
        members = [of_series(self.members_, name) for name in panel.names]
        found = [parts_of(member, panel.only(i), [ahead[i]]) for i, member in enumerate(members)]
        return found[0][0], [parts[0] for _, parts in found]
    net = _net_of(self)
    spans = last_spans(panel, ahead, history=self.codec_.history, horizon=self.codec_.horizon)

    def say(batch: Batch) -> Tensor:
        return net.parts(batch["x"]).transpose(0, 1)  # (batch, stacks, n_outputs)

    said, center, spread = answers(self, spans, say)
    head, back = self.head_, self.codec_.back
    parts = said.unflatten(2, (-1, head.n_parameters))[..., head.place].double().numpy() * spread[:, :, None]
    level = np.repeat(center[:, None], parts.shape[2], 2)
    return ["level", *net.names], [back(one.T) for one in np.concatenate([level, parts], 1)]


def picture_of_parts(self: "Forecaster", known: Any, which: str | None) -> "Figure":
    """The parts of the forecast of one series."""
    from ...insight.forecasts import forecast_components

    panel, steps = self.panel_, int(self.horizon)
    i = position_of(panel, which)
    names, found = parts_of(self, panel, known_ahead(panel, known, steps))
    return forecast_components(found[i], names, times=times_after(panel, panel.tracks[i], steps), name=panel.names[i])


def _net_of(self: "Forecaster") -> Stacked:
    """The net, if its forecast is a sum of parts."""
    if isinstance(self.objective_, Posterior):
        raise SettingError(
            f"components are of one set of weights, and inference={self.inference!r} learns many; fit with "
            "inference=None"
        )
    net = getattr(self.objective_, "model", None)
    if not isinstance(net, Stacked):
        raise SettingError(
            f"components are the parts of a forecast that a net adds up, and {self.model_name} adds none; take "
            "pn.model('nbeats', stacks=('trend', 'seasonality'))"
        )
    if self.strategy == "recursive":
        raise SettingError("components are of a forecast that is said at once; take strategy='direct'")
    if isinstance(self.head_, QuantileHead):
        raise SettingError(
            "components add up to a mean, and distribution='quantiles' learns none; take 'point', 'gaussian' or "
            "'student_t'"
        )
    return net
