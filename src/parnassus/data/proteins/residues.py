"""Proteins: chains of amino acids as letters, and which of their residues touch, from coordinates or as given maps."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError, SettingError, check_count
from ...functional.contacts import CUTOFF, NEAREST, contact_map, separated
from ...functional.losses import IGNORED
from ..codec import Codec, State
from ..rows import Batch, Bucketed
from ..targets import Target, check_lengths
from ..text.tokenizers import PAD, UNKNOWN

AMINO = "ACDEFGHIKLMNPQRSTVWY"
OTHERS = "XBZJUO"  # unknown, either of two, and the two that few proteins hold
STEPS = 2.0, 6.0  # angstrom between neighbours, by the median: 3.8 in proteins

_IDS = {letter: i for i, letter in enumerate(AMINO, 2)} | dict.fromkeys(OTHERS, UNKNOWN)


def residue_rows(raw: Any) -> list[str]:
    """Sequences of one-letter amino acids, in capitals.

    Raises
    ------
    DataError : no sequences, one that is no text or empty, or a letter that is no amino acid; row and place are named.
    """
    if isinstance(raw, str | bytes):
        raise DataError("X is a single text; give a list of sequences, ['MKV...', ...]")
    if getattr(raw, "ndim", 1) != 1 or not hasattr(raw, "__iter__"):
        raise DataError(f"X is a {type(raw).__name__}; give a list (or one column) of sequences, ['MKV...', ...]")
    rows = []
    for i, row in enumerate(raw):
        if not isinstance(row, str):
            raise DataError(f"row {i} of X is {row!r:.60}; a sequence is a text of amino acids, such as 'MKV'")
        wrong = next((j for j, letter in enumerate(row) if not letter.isascii() or letter.upper() not in _IDS), None)
        if wrong is not None:
            raise DataError(
                f"row {i} of X, place {wrong} is {row[wrong]!r}, which is no amino acid; the letters are {AMINO}, and "
                f"{', '.join(OTHERS)} for what is unknown: take gaps, blanks and signs out"
            )
        if not row:
            raise DataError(f"row {i} of X is empty; leave it out")
        rows.append(row.upper())
    if not rows:
        raise DataError("X holds no sequences; give at least one")
    return rows


class Residues(Codec):
    """Amino acids as ids: 20 of them, and one for what is unknown (X, B, Z, J, U and O). Small letters are read too.

    The view "residues" has x (batch, time) and lengths (batch,).
    """

    kind = "residues"

    def fit(self, raw: Any) -> Self:
        residue_rows(raw)
        return self

    def views(self) -> dict[str, dict[str, Any]]:
        return {"residues": {"vocab_size": len(AMINO) + 2, "pad_id": PAD}}

    def encode(self, raw: Any) -> Bucketed:
        rows = residue_rows(raw)
        ids = torch.tensor([_IDS[letter] for row in rows for letter in row], dtype=torch.uint8)
        return Bucketed(ids, torch.tensor([len(row) for row in rows]), pad=PAD)

    def prepare(self, batch: Batch, view: str, *, training: bool = False) -> Batch:
        return batch | {"x": batch["x"].long()}


def contact_rows(raw: Any, rows: Sequence[str], *, cutoff: float) -> list[np.ndarray]:
    """A map of contacts (n, n), bool, for each sequence, from coordinates (n, 3) in angstrom or from a map itself.

    Raises
    ------
    DataError : what does not fit its sequence, holds NaN, or is no coordinates and no map; the row is named.
    """
    if not hasattr(raw, "__len__") or isinstance(raw, str | bytes | dict):
        raise DataError(f"y is a {type(raw).__name__}; give a list with coordinates (n, 3) or a map (n, n) a sequence")
    check_lengths(len(rows), len(raw))
    return [_contacts(one, i, len(row), cutoff) for i, (one, row) in enumerate(zip(raw, rows, strict=True))]


def _contacts(given: Any, i: int, n: int, cutoff: float) -> np.ndarray:
    try:
        array = given.numpy(force=True) if isinstance(given, Tensor) else np.asarray(given)
    except ValueError as error:
        raise DataError(f"row {i} of y holds rows of different lengths; give three numbers a residue") from error
    if array.dtype.kind not in "fiub":
        what = "None" if given is None else str(array.dtype)
        raise DataError(f"row {i} of y holds {what}, and numbers are due: coordinates (n, 3) or a map (n, n)")
    is_map = array.dtype == bool or (array.shape == (n, n) and n != 3)
    if array.shape not in ((n, n), (n, 3)) or (is_map and array.shape != (n, n)):
        raise DataError(
            f"row {i} of X has {n} residues, and row {i} of y is {array.shape}; give coordinates ({n}, 3), a row a "
            f"residue, or a map ({n}, {n})"
        )
    if not np.isfinite(array).all():
        at = int(np.argwhere(~np.isfinite(array))[0][0])
        raise DataError(
            f"row {i} of y, residue {at} has a value that is no finite number; leave this residue out of sequence and "
            f"structure, or give a map of contacts"
        )
    return _as_map(array, i) if is_map else _from_coordinates(array, i, cutoff)


def _as_map(array: np.ndarray, i: int) -> np.ndarray:
    if array.dtype != bool and not np.isin(array, (0, 1)).all():
        raise DataError(f"row {i} of y holds values other than 0 and 1; of distances d give the map d < {CUTOFF:g}")
    if not np.array_equal(array, array.T):
        raise DataError(f"row {i} of y is a map that differs from its transpose; a contact holds both ways")
    return array.astype(bool)


def _from_coordinates(array: np.ndarray, i: int, cutoff: float) -> np.ndarray:
    x = array.astype(np.float64)
    step = float(np.median(np.linalg.norm(np.diff(x, axis=0), axis=1))) if len(x) > 1 else 3.8
    if not STEPS[0] <= step <= STEPS[1]:
        raise DataError(
            f"row {i} of y: neighbours are {step:.3g} apart by the median, and C-alpha atoms are 3.8 angstrom apart; "
            f"give angstrom (nanometres times 10), one row a residue in the order of the chain"
        )
    return contact_map(torch.from_numpy(x), cutoff=cutoff).numpy()


class ContactRows:
    """Maps of contacts, eight pairs a byte; `take` gives "y" (batch, longest, longest / 8), rounded up."""

    def __init__(self, maps: Sequence[np.ndarray]) -> None:
        parts = [np.packbits(one, axis=1) for one in maps]
        self.lengths = torch.tensor([len(one) for one in maps])
        self.values = torch.from_numpy(np.concatenate([part.ravel() for part in parts]))
        sizes = torch.tensor([part.size for part in parts])
        self.starts = sizes.cumsum(0) - sizes

    def __len__(self) -> int:
        return len(self.lengths)

    def take(self, index: Tensor) -> Batch:
        index = index.to(self.lengths.device)
        n = self.lengths[index, None, None]
        width, longest = (n + 7) // 8, int(n.max())
        row = torch.arange(longest, device=n.device)[:, None]
        column = torch.arange((longest + 7) // 8, device=n.device)
        at = (self.starts[index, None, None] + row * width + column).clamp_(max=len(self.values) - 1)
        return {"y": self.values[at] * ((row < n) & (column < width))}

    def to(self, device: torch.device) -> Self:
        self.values, self.lengths, self.starts = (t.to(device) for t in (self.values, self.lengths, self.starts))
        return self

    @property
    def n_bytes(self) -> int:
        return self.values.nbytes + self.lengths.nbytes + self.starts.nbytes


class ContactTargets(Target):
    """Which residues of a chain touch.

    Parameters
    ----------
    least : pairs nearer along the chain than this do not count: neighbours touch in every fold.

    Attributes: `shares` (longest,), the share of contacts among training's pairs at |i - j| = 0, 1, ...: what
    separation alone says. In a batch y is (batch, longest, longest): 1, 0, or IGNORED where a pair does not count.
    """

    kind = "contacts"
    loss_name = "cross_entropy"

    shares: Tensor

    def __init__(self, *, least: int = NEAREST) -> None:
        self.options = {"least": check_count("least_separation", least)}

    def fit(self, raw: Any, inputs: Codec | None = None) -> Self:
        longest, least = max(map(len, raw)), self.options["least"]
        touching, pairs = np.zeros(longest), np.zeros(longest)
        for one in raw:
            n = len(one)
            pairs[:n] += np.arange(n, 0, -1)
            touching[:n] += [np.trace(one, k) for k in range(n)]
        self.shares = torch.from_numpy(touching / pairs).float()
        found, all_pairs = touching[least:].sum(), pairs[least:].sum()
        if found in (0, all_pairs):
            which = "no pair" if not found else "every pair"
            raise DataError(
                f"{which} of residues at least {least} apart along the chain is in contact; there is nothing to learn: "
                f"look whether coordinates are in angstrom, and whether the cutoff fits"
            )
        return self

    def facts(self) -> dict[str, Any]:
        return {}

    def encode(self, raw: Any) -> ContactRows:
        return ContactRows(raw)

    def cut(self, batch: Batch) -> Batch:
        if "y" not in batch:
            return batch
        n = int(batch["x"].shape[1])
        bits = torch.arange(7, -1, -1, device=batch["y"].device)
        y = ((batch["y"][..., None] >> bits) & 1).flatten(2)[..., :n].to(torch.int8)
        place = torch.arange(n, device=y.device)
        counts = (place[:, None] - place).abs() >= self.options["least"]
        ends = torch.maximum(place[:, None], place) < batch["lengths"][:, None, None]
        return batch | {"y": y.masked_fill(~(counts & ends), IGNORED)}

    def state(self) -> State:
        return {"options": dict(self.options), "shares": self.shares}

    @classmethod
    def from_state(cls, state: State) -> Self:
        target = cls(**state["options"])
        target.shares = state["shares"].cpu()
        return target


def check_long_enough(rows: Sequence[str], least: int) -> None:
    """Refuses chains that have no pair of residues so far apart."""
    for i, row in enumerate(rows):
        if not separated(len(row), least).shape[1]:
            raise DataError(
                f"row {i} of X has {len(row)} residues, so that none are {least} apart along the chain, and there is "
                f"nothing to learn or judge; leave it out, or set a smaller least_separation"
            )


def check_cutoff(value: Any) -> float:
    """A distance in angstrom above 0; anything else is refused."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise SettingError(f"cutoff is a distance in angstrom above 0; got {value!r}")
    return float(value)
