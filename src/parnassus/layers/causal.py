"""Convolutions over time that never see what comes later, as layers."""

from torch import Tensor, nn
from torch.nn import functional as F


class CausalConv1d(nn.Conv1d):
    """(batch, n_in, time) -> (batch, n_out, time): step t sees t, t - d, ..., t - (kernel - 1) d.

    It is `functional.convolution.causal` with weights of its own.

    Source: van den Oord et al. 2016; Baker A146.
    """

    def __init__(self, n_in: int, n_out: int, kernel: int, *, dilation: int = 1, bias: bool = True) -> None:
        super().__init__(n_in, n_out, kernel, dilation=dilation, bias=bias)
        self.reach = (kernel - 1) * dilation

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(F.pad(input, (self.reach, 0)))


class ResidualBlock(nn.Module):
    """x + dropout(relu(conv(dropout(relu(conv(x)))))), then relu: two dilated causal convolutions past which x runs.

    Weights are normalised (a direction and a length); where widths differ x goes through a convolution of one tap.

    Source: Bai, Kolter and Koltun 2018, figure 1; Baker A156.
    """

    def __init__(self, n_in: int, n_out: int, kernel: int, *, dilation: int, dropout: float) -> None:
        super().__init__()
        normed = nn.utils.parametrizations.weight_norm
        first = normed(CausalConv1d(n_in, n_out, kernel, dilation=dilation))
        second = normed(CausalConv1d(n_out, n_out, kernel, dilation=dilation))
        self.body = nn.Sequential(first, nn.ReLU(), nn.Dropout(dropout), second, nn.ReLU(), nn.Dropout(dropout))
        self.past = nn.Conv1d(n_in, n_out, 1) if n_in != n_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.past(x))


class GatedBlock(nn.Module):
    """z = tanh(w_f * x) sigmoid(w_g * x), * a dilated causal convolution; gives x + w_r z, and w_s z for the sum.

    Source: van den Oord et al. 2016 (WaveNet), eq. 2 and figure 4; Baker A155.
    """

    def __init__(self, channels: int, skip: int, kernel: int, *, dilation: int) -> None:
        super().__init__()
        self.filter_and_gate = CausalConv1d(channels, 2 * channels, kernel, dilation=dilation)
        self.residual, self.skip = nn.Conv1d(channels, channels, 1), nn.Conv1d(channels, skip, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        filtered, gate = self.filter_and_gate(x).chunk(2, 1)
        z = filtered.tanh() * gate.sigmoid()
        return x + self.residual(z), self.skip(z)
