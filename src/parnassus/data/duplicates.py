"""Equal rows, found by keys: in one table, and on both sides of a split."""

import hashlib
import os
from typing import Any

import numpy as np
from torch import Tensor

from .codec import form_of
from .shards import as_file
from .tables.chunks import Chunks
from .tables.columns import Frame, is_missing, read_frame

MIXER = np.uint64(0x9E3779B97F4A7C15)


def straddling(train: Any, test: Any) -> int:
    """How many rows of `test` are also in `train`, to the last bit."""
    return int(np.isin(row_keys(test), row_keys(train)).sum())


def row_keys(X: Any) -> np.ndarray:
    """A 64-bit hash of each row (rows,), uint64: equal rows have equal keys, others almost surely different ones."""
    if isinstance(X, Chunks):
        return np.concatenate([row_keys(frame) for frame in X])
    if isinstance(X, Tensor):
        X = X.numpy(force=True)
    if isinstance(X, np.ndarray) and X.dtype != object and X.ndim > 2:
        return mixed(np.ascontiguousarray(X).reshape(len(X), -1))
    if (
        not isinstance(X, Frame) and not hasattr(X, "columns") and form_of(X) != "table"
    ):  # of a frame, even one of paths
        return np.array([thing_key(x) for x in X], dtype=np.uint64)
    frame = read_frame(X)
    if isinstance(frame.columns, np.ndarray):
        return mixed(frame.columns)
    keys = np.zeros(frame.n_rows, dtype=np.uint64)
    for column in frame.columns:
        keys = keys * MIXER + column_keys(column)
    return keys


def mixed(matrix: np.ndarray) -> np.ndarray:
    """Keys of rows of numbers: a product sum modulo 2**64 with fixed odd weights, then a final shuffle of the bits."""
    keys = np.zeros(len(matrix), dtype=np.uint64)
    weights = np.random.default_rng(0).integers(0, 2**63, matrix.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(
        1
    )
    step = max((1 << 22) // max(matrix.shape[1], 1), 1)
    for start in range(0, len(matrix), step):
        part = matrix[start : start + step]
        bits = part.astype(np.uint64) if part.dtype.kind in "bu" else (part.astype(np.float64) + 0.0).view(np.uint64)
        bits = bits ^ (bits >> np.uint64(32))  # small numbers differ in their high bits alone
        keys[start : start + step] = (bits * weights).sum(1, dtype=np.uint64)
    return keys ^ (keys >> np.uint64(29))


def column_keys(column: np.ndarray) -> np.ndarray:
    """Keys of one column's values; a missing value is equal to another."""
    if column.dtype.kind in "biuf":
        return mixed(np.nan_to_num(column.astype(np.float64), nan=1.2345e300)[:, None])
    if column.dtype.kind in "mM":
        return column.astype(np.int64).view(np.uint64)
    import pandas as pd

    values = column.astype(object)
    if {type(v) for v in values} != {str}:
        values = np.array([repr(v) for v in values], dtype=object)
        values[is_missing(column)] = "missing"
    return pd.util.hash_array(values)


def thing_key(thing: Any) -> int:
    """The key of one picture, text or sequence: of its bytes."""
    if isinstance(thing, str):
        data = thing.encode()
    elif isinstance(thing, os.PathLike):
        data = as_file(thing).read_bytes()
    elif isinstance(thing, Tensor | np.ndarray):
        array = thing.numpy(force=True) if isinstance(thing, Tensor) else thing
        data = str(array.shape).encode() + np.ascontiguousarray(array).tobytes()
    elif hasattr(thing, "tobytes"):
        data = str(getattr(thing, "size", "")).encode() + thing.tobytes()
    else:
        data = repr(thing).encode()
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
