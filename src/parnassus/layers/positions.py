"""Positions that are added to a row's vectors: learned, or fixed."""

from typing import TypeAlias

import torch
from torch import Tensor, nn

from ..errors import DataError, SettingError, did_you_mean
from ..functional.positions import binary, integer, sinusoidal

POSITIONS = ("sinusoidal", "halves", "learned", "integer", "binary", "rotary", "alibi", "relative", "none")
INSIDE = ("rotary", "alibi", "relative")  # those that live in attention itself


Positions: TypeAlias = "LearnedPositions | FixedPositions | NoPositions"


class LearnedPositions(nn.Module):
    """x (batch, time, width) plus a trainable row for each position, up to `n_positions`.

    Systems: learned-position
    Source: Gehring et al. 2017; Martinez-Ramon 6.2.7 and fig. 6.18 (BERT, ViT).
    """

    def __init__(self, n_positions: int, width: int, *, std: float = 0.02) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_positions, width))
        nn.init.normal_(self.weight, std=std)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        end = start + x.shape[1]
        if end > len(self.weight):
            raise DataError(
                f"a row of {end} steps is longer than the {len(self.weight)} positions that were learned; "
                f"cut it, or build the net with a longer context"
            )
        return x + self.weight[start:end]

    def placed(self, x: Tensor, places: Tensor) -> Tensor:
        """x plus the rows of these places (batch, time), which differ from row to row."""
        return x + self.weight[places]


class FixedPositions(nn.Module):
    """x (batch, time, width) plus sines and cosines, or plus bits or integers in its first columns. Nothing is learned.

    "halves" has all sines before all cosines, as Marian has them. The table grows with the longest row seen. Integers
    are divided by nothing: they are here as a contrast.
    """

    table: Tensor

    def __init__(self, width: int, kind: str = "sinusoidal") -> None:
        super().__init__()
        self.width, self.kind = width, kind
        self.register_buffer("table", self._table(64), persistent=False)

    def _table(self, n: int) -> Tensor:
        if self.kind == "sinusoidal":
            return sinusoidal(n, self.width)
        if self.kind == "halves":
            table = sinusoidal(n, self.width)
            return torch.cat([table[:, ::2], table[:, 1::2]], 1)
        codes = binary(n) if self.kind == "binary" else integer(n)
        if codes.shape[1] > self.width:
            raise SettingError(f"{n} positions need {codes.shape[1]} bits, and the width is {self.width}; widen it")
        # the lowest bit always stands in the last column, however long the table is
        return torch.nn.functional.pad(codes, (self.width - codes.shape[1], 0))

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        end = start + x.shape[1]
        self._grow(end)
        return x + self.table[start:end].to(x.dtype)

    def placed(self, x: Tensor, places: Tensor) -> Tensor:
        """x plus the rows of these places (batch, time), which differ from row to row."""
        self._grow(int(places.max()) + 1)
        return x + self.table[places].to(x.dtype)

    def _grow(self, n: int) -> None:
        if n > len(self.table):
            self.table = self._table(max(n, 2 * len(self.table))).to(self.table)


class NoPositions(nn.Module):
    """x itself."""

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        return x

    def placed(self, x: Tensor, places: Tensor) -> Tensor:
        """x itself."""
        return x


def positions(kind: str, width: int, *, context: int = 512) -> Positions:
    """The module that adds positions of this kind; those that live in attention add nothing here.

    Parameters
    ----------
    kind : "sinusoidal", "halves", "learned" (of at most `context` positions), "integer", "binary", "rotary", "alibi",
        "relative" or "none".
    """
    if kind not in POSITIONS:
        raise SettingError(f"positions={kind!r}; {did_you_mean(kind, POSITIONS)}")
    if kind == "learned":
        return LearnedPositions(context, width)
    return NoPositions() if kind in (*INSIDE, "none") else FixedPositions(width, kind)


def inside(kind: str) -> str | None:
    """What attention must be told of positions of this kind; None where nothing."""
    return kind if kind in INSIDE else None
