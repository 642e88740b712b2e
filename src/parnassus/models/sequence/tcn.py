"""Temporal convolutional networks: residual blocks of dilated causal convolutions."""

from torch import Tensor, nn

from ...errors import SettingError
from ...layers.causal import ResidualBlock
from ...layers.recurrent import last_of
from ...registry import model


class TCN(nn.Module):
    """x (batch, time, step_features), lengths (batch,) -> (batch, n_outputs), read off the last step.

    Block l has dilation 2^l, so that the last step sees 1 + 2 (kernel - 1) (2^blocks - 1) steps.

    Systems: tcn
    Source: Bai, Kolter and Koltun 2018; Baker A156.
    """

    def __init__(
        self, step_features: int, n_outputs: int, *, channels: tuple[int, ...], kernel: int, dropout: float
    ) -> None:
        super().__init__()
        widths = [step_features, *channels]
        self.blocks = nn.Sequential(
            *(
                ResidualBlock(n_in, n_out, kernel, dilation=2**level, dropout=dropout)
                for level, (n_in, n_out) in enumerate(zip(widths, channels, strict=False))
            )
        )
        self.head = nn.Linear(widths[-1], n_outputs)

    def states(self, x: Tensor) -> Tensor:
        """(batch, time, channels): what each step says of itself and the steps before it."""
        return self.blocks(x.mT).mT

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.head(last_of(self.states(x), lengths))


@model.register("forecaster")
def tcn(
    *,
    step_features: int,
    n_outputs: int,
    channels: tuple[int, ...] = (32, 32, 32, 32),
    kernel: int = 3,
    dropout: float = 0.0,
) -> TCN:
    """A temporal convolutional network: residual blocks of dilated causal convolutions, a width a block."""
    if not channels or min(channels) < 1 or kernel < 2 or not 0 <= dropout < 1:
        raise SettingError(
            f"model 'tcn': channels are widths of at least 1, kernel at least 2, dropout in [0, 1); got {channels}, "
            f"{kernel}, {dropout}"
        )
    return TCN(step_features, n_outputs, channels=tuple(channels), kernel=kernel, dropout=dropout)
