"""Networks that give a vector for every frame of a recording."""

import torch
from torch import Tensor, nn

from ..errors import SettingError, did_you_mean
from .cells import LSTM
from .recurrent import Recurrent, mask_of

KINDS = ("mlp", "tdnn", "lstm")
TDNN_DILATIONS = (1, 1, 2, 3)


class FrameConvolutions(nn.Module):
    """Layers over time, each a convolution with holes, ReLU and layer norm; frames behind a row's end stay 0.

    x (batch, time, n_inputs), lengths (batch,) -> (batch, time, width). A multilayer perceptron over frames beside
    their neighbours is the special case of one wide kernel, then kernels of one frame.
    """

    def __init__(
        self, n_inputs: int, width: int, *, kernels: tuple[int, ...], dilations: tuple[int, ...], dropout: float
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv1d(n_inputs if not i else width, width, k, dilation=d, padding=d * (k // 2))
            for i, (k, d) in enumerate(zip(kernels, dilations, strict=True))
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in kernels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        mask = mask_of(x, lengths)
        h = x if mask is None else x * mask
        for layer, norm in zip(self.layers, self.norms, strict=True):
            h = self.dropout(norm(torch.relu(layer(h.transpose(1, 2)).transpose(1, 2))))
            h = h if mask is None else h * mask
        return h


def frame_network(kind: str, n_inputs: int, width: int, *, n_layers: int, context: int, dropout: float) -> nn.Module:
    """A network of this kind: frames (batch, time, n_inputs), lengths -> (batch, time, width).

    "mlp" sees `context` frames to either side, "tdnn" three frames a layer, ever farther apart, "lstm" the whole
    recording in both directions.
    """
    if kind not in KINDS:
        raise SettingError(f"network={kind!r}; {did_you_mean(kind, KINDS)}")
    if kind == "lstm":
        return Recurrent(LSTM, n_inputs, [width // 2] * n_layers, bidirectional=True, dropout=dropout)
    if kind == "mlp":
        kernels, dilations = (2 * context + 1, *[1] * (n_layers - 1)), (1,) * n_layers
    else:
        kernels, dilations = (3,) * n_layers, tuple(TDNN_DILATIONS[min(i, 3)] for i in range(n_layers))
    return FrameConvolutions(n_inputs, width, kernels=kernels, dilations=dilations, dropout=dropout)
