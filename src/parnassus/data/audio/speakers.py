"""Who speaks in recordings, and norms over all that each speaker says."""

import os
import warnings
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import DataError, DataWarning
from ...functional.signal import with_deltas
from ...functional.signal.normalization import EPS
from ..answers import is_gap
from ..rows import Ragged

FOLDER = "folder"  # in place of a column's name: the folder that a file lies in
Norm = tuple[Tensor, Tensor]  # mean and standard deviation (features,)


class SpokenPath(type(Path())):  # type: ignore[misc]
    """The path of a recording of which the column of a table says who speaks."""

    speaker: Hashable = None
    column = "speaker"


def spoken(path: Path, speaker: Any, column: str) -> Path:
    """The path, which knows its speaker from here on; as it is where nobody said one."""
    if is_gap(speaker):
        return path
    found = SpokenPath(path)
    found.speaker, found.column = speaker, column
    return found


def speakers_of(sounds: Sequence[Any], told: Sequence[Any] | None, named: str) -> list[Any]:
    """Who speaks in each recording, None where nothing says so.

    Parameters
    ----------
    told : what came with arrays; None asks the paths.
    named : "folder" takes the folder that each file lies in.
    """
    if told is not None:
        return [None if is_gap(who) else who for who in told]
    if named == FOLDER:
        return [str(Path(one).parent) if isinstance(one, str | os.PathLike) else None for one in sounds]
    return [getattr(one, "speaker", None) for one in sounds]


def check_speakers(speakers: Sequence[Any], names: Sequence[str], named: str) -> None:
    """Refuse to learn from recordings of which nothing says who speaks, or of which one folder holds all."""
    rows, n = [row for row, who in enumerate(speakers) if who is None], len(speakers)
    ways = (
        f"give a table with a column {'speaker' if named == FOLDER else named!r} (codec=pn.Speech(speaker=...) names "
        "another), Sounds(arrays, rate, speakers=[...]), or codec=pn.Speech(speaker='folder') for folders of speakers"
    )
    if rows:
        raise DataError(
            f"features are normalised by speaker, and {len(rows)} of {n} recordings do not say who speaks, the "
            f"first is {names[rows[0]]}; {ways}"
        )
    if named == FOLDER and len(set(speakers)) == 1 < n:
        raise DataError(
            f"features are normalised by speaker, a folder each, and all {n} recordings lie in "
            f"{speakers[0]}, as if one speaker said everything; {ways}"
        )


def alone(speakers: Sequence[Any]) -> list[Any]:
    """The same speakers, where none is known one for each recording; a warning says of how many."""
    n = sum(who is None for who in speakers)
    if n:
        warnings.warn(
            f"{n} of {len(speakers)} recordings do not say who speaks: each of them is normalised by itself",
            DataWarning,
            stacklevel=2,
        )
    return [("alone", row) if who is None else who for row, who in enumerate(speakers)]


def norms_of(parts: Iterable[Tensor], speakers: Sequence[Any]) -> list[Norm]:
    """Mean and deviation, for each utterance (n_frames, features), of all frames of its speaker.

    Frames of a speaker need not be in memory together.

    Systems: cepstral-mean-normalisation
    Source: Hifny A3.21.
    """
    sums: dict[Any, tuple[int, Tensor, Tensor]] = {}
    for part, who in zip(parts, speakers, strict=True):
        n, total, squares = sums.get(who, (0, torch.zeros(()), torch.zeros(())))
        x = part.double()
        sums[who] = n + len(x), total + x.sum(0), squares + x.square().sum(0)
    found = {}
    for who, (n, total, squares) in sums.items():
        mean = total / n
        found[who] = mean.float(), ((squares / n - mean.square()).clamp(min=0) + EPS).sqrt().float()
    return [found[who] for who in speakers]


def normed(held: Ragged, norms: Sequence[Norm], n_deltas: int) -> Ragged:
    """Utterances less their means, over their deviations, with deltas of that."""
    parts = held.values.split(held.lengths.tolist())
    each = [(x - mean) / std for x, (mean, std) in zip(parts, norms, strict=True)]
    return Ragged(torch.cat([with_deltas(x, orders=n_deltas) for x in each]), held.lengths)
