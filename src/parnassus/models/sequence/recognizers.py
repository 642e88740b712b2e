"""Recognisers of speech that go from features to text in one net: builders for the task "speech_recognizer"."""

from typing import Any, cast

import torch
from torch import Tensor, nn

from ...data.audio.transcripts import Units
from ...errors import SettingError, did_you_mean
from ...layers.cells import LSTM
from ...layers.recurrent import Recurrent, mask_of
from ...objectives.recognition.transcription import CTC, Encoder
from ...objectives.recognition.writers import Attention, Transducer
from ...registry import model
from .tdnn import TimeDelay

ENCODERS = ("bilstm", "conformer", "tdnn")


class SpeechEncoder(nn.Module):
    """x (batch, time, step_features), lengths -> states (batch, ceil(time / stride), width), and their lengths.

    `stride` neighbouring frames become one by a linear layer, the last ones with zeros; then comes the body, which is
    called `body(x, lengths)`. Padding never changes what comes out.
    """

    def __init__(self, body: nn.Module, step_features: int, n_inputs: int, *, stride: int, width: int) -> None:
        super().__init__()
        self.front = nn.Sequential(nn.Linear(stride * step_features, n_inputs), nn.ReLU())
        self.body, self.stride, self.width = body, stride, width

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if lengths is None:
            lengths = torch.full((len(x),), x.shape[1], device=x.device)
        x = x * cast(Tensor, mask_of(x, lengths))
        short = -x.shape[1] % self.stride
        x = nn.functional.pad(x, (0, 0, 0, short)) if short else x
        x = self.front(x.reshape(len(x), x.shape[1] // self.stride, -1))
        lengths = (lengths + self.stride - 1) // self.stride
        return self.body(x * cast(Tensor, mask_of(x, lengths)), lengths), lengths


class Delays(nn.Module):
    """Convolutions over time with growing holes, each added to what it reads."""

    def __init__(self, width: int, n_layers: int, *, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TimeDelay(width, width, kernel=3, dilation=2 ** (i % 3), activation="relu", norm="layer")
            for i in range(n_layers)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        mask = cast(Tensor, mask_of(x, lengths)).transpose(1, 2)
        x = x.transpose(1, 2)
        for layer in self.layers:
            x = x + self.dropout(layer(x, mask))
        return x.transpose(1, 2)


def encoder_of(
    name: str, step_features: int, *, hidden: int, n_layers: int, subsample: int, dropout: float, n_heads: int
) -> Encoder:
    """An encoder by its name: "bilstm", "conformer" or "tdnn"."""
    if name not in ENCODERS:
        raise SettingError(f"encoder={name!r}; {did_you_mean(name, ENCODERS)}")
    if min(hidden, n_layers, subsample) < 1 or not 0 <= dropout < 1:
        raise SettingError(
            f"hidden, n_layers and subsample are at least 1 and dropout in [0, 1); got {hidden}, {n_layers}, "
            f"{subsample} and {dropout}"
        )
    body: Any
    if name == "bilstm":
        body = Recurrent(LSTM, hidden, [hidden] * n_layers, bidirectional=True, dropout=dropout)
    elif name == "tdnn":
        body = Delays(hidden, n_layers, dropout=dropout)
    else:
        from ...layers.conformer import Conformer

        body = Conformer(hidden, n_layers, n_heads=n_heads, dropout=dropout)
    width = body.width if name == "bilstm" else hidden
    return SpeechEncoder(body, step_features, hidden, stride=subsample, width=width)


@model.register("speech_recognizer")
def ctc(
    *,
    step_features: int,
    units: Units,
    encoder: str = "bilstm",
    hidden: int = 128,
    n_layers: int = 2,
    subsample: int = 3,
    dropout: float = 0.1,
    n_heads: int = 4,
) -> CTC:
    """An encoder that says a unit or nothing in every frame, trained by CTC; encoder "bilstm", "conformer" or "tdnn".

    `subsample` frames become one before the encoder; `n_heads` is the Conformer's.
    """
    body = encoder_of(
        encoder, step_features, hidden=hidden, n_layers=n_layers, subsample=subsample, dropout=dropout, n_heads=n_heads
    )
    return CTC(body, units)


@model.register("speech_recognizer")
def attention(
    *,
    step_features: int,
    units: Units,
    encoder: str = "bilstm",
    hidden: int = 128,
    n_layers: int = 2,
    subsample: int = 3,
    dropout: float = 0.1,
    n_heads: int = 4,
    ctc_weight: float = 0.3,
) -> Attention:
    """An encoder, and a decoder that looks at its frames and writes unit by unit, trained together with CTC.

    `ctc_weight` is CTC's share of the loss; 0 leaves it out.
    """
    body = encoder_of(
        encoder, step_features, hidden=hidden, n_layers=n_layers, subsample=subsample, dropout=dropout, n_heads=n_heads
    )
    return Attention(body, units, hidden=hidden, ctc_weight=ctc_weight, dropout=dropout)


@model.register("speech_recognizer")
def transducer(
    *,
    step_features: int,
    units: Units,
    encoder: str = "bilstm",
    hidden: int = 128,
    n_layers: int = 2,
    subsample: int = 4,
    dropout: float = 0.1,
    n_heads: int = 4,
) -> Transducer:
    """An encoder that writes as many units as are due in each frame, by what it hears and what it wrote."""
    body = encoder_of(
        encoder, step_features, hidden=hidden, n_layers=n_layers, subsample=subsample, dropout=dropout, n_heads=n_heads
    )
    return Transducer(body, units, hidden=hidden, dropout=dropout)
