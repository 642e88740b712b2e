"""Tables larger than memory: read chunk by chunk as often as need be, encoded once into a file that is mapped."""

import mmap
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from .rows import Batch, Rows

STRETCH = 1 << 20  # bytes of rows that lie side by side and are read together
LEAST_POOL = 1 << 26  # bytes below which rows count as held, whatever the budget: the disk's cache holds them


class Chunks:
    """Frames of rows, read again on each pass; `len` is the number of rows.

    `read` makes a fresh iterator of frames with the same columns. A codec's `fit` passes over them twice, its `encode`
    once (see `spill`). `places` says which row of the result each row read becomes, where that is not the file's order;
    `memory` how many bytes of encoded rows may be in use at a time, None for any.
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


class Spilled:
    """Rows in a memory-mapped temporary file, which goes when they do; a batch is read when it is taken.

    Where they take more than `memory` bytes, an epoch goes over the file in pools of stretches, so that a row is read
    from disk once; see `arranged`.
    """

    def __init__(self, arrays: dict[str, np.ndarray], *, memory: int | None = None) -> None:
        self.tensors, self.device = {k: torch.from_numpy(array) for k, array in arrays.items()}, torch.device("cpu")
        each = max(sum(t.nbytes for t in self.tensors.values()) // max(len(self), 1), 1)
        held = memory is None or each * len(self) <= max(memory, LEAST_POOL)
        self.pool = 0 if held else max(max(memory or 0, LEAST_POOL) // 2 // STRETCH, 1)  # stretches; 0 for no pools
        self.stretch = max(STRETCH // each, 1)  # rows
        self.maps = [(mapping_of(array), array.nbytes // max(len(self), 1)) for array in arrays.values()]
        self._fetched: set[int] = set()
        for mapping, _ in self.maps if self.pool else ():
            mapping.madvise(mmap.MADV_RANDOM)  # the disk's guess of what comes next would fetch what nobody asked for

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def take(self, index: Tensor) -> Batch:
        index = index.cpu()
        if self.pool:
            self._fetch(index)
        return {k: t.index_select(0, index).to(self.device) for k, t in self.tensors.items()}

    def _fetch(self, index: Tensor) -> None:
        """Have the disk read the stretches that the rows lie in, each as a whole, before the rows are asked for."""
        asked = set((index // self.stretch).unique().tolist()) - self._fetched
        if len(self._fetched) + len(asked) > 2 * self.pool:
            self._fetched.clear()  # those of earlier pools, which may be gone from memory
        self._fetched |= asked
        for mapping, each in self.maps:
            for number in asked:
                start = number * self.stretch * each // mmap.PAGESIZE * mmap.PAGESIZE
                n_bytes = min(self.stretch * each + mmap.PAGESIZE, len(mapping) - start)
                mapping.madvise(mmap.MADV_WILLNEED, start, n_bytes)

    def arranged(self, order: Tensor, window: int, generator: torch.Generator) -> Tensor:
        """The order of an epoch: as given where the rows fit into memory, else shuffled in pools of half of it.

        The file is cut into stretches of a megabyte, which are shuffled; as many as a pool holds are shuffled together,
        row by row. Which rows meet changes from epoch to epoch, yet only rows of one pool meet. What is returned is
        `order` itself, written over: of many rows their numbers are memory too.
        """
        if not self.pool:
            return order
        n = len(self)
        starts = torch.randperm(-(-n // self.stretch), generator=generator) * self.stretch
        at = 0
        for some in starts.split(self.pool):
            rows = (some[:, None] + torch.arange(self.stretch)).flatten()
            rows = rows[rows < n]
            order[at : at + len(rows)] = rows[torch.randperm(len(rows), generator=generator)]
            at += len(rows)
        return order

    def to(self, device: torch.device) -> Self:
        self.device = device
        return self

    @property
    def n_bytes(self) -> int:
        return 0


def spill(chunks: Chunks, encode: Callable[[Any], Rows]) -> Spilled:
    """The rows that `encode` gives for each chunk, in temporary files (`tempfile.gettempdir()`), mapped to memory."""
    arrays: dict[str, np.ndarray] = {}
    start = 0
    for chunk in chunks:
        part = encode(chunk)
        stop = start + len(part)
        places = np.arange(start, stop) if chunks.places is None else chunks.places[start:stop]
        for key, tensor in part.take(torch.arange(len(part))).items():
            if key not in arrays:
                arrays[key] = mapped_array((len(chunks), *tensor.shape[1:]), tensor.numpy().dtype)
            arrays[key][places] = tensor.numpy()
        start = stop
    return Spilled(arrays, memory=chunks.memory)


def mapped_array(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array of zeros in a temporary file without a name: it goes when the array goes."""
    n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    with tempfile.TemporaryFile() as file:  # the mapping keeps the bytes after the file is closed
        file.truncate(max(n_bytes, 1))
        mapping = mmap.mmap(file.fileno(), max(n_bytes, 1))
    return np.ndarray(shape, dtype, buffer=mapping)


def mapping_of(array: np.ndarray) -> mmap.mmap:
    """The mapping that an array of `mapped_array` lies in."""
    assert isinstance(array.base, mmap.mmap)
    return array.base
