"""Tables larger than memory: read chunk by chunk as often as need be, encoded once into a file that is mapped."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from .rows import Batch, Rows


class Chunks:
    """Frames of rows, read again on each pass; `len` is the number of rows.

    `read` makes a fresh iterator of frames with the same columns. A codec's `fit` passes over them twice, its `encode`
    once (see `spill`). `places` says which row of the result each row read becomes, where that is not the file's order.
    """

    form = "table"

    def __init__(
        self,
        read: Callable[[], Iterator[Any]],
        n_rows: int,
        *,
        names: list[str] | None = None,
        places: np.ndarray | None = None,
    ) -> None:
        self.read, self.n_rows, self.names, self.places = read, n_rows, names, places

    def __iter__(self) -> Iterator[Any]:
        return self.read()

    def __len__(self) -> int:
        return self.n_rows

    def without(self, names: Sequence[str]) -> "Chunks":
        """The same rows without these columns."""
        gone, kept = list(names), [name for name in self.names or () if name not in names]
        return Chunks(
            lambda: (frame.drop(columns=gone) for frame in self.read()), self.n_rows, names=kept, places=self.places
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

        return Chunks(read, len(rows), names=self.names, places=order)


class Spilled:
    """Rows in a memory-mapped temporary file, which goes when they do; a batch is read when it is taken."""

    def __init__(self, **tensors: Tensor) -> None:
        self.tensors, self.device = tensors, torch.device("cpu")

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def take(self, index: Tensor) -> Batch:
        return {k: t.index_select(0, index.cpu()).to(self.device) for k, t in self.tensors.items()}

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
    return Spilled(**{key: torch.from_numpy(array) for key, array in arrays.items()})


def mapped_array(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array of zeros in a temporary file without a name: it goes when the array goes."""
    if not int(np.prod(shape)):
        return np.zeros(shape, dtype)
    with tempfile.TemporaryFile() as file:  # the mapping keeps the bytes after the file is closed
        return np.memmap(file, dtype=dtype, mode="w+", shape=shape)
