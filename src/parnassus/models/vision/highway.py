"""Highway nets: layers with a gate that lets their input pass."""

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...layers.dense import activation as activation_named
from ...layers.vision import GlobalAverage
from ...registry import model


class Highway(nn.Module):
    """y = t F(x) + (1 - t) x with t = sigmoid(T(x)): the gate opens for a transform and closes for the input.

    F and T are layers of one shape, dense or 3 x 3 convolutional. T's bias starts below 0, so that a deep stack starts
    by passing its input on.

    Systems: highway-network
    Source: Srivastava, Greff and Schmidhuber 2015; Martinez-Ramon 4.4.4.
    """

    def __init__(self, transform: nn.Module, gate: nn.Module, *, activation: str = "relu", bias: float = -2.0) -> None:
        super().__init__()
        self.transform, self.gate, self.activation = transform, gate, activation_named(activation)
        nn.init.constant_(gate.bias, bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        t = torch.sigmoid(self.gate(x))
        return torch.lerp(x, self.activation(self.transform(x)), t)


def _check(hidden: int, n_layers: int) -> None:
    if hidden < 1 or n_layers < 1:
        raise SettingError(f"model 'highway': hidden and n_layers are at least 1; got {hidden} and {n_layers}")


@model.register("classifier", "regressor", name="highway")
def highway_dense(
    *,
    in_features: int,
    n_outputs: int,
    hidden: int = 50,
    n_layers: int = 10,
    activation: str = "relu",
    gate_bias: float = -2.0,
) -> nn.Module:
    """A dense layer, gated layers of one width, and a head: trains at depths where plain stacks fail."""
    _check(hidden, n_layers)
    layers = [
        Highway(nn.Linear(hidden, hidden), nn.Linear(hidden, hidden), activation=activation, bias=gate_bias)
        for _ in range(n_layers)
    ]
    first = [nn.Linear(in_features, hidden), activation_named(activation)]
    return nn.Sequential(*first, *layers, nn.Linear(hidden, n_outputs))


@model.register("classifier", "regressor", name="highway")
def highway_convolutional(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    hidden: int = 50,
    n_layers: int = 10,
    activation: str = "relu",
    gate_bias: float = -2.0,
) -> nn.Module:
    """The same of 3 x 3 convolutions on maps of one size, with two pools between where the pictures bear them."""
    _check(hidden, n_layers)
    parts: list[nn.Module] = [nn.Conv2d(in_channels, hidden, 3, padding=1), activation_named(activation)]
    side, due = min(image_size), {round(n_layers * i / 3) for i in (1, 2)} if n_layers > 2 else set()
    for i in range(n_layers):
        if i in due and side >= 4:
            parts.append(nn.MaxPool2d(2))
            side //= 2
        kernels = [nn.Conv2d(hidden, hidden, 3, padding=1) for _ in range(2)]
        parts.append(Highway(kernels[0], kernels[1], activation=activation, bias=gate_bias))
    net = nn.Sequential(*parts, GlobalAverage(), nn.Linear(hidden, n_outputs))
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
