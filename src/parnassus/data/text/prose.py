"""Texts from files: paragraphs of a text file, or the text files of a folder."""

import os
from pathlib import Path

from ...errors import FileError


def read_texts(path: str | os.PathLike) -> list[str]:
    """The paragraphs of a UTF-8 text file, parted by empty lines; of a folder, each .txt file in it as one text.

    Raises
    ------
    FileError : no such file, nothing in it, or bytes that are no UTF-8; the file and the byte are named.
    """
    place = Path(path)
    if place.is_dir():
        files = sorted(place.rglob("*.txt"))
        if not files:
            raise FileError(f"{place}: the folder holds no .txt files; give one that does, or a list of texts")
        return [_read(file) for file in files]
    paragraphs = [p.strip("\n") for p in _read(place).split("\n\n")]
    found = [p for p in paragraphs if p.strip()]
    if not found:
        raise FileError(f"{place}: the file holds no text")
    return found


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError(
            f"{path}: {error.strerror or error}; give the path of a text file, or a list of texts"
        ) from error
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise FileError(
            f"{path}: byte {error.start} (0x{data[error.start]:02x}) is no UTF-8; save the file as UTF-8, or read it "
            "with its own encoding and give the texts as a list"
        ) from error
