"""Encoded rows in a temporary file: an epoch reads each stretch of them once, ahead of the rows that are asked for."""

import math
import mmap
import os
import tempfile
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ..errors import FileError
from .rows import Batch, Rows
from .tables.chunks import Chunks

STRETCH = 1 << 20  # bytes of rows that lie side by side and are read together
LEAST_POOL = 1 << 26  # bytes below which rows count as held, whatever the budget: the disk's cache holds them
READERS = 4  # stretches that are asked of the disk at once, which alone would wait for each


class Scratch:
    """Rows of zeros, mapped to memory, in a temporary file without a name, which goes when they do.

    `read` takes rows past the disk's cache where the machine lets it: a row is read once an epoch, and a cache would
    only make room for it.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.each = int(np.prod(shape[1:])) * np.dtype(dtype).itemsize  # bytes a row
        with tempfile.TemporaryFile() as file:
            file.truncate(max(shape[0] * self.each, 1))
            self._mapping = mmap.mmap(file.fileno(), max(shape[0] * self.each, 1))
            self._opened(os.dup(file.fileno()))
        self.array = np.ndarray(shape, dtype, buffer=self._mapping)
        self.skips_cache = False

    def _opened(self, number: int) -> None:
        self._number = number
        weakref.finalize(self, os.close, number)

    @property
    def whole_pages(self) -> int:
        """The least number of rows that fill whole pages, as reading past the cache asks for."""
        return mmap.PAGESIZE // math.gcd(mmap.PAGESIZE, self.each)

    def skip_cache(self) -> None:
        """Read past the disk's cache from now on, where the file's system has such a way; all is written out first."""
        try:
            self._opened(os.open(f"/proc/self/fd/{self._number}", os.O_RDONLY | os.O_DIRECT))
        except (OSError, AttributeError):
            return  # memory's own file systems, and other machines than Linux, read as ever
        self._mapping.flush()
        self.skips_cache = True

    def read(self, first: int, into: memoryview) -> None:
        """The rows from `first` on, as many as fill `into` or are left."""
        at = first * self.each
        try:
            if hasattr(os, "preadv"):
                os.preadv(self._number, [into], at)
            else:
                found = self._mapping[at : at + len(into)]
                into[: len(found)] = found
        except OSError as error:
            raise FileError(
                f"rows that were put aside in {tempfile.gettempdir()} cannot be read back: {error.strerror or error}; "
                "set TMPDIR to a folder of a disk in order, and fit again"
            ) from error


class Stretches:
    """Those stretches of the rows that are in memory, at most `room` of `length` rows; readers fetch more of them.

    A stretch that is asked for is waited for. Then those of its pool, and of the pool that comes next by `plan`, are
    fetched in the background, and the others make room for them.
    """

    def __init__(self, files: dict[str, Scratch], *, length: int, room: int) -> None:
        self.files, self.length, self.room = files, length, room
        held = {name: mmap.mmap(-1, room * length * file.each or 1) for name, file in files.items()}  # whole pages
        self.views = {name: memoryview(mapping) for name, mapping in held.items()}
        self.tensors = {
            name: torch.from_numpy(np.ndarray((room * length, *f.array.shape[1:]), f.array.dtype, buffer=held[name]))
            for name, f in files.items()
        }
        n = -(-len(next(iter(files.values())).array) // length)
        self.slots = torch.full((n,), -1)
        self._free, self._reading = list(range(room)), dict[int, Future]()
        self._readers = ThreadPoolExecutor(READERS, "parnassus-rows")
        self.plan(torch.arange(n))

    def plan(self, order: Tensor) -> None:
        """In which order stretches will be asked for."""
        self.order, self.turns = order, torch.empty_like(order)
        self.turns[order] = torch.arange(len(order))

    def take(self, index: Tensor) -> Batch | None:
        """Rows by their numbers; None where they lie in more stretches than there is room for."""
        numbers = index // self.length
        asked = numbers.bincount(minlength=len(self.slots)).nonzero().flatten()
        if len(asked) > self.room:
            return None
        self._fetch(asked)
        for number in asked.tolist() if self._reading else ():
            self._wait(number)
        places = self.slots[numbers] * self.length + index - numbers * self.length
        taken = {name: t.index_select(0, places) for name, t in self.tensors.items()}
        pool = self.room // 2
        start = int(self.turns[asked].max()) // pool * pool
        self._fetch(self.order[start : start + 2 * pool])
        return taken

    def _fetch(self, wanted: Tensor) -> None:
        """Have these stretches read where they are not in memory; others make room where they must."""
        missing = wanted[self.slots[wanted] < 0].tolist()
        if len(missing) > len(self._free):
            others = self.slots >= 0
            others[wanted] = False
            for number in others.nonzero().flatten()[: len(missing) - len(self._free)].tolist():
                self._wait(number)
                self._free.append(int(self.slots[number]))
                self.slots[number] = -1
        for number in missing:
            self.slots[number] = slot = self._free.pop()
            self._reading[number] = self._readers.submit(self._read, number, slot)

    def _wait(self, number: int) -> None:
        if number in self._reading:
            self._reading.pop(number).result()

    def _read(self, number: int, slot: int) -> None:
        for name, file in self.files.items():
            size = self.length * file.each
            file.read(number * self.length, self.views[name][slot * size : (slot + 1) * size])


class Spilled:
    """Rows in temporary files, which go when they do; a batch is read when it is taken.

    Where they take more than `memory` bytes, an epoch goes over the files in pools of stretches, so that a row is read
    from disk once, ahead of the training; see `arranged`.
    """

    whole = True

    def __init__(self, files: dict[str, Scratch], *, memory: int | None = None) -> None:
        self.tensors = {name: torch.from_numpy(file.array) for name, file in files.items()}
        self.device = torch.device("cpu")
        each = max(sum(file.each for file in files.values()), 1)
        self.stretch, self.pool = max(STRETCH // each, 1), 0  # rows; stretches, 0 for no pools
        self._files, self._stretches = files, None
        if memory is not None and each * len(self) > max(memory, LEAST_POOL):
            pages = math.lcm(*(file.whole_pages for file in files.values()))
            if pages <= self.stretch:
                self.stretch -= self.stretch % pages
                for file in files.values():
                    file.skip_cache()
            self.pool = max(max(memory, LEAST_POOL) // 2 // (self.stretch * each), 1)
            self._stretches = Stretches(files, length=self.stretch, room=2 * self.pool)

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def take(self, index: Tensor) -> Batch:
        index = index.cpu()
        taken = None if self._stretches is None else self._stretches.take(index)
        if taken is None:
            taken = {name: t.index_select(0, index) for name, t in self.tensors.items()}
        return {name: t.to(self.device) for name, t in taken.items()}

    def arranged(self, order: Tensor, window: int, generator: torch.Generator) -> Tensor:
        """The order of an epoch: as given where the rows fit into memory, else shuffled in pools of half of it.

        The files are cut into stretches of a megabyte, which are shuffled; as many as a pool holds are shuffled
        together, row by row. Which rows meet changes from epoch to epoch, yet only rows of one pool meet. What is
        returned is `order` itself, written over: of many rows their numbers are memory too.
        """
        if self._stretches is None:
            return order
        n = len(self)
        numbers = torch.randperm(-(-n // self.stretch), generator=generator)
        self._stretches.plan(numbers)
        at = 0
        for some in (numbers * self.stretch).split(self.pool):
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
    files: dict[str, Scratch] = {}
    start = 0
    for chunk in chunks:
        part = encode(chunk)
        stop = start + len(part)
        places = np.arange(start, stop) if chunks.places is None else chunks.places[start:stop]
        for key, tensor in part.take(torch.arange(len(part))).items():
            if key not in files:
                files[key] = Scratch((len(chunks), *tensor.shape[1:]), tensor.numpy().dtype)
            files[key].array[places] = tensor.numpy()
        start = stop
    return Spilled(files, memory=chunks.memory)
