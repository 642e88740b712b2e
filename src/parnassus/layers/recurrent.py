"""Recurrent layers above each other, in one or both directions, over rows of different lengths."""

from collections.abc import Callable, Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn

from ..errors import DataError
from .cells import Cell, State
from .dropout import Dropout

Merge = Literal["concat", "sum", "mean"]


class Recurrent(nn.Module):
    """Layers of cells: x (batch, time, n_inputs), lengths (batch,) -> states (batch, time, width).

    Parameters
    ----------
    make : makes a cell from (n_inputs, n_units).
    n_units : of each layer.
    bidirectional : a second cell reads every row from its own last step backwards; see `reversed_rows`.
    merge : how the two directions become one: side by side ("concat", twice as wide), their "sum" or "mean".
    dropout : between layers; one draw a row for all steps.

    What stands behind a row's length is 0 in the states, and changes nothing before it.

    Systems: bidirectional-rnn, stacked-rnn
    Source: Schuster and Paliwal 1997; Graves et al. 2013; Hifny eqs. 10.51 to 10.54 (sum and concat), Baker A193,
    Martinez-Ramon 5.5 and 5.6, Jaiswal J110.
    """

    def __init__(
        self,
        make: Callable[[int, int], Cell],
        n_inputs: int,
        n_units: Sequence[int],
        *,
        bidirectional: bool = False,
        merge: Merge = "concat",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.merge = merge
        factor = 2 if bidirectional and merge == "concat" else 1
        widths = [n_inputs, *(n * factor for n in n_units[:-1])]
        self.forwards = nn.ModuleList(make(n_in, n) for n_in, n in zip(widths, n_units, strict=True))
        backwards = [make(n_in, n) for n_in, n in zip(widths, n_units, strict=True)] if bidirectional else []
        self.backwards = nn.ModuleList(backwards)
        self.dropout = Dropout(dropout, mask="sequence")
        self.width = n_units[-1] * factor

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.run(x, lengths)[0]

    def run(
        self, x: Tensor, lengths: Tensor | None = None, states: Sequence[State] | None = None
    ) -> tuple[Tensor, Tensor, list[State]]:
        """All states, the summary of each row (batch, width), and the state of each layer after its last column.

        A row's summary is the forward state at its last step beside (or plus) the backward state at its first; of a
        row without steps it is 0. `states`, from an earlier run, let rows go on where it ended; that is for nets in
        one direction, and for rows without padding.
        """
        if states is not None and self.backwards:
            raise ValueError("a net that reads rows from both ends cannot go on from a state")
        if not x.shape[1]:
            raise DataError(f"x {tuple(x.shape)} has no steps; give rows (batch, time, features) of at least one")
        h, ends, inside = x, [], mask_of(x, lengths)
        summary = x
        cells, others = cast(Sequence[Cell], self.forwards), cast(Sequence[Cell], self.backwards)
        for i, cell in enumerate(cells):
            h = self.dropout(h) if i else h
            ahead, end = cell.run(h, states[i] if states is not None else None)
            ends.append(end)
            summary = last_of(ahead, lengths)
            if others:
                back = reversed_rows(others[i].run(reversed_rows(h, lengths))[0], lengths)
                summary = self._merged(summary, back[:, 0])
                ahead = self._merged(ahead, back)
            h = ahead if inside is None else ahead * inside
        if lengths is not None:
            summary = summary * (lengths > 0)[:, None].to(summary.dtype)
        return h, summary, ends

    def _merged(self, ahead: Tensor, back: Tensor) -> Tensor:
        if self.merge == "concat":
            return torch.cat([ahead, back], -1)
        return ahead + back if self.merge == "sum" else (ahead + back) / 2


def mask_of(x: Tensor, lengths: Tensor | None) -> Tensor | None:
    """1 for steps of x (batch, time, ...) within the lengths, 0 behind them: (batch, time, 1); None without lengths."""
    if lengths is None:
        return None
    return (torch.arange(x.shape[1], device=x.device) < lengths[:, None])[..., None].to(x.dtype)


def last_of(h: Tensor, lengths: Tensor | None) -> Tensor:
    """The last state of each row (batch, width) of h (batch, time, width)."""
    if lengths is None:
        return h[:, -1]
    at = (lengths - 1).clamp(min=0)[:, None, None].expand(-1, 1, h.shape[2])
    return h.gather(1, at)[:, 0]


def reversed_rows(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Each row's real steps from the last to the first, its padding where it was: (batch, time, ...).

    >>> reversed_rows(torch.tensor([[[1], [2], [0]]]), torch.tensor([2]))[0, :, 0].tolist()
    [2, 1, 0]
    """
    if lengths is None:
        return x.flip(1)
    at = torch.arange(x.shape[1], device=x.device)
    order = torch.where(at < lengths[:, None], lengths[:, None] - 1 - at, at)
    return x.gather(1, order[..., None].expand_as(x))
