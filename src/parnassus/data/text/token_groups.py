"""Rows of texts in groups of like length that hold about as many tokens each: one group is what a step sees."""

from typing import Self

import torch
from torch import Tensor

from ...errors import SettingError
from ..rows import Batch, Rows


class TokenGroups:
    """Groups of rows as rows: each holds as many of like length as fit into `n_tokens` with their padding.

    Rows stand in groups by their sizes, shortest first. In every epoch rows of equal size are dealt anew among their
    groups, and the groups come in another order; how many rows each group has stays as it is, and so does the number
    of steps. Each row is in one group.

    Parameters
    ----------
    rows : what is grouped; `sizes` (rows,) int64, the tokens of each.
    n_tokens : a group's rows times its longest size is at most this.

    Raises
    ------
    SettingError : a row is larger than `n_tokens`; the message names it.

    Source: Vaswani et al. 2017, section 5.1 (pairs of about as many tokens, batched by length).
    """

    def __init__(self, rows: Rows, sizes: Tensor, n_tokens: int) -> None:
        if int(sizes.max()) > n_tokens:
            row = int(sizes.argmax())
            raise SettingError(
                f"row {row} has {int(sizes[row])} tokens, and batch_tokens is {n_tokens}; give as many at least, or "
                "leave the row out"
            )
        self.rows, self.sizes = rows, sizes
        self.members = sizes.argsort(stable=True)
        self.ends = torch.tensor(ends_of(sizes[self.members].tolist(), n_tokens))

    def __len__(self) -> int:
        return len(self.ends)

    def take(self, index: Tensor) -> Batch:
        """The rows of these groups, end to end."""
        return self.rows.take(self.opened(index)[1])

    def opened(self, index: Tensor) -> tuple[Rows, Tensor, list[int]]:
        """What is grouped, its rows that these groups hold, end to end, and how many each of them holds."""
        starts = torch.cat([self.ends.new_zeros(1), self.ends[:-1]])
        parts = [self.members[int(starts[i]) : int(self.ends[i])] for i in index.tolist()]
        return self.rows, torch.cat(parts), [len(part) for part in parts]

    def arranged(self, order: Tensor, window: int, generator: torch.Generator) -> Tensor:
        """The order of groups as it is; rows of equal size are dealt anew among them."""
        drawn = torch.randperm(len(self.sizes), generator=generator)
        self.members = drawn[self.sizes[drawn].argsort(stable=True)]
        return order

    def to(self, device: torch.device) -> Self:
        self.rows = self.rows.to(device)
        return self

    @property
    def n_bytes(self) -> int:
        return self.rows.n_bytes


def ends_of(sizes: list[int], n_tokens: int) -> list[int]:
    """Where groups of ascending sizes end, each with as many as fit.

    >>> ends_of([2, 2, 3, 3, 6], 6)
    [2, 4, 5]
    """
    ends, start = [], 0
    for i, size in enumerate(sizes):
        if (i + 1 - start) * size > n_tokens:
            ends.append(i)
            start = i
    return [*ends, len(sizes)]
