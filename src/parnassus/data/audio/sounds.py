"""One sound at a time: from a file or an array to samples of one channel at one rate; and folders of sounds."""

import os
import struct
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ...errors import DataError, DataWarning, FileError, did_you_mean
from ...functional.signal.sampling import resample
from ..answers import shown
from ..shards import Member, as_file, stream_of
from .speakers import spoken

SOUNDS = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".w64", ".caf", ".sph"}
CLIPPED = 0.001  # share of samples at the limit, in runs of three and more, from which on a recording is called clipped


class Sounds:
    """Arrays (n,) that know their sample rate: what `form_of` cannot tell from the rows of a table.

    speakers : who speaks in each, where that matters: for `Speech(normalize="speaker")`.
    """

    form = "sounds"

    def __init__(self, arrays: Sequence[Any], sample_rate: int, *, speakers: Sequence[Any] | None = None) -> None:
        self.arrays, self.sample_rate = list(arrays), int(sample_rate)
        self.speakers = None if speakers is None else list(speakers)
        if self.speakers is not None and len(self.speakers) != len(self.arrays):
            raise DataError(
                f"there are {len(self.arrays)} sounds and {len(self.speakers)} speakers; give one speaker for each"
            )

    def __len__(self) -> int:
        return len(self.arrays)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.arrays)

    def __getitem__(self, row: int) -> Any:
        return self.arrays[row]

    def take_rows(self, rows: np.ndarray) -> "Sounds":
        """Some of them, in the order given."""
        told = None if self.speakers is None else [self.speakers[i] for i in rows.tolist()]
        return Sounds([self.arrays[i] for i in rows.tolist()], self.sample_rate, speakers=told)


def is_sound_path(given: Any) -> bool:
    """Whether something is the path of a sound, by how it ends."""
    return isinstance(given, str | os.PathLike) and Path(given).suffix.lower() in SOUNDS


def is_wave(given: Any) -> bool:
    """Whether something is one channel of float samples."""
    kind = isinstance(given, Tensor) and given.is_floating_point()
    return (kind or (isinstance(given, np.ndarray) and given.dtype.kind == "f")) and given.ndim == 1


def paths_in(frame: Any, options: Mapping[str, Any]) -> list[Path]:
    """The paths in a table's column, in the folder that they start from; they know their speaker where a column does.

    `options` are those of `Speech`: column, folder, speaker.
    """
    names, column, speaker = [str(name) for name in frame.columns], options["column"], options["speaker"]
    if column is None:
        found = [n for n in names if len(frame) and is_sound_path(frame[n].to_list()[0])]
        if len(found) != 1:
            raise DataError(
                f"of the columns {', '.join(names[:20])} {len(found) or 'none'} hold paths of sounds; name one: "
                "codec=pn.Speech(column=...)"
            )
        column = found[0]
    if column not in names:
        raise DataError(f"the table has no column {column!r} of paths; {did_you_mean(column, names)}")
    folder = Path(options["folder"] or "")
    paths = [folder / str(path) for path in frame[column].to_list()]
    if speaker not in names:
        return paths
    return [spoken(path, who, speaker) for path, who in zip(paths, frame[speaker].to_list(), strict=True)]


# --- reading --------------------------------------------------------------------------------------


def read_sound(given: Any, where: str, *, channels: str = "mean") -> tuple[np.ndarray, int | None]:
    """Samples (n,) float32 from -1 to 1, and the rate that the file names (None of an array).

    Whole numbers are divided by their range. Several channels are averaged ("mean"), or refused ("one").
    """
    if isinstance(given, str | os.PathLike):
        samples, rate = read_file(as_file(given))
    else:
        samples, rate = as_floats(given.numpy(force=True) if isinstance(given, Tensor) else given, where), None
    if samples.ndim == 2 and samples.shape[1] > 1:
        if channels == "one":
            raise DataError(
                f"{where} has {samples.shape[1]} channels, and one is due; mix them before, or say "
                "codec=pn.Speech(channels='mean')"
            )
        samples = samples.mean(1, dtype=np.float32)
    samples = samples.reshape(-1)
    if not len(samples):
        raise DataError(f"{where} holds no samples; leave it out")
    if not np.isfinite(samples).all():
        at = int((~np.isfinite(samples)).argmax())
        raise DataError(f"{where} holds NaN or infinity at sample {at}; mend the recording or leave it out")
    return np.ascontiguousarray(samples), rate


def read_file(path: Path | Member) -> tuple[np.ndarray, int]:
    """All samples (n,) or (n, channels) of a file, and its rate; what is no sound or cut short is refused by name."""
    import soundfile

    check_header(path)
    try:
        with soundfile.SoundFile(stream_of(path)) as file:
            due = file.frames
            samples = file.read(dtype="float32")
            rate = int(file.samplerate)
    except (soundfile.SoundFileError, RuntimeError, OSError) as error:
        raise FileError(f"{path} cannot be read as a sound: {error}; mend or remove it") from error
    if 0 < due < 1 << 60 and len(samples) < due:
        raise FileError(
            f"{path} ends after {len(samples)} of the {due} samples that its header names; it was cut short: fetch it "
            "again, or leave it out"
        )
    return samples, rate


def check_header(path: Path | Member) -> int:
    """The sample rate of a file by its header; refuses what is missing, empty, no sound, or a WAV cut short."""
    import soundfile

    try:
        size = path.stat().st_size
    except OSError:
        raise FileError(f"{path} does not exist; look at the path") from None
    if not size:
        raise FileError(f"{path} is empty (0 bytes); look whether it was written to the end")
    try:
        info = soundfile.info(stream_of(path))
    except (soundfile.SoundFileError, RuntimeError, OSError) as error:
        raise FileError(f"{path} cannot be read as a sound: {error}; mend or remove it") from error
    due = wav_bytes(path)
    if due is not None and due > size:
        raise FileError(
            f"{path} is {size} bytes long and its header names {due}; it was cut short: fetch it again, or leave it out"
        )
    return int(info.samplerate)


def wav_bytes(path: Path | Member) -> int | None:
    """How long a WAV file says it is, by its data chunk; None of other files, and where the writer left it open."""
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return None
        while len(chunk := file.read(8)) == 8:
            name, n = struct.unpack("<4sI", chunk)
            if name == b"data":
                return None if n >= 0xFFFFFF00 else file.tell() + n  # streams do not know their length
            file.seek(n + n % 2, os.SEEK_CUR)
    return None


def as_floats(x: Any, where: str) -> np.ndarray:
    """An array (n,) or (n, channels) of samples as float32; whole numbers are divided by their type's range."""
    x = np.asarray(x)
    if x.ndim not in (1, 2) or x.dtype.kind not in "fiu" or (x.ndim == 2 and x.shape[1] > 64):
        raise DataError(f"{where} is {x.dtype} of shape {x.shape}; a sound is numbers (n,) or (n, channels)")
    if x.dtype == np.uint8:
        return (x.astype(np.float32) - 128) / 128
    if x.dtype.kind in "iu":
        return (x / float(np.iinfo(x.dtype).max + 1)).astype(np.float32)
    loud = float(np.abs(x).max(initial=0))
    if loud > 8:
        raise DataError(
            f"{where} holds floats up to {loud:g}, and float samples run from -1 to 1; of 16-bit numbers give "
            "x.astype('int16')"
        )
    return x.astype(np.float32)


def at_rate(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Samples at the rate that is wanted, by soxr."""
    return resample(samples, rate, wanted) if rate != wanted else samples


# --- what is odd about them -----------------------------------------------------------------------


def clipped_share(samples: np.ndarray) -> float:
    """The share of samples that stand at the loudest value, of at least 0.99, in runs of three and more."""
    top = float(np.abs(samples).max(initial=0))
    if top < 0.99:
        return 0.0
    at = np.abs(samples) >= top * 0.9999
    runs = at[:-2] & at[1:-1] & at[2:]
    inside = np.zeros(len(samples), dtype=bool)
    for shift in range(3):
        inside[shift : len(samples) - 2 + shift] |= runs
    return float(inside.mean())


def warn_of_odd(names: Sequence[str], clipped: Sequence[float], silent: Sequence[bool]) -> None:
    """One warning for all recordings that are clipped, one for all that are silent."""
    loud = [f"{n} ({c:.1%} of samples)" for n, c in zip(names, clipped, strict=True) if c > CLIPPED]
    mute = [n for n, s in zip(names, silent, strict=True) if s]
    if loud:
        warnings.warn(
            f"{len(loud)} of {len(names)} recordings are clipped: {shown(loud)}; what was cut off is lost, and they "
            "may sound unlike the others",
            DataWarning,
            stacklevel=4,
        )
    if mute:
        warnings.warn(
            f"{len(mute)} of {len(names)} recordings are silent: {shown(mute)}; leave them out unless silence is what "
            "they shall teach",
            DataWarning,
            stacklevel=4,
        )


# --- folders --------------------------------------------------------------------------------------


def sounds_in(folder: Path) -> list[Path]:
    """The sound files of a folder by name; hidden files and other files are passed over."""
    return sorted(
        p for p in folder.iterdir() if p.suffix.lower() in SOUNDS and not p.name.startswith(".") and p.is_file()
    )


def check_sounds(paths: Sequence[Path | Member]) -> None:
    """Refuses files that are empty, cut short, or no sounds by their header, naming them."""
    wrong, reasons = [], []
    for path in paths:
        try:
            check_header(path)
        except FileError as error:
            wrong.append(str(path))
            reasons.append(str(error).partition(";")[0])
    if wrong:
        raise FileError(
            f"{len(wrong)} sounds cannot be read: {shown(wrong)}; mend or remove them (the first: {reasons[0]})"
        )


def has_sounds(path: Path) -> bool:
    """Whether a folder, or a folder in it, holds sounds."""
    return any(sounds_in(folder) for folder in [path, *class_folders(path)])


def class_folders(path: Path) -> list[Path]:
    """The folders in a folder, by name; hidden ones are passed over."""
    return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))


def sounds_by_class(path: Path) -> tuple[list[Path], np.ndarray | None]:
    """The sounds of a folder and their classes: its folders in the order of their names; None where there are none."""
    classes = class_folders(path)
    if not classes:
        found = sounds_in(path)
        check_sounds(found)
        return found, None
    files = [sounds_in(folder) for folder in classes]
    empty = [folder.name for folder, found in zip(classes, files, strict=True) if not found]
    if empty:
        raise FileError(f"{path}: the classes {shown(empty)} have no sounds; add some, or remove the folders")
    passed = len(sounds_in(path)) + sum(len(sounds_in(p)) for c in classes for p in c.iterdir() if p.is_dir())
    if passed:
        warnings.warn(
            f"{path}: {passed} sounds lie beside the class folders or deeper in them, and belong to no class; they are "
            "left out",
            DataWarning,
            stacklevel=5,
        )
    flat = [file for found in files for file in found]
    check_sounds(flat)
    return flat, np.repeat([folder.name for folder in classes], [len(found) for found in files])
