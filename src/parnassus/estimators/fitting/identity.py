"""Which data and which versions a model was made from."""

import functools
import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ...data.rows import Dense, Joined, Ragged, Rows
from ...version import __version__

if TYPE_CHECKING:
    from ..base import Estimator

SAMPLED, WHOLE = 4096, 32_000_000  # rows; bytes of encoded data up to which every row is read
FOLDED, LANES = 1 << 20, 8192  # bytes from which on data are folded; words side by side that stay in cache
SAMPLED_OUTSIDE = 256  # rows of data that stay outside memory, each of which may be a picture to decode
KEYED, MIXER = 1_000_000, np.uint64(0x9E3779B97F4A7C15)  # rows that are known again; an odd number of mixed bits


def fingerprint(rows: Rows, *, folded: bool = True) -> str:
    """A digest of the encoded rows and their number; of much data, of some rows spread evenly over them.

    Megabytes are folded into fewer numbers first, which takes a sixth of the time; such digests begin with "2-", and
    `folded=False` gives what was kept of the same rows before there was folding.
    """
    parts = rows.parts if isinstance(rows, Joined) else (rows,)
    outside = not all(part.n_bytes for part in parts)  # of memory: reading them all would be reading the data once more
    whole = not outside and rows.n_bytes <= WHOLE
    if folded and whole and rows.n_bytes >= FOLDED and all(isinstance(part, Dense | Ragged) for part in parts):
        return "2-" + _digest(len(rows), tensors_of(parts), size=15)
    n = SAMPLED_OUTSIDE if outside else len(rows) if whole else SAMPLED
    index = torch.linspace(0, len(rows) - 1, min(n, len(rows)), dtype=torch.float64).round().long()
    return _digest(len(rows), rows.take(index), size=16)


def as_kept(held: str, rows: Rows) -> str:
    """The fingerprint of rows, made as the one that a run or a model holds was."""
    return fingerprint(rows, folded=held.startswith("2-"))


def made_alike(identity: dict[str, Any], held: Mapping[str, Any], rows: Rows) -> dict[str, Any]:
    """An identity whose fingerprint is made as that of a checkpoint was, which may be older than folding."""
    told, kept = identity["fingerprint"], held["fingerprint"]
    alike = told.startswith("2-") == kept.startswith("2-")
    return identity if alike else identity | {"fingerprint": as_kept(kept, rows)}


def tensors_of(parts: Sequence[Rows]) -> dict[str, torch.Tensor]:
    """What rows in memory are made of, by name."""
    found: dict[str, torch.Tensor] = {}
    for i, part in enumerate(parts):
        if isinstance(part, Ragged):
            found |= {f"{i} values": part.values, f"{i} lengths": part.lengths}
        elif isinstance(part, Dense):
            found |= {f"{i} {name}": tensor for name, tensor in part.tensors.items()}
    return found


def _digest(n: int, tensors: Mapping[str, torch.Tensor], *, size: int) -> str:
    digest = hashlib.blake2b(str(n).encode(), digest_size=size)
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        array = np.ascontiguousarray(tensor.cpu().numpy())
        if name[0].isdigit() and array.nbytes >= FOLDED:
            digest.update(f"{array.dtype} {array.shape}".encode())
            array = _folded(array.reshape(-1).view(np.uint8))
        digest.update(array.data)
    return digest.hexdigest()


def _folded(held: np.ndarray) -> np.ndarray:
    """Bytes (n,) as the same number of 64-bit words for any n, and the bytes that are left over.

    Word after word of a lane changes its state one to one: two arrays that differ in one word of a lane differ in it
    for sure, in more but for a chance of 2**-64.
    """
    n = held.nbytes // (8 * LANES) * LANES
    state, next_state = np.zeros(LANES, dtype=np.uint64), np.empty(LANES, dtype=np.uint64)
    odd = np.random.default_rng(0).integers(0, 2**63, LANES, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    for words in held[: 8 * n].view(np.uint64).reshape(-1, LANES):
        np.bitwise_xor(state, words, out=state)
        np.multiply(state, odd, out=state)
        np.right_shift(state, np.uint64(32), out=next_state)
        np.bitwise_xor(state, next_state, out=state)
    return np.concatenate([state.view(np.uint8), held[8 * n :]])


def identity_of(estimator: "Estimator", rows: Rows) -> dict[str, Any]:
    """What a checkpoint must have been made of to be taken up: the rows, the net, its loss and its first weights."""
    found = {"fingerprint": fingerprint(rows), "n_rows": len(rows), "model": estimator.model_name}
    found |= {"loss": repr(estimator.loss), "view": estimator.view_}
    for name in ("init", "inference"):
        found |= {name: repr(getattr(estimator, name))} if getattr(estimator, name) is not None else {}
    return found


def row_keys_of(rows: Rows, most: int = KEYED) -> torch.Tensor | None:
    """A 64-bit key of each encoded row's inputs (rows,), int64, answers and weights aside: equal rows, equal keys.

    Of more rows than `most`, or than 32 MB hold, some spread evenly over them; None where rows stay outside memory.
    """
    parts = rows.parts if isinstance(rows, Joined) else (rows,)
    if isinstance(parts[0], Ragged):
        return _ragged_keys(parts[0])
    held = {k: t for p in parts if isinstance(p, Dense) for k, t in p.tensors.items() if k not in ("y", "weight")}
    if not isinstance(parts[0], Dense) or not held:
        return None
    if most == KEYED:
        most = min(KEYED, max(WHOLE * len(rows) // max(rows.n_bytes, 1), SAMPLED))
    keys = np.zeros(min(len(rows), most), dtype=np.uint64)
    for _, tensor in sorted(held.items()):
        if len(tensor) > most:
            tensor = tensor[torch.linspace(0, len(tensor) - 1, most, dtype=torch.float64).round().long()]
        keys = keys * MIXER + _hashed(np.ascontiguousarray(tensor.cpu().numpy()).reshape(len(keys), -1))
    return torch.from_numpy(keys.view(np.int64))


def _hashed(matrix: np.ndarray) -> np.ndarray:
    """Keys of rows of numbers: their bytes as words, mixed, times fixed odd numbers, summed modulo 2**64."""
    width = matrix.shape[1] * matrix.itemsize
    if width % 8:
        padded = np.zeros((len(matrix), width + 8 - width % 8), dtype=np.uint8)
        padded[:, :width] = matrix.view(np.uint8)
        matrix = padded
    words, keys = matrix.view(np.uint64), np.empty(len(matrix), dtype=np.uint64)
    weights = np.random.default_rng(0).integers(0, 2**63, words.shape[1], dtype=np.uint64) * np.uint64(2)
    weights += np.uint64(1)
    step = max(16_384 // max(words.shape[1], 1), 1)  # words that stay in cache
    for start in range(0, len(words), step):
        part = words[start : start + step] * MIXER
        part ^= part >> np.uint64(32)  # what differs in high bits alone shall differ in low ones too
        keys[start : start + step] = part @ weights
    return keys


def _ragged_keys(rows: Ragged) -> torch.Tensor | None:
    """Keys of rows of different lengths, whatever rows they are padded with."""
    if rows.values.ndim != 1:
        return None
    lengths, starts = rows.lengths.cpu().numpy(), rows.starts.cpu().numpy()
    place = np.arange(len(rows.values)) - np.repeat(starts, lengths)
    words = (rows.values.cpu().numpy().astype(np.int64).view(np.uint64) + np.uint64(1)) * MIXER
    words = (words ^ (words >> np.uint64(29))) * (place.astype(np.uint64) * MIXER | np.uint64(1))
    sums = np.concatenate([np.zeros(1, np.uint64), (words ^ (words >> np.uint64(32))).cumsum(dtype=np.uint64)])
    return torch.from_numpy((sums[starts + lengths] - sums[starts]).view(np.int64))


def versions() -> dict[str, str]:
    """The versions that equal weights need."""
    return dict(_versions())


@functools.cache  # a look-up parses a whole file of metadata, 2 ms of every fit
def _versions() -> dict[str, str]:
    return {
        "parnassus": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scikit-learn": importlib.metadata.version("scikit-learn"),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
