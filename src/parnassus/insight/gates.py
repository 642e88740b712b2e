"""What the gates of an LSTM or a GRU do step by step."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from ..errors import SettingError
from .style import MUTED, canvas, styled
from .watching import inputs_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LSTM_GATES, GRU_GATES = ("input", "forget", "cell input", "output"), ("reset", "update", "new")


@dataclass(frozen=True)
class GateTrace:
    """Gates, and the `state` and an LSTM's `cell`, (rows, time, units) each; `lengths` (rows,) are the real steps."""

    gates: dict[str, np.ndarray]
    lengths: np.ndarray

    def plot(self, row: int = 0, *, n_units: int = 32) -> "Figure":
        """One row: a panel a gate, units downwards, time to the right."""
        return gate_panels(self, row, n_units=n_units)


def gate_trace(estimator: Any, X: Any, *, layer: int = 0) -> GateTrace:
    """Every gate of one layer of a fitted "lstm" or "gru" at every step of sequences X; the forward direction.

    `layer` counts the net's recurrent layers from 0, the lowest.

    Systems: gate-activity-trace
    Source: Jaiswal, sections 4.11 and 4.12.
    """
    net = getattr(getattr(estimator, "objective_", None), "model", None)
    if net is None:
        raise SettingError("gates are of a fitted estimator, such as pn.Classifier('lstm').fit(sequences, y)")
    found = [m for m in net.modules() if isinstance(m, nn.LSTM | nn.GRU)]
    if not found:
        raise SettingError("this net has no LSTM or GRU of torch's kind; take 'lstm', or 'gru' with reset='after'")
    if not 0 <= layer < len(found):
        raise SettingError(f"the net has {len(found)} recurrent layers, from 0; got layer={layer}")
    net.eval()
    rows = estimator.codec_.encode(X)
    batch = estimator.codec_.prepare(rows.take(torch.arange(len(rows))), estimator.view_)
    with inputs_of(found[layer]) as kept, torch.no_grad():
        estimator.objective_.outputs(batch)
    x, lengths = _padded(kept[0])
    cell = found[layer]
    with torch.no_grad():
        gates = lstm_gate_values(cell, x) if isinstance(cell, nn.LSTM) else gru_gate_values(cell, x)
    given = batch.get("lengths", lengths)
    return GateTrace({k: v.double().cpu().numpy() for k, v in gates.items()}, given.cpu().numpy())


def _padded(x: Any) -> tuple[Tensor, Tensor]:
    if isinstance(x, PackedSequence):
        padded, lengths = pad_packed_sequence(x, batch_first=True)
        return padded, lengths
    return x, torch.full((len(x),), x.shape[1])


def lstm_gate_values(cell: nn.LSTM, x: Tensor) -> dict[str, Tensor]:
    """The gates of torch's LSTM over x (rows, time, n), with state and cell, (rows, time, units) each."""
    w_x, w_h, b_x, b_h = cell.all_weights[0][:4]
    h = c = x.new_zeros(len(x), cell.hidden_size)
    found: dict[str, list[Tensor]] = {name: [] for name in (*LSTM_GATES, "cell", "state")}
    for step in x.unbind(1):
        i, f, g, o = (F.linear(step, w_x, b_x) + F.linear(h, w_h, b_h)).chunk(4, 1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        c = f * c + i * g
        h = o * c.tanh()
        for name, value in zip(found, (i, f, g, o, c, h), strict=True):
            found[name].append(value)
    return {name: torch.stack(values, 1) for name, values in found.items()}


def gru_gate_values(cell: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """The gates of torch's GRU over x (rows, time, n), with the state, (rows, time, units) each."""
    assert isinstance(cell, nn.GRU)
    w_x, w_h, b_x, b_h = cell.all_weights[0][:4]
    h = x.new_zeros(len(x), cell.hidden_size)
    found: dict[str, list[Tensor]] = {name: [] for name in (*GRU_GATES, "state")}
    for step in x.unbind(1):
        (x_r, x_z, x_n), (h_r, h_z, h_n) = F.linear(step, w_x, b_x).chunk(3, 1), F.linear(h, w_h, b_h).chunk(3, 1)
        r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
        n = (x_n + r * h_n).tanh()
        h = z * h + (1 - z) * n
        for name, value in zip(found, (r, z, n, h), strict=True):
            found[name].append(value)
    return {name: torch.stack(values, 1) for name, values in found.items()}


@styled
def gate_panels(trace: GateTrace, row: int = 0, *, n_units: int = 32) -> "Figure":
    """A panel a gate for one row, units downwards; what lies in [0, 1] in one shade, what has a sign in two."""
    if not 0 <= row < len(trace.lengths):
        raise SettingError(f"there are {len(trace.lengths)} rows; got row={row}")
    n = int(trace.lengths[row])
    names = list(trace.gates)
    figure, axes = canvas(len(names), 1, width=6.5, height=1.15 * len(names) + 0.5, label="gates by step", sharex=True)
    for ax, name in zip(axes, names, strict=True):
        shown = trace.gates[name][row, :n, :n_units].T
        signed = name in ("cell input", "new", "cell", "state")
        most = (float(np.abs(shown).max()) or 1.0) if signed else 1.0
        low, colours = (-most, "RdBu_r") if signed else (0.0, "Greys")
        ax.imshow(shown, aspect="auto", interpolation="nearest", vmin=low, vmax=most, cmap=colours)
        ax.set_yticks([])
        ax.grid(False)
        ax.set_title(name, fontsize=9, color=MUTED, fontweight="normal", loc="left", pad=2)
    axes[-1].set_xlabel("step")
    return figure
