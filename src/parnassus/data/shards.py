"""Tar shards in the WebDataset layout: files of one sample share their name up to its first dot.

`0007.jpg`, `0007.cls` and `0007.json` are a picture, its class and what else is known of it. Nothing is unpacked: a
member is read where it lies in the tar, by its place, so that rows are taken in any order and a training that goes on
in the middle of an epoch needs none of those before.
"""

import io
import json
import os
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ..errors import DataError, FileError, did_you_mean

BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")
MOST_SHARDS = 100_000


@dataclass(frozen=True)
class Member(os.PathLike):
    """A file inside a tar, where it lies; what reads a path by `stat` and `open` reads it too."""

    shard: Path
    name: str
    offset: int
    size: int

    def __fspath__(self) -> str:
        return f"{self.shard}/{self.name}"

    def __str__(self) -> str:
        return os.fspath(self)

    @property
    def suffix(self) -> str:
        """The ending of its name."""
        return PurePosixPath(self.name).suffix

    @property
    def st_size(self) -> int:
        """Its bytes, as `stat().st_size` of a path."""
        return self.size

    def resolve(self) -> "Member":
        """Itself, its shard named from the root."""
        return replace(self, shard=self.shard.resolve())

    def stat(self) -> "Member":
        """What knows its size."""
        return self

    def is_file(self) -> bool:
        """It is one."""
        return True

    def open(self, mode: str = "rb") -> io.BytesIO:
        """Its bytes, as a file."""
        return io.BytesIO(self.read_bytes())

    def read_bytes(self) -> bytes:
        """Its bytes."""
        try:
            with self.shard.open("rb") as file:
                file.seek(self.offset)
                held = file.read(self.size)
        except OSError as error:
            raise FileError(f"{self}: the shard cannot be read: {error.strerror or error}") from error
        if len(held) < self.size:
            raise FileError(f"{self} ends after {len(held)} of {self.size} bytes; the shard changed or was cut short")
        return held


def as_file(given: str | os.PathLike) -> Path | Member:
    """A path; a member as it is, or found by its path, which goes on behind that of its tar."""
    return given if isinstance(given, Member) else member_at(Path(given)) or Path(given)


def member_at(path: Path) -> Member | None:
    """What a path such as "pets/000.tar/0007.jpg" names; None where it leads into no tar, or to nothing in one.

    Raises
    ------
    FileError : the tar is damaged, or holds what leads out of it.
    """
    if ".tar" + os.sep not in os.fspath(path).lower():
        return None
    shard = next((p for p in path.parents if p.suffix.lower() == ".tar" and p.is_file()), None)
    if shard is None:
        return None
    about = shard.stat()
    return _by_name(shard, about.st_size, about.st_mtime_ns).get(path.relative_to(shard).as_posix())


@lru_cache(maxsize=16)
def _by_name(shard: Path, size: int, changed: int) -> dict[str, Member]:
    """The files of a tar as it was when it had this size."""
    return {member.name: member for member in members_of(shard)}


def stream_of(file: str | os.PathLike) -> Any:
    """What a library that takes paths or open files is to be given."""
    return file.open() if isinstance(file, Member) else file


def names_shards(path: Any) -> bool:
    """Whether a path is a tar, or a pattern of tars such as "train-{000..012}.tar" or "train-*.tar"."""
    return str(path).lower().endswith((".tar", ".tar.gz", ".tgz"))


def shards_of(path: Path) -> list[Path]:
    """The tars that a path, a folder or a pattern names, by name; missing ones are named."""
    if path.is_dir():
        return sorted(p for p in path.iterdir() if p.suffix.lower() == ".tar" and not p.name.startswith("."))
    text = str(path)
    ranges = [range(int(a), int(b) + 1) for a, b in BRACES.findall(text)]
    if any(not r for r in ranges) or int(np.prod([len(r) for r in ranges])) > MOST_SHARDS:
        raise FileError(f"{path}: a range in braces runs upwards, over at most {MOST_SHARDS:,} shards in all")
    if ranges:
        widths = [len(a) for a, _ in BRACES.findall(text)]
        pieces = BRACES.sub("\0", text).split("\0")
        found = [
            Path(pieces[0] + "".join(f"{n:0{w}}{p}" for n, w, p in zip(numbers, widths, pieces[1:], strict=True)))
            for numbers in product(*ranges)
        ]
    else:
        found = sorted(path.parent.glob(path.name)) if any(c in path.name for c in "*?[") else [path]
    missing = [p for p in found if not p.is_file()]
    if missing or not found:
        absent = ", ".join(map(str, missing[:3])) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise FileError(f"{path}: {absent or 'no such shard'} does not exist; look at the path")
    return found


# --- what is in them ------------------------------------------------------------------------------


def samples_in(shards: Sequence[Path]) -> dict[str, dict[str, Member]]:
    """Samples by name, each a dict from ending ("jpg", "cls", "seg.png") to the file, in the order of the shards."""
    samples: dict[str, dict[str, Member]] = {}
    for shard in shards:
        own: set[str] = set()
        for member in members_of(shard):
            folder, _, name = member.name.rpartition("/")
            stem, dot, ending = name.partition(".")
            if not dot or name.startswith((".", "__")):
                continue
            key = f"{folder}/{stem}" if folder else stem
            if key in samples and key not in own:
                raise DataError(f"{shard}: the sample {key!r} is in an earlier shard too; name each sample once")
            own.add(key)
            if ending.lower() in samples.setdefault(key, {}):
                raise DataError(f"{shard}: {member.name!r} is there twice; which one is meant cannot be told")
            samples[key][ending.lower()] = member
    return samples


def members_of(shard: Path) -> Iterator[Member]:
    """The files of one tar; links, devices and names that lead out of it are refused, though nothing is written."""
    if shard.suffix.lower() != ".tar":
        raise FileError(f"{shard} is packed, and rows are read where they lie; unpack it to a .tar (gunzip) first")
    size = shard.stat().st_size
    try:
        with tarfile.open(shard, "r:") as tar:
            for info in tar:
                if info.isdir():
                    continue
                parts = PurePosixPath(info.name).parts
                if not info.isreg():
                    raise FileError(f"{shard}: {info.name!r} is a link or a device, not a file; it is not followed")
                if info.name.startswith("/") or ".." in parts or "\0" in info.name or "\\" in info.name:
                    raise FileError(f"{shard}: the name {info.name!r} leads out of the shard; it is not read")
                if info.issparse() or info.offset_data + info.size > size:
                    raise FileError(f"{shard}: {info.name!r} ends behind the end of the file; fetch the shard again")
                yield Member(shard, info.name.removeprefix("./"), info.offset_data, info.size)
            if not ended(shard, tar.offset):
                raise FileError(
                    f"{shard} is damaged at byte {tar.offset:,}, where no file and no end begins; what "
                    "lies behind would be lost: fetch or write the shard again"
                )
    except FileError:
        raise
    except (tarfile.TarError, EOFError, OSError) as error:
        raise FileError(f"{shard} cannot be read as a tar: {error}; look whether it was written to the end") from error


def ended(shard: Path, offset: int) -> bool:
    """Whether a tar's members end at this byte: the file does, or a block of zeros begins, as `tar` writes it."""
    with shard.open("rb") as file:
        file.seek(offset)
        return not any(file.read(tarfile.BLOCKSIZE))


def rows_of_samples(
    path: Path, target: str | None, pictures: set[str], sounds: set[str]
) -> tuple[Any, Any, str, list[Path]]:
    """(X, y, kind, shards): pictures, sounds or texts with their answers, or a table of the samples' JSON alone.

    target : a key of every sample's .json, or an ending such as "cls"; without it .cls, then .txt beside another input.
    """
    shards = shards_of(path)
    samples = samples_in(shards)
    if not samples:
        raise FileError(f"{path} holds no samples; a sample is files of one name, such as 0001.jpg and 0001.cls")
    first = next(iter(samples.values()))
    inputs = next((e for e in first if f".{e}" in pictures | sounds), "txt" if "txt" in first else None)
    if inputs is None:
        if "json" not in first:
            raise DataError(
                f"{path}: the first sample has the files {', '.join(sorted(first))}, and none is an input; give "
                "pictures, sounds, .txt or .json"
            )
        return table_of(path, samples, target, shards)
    of_kind = [held_as(path, key, files, inputs, pictures, sounds) for key, files in samples.items()]
    kind = "texts" if inputs == "txt" else "sounds" if f".{inputs}" in sounds else "pictures"
    X = [text_of(m) for m in of_kind] if kind == "texts" else of_kind
    return X, answers_in(path, samples, target, beside=inputs), kind, shards


def held_as(path: Path, key: str, files: dict[str, Member], like: str, pictures: set[str], sounds: set[str]) -> Member:
    """A sample's input: the file of the ending that the first sample has, or one of its kind."""
    kind = next((k for k in (pictures, sounds) if f".{like}" in k), {f".{like}"})
    found = [m for ending, m in files.items() if f".{ending}" in kind]
    if not found:
        raise DataError(f"{path}: the sample {key!r} has no .{like}, and the first has; it has {', '.join(files)}")
    return files.get(like, found[0])


def answers_in(path: Path, samples: dict[str, dict[str, Member]], target: str | None, *, beside: str) -> Any:
    """The answers (rows,): of .cls, of a key of .json, of .txt beside a picture or sound; None where there are none."""
    first = next(iter(samples.values()))
    ending = target if target in first else "cls" if "cls" in first else "txt"
    if target is not None and target not in first:
        records = [json_of(path, key, files) for key, files in samples.items()]
        lacking = next((k for k, r in zip(samples, records, strict=True) if target not in r), None)
        if lacking is not None:
            known = {*records[0], *(e for e in first if e != beside)}
            raise DataError(f"{path}: the sample {lacking!r} has no {target!r}; {did_you_mean(target, sorted(known))}")
        return np.array([record[target] for record in records])
    if ending == beside or ending not in first:
        return None
    lacking = next((key for key, files in samples.items() if ending not in files), None)
    if lacking is not None:
        raise DataError(f"{path}: the sample {lacking!r} has no .{ending}, and others have; answer all or none")
    said = [text_of(files[ending]).strip() for files in samples.values()]
    if ending == "cls" and not all(said):
        empty = next(files[ending] for files, word in zip(samples.values(), said, strict=True) if not word)
        raise DataError(f"{empty} is empty; write its class, or leave the sample out")
    if ending == "cls" and all(re.fullmatch(r"-?\d+", word) for word in said):
        return np.array([int(word) for word in said])
    return np.array(said)


def table_of(path: Path, samples: dict[str, dict[str, Member]], target: str | None, shards: list[Path]) -> Any:
    """The samples' JSON objects as a frame, a column of it as the answers."""
    import pandas as pd

    frame = pd.DataFrame([json_of(path, key, files) for key, files in samples.items()])
    if target is None:
        return frame, None, "table", shards
    if target not in frame:
        raise DataError(f"{path} has no {target!r} to predict; {did_you_mean(target, map(str, frame.columns))}")
    return frame.drop(columns=[target]), frame[target], "table", shards


def json_of(path: Path, key: str, files: dict[str, Member]) -> dict[str, Any]:
    """A sample's JSON object."""
    if "json" not in files:
        raise DataError(f"{path}: the sample {key!r} has no .json; it has {', '.join(files)}")
    try:
        found = json.loads(files["json"].read_bytes())
    except ValueError as error:
        raise FileError(f"{files['json']} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise DataError(f"{files['json']} holds a {type(found).__name__}; expected an object of names and values")
    return found


def text_of(member: Member) -> str:
    """A member's bytes as UTF-8."""
    try:
        return member.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{member} is not UTF-8 text: {error}") from error
