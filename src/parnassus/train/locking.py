"""One training a folder: a lock that ends with its process, however that ends."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import FileError
from .record import Record

if TYPE_CHECKING:
    from .trainer import Trainer

NAME = ".lock"


class Alone(Record):
    """While it trains, no other training writes into the folder; what a killed one left half written is taken away."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def showing(self, trainer: "Trainer") -> Iterator[None]:
        with locked(self.folder):
            for torn in (self.folder / "checkpoint").glob("*.part"):  # by now nobody else's
                torn.unlink(missing_ok=True)
            yield


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Inside, the folder is this process's; where another holds it, refused with that process's number.

    The lock is the system's own (flock), which lets go when the process ends, by whatever signal. Where a system has
    none, nothing is locked.
    """
    try:
        import fcntl
    except ImportError:  # not on this system
        yield
        return
    path = folder / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = _held(path, fcntl)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{folder}: no folder can be made here ({error.strerror}); give another out") from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _held(path: Path, fcntl: "object") -> int:
    """The open lock file, locked."""
    lock, how = fcntl.flock, fcntl.LOCK_EX | fcntl.LOCK_NB  # type: ignore[attr-defined]
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            lock(handle, how)
        except OSError as error:
            holder = os.pread(handle, 64, 0).decode("ascii", "replace").strip()
            os.close(handle)
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            raise FileError(
                f"{path.parent}: another training writes into this folder (process {holder or 'unknown'}); wait for "
                f"its end, or give another out"
            ) from None
        if _is_there(handle, path):  # whoever held it may have taken the file away between opening and locking
            os.truncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
            return handle
        os.close(handle)


def _is_there(handle: int, path: Path) -> bool:
    try:
        return os.stat(path).st_ino == os.fstat(handle).st_ino
    except FileNotFoundError:
        return False
