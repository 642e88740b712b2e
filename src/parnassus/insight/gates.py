"""What the gates of an LSTM or a GRU do step by step."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from ..errors import SettingError
from ..layers.cells import GRU, LSTM, Cell, GRUResetBefore, PeepholeLSTM, State, Zoneout
from .style import MUTED, canvas, styled
from .watching import batch_of, inputs_of, recurrent_of

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

    `layer` counts the net's recurrent layers from 0, the lowest. Of a forecaster X are series, and rows the windows
    inside them.

    Systems: gate-activity-trace
    Source: Jaiswal, sections 4.11 and 4.12.
    """
    net = getattr(getattr(estimator, "objective_", None), "model", None)
    if net is None:
        raise SettingError("gates are of a fitted estimator, such as pn.Classifier('lstm').fit(sequences, y)")
    net.eval()
    body, embedding = recurrent_of(estimator)
    if body is None:
        return _of_torchs_layers(estimator, net, X, layer)
    cells = cast(list[Cell], list(body.forwards))
    if not 0 <= layer < len(cells):
        raise SettingError(f"the net has {len(cells)} recurrent layers, from 0; got layer={layer}")
    batch = batch_of(estimator, X)
    with torch.no_grad():
        x = batch["x"] if embedding is None else embedding(batch["x"])
        found = cell_gates(cells[layer], body.read_by(layer, x, batch.get("lengths")))
    return _as_trace(found, batch.get("lengths", torch.full((len(x),), x.shape[1])))


def _of_torchs_layers(estimator: Any, net: nn.Module, X: Any, layer: int) -> GateTrace:
    """The gates of a net that holds layers of torch's itself, as those of videos do."""
    found = [m for m in net.modules() if isinstance(m, nn.LSTM | nn.GRU)]
    if not found:
        raise SettingError("this net has no LSTM or GRU; take pn.model('lstm') or pn.model('gru')")
    if not 0 <= layer < len(found):
        raise SettingError(f"the net has {len(found)} recurrent layers, from 0; got layer={layer}")
    batch, inner = batch_of(estimator, X), found[layer]
    with inputs_of(inner) as kept, torch.no_grad():
        estimator.objective_.outputs(batch)
    if not kept:
        raise SettingError(f"the net answers without its recurrent layer {layer}; ask for another")
    x, lengths = _padded(kept[0])
    cell = (LSTM if isinstance(inner, nn.LSTM) else GRU)(x.shape[2], inner.hidden_size)
    cell.inner.load_state_dict({name: w for name, w in inner.state_dict().items() if name.endswith("_l0")})
    with torch.no_grad():
        return _as_trace(cell_gates(cell.to(x.device), x), batch.get("lengths", lengths))


def _as_trace(gates: dict[str, Tensor], lengths: Tensor) -> GateTrace:
    return GateTrace({name: v.double().cpu().numpy() for name, v in gates.items()}, lengths.cpu().numpy())


def _padded(x: Any) -> tuple[Tensor, Tensor]:
    if isinstance(x, PackedSequence):
        padded, lengths = pad_packed_sequence(x, batch_first=True)
        return padded, lengths
    return x, torch.full((len(x),), x.shape[1])


def cell_gates(cell: Cell, x: Tensor) -> dict[str, Tensor]:
    """The gates of an LSTM or a GRU over x (rows, time, n), an LSTM's cell, and the state, (rows, time, units) each.

    A cell with zoneout shows its gates and the states that it keeps in use, which are mixed with those before.
    """
    inner = cell.inner if isinstance(cell, Zoneout) else cell
    if not isinstance(inner, LSTM | PeepholeLSTM | GRU | GRUResetBefore):
        raise SettingError(
            f"the cell {type(inner).__name__} has no gates; those of 'lstm' and 'gru' have. See insight.memory for "
            "how far back it sees"
        )
    gated = isinstance(inner, LSTM | PeepholeLSTM)
    names = (*LSTM_GATES, "cell", "state") if gated else (*GRU_GATES, "state")
    state, shown = cell.begin(x), []
    for z in cell.project(x).unbind(1):
        after = cell.step(z, state)
        own = lstm_values(inner, z, state) if gated else gru_values(inner, z, state[0])  # type: ignore[arg-type]
        shown.append((*own, *after[::-1]))
        state = after
    return {name: torch.stack(values, 1) for name, values in zip(names, zip(*shown, strict=True), strict=True)}


def lstm_values(cell: LSTM | PeepholeLSTM, z: Tensor, state: State) -> tuple[Tensor, ...]:
    """Input gate, forget gate, cell input and output gate of one step (rows, units), from its projection z."""
    h, c = state
    if isinstance(cell, LSTM):
        i, f, g, o = (z + F.linear(h, cell.inner.all_weights[0][1])).chunk(4, 1)
        return i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    i, f, g, o = (z + cell.norm_h(cell.of_h(h))).chunk(4, 1)
    f = f + cell.forget_bias
    if cell.peepholes is not None:
        i, f = i + cell.peepholes[0] * c, f + cell.peepholes[1] * c
        o = o + cell.peepholes[2] * (f.sigmoid() * c + i.sigmoid() * g.tanh())
    return i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()


def gru_values(cell: GRU | GRUResetBefore, z: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Reset gate, update gate and candidate of one step (rows, units), from its projection z and the state h."""
    if isinstance(cell, GRUResetBefore):
        n = cell.n_units
        r, keep = torch.sigmoid(z[:, : 2 * n] + cell.of_h(h)).chunk(2, 1)
        return r, keep, torch.tanh(z[:, 2 * n :] + cell.of_reset(r * h))
    _, w_h, _, b_h = cell.inner.all_weights[0]
    (x_r, x_z, x_n), (h_r, h_z, h_n) = z.chunk(3, 1), F.linear(h, w_h, b_h).chunk(3, 1)
    r, keep = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
    return r, keep, (x_n + r * h_n).tanh()


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
