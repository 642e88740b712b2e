"""Tables larger than memory, read chunk by chunk as often as need be."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np


class Chunks:
    """Frames of rows, read again on each pass; `len` is the number of rows.

    `read` makes a fresh iterator of frames with the same columns. A codec's `fit` passes over them twice, its `encode`
    once, into what `spilled.spill` makes. `places` says which row of the result each row read becomes, where that is
    not the order of the file; `memory` how many bytes of encoded rows may be in use at a time, None for any.
    """

    form = "table"

    def __init__(
        self,
        read: Callable[[], Iterator[Any]],
        n_rows: int,
        *,
        names: list[str] | None = None,
        places: np.ndarray | None = None,
        memory: int | None = None,
    ) -> None:
        self.read, self.n_rows, self.names, self.places, self.memory = read, n_rows, names, places, memory

    def __iter__(self) -> Iterator[Any]:
        return self.read()

    def __len__(self) -> int:
        return self.n_rows

    def without(self, names: Sequence[str]) -> "Chunks":
        """The same rows without these columns."""
        gone, kept = list(names), [name for name in self.names or () if name not in names]
        return Chunks(
            lambda: (frame.drop(columns=gone) for frame in self.read()),
            self.n_rows,
            names=kept,
            places=self.places,
            memory=self.memory,
        )

    def take_rows(self, rows: np.ndarray) -> "Chunks":
        """The rows with these numbers; they are read in the file's order, and encoded in the order given."""
        source = np.arange(self.n_rows) if self.places is None else np.argsort(self.places, kind="stable")
        wanted = source[rows]  # numbers in reading order
        order = np.argsort(wanted, kind="stable")
        ascending = wanted[order]

        def read() -> Iterator[Any]:
            start = 0
            for frame in self:
                first, last = np.searchsorted(ascending, (start, start + len(frame)))
                inside = ascending[first:last] - start
                start += len(frame)
                if len(inside):
                    yield frame.iloc[inside] if hasattr(frame, "iloc") else frame[inside]

        return Chunks(read, len(rows), names=self.names, places=order, memory=self.memory)
