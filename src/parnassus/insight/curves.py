"""Curves of functions: activations beside their derivatives, and two criteria where a unit is certain and wrong."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from ..errors import SettingError, did_you_mean
from ..functional import activations
from ..functional.likelihoods import saturation
from .style import MUTED, SERIES, canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = (
    "identity",
    "sigmoid",
    "tanh",
    "hard_tanh",
    "relu",
    "leaky_relu",
    "elu",
    "softplus",
    "gelu",
    "silu",
)
SHOWN = ("sigmoid", "tanh", "relu", "leaky_relu", "softplus", "gelu")


@styled
def activation_curves(names: Sequence[str] = SHOWN, *, reach: float = 5.0) -> "Figure":
    """Values (left) and derivatives (right) of activations over [-reach, reach]: units saturate where the right is 0.

    Systems: activation-plots
    Source: Hifny A8.1, Baker A061, Martinez-Ramon 1.2.3 and 1.4.
    """
    for name in names:
        if name not in NAMES:
            raise SettingError(f"no activation {name!r}; {did_you_mean(name, NAMES)}")
    z = torch.linspace(-reach, reach, 401, dtype=torch.float64)
    figure, (values, slopes) = canvas(1, 2, width=9.6, height=3.4, label="Activations and their derivatives")
    for i, name in enumerate(names):
        look: Any = {"color": SERIES[i % len(SERIES)], "linestyle": "-" if i < len(SERIES) else "--", "label": name}
        values.plot(z, getattr(activations, name)(z), **look)
        slopes.plot(z, getattr(activations, f"{name}_derivative")(z), **look)
    values.set(title="Value", xlabel="z", ylim=(-1.5, min(reach, 3.0)))
    slopes.set(title="Derivative", xlabel="z")
    values.legend(loc="upper left")
    return figure


@styled
def saturation_curves(*, reach: float = 10.0) -> "Figure":
    """Cross-entropy and squared error of a sigmoid for y = 1, with their slopes, by the logit.

    Systems: ce-vs-squared-error
    Source: Martinez-Ramon example 1.5.1, figure 1.20.
    """
    measured = saturation(torch.linspace(-reach, reach, 401, dtype=torch.float64))
    figure, (values, slopes) = canvas(1, 2, width=9.6, height=3.4, label="Two criteria and their slopes by the logit")
    values.plot(measured.logits, measured.cross_entropy, color=SERIES[0], label="cross-entropy")
    values.plot(measured.logits, measured.squared_error, color=SERIES[1], label="squared error")
    slopes.plot(measured.logits, measured.cross_entropy_slope, color=SERIES[0])
    slopes.plot(measured.logits, measured.squared_error_slope, color=SERIES[1])
    slopes.axhline(0, color=MUTED, linewidth=0.8)
    values.set(title="Loss where y = 1", xlabel="logit")
    slopes.set(title="Slope by the logit", xlabel="logit")
    values.legend()
    return figure
