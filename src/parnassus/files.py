"""Files that are written in one piece or not at all: a full disk or a kill leaves what was there before."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import FileError


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Inside, a file beside `path`, in a folder that is made; afterwards it stands in its place, if nothing failed.

    Raises
    ------
    FileError : what the system says of a file that cannot be written.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=target.name, suffix=".part", dir=target.parent)
        os.close(handle)
        part = Path(name)
        try:
            yield part
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.chmod(0o666 & ~_umask())
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise FileError(f"{target}: cannot be written: {error.strerror or error}") from error


def write_text(path: str | os.PathLike, text: str) -> None:
    """A text as UTF-8; see `replacing`."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
