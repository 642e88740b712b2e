"""Files of videos: which they are, and their frames."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataWarning, FileError, missing_extra
from ..answers import shown

VIDEOS = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".m4v"}
REORDERED = 3  # frames that a whole file may hold fewer than its header counts: edit lists leave the first ones out
ENDS = 0.9  # of its duration, by which the last frame of a whole file begins


def is_video_path(one: object) -> bool:
    """Whether something is a path, or a string, with the ending of a video file."""
    return isinstance(one, str | os.PathLike) and Path(one).suffix.lower() in VIDEOS


def videos_in(folder: Path) -> list[Path]:
    """The video files of a folder by name; hidden ones are passed over."""
    return sorted(p for p in folder.iterdir() if is_video_path(p) and not p.name.startswith(".") and p.is_file())


def class_folders(path: Path) -> list[Path]:
    """The folders in a folder, by name; hidden ones are passed over."""
    return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))


def has_videos(path: Path) -> bool:
    """Whether a folder, or a folder in it, holds videos."""
    return any(videos_in(folder) for folder in [path, *class_folders(path)])


def videos_by_class(path: Path) -> tuple[list[Path], np.ndarray | None]:
    """The videos of a folder and their classes: its folders in the order of their names; None where there are none."""
    classes = class_folders(path)
    if not classes:
        return videos_in(path), None
    files = [videos_in(folder) for folder in classes]
    empty = [folder.name for folder, found in zip(classes, files, strict=True) if not found]
    if empty:
        raise FileError(f"{path}: the classes {shown(empty)} have no videos; add some, or remove the folders")
    if videos_in(path):
        warnings.warn(
            f"{path}: {len(videos_in(path))} videos lie beside the class folders and are left out",
            DataWarning,
            stacklevel=5,
        )
    y = np.repeat([folder.name for folder in classes], [len(found) for found in files])
    return [file for found in files for file in found], y


def read_video(path: str | os.PathLike) -> np.ndarray:
    """The frames of a video in their order and upright, uint8 (time, height, width, 3).

    Phones write what the sensor sees and, beside it, how it is to be turned and mirrored for the eye; that is done.

    Raises
    ------
    MissingExtra : PyAV is not installed.
    FileError : the file is absent, no video, cut short at its beginning, or without a frame.

    A warning says so where the last part is missing of what its header tells of, as in a file copied in part.
    """
    try:
        import av
    except ImportError:
        raise missing_extra("av", "video", f"reading {os.fspath(path)}") from None
    try:
        with av.open(os.fspath(path)) as held:
            footage = Footage(held, os.fspath(path))
            frames = list(footage)
    except FileNotFoundError:
        raise FileError(f"{path}: does not exist; look at the path") from None
    except FileError:
        raise
    except (av.FFmpegError, OSError) as error:
        raise FileError(f"{path}: cannot be read as a video ({str(error).splitlines()[0]}); mend it") from error
    if footage.short:
        words = f"{path}: ends after {len(frames)} frames, before its header says; was it copied to its end?"
        warnings.warn(words, DataWarning, stacklevel=2)
    return np.stack(frames)


class Footage:
    """The frames of a video that PyAV holds open: upright, uint8 (height, width, 3), one after the other.

    Raises
    ------
    FileError : the video holds no pictures, breaks off within a frame, or has none; `name` is named.

    Attributes: `size`, (height, width) by the header, before a frame is unpacked; `seconds` by the header, None where
    it does not tell; `short`, once all were read: whether the last part is missing of what the header tells of.
    """

    def __init__(self, held: Any, name: str) -> None:
        if not held.streams.video:
            raise FileError(f"{name}: holds no pictures; give a video, or leave it out")
        self.held, self.name, self.short = held, name, False
        self.stream = stream = held.streams.video[0]
        self.size = (stream.codec_context.height, stream.codec_context.width)
        whole = None if held.duration is None else held.duration / 1e6  # what a container tells is in microseconds
        own = None if stream.duration is None else float(stream.duration * stream.time_base)
        self.seconds = max((s for s in (whole, own) if s is not None), default=None)

    def __iter__(self) -> Iterator[np.ndarray]:
        import av
        from av.sidedata.sidedata import Type

        n, last, shown_by = 0, None, None
        try:
            for frame in self.held.decode(video=0):
                if not n:
                    beside: Any = frame.side_data
                    shown_by = beside.get(Type.DISPLAYMATRIX)
                pixels, n, last = frame.to_ndarray(format="rgb24"), n + 1, frame.pts
                yield pixels if shown_by is None else turned(pixels[None], bytes(shown_by))[0]
        except (av.FFmpegError, OSError) as error:
            why = str(error).splitlines()[0]
            raise FileError(f"{self.name}: cannot be read as a video after {n} frames ({why}); mend it") from error
        if not n:
            raise FileError(f"{self.name}: a video without a frame; leave it out")
        fewer = n < self.stream.frames - REORDERED  # also where frames are held longer than others (AVI)
        ends = None if last is None else last - (self.stream.start_time or 0)
        self.short = fewer and ends is not None and ends < ENDS * (self.stream.duration or 0)


def turned(frames: np.ndarray, matrix: bytes) -> np.ndarray:
    """Frames (time, height, width, 3) as a display matrix shows them, to the nearest quarter of a turn.

    matrix : nine int32 (a b u, c d v, x y w) by which a place (p, q) of the frame is shown at (a p + c q, b p + d q).

    Source: ISO/IEC 14496-12, the matrix of a track's header.
    """
    (a, b, _), (c, d, _), _ = np.frombuffer(matrix, dtype=np.int32).reshape(3, 3).tolist()
    down, across = d, a
    if abs(b) + abs(c) > abs(a) + abs(d):
        frames, down, across = frames.swapaxes(1, 2), b, c
    return np.ascontiguousarray(frames[:, :: -1 if down < 0 else 1, :: -1 if across < 0 else 1])
