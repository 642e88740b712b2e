"""Recurrent nets that read a sequence and answer once."""

from collections.abc import Callable
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from ...errors import SettingError, did_you_mean
from ...layers.cells import (
    GRU,
    LSTM,
    Cell,
    DeepTransition,
    Elman,
    GRUResetBefore,
    IndRNN,
    Jordan,
    PeepholeLSTM,
    zoned,
)
from ...layers.recurrent import Merge, Recurrent, last_of, mask_of
from .sequences import sequence_model

POOLINGS = ("last", "mean", "max")
MERGES = ("concat", "sum", "mean")
PLAIN: dict[str, Callable[..., Cell]] = {
    "elman": Elman,
    "relu": partial(Elman, activation="relu"),
    "irnn": partial(Elman, activation="relu", identity=True),
    "indrnn": IndRNN,
    "deep_transition": DeepTransition,
}
RESETS: dict[str, Callable[..., Cell]] = {"after": GRU, "before": GRUResetBefore}


class RecurrentNet(nn.Module):
    """x (batch, time, step_features), lengths (batch,) -> (batch, n_outputs).

    The states of a `Recurrent` become one vector a row: its summary ("last"), or the "mean" or "max" over real steps;
    then comes a linear layer. Padding never changes what comes out.
    """

    def __init__(self, body: Recurrent, n_outputs: int, *, pooling: str = "last", dropout: float = 0.0) -> None:
        super().__init__()
        self.body, self.pooling = body, pooling
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(body.width, n_outputs))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        h, summary, _ = self.body.run(x, lengths)
        return self.head(summary if self.pooling == "last" else pooled(h, lengths, self.pooling))


class JordanNet(nn.Module):
    """A net whose only memory is its last output; it answers with the output after a row's last step."""

    def __init__(self, step_features: int, n_outputs: int, *, hidden: int) -> None:
        super().__init__()
        self.cell = Jordan(step_features, hidden, n_outputs=n_outputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        h, _ = self.cell.run(x)
        last = last_of(h, lengths)
        if lengths is not None:
            last = last * (lengths > 0)[:, None].to(last.dtype)
        return self.cell.out(last)


def pooled(h: Tensor, lengths: Tensor | None, how: str) -> Tensor:
    """The mean or the maximum of states (batch, time, width) over each row's real steps; 0 for rows without any."""
    inside = mask_of(h, lengths)
    if inside is None:
        return h.mean(1) if how == "mean" else h.amax(1)
    if how == "mean":
        return (h * inside).sum(1) / inside.sum(1).clamp(min=1)
    deepest = torch.finfo(h.dtype).min
    return torch.where(inside.sum(1) > 0, h.masked_fill(inside == 0, deepest).amax(1), 0.0)


def _net(
    name: str,
    make: Callable[..., Cell],
    step_features: int,
    n_outputs: int,
    *,
    hidden: int,
    n_layers: int,
    bidirectional: bool,
    merge: str,
    pooling: str,
    dropout: float,
    zoneout: float,
    truncate: int | None,
) -> RecurrentNet:
    """A net of these cells, its settings checked."""
    if hidden < 1 or n_layers < 1:
        raise SettingError(f"model {name!r}: hidden and n_layers are at least 1; got {hidden} and {n_layers}")
    if not 0 <= dropout < 1 or not 0 <= zoneout < 1:
        raise SettingError(f"model {name!r}: dropout and zoneout are in [0, 1); got {dropout} and {zoneout}")
    for setting, value, known in (("pooling", pooling, POOLINGS), ("merge", merge, MERGES)):
        if value not in known:
            raise SettingError(f"model {name!r}: {setting}={value!r}; {did_you_mean(value, known)}")
    if merge != "concat" and not bidirectional:
        raise SettingError(f"model {name!r}: merge is for bidirectional=True, and would change nothing here")
    body = Recurrent(
        partial(zoned, make, zoneout), step_features, [hidden] * n_layers, bidirectional=bidirectional,
        merge=cast(Merge, merge), dropout=dropout, truncate=truncate,
    )  # fmt: skip
    return RecurrentNet(body, n_outputs, pooling=pooling, dropout=dropout)


@sequence_model("classifier", "regressor", "forecaster")
def rnn(
    *,
    step_features: int,
    n_outputs: int,
    hidden: int = 128,
    cell: str = "elman",
    n_layers: int = 1,
    bidirectional: bool = False,
    merge: str = "concat",
    pooling: str = "last",
    dropout: float = 0.0,
    zoneout: float = 0.0,
    truncate: int | None = None,
) -> nn.Module:
    """A recurrent net of plain cells: "elman" (tanh), "relu", "irnn", "indrnn", "deep_transition" or "jordan"."""
    if cell == "jordan":
        odd = {"n_layers": n_layers != 1, "bidirectional": bidirectional, "pooling": pooling != "last"}
        odd |= {"dropout": dropout > 0, "zoneout": zoneout > 0, "truncate": truncate is not None}
        if any(odd.values()):
            names = ", ".join(name for name, is_odd in odd.items() if is_odd)
            raise SettingError(
                f"model 'rnn': cell='jordan' is one layer that answers with its output; leave out {names}"
            )
        return JordanNet(step_features, n_outputs, hidden=hidden)
    if cell not in PLAIN:
        raise SettingError(f"model 'rnn': cell={cell!r}; {did_you_mean(cell, [*PLAIN, 'jordan'])}")
    return _net(
        "rnn",
        PLAIN[cell],
        step_features,
        n_outputs,
        hidden=hidden,
        n_layers=n_layers,
        bidirectional=bidirectional,
        merge=merge,
        pooling=pooling,
        dropout=dropout,
        zoneout=zoneout,
        truncate=truncate,
    )


@sequence_model("classifier", "regressor", "forecaster")
def lstm(
    *,
    step_features: int,
    n_outputs: int,
    hidden: int = 128,
    peepholes: bool = False,
    normalize: bool = False,
    forget_bias: float = 1.0,
    n_layers: int = 1,
    bidirectional: bool = False,
    merge: str = "concat",
    pooling: str = "last",
    dropout: float = 0.0,
    zoneout: float = 0.0,
    truncate: int | None = None,
) -> nn.Module:
    """Long short-term memory, in one or both directions, with peepholes or layer-normalised gates where asked for."""
    make: Callable[..., Cell] = partial(LSTM, forget_bias=forget_bias)
    if peepholes or normalize:
        make = partial(PeepholeLSTM, peepholes=peepholes, normalize=normalize, forget_bias=forget_bias)
    return _net(
        "lstm",
        make,
        step_features,
        n_outputs,
        hidden=hidden,
        n_layers=n_layers,
        bidirectional=bidirectional,
        merge=merge,
        pooling=pooling,
        dropout=dropout,
        zoneout=zoneout,
        truncate=truncate,
    )


@sequence_model("classifier", "regressor", "forecaster")
def gru(
    *,
    step_features: int,
    n_outputs: int,
    hidden: int = 128,
    reset: str = "after",
    n_layers: int = 1,
    bidirectional: bool = False,
    merge: str = "concat",
    pooling: str = "last",
    dropout: float = 0.0,
    zoneout: float = 0.0,
    truncate: int | None = None,
) -> nn.Module:
    """Gated recurrent units, their reset gate "after" the product with the state (torch, Keras) or "before" (books)."""
    if reset not in RESETS:
        raise SettingError(f"model 'gru': reset={reset!r}; {did_you_mean(reset, RESETS)}")
    return _net(
        "gru",
        RESETS[reset],
        step_features,
        n_outputs,
        hidden=hidden,
        n_layers=n_layers,
        bidirectional=bidirectional,
        merge=merge,
        pooling=pooling,
        dropout=dropout,
        zoneout=zoneout,
        truncate=truncate,
    )
