"""Recurrent layers above each other, in one or both directions, over rows of different lengths."""

from collections.abc import Callable, Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn

from ..errors import DataError, SettingError
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
    truncate : steps that a layer's slopes go back through at most: it reads rows in pieces as long, and what it carries
        from one to the next is a number without a slope. None lets slopes go back to the first step.

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
        truncate: int | None = None,
    ) -> None:
        super().__init__()
        if truncate is not None and (isinstance(truncate, bool) or not isinstance(truncate, int) or truncate < 1):
            raise SettingError(
                f"truncate is how many steps slopes go back through, at least 1, or None for all; got {truncate!r}"
            )
        self.merge, self.truncate = merge, truncate
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
        h, ends = x, []
        summary = x
        for i in range(len(self.forwards)):
            h, summary, end = self._layer(
                i, self.dropout(h) if i else h, lengths, None if states is None else states[i]
            )
            ends.append(end)
        if lengths is not None:
            summary = summary * (lengths > 0)[:, None].to(summary.dtype)
        return h, summary, ends

    def _layer(
        self, i: int, h: Tensor, lengths: Tensor | None, state: State | None = None
    ) -> tuple[Tensor, Tensor, State]:
        """States of layer i over h (batch, time, n_inputs), each row's summary, and the forward cell's last state."""
        cells, others = cast(Sequence[Cell], self.forwards), cast(Sequence[Cell], self.backwards)
        ahead, end = in_pieces(cells[i], h, state, self.truncate)
        summary, inside = last_of(ahead, lengths), mask_of(h, lengths)
        if others:
            back = reversed_rows(in_pieces(others[i], reversed_rows(h, lengths), None, self.truncate)[0], lengths)
            summary, ahead = self._merged(summary, back[:, 0]), self._merged(ahead, back)
        return ahead if inside is None else ahead * inside, summary, end

    def read_by(self, i: int, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """What layer i reads of x (batch, time, n_inputs) in use: x itself, or the states of the layer below."""
        for below in range(i):
            x = self._layer(below, x, lengths)[0]
        return x

    def _merged(self, ahead: Tensor, back: Tensor) -> Tensor:
        if self.merge == "concat":
            return torch.cat([ahead, back], -1)
        return ahead + back if self.merge == "sum" else (ahead + back) / 2


def in_pieces(cell: Cell, x: Tensor, state: State | None, n_steps: int | None) -> tuple[Tensor, State]:
    """What `cell.run` says of x (batch, time, n_inputs), in pieces of `n_steps` that slopes do not leave.

    Each piece begins with the state that the one before ended in, so that the numbers are those of one run; only the
    slopes differ. None is one run.

    Source: Williams and Peng 1990 (truncated backpropagation through time).
    """
    if n_steps is None or not torch.is_grad_enabled():
        return cell.run(x, state)
    first, *others = x.split(n_steps, 1)
    shown, state = cell.run(first, state)
    parts = [shown]
    for piece in others:
        shown, state = cell.run(piece, tuple(part.detach() for part in state))
        parts.append(shown)
    return torch.cat(parts, 1), state


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
