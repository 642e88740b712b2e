"""Convolutions along time: the plain stack for series, sounds, and texts."""

import torch
from torch import Tensor, nn

from ...errors import SettingError
from .sequences import sequence_model

POOLINGS = ("max", "mean")


class Conv1dStack(nn.Module):
    """x (batch, time, step_features), lengths (batch,) -> (batch, n_outputs).

    Convolutions along time with ReLU and pools of 2 between, one number a channel over a row's own steps, a dense head.
    Steps behind a row's end are zero before every convolution and below every pool, so that padding changes nothing.

    Systems: conv1d-network
    Source: Baker 4.2.1 and 6.3.4, Jaiswal 4.2; `tdnn` is the case without pools.
    """

    def __init__(
        self,
        step_features: int,
        n_outputs: int,
        *,
        channels: tuple[int, ...],
        kernel: int,
        hidden: int,
        pooling: str,
        dropout: float,
    ) -> None:
        super().__init__()
        widths, self.pooling = [step_features, *channels], pooling
        self.kernels = nn.ModuleList(
            nn.Conv1d(n_in, n_out, kernel, padding=kernel // 2) for n_in, n_out in zip(widths, channels, strict=False)
        )
        self.head = nn.Sequential(
            nn.Linear(widths[-1], hidden), nn.ReLU(inplace=True), nn.Dropout(dropout), nn.Linear(hidden, n_outputs)
        )

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        n = torch.full((len(x),), x.shape[1], device=x.device) if lengths is None else lengths.to(x.device)
        h = x.mT * _inside(n, x.shape[1])
        for i, kernel in enumerate(self.kernels):
            if i:
                h, n = nn.functional.max_pool1d(h, 2, ceil_mode=True), (n + 1) // 2
            h = torch.relu(kernel(h)) * _inside(n, h.shape[2])
        found = h.amax(2) if self.pooling == "max" else h.sum(2) / n.clamp(min=1)[:, None]
        return self.head(found)


def _inside(lengths: Tensor, n_steps: int) -> Tensor:
    """(batch, 1, time): 1 where a step is a row's own."""
    return (torch.arange(n_steps, device=lengths.device) < lengths[:, None])[:, None].float()


@sequence_model("classifier", "regressor")
def conv1d(
    *,
    step_features: int,
    n_outputs: int,
    channels: tuple[int, ...] = (32, 64),
    kernel: int = 5,
    hidden: int = 64,
    pooling: str = "max",
    dropout: float = 0.0,
) -> nn.Module:
    """A one-dimensional convolutional net: channels a layer, pools between, "max" or "mean" over time, a dense head."""
    if not channels or min(channels) < 1 or kernel < 1 or kernel % 2 == 0 or hidden < 1 or not 0 <= dropout < 1:
        raise SettingError(
            f"model 'conv1d': channels and hidden are at least 1, kernel is odd and dropout in [0, 1); got {channels}, "
            f"{hidden}, {kernel} and {dropout}"
        )
    if pooling not in POOLINGS:
        raise SettingError(f"model 'conv1d': pooling is {' or '.join(map(repr, POOLINGS))}; got {pooling!r}")
    return Conv1dStack(
        step_features,
        n_outputs,
        channels=tuple(channels),
        kernel=kernel,
        hidden=hidden,
        pooling=pooling,
        dropout=dropout,
    )
