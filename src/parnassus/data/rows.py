"""Encoded data: `len`, `take(index) -> dict of tensors`, `batches`, `to(device)`, `n_bytes`. The trainer sees no more.

`Dense` holds rows whole, `Ragged` and `Bucketed` rows of different lengths end to end, `Windows` one long series,
`Stream` rows that stay outside memory; `Joined` puts parts side by side and `Subset` picks rows without copying them.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, Self

import torch
from torch import Tensor

Batch = dict[str, Tensor]


GATHERED = 4_000_000  # bytes that are gathered at once: far fewer calls than one a batch, and still in cache


class Rows(Protocol):
    """What every kind of rows can do; an index is a 1-D int64 tensor on the CPU, in any order."""

    def __len__(self) -> int: ...

    def take(self, index: Tensor) -> Batch: ...

    def to(self, device: torch.device) -> "Rows": ...

    @property
    def n_bytes(self) -> int: ...


def batches(rows: Rows, order: Tensor, sizes: Sequence[int]) -> Iterator[Batch]:
    """`rows.take` of one piece of `order` after another, pieces of these sizes; whole rows are gathered together."""
    if not len(order) or not all(getattr(part, "whole", False) for part in getattr(rows, "parts", (rows,))):
        yield from (rows.take(piece) for piece in order.split(list(sizes)))
        return
    each = max(sum(t.nbytes for t in rows.take(order[:1]).values()), 1)
    at, first = 0, 0
    while first < len(sizes):
        last, n = first + 1, sizes[first]
        while last < len(sizes) and (n + sizes[last]) * each <= GATHERED:
            n, last = n + sizes[last], last + 1
        part = rows.take(order[at : at + n])
        names, columns = list(part), [t.split(list(sizes[first:last])) for t in part.values()]
        for values in zip(*columns, strict=True):
            yield dict(zip(names, values, strict=True))
        at, first = at + n, last


class Dense:
    """Rows held whole: one index_select a tensor."""

    whole = True  # rows of one width, which may be taken together and cut into batches

    def __init__(self, **tensors: Tensor) -> None:
        self.tensors = tensors

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def take(self, index: Tensor) -> Batch:
        return {k: t.index_select(0, index.to(t.device)) for k, t in self.tensors.items()}

    def to(self, device: torch.device) -> Self:
        self.tensors = {k: t.to(device) for k, t in self.tensors.items()}
        return self

    @property
    def n_bytes(self) -> int:
        return sum(t.nbytes for t in self.tensors.values())


class Ragged:
    """Rows of different lengths, end to end; `take` pads to the longest row taken.

    values: (sum of lengths, ...); lengths: (rows,) int64. Rows of length 0 are padding only.
    """

    def __init__(self, values: Tensor, lengths: Tensor, *, pad: float = 0) -> None:
        self.values, self.lengths, self.pad = values, lengths, pad
        self.starts = lengths.cumsum(0) - lengths

    def __len__(self) -> int:
        return len(self.lengths)

    def take(self, index: Tensor) -> Batch:
        index = index.to(self.lengths.device)
        lengths = self.lengths[index]
        at = torch.arange(max(int(lengths.max()), 1), device=lengths.device)
        if not len(self.values):  # rows of nothing
            shape = (*index.shape, len(at), *self.values.shape[1:])
            return {"x": self.values.new_full(shape, self.pad), "lengths": lengths}
        flat = (self.starts[index, None] + at).clamp_(max=len(self.values) - 1)
        inside = (at < lengths[:, None]).view(flat.shape + (1,) * (self.values.ndim - 1))
        return {"x": torch.where(inside, self.values[flat], self.pad), "lengths": lengths}

    def to(self, device: torch.device) -> Self:
        self.values, self.lengths, self.starts = (t.to(device) for t in (self.values, self.lengths, self.starts))
        return self

    @property
    def n_bytes(self) -> int:
        return self.values.nbytes + self.lengths.nbytes + self.starts.nbytes


class Bucketed(Ragged):
    """Rows of different lengths that train beside rows of like length, so that little of a batch is padding."""

    def arranged(self, order: Tensor, window: int, generator: torch.Generator) -> Tensor:
        """An order of rows in which windows hold rows of like length; see `by_length`."""
        return by_length(order, self.lengths, window, generator)


STRETCH = 50  # windows that are sorted together


def by_length(
    order: Tensor, lengths: Tensor, window: int, generator: torch.Generator, *, stretch: int = STRETCH
) -> Tensor:
    """The order with rows of like length side by side: stretches of 50 windows sorted, then their windows shuffled.

    Which rows meet still changes from epoch to epoch with the order. What does not fill a stretch stays as it is: a net
    that sees few windows an epoch learns less from windows of one length each than their padding costs.

    >>> g = torch.Generator().manual_seed(0)
    >>> by_length(torch.arange(5), torch.tensor([3, 1, 3, 1, 2]), 2, g, stretch=2).tolist()
    [1, 3, 0, 2, 4]
    """
    known = lengths.to(order.device)
    parts, taken = [], window * stretch
    for part in order.split(taken):
        if len(part) == taken:
            windows = part[known[part].argsort(stable=True)].view(stretch, window)
            part = windows[torch.randperm(stretch, generator=generator)].flatten()
        parts.append(part)
    return torch.cat(parts)


class Windows:
    """A long series; a row is a start, so windows are never copied out. series: (time, features)."""

    def __init__(self, series: Tensor, length: int) -> None:
        self.series, self.length = series, length

    def __len__(self) -> int:
        return len(self.series) - self.length + 1

    def take(self, index: Tensor) -> Batch:
        steps = torch.arange(self.length, device=self.series.device)
        return {"x": self.series[index.to(self.series.device)[:, None] + steps]}

    def to(self, device: torch.device) -> Self:
        self.series = self.series.to(device)
        return self

    @property
    def n_bytes(self) -> int:
        return self.series.nbytes


class Stream:
    """Rows that stay outside memory: `encode` turns the raw rows asked for into Rows when they are taken.

    The index decides what a batch holds, so a stream gives the batches that the same rows give in memory.
    """

    def __init__(self, source: Sequence[Any], encode: Callable[[list], Rows]) -> None:
        self.source, self.encode, self.device = source, encode, torch.device("cpu")

    def __len__(self) -> int:
        return len(self.source)

    def take(self, index: Tensor) -> Batch:
        part = self.encode([self.source[i] for i in index.tolist()])
        batch = part.tensors if isinstance(part, Dense) else part.take(torch.arange(len(part)))
        return {k: t.to(self.device) for k, t in batch.items()}

    def to(self, device: torch.device) -> Self:
        self.device = device
        return self

    @property
    def n_bytes(self) -> int:
        return 0


class Joined:
    """Inputs, targets and weights side by side; a later part's key wins."""

    def __init__(self, *parts: Rows) -> None:
        self.parts = parts

    def __len__(self) -> int:
        return len(self.parts[0])

    def take(self, index: Tensor) -> Batch:
        return {k: t for part in self.parts for k, t in part.take(index).items()}

    @property
    def arranged(self) -> Callable[[Tensor, int, torch.Generator], Tensor] | None:
        """How the first part that minds its order wants it in training; None where none does."""
        return next((part.arranged for part in self.parts if hasattr(part, "arranged")), None)

    def to(self, device: torch.device) -> Self:
        self.parts = tuple(part.to(device) for part in self.parts)
        return self

    @property
    def n_bytes(self) -> int:
        return sum(part.n_bytes for part in self.parts)


class Subset:
    """Some rows of others, in the order given."""

    def __init__(self, rows: Rows, index: Tensor) -> None:
        self.rows, self.index = rows, index

    def __len__(self) -> int:
        return len(self.index)

    def take(self, index: Tensor) -> Batch:
        return self.rows.take(self.index[index])

    def to(self, device: torch.device) -> Self:
        self.rows = self.rows.to(device)
        return self

    @property
    def n_bytes(self) -> int:
        return self.rows.n_bytes
