"""Files of pictures in folders: which they are, whether they can be opened, and which are in formats not read here."""

import warnings
from collections.abc import Sequence
from pathlib import Path

from ...errors import DataWarning, FileError
from ..answers import shown
from ..shards import stream_of
from .pictures import PICTURES

NOT_READ = {".heic", ".heif", ".jxl", ".jp2", ".svg", ".psd", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raw"}


def pictures_in(folder: Path) -> list[Path]:
    """The picture files of a folder by name, links that lead nowhere too; hidden and other files are passed over."""
    return sorted(
        p for p in folder.iterdir() if p.suffix.lower() in PICTURES and not p.name.startswith(".") and not p.is_dir()
    )


def check_pictures(paths: Sequence[Path]) -> None:
    """Refuses files that are empty or whose header is no picture's, naming them."""
    from PIL import Image, UnidentifiedImageError

    wrong = []
    for path in paths:
        try:
            with Image.open(stream_of(path)):
                pass
        except FileNotFoundError:
            wrong.append(f"{path} (a link to what is not there)")
        except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
            wrong.append(f"{path}" + ("" if path.stat().st_size else " (0 bytes)"))
    if wrong:
        raise FileError(f"{len(wrong)} pictures cannot be read: {shown(wrong)}; mend or remove them")


def warn_of_formats(path: Path, folders: Sequence[Path]) -> None:
    """Says which pictures of folders are left out, as they are in formats that are not read here."""
    others = [p for f in folders for p in sorted(f.iterdir()) if p.suffix.lower() in NOT_READ and p.name[:1] != "."]
    if others:
        warnings.warn(
            f"{path}: {len(others)} pictures are in formats that are not read here, such as {others[0].name}, and are "
            "left out; write them as JPEG or PNG",
            DataWarning,
            stacklevel=5,
        )
