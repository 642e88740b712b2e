"""Echo-state networks: a drawn recurrent net and a linear readout, fitted without gradients."""

from functools import partial

from ...errors import SettingError, did_you_mean
from ...functional.linear import as_signs
from ...objectives.rules import Targets, as_given
from ...objectives.sequence.reservoir import Reservoir
from ...registry import model


def _reservoir(
    step_features: int, n_outputs: int, *, hidden: int, radius: float, leak: float, gain: float, n_inbound: int,
    pooling: str, l2: float, targets: Targets,
) -> Reservoir:  # fmt: skip
    if hidden < 1 or n_inbound < 1:
        raise SettingError(f"model 'echo_state': hidden and n_inbound are at least 1; got {hidden} and {n_inbound}")
    if not (radius > 0 and 0 < leak <= 1 and gain > 0 and l2 >= 0):
        raise SettingError(
            "model 'echo_state': radius and gain are above 0, leak is in (0, 1], l2 is 0 or more; got "
            f"{radius}, {gain}, {leak} and {l2}"
        )
    if pooling not in ("last", "mean"):
        raise SettingError(f"model 'echo_state': pooling={pooling!r}; {did_you_mean(pooling, ('last', 'mean'))}")
    return Reservoir(
        step_features, n_outputs, hidden=hidden, radius=radius, leak=leak, gain=gain, n_inbound=n_inbound,
        pooling=pooling, l2=l2, targets=targets,
    )  # fmt: skip


@model.register("regressor", "forecaster")
def echo_state(
    *, step_features: int, n_outputs: int, hidden: int = 300, radius: float = 0.9, leak: float = 0.5,
    gain: float = 0.5, n_inbound: int = 10, pooling: str = "last", l2: float = 0.01,
) -> Reservoir:  # fmt: skip
    """An echo-state network: a recurrent net that stays as it was drawn, and ridge regression on its states."""
    return _reservoir(
        step_features, n_outputs, hidden=hidden, radius=radius, leak=leak, gain=gain, n_inbound=n_inbound,
        pooling=pooling, l2=l2, targets=as_given,
    )  # fmt: skip


@model.register("classifier", name="echo_state")
def echo_state_classifier(
    *, step_features: int, n_outputs: int, hidden: int = 300, radius: float = 0.9, leak: float = 0.5,
    gain: float = 0.5, n_inbound: int = 10, pooling: str = "mean", l2: float = 0.01,
) -> Reservoir:  # fmt: skip
    """An echo-state network: a recurrent net that stays as drawn, and ridge regression of +1 and -1 on its states."""
    signs = partial(as_signs, n_outputs=n_outputs)
    return _reservoir(
        step_features, n_outputs, hidden=hidden, radius=radius, leak=leak, gain=gain, n_inbound=n_inbound,
        pooling=pooling, l2=l2, targets=signs,
    )  # fmt: skip
