"""Files as data: the only place that opens one. Tables, arrays, folders and lists of pictures or sounds.

`open_source` says by the path what is inside. A table larger than the memory budget becomes `Chunks`; pictures stay
paths, which the image codec reads.
"""

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, DataWarning, FileError, SettingError, did_you_mean, missing_extra
from .answers import shown
from .audio.sounds import SOUNDS, check_sounds, has_sounds, sounds_by_class
from .images.picture_files import check_pictures, pictures_in, warn_of_formats
from .images.pictures import PICTURES
from .images.video_files import VIDEOS, has_videos, videos_by_class
from .shards import as_file, member_at, names_shards, rows_of_samples, shards_of
from .tables.chunks import Chunks
from .tables.delimited import delimiter_of, read_as_written, read_csv
from .tables.path_columns import beside

Columns = str | Sequence[str]
"""A column's name, or those of several."""
MEMORY_BUDGET = 2 << 30  # bytes; what is larger is read as it is needed
CHUNK_ROWS = 1 << 16
TABLES = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@dataclass(frozen=True)
class Source:
    """What a path holds: inputs, answers (or None), and what a report says about them.

    X: a pandas frame, `Chunks`, an array, or a list of Paths of pictures. `names`: columns of a table, classes of a
    folder. `fingerprint` changes when the data do.
    """

    X: Any
    y: Any
    path: str
    kind: str
    names: list[str] = field(default_factory=list)
    fingerprint: str = ""
    target: Columns | None = None  # the column, or columns, that became y

    def __len__(self) -> int:
        return len(self.X)


def open_source(
    path: Any, target: Columns | None = None, *, memory: int | None = None, as_text: bool = False
) -> Source:
    """The data behind a path: CSV, Parquet, JSON lines, NPZ, tar shards, a folder of pictures a class, a list of them.

    Parameters
    ----------
    path : a file or folder.
    target : the column, columns or NPZ array of the answers; folders and lists of pictures need none.
    memory : bytes that a table may take, `MEMORY_BUDGET` unless told; a larger one is read in chunks.
    as_text : every cell of a CSV is text, as it stands there, also what looks like a number, a date or "NA".
    """
    try:
        path = Path(path).expanduser()
        there = names_shards(path) or path.exists()
    except (OSError, RuntimeError) as error:
        raise FileError(f"{str(path)[:200]!r} is no path to data ({error}); look at the path") from error
    if not there:
        return _within(path)
    if names_shards(path) or path.is_dir():
        return open_shards(path, target) if names_shards(path) else open_folder(path)
    if not path.stat().st_size:
        raise FileError(f"{path} is empty (0 bytes); look whether it was written to the end")
    suffix = path.suffix.lower()
    if suffix in TABLES:
        if isinstance(memory, str):
            raise SettingError(f"memory is a number of bytes, such as 2**30; got {memory!r}")
        budget = MEMORY_BUDGET if memory is None else memory
        return open_table(path, TABLES[suffix], target, memory=budget, as_text=as_text)
    if suffix == ".npz":
        return open_arrays(path, target)
    if suffix in (".txt", ".lst"):
        return open_list(path)
    if (found := open_single(path, suffix)) is not None:
        return found
    more = [".npz", ".json (boxes of COCO)", ".txt (paths of pictures or sounds)", "a folder of pictures or sounds"]
    known = ", ".join([*TABLES, *more])
    raise FileError(f"{path}: files that end in {suffix or 'nothing'!r} are not read; give one of {known}")


def _within(path: Path) -> Source:
    """One picture, video or sound in a tar, by its path behind that of the tar; what is nowhere is refused."""
    if (member := member_at(path)) is not None:
        return listed([member], None, str(path), fingerprint(member.shard))
    near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    raise FileError(f"{path} does not exist; {did_you_mean(path.name, near) if near else 'look at the path'}")


def open_single(path: Path, suffix: str) -> Source | None:
    """One picture or sound, or the pictures and boxes of one COCO file; None for other files."""
    if suffix == ".json":
        from .detection.coco import read_coco  # which knows files by this module

        files, boxes = read_coco(path)
        return Source(files, boxes, str(path), "boxes", fingerprint=fingerprint(path))
    if suffix in PICTURES:
        return Source([path], None, str(path), "pictures", fingerprint=fingerprint(path))
    return listed([path], None, str(path), fingerprint(path)) if suffix in (*SOUNDS, *VIDEOS) else None


# --- tables ---------------------------------------------------------------------------------------


def open_table(path: Path, kind: str, target: Columns | None, *, memory: int, as_text: bool = False) -> Source:
    """A table file as a frame, or as chunks where it is larger than the budget; `target` becomes y."""
    readers: dict[str, Callable[[Path], Callable[[list[str] | None], Iterator[Any]]]] = {
        "csv": partial(csv_reader, as_text=as_text),
        "parquet": parquet_reader,
        "jsonl": jsonl_reader,
    }
    read = readers[kind](path)
    if expanded_size(path, kind) <= memory:
        import pandas as pd

        parts = list(read(None))
        frame = parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)
        check_rows(path, len(frame))
        names = [str(name) for name in frame.columns]
        check_target(path, target, names)
        answers = names_of(target)
        y = None if target is None else frame[target if isinstance(target, str) else answers]
        X = beside(frame.drop(columns=answers), path.parent)
        return Source(X, y, str(path), kind, names, fingerprint(path), target)
    return open_chunks(path, kind, read, target, memory=memory)


def open_chunks(
    path: Path, kind: str, read: Callable[[list[str] | None], Iterator[Any]], target: Columns | None, *, memory: int
) -> Source:
    """A table that stays in its file; only the target is held."""
    import pandas as pd

    names = [str(name) for name in next(read(None)).columns]
    check_target(path, target, names)
    answers = names_of(target)
    held = pd.concat(list(read(answers or names[:1])), ignore_index=True)
    check_rows(path, len(held))
    inputs = [name for name in names if name not in answers]
    chunks = Chunks(lambda: read(inputs), len(held), names=inputs, memory=memory)
    y = None if target is None else held[target if isinstance(target, str) else answers]
    return Source(chunks, y, str(path), kind, names, fingerprint(path), target)


def csv_reader(path: Path, *, as_text: bool = False) -> Callable[[list[str] | None], Iterator[Any]]:
    """A function that reads the file's columns (all, for None) as frames of at most `CHUNK_ROWS` rows."""
    delimiter = delimiter_of(path)
    dates, codes = ([], None) if as_text else read_as_written(path, delimiter)
    return lambda columns: read_csv(path, delimiter, columns, dates=dates, codes=codes, n_rows=CHUNK_ROWS)


def parquet_reader(path: Path) -> Callable[[list[str] | None], Iterator[Any]]:
    """A function that reads the file as `csv_reader` does; needs pyarrow."""
    try:
        import pyarrow
        import pyarrow.parquet as pq
    except ImportError:
        raise missing_extra("pyarrow", "parquet", f"reading {path}") from None

    def read(columns: list[str] | None) -> Iterator[Any]:
        try:
            with pq.ParquetFile(path, pre_buffer=False) as file:  # which would keep all row groups until the end
                for batch in file.iter_batches(batch_size=CHUNK_ROWS, columns=columns):
                    yield batch.to_pandas()
        except (pyarrow.ArrowException, OSError) as error:
            raise FileError(
                f"{path} cannot be read as Parquet: {error}; look whether it was written to the end"
            ) from error

    return read


def jsonl_reader(path: Path) -> Callable[[list[str] | None], Iterator[Any]]:
    """A function that reads the file as `csv_reader` does: one JSON object a line."""
    import pandas as pd

    def read(columns: list[str] | None) -> Iterator[Any]:
        n_read = 0
        try:
            with pd.read_json(path, lines=True, chunksize=CHUNK_ROWS) as frames:
                for frame in frames:
                    n_read += len(frame)
                    yield frame if columns is None else frame[columns]
        except ValueError as error:
            raise FileError(
                f"{path}: a line after row {n_read} is no JSON object ({error}); each line is one"
            ) from error

    return read


def expanded_size(path: Path, kind: str) -> int:
    """About how many bytes a table takes in memory: Parquet says so itself, text takes about its own size."""
    if kind != "parquet":
        return path.stat().st_size
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            metadata = file.metadata
            return sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    except (OSError, ValueError) as error:
        raise FileError(f"{path} cannot be read as Parquet: {error}; look whether it was written to the end") from error


def names_of(target: Columns | None) -> list[str]:
    """The columns that a target names: none, one or several."""
    return [] if target is None else [target] if isinstance(target, str) else list(target)


def check_target(path: Path, target: Columns | None, names: list[str]) -> None:
    """Refuses a target that is no column, named twice, or all there is."""
    wanted = names_of(target)
    for name in wanted:
        if name not in names:
            raise DataError(f"{path} has no column {name!r} to predict; {did_you_mean(name, names)}")
        if wanted.count(name) > 1:
            raise SettingError(f"target names the column {name!r} twice; name each once")
    if wanted and len(names) == len(wanted):
        raise DataError(f"{path} holds the column {shown(wanted)} alone; there is nothing to predict it from")


def check_rows(path: Path, n_rows: int) -> None:
    """Refuses a table without rows."""
    if not n_rows:
        raise FileError(f"{path} has a header and no rows; give at least one row")


def open_arrays(path: Path, target: Columns | None) -> Source:
    """The arrays X and y (or `target`) of an NPZ file; pickled ones are refused."""
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError) as error:
        raise FileError(
            f"{path} cannot be read as NPZ: {error}; save plain arrays with numpy.savez(path, X=..., y=...)"
        ) from error
    inputs = next((name for name in ("X", "x", "images", "data") if name in held), None)
    if inputs is None:
        raise DataError(f"{path} holds the arrays {shown(sorted(held))}; name the inputs X and the answers y")
    if target is not None and not isinstance(target, str):
        raise SettingError(f"{path} is NPZ, whose answers are one array (n,) or (n, k); got the names {list(target)}")
    if target is not None and target not in held:
        raise DataError(f"{path} has no array {target!r} to predict; {did_you_mean(target, sorted(held))}")
    answers = target or next((name for name in ("y", "labels", "target") if name in held), None)
    y = held[answers] if answers else None
    return Source(held[inputs], y, str(path), "npz", sorted(held), fingerprint(path), answers)


# --- pictures -------------------------------------------------------------------------------------


def open_shards(path: Path, target: Columns | None) -> Source:
    """The samples of tar shards; pictures and sounds stay in them."""
    if target is not None and not isinstance(target, str):
        raise SettingError(f"{path}: the answers of shards are one ending or one key of .json; got {list(target)}")
    X, y, kind, shards = rows_of_samples(path, target, PICTURES, SOUNDS)
    if kind in ("pictures", "sounds"):
        (check_sounds if kind == "sounds" else check_pictures)(X)
    digest = hashlib.sha256("".join(fingerprint(shard) for shard in shards).encode()).hexdigest()
    return Source(X, y, str(path), kind, [], digest, target)


def open_folder(path: Path) -> Source:
    """Pictures of a folder: sub-folders are classes, in the order of their names; without any, there are no answers."""
    classes = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not classes and shards_of(path):
        return open_shards(path, None)
    if has_sounds(path):
        return open_sounds(path, [folder.name for folder in classes])
    if has_videos(path):
        files, y = videos_by_class(path)
        return Source(files, y, str(path), "videos", [folder.name for folder in classes], fingerprint(path))
    warn_of_formats(path, [path, *classes])
    if not classes:
        found = pictures_in(path)
        if not found:
            raise FileError(
                f"{path} holds neither pictures nor folders of pictures, and no sounds; give a folder with one "
                "folder a class"
            )
        check_pictures(found)
        return Source(found, None, str(path), "pictures", fingerprint=fingerprint(path))
    held = [pictures_in(folder) for folder in classes]
    empty = [folder.name for folder, found in zip(classes, held, strict=True) if not found]
    nested = [name for name in empty if any(p.is_dir() for p in (path / name).iterdir())]
    if nested:
        raise FileError(
            f"{path}: {shown(nested)} hold folders instead of pictures; give the folder above the classes, such as "
            f"{path / nested[0]}"
        )
    if empty:
        raise FileError(f"{path}: the classes {shown(empty)} have no pictures; add some, or remove the folders")
    passed = len(pictures_in(path)) + sum(len(pictures_in(p)) for c in classes for p in c.iterdir() if p.is_dir())
    if passed:
        warnings.warn(
            f"{path}: {passed} pictures lie beside the class folders or deeper in them, and belong to no class; they "
            "are left out",
            DataWarning,
            stacklevel=4,
        )
    flat = [file for found in held for file in found]
    check_pictures(flat)
    y = np.repeat([folder.name for folder in classes], [len(found) for found in held])
    return Source(flat, y, str(path), "pictures", [folder.name for folder in classes], fingerprint(path))


def open_sounds(path: Path, names: list[str]) -> Source:
    """Sounds of a folder, by class as pictures are; pictures beside them are refused."""
    for folder in (path, *(path / name for name in names)):
        if pictures_in(folder):
            raise FileError(f"{path} holds sounds, and {folder} pictures too; give a folder of one kind")
    files, y = sounds_by_class(path)
    return Source(files, y, str(path), "sounds", names, fingerprint(path))


def open_list(path: Path) -> Source:
    """Pictures named line by line: a path (relative to the file) and, after a tab, its label."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not UTF-8 text ({error}); give a list of picture paths, one a line") from error
    files, labels = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        name, tab, label = line.strip().partition("\t")
        file = as_file(path.parent / name)
        if not file.is_file():
            raise FileError(
                f"{path}, line {number}: {name!r} is no file; each line is the path of a picture (relative to this "
                "file), and after a tab its label if it has one"
            )
        files.append(file)
        labels.append(label if tab else None)
    if not files:
        raise FileError(f"{path} names no pictures; write one path a line")
    if None in labels and any(label is not None for label in labels):
        raise DataError(f"{path}: picture {labels.index(None) + 1} has no label, and others have; label all or none")
    return listed(files, None if None in labels else np.array(labels), str(path), fingerprint(path))


def listed(files: list[Any], y: np.ndarray | None, path: str, digest: str) -> Source:
    """Pictures, videos or sounds with their labels, looked over."""
    endings = {f.suffix.lower() for f in files}
    kind = "sounds" if endings <= SOUNDS else "videos" if endings <= VIDEOS else "pictures"
    if kind != "videos":
        (check_sounds if kind == "sounds" else check_pictures)(files)
    return Source(files, y, path, kind, [] if y is None else sorted(set(y.tolist())), digest)


# --- fingerprints ---------------------------------------------------------------------------------


def fingerprint(path: Path, *, whole: int = 64 << 20) -> str:
    """A hash that changes with the data: of a file's bytes (sampled beyond `whole`), of a folder's names and sizes."""
    digest = hashlib.sha256()
    if path.is_dir():
        for inner in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(f"{inner.relative_to(path).as_posix()}\0{inner.stat().st_size}\0".encode())
        return digest.hexdigest()
    size = path.stat().st_size
    digest.update(str(size).encode())
    with path.open("rb") as file:
        if size <= whole:
            while block := file.read(1 << 20):
                digest.update(block)
        else:
            for start in np.linspace(0, size - (1 << 20), 64).astype(np.int64).tolist():
                file.seek(start)
                digest.update(file.read(1 << 20))
    return digest.hexdigest()
