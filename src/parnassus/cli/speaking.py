"""Recordings on the command line: with what is said in them, and by themselves."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, FileError

if TYPE_CHECKING:
    from ..data.sources import Columns
    from ..estimators.intake import Examples

TASK = "speech_recognizer"


def recorded(path: str, target: "Columns | None", drop: Sequence[str], column: str | None) -> "Examples":
    """The recordings of a folder, table or list, as paths, with their transcripts; `column` is that of the paths."""
    from ..data.recordings import recordings
    from ..data.speech import Speech
    from ..estimators.intake import Examples

    codec = Speech(column=column) if column is not None else None
    X, y, name = recordings(path, None, target=target, codec=codec, drop=drop)
    return Examples(X, list(y) if y is not None else None, target=name)


def unsaid(data: str, examples: "Examples") -> DataError:
    """That nothing tells what is said in the recordings, and where it may stand."""
    return DataError(
        f"{data} has {len(examples)} recordings and no transcripts; name the column that holds them, such as "
        "--target said, or put beside each sound a text file of its name, such as one.txt beside one.wav"
    )


def recordings_alone(estimator: Any, data: Sequence[str], on_error: str) -> tuple[str, list[Any], Any]:
    """(what a row is called, the rows' names, paths) of sounds, folders of them, and tables with a column of paths."""
    from ..data.recordings import recordings
    from ..data.sounds import is_sound_path

    found: list[Any] = []
    for given in data:
        if is_sound_path(given) and (on_error == "skip" or Path(given).is_file()):
            found.append(Path(given))
            continue
        X = recordings(given, (), target=estimator.target_name_, codec=estimator.codec_)[0]
        if not isinstance(X, list):
            if len(data) > 1:
                raise DataError(f"{given}: one file of arrays at a time, or sounds")
            return "row", list(range(len(X))), X
        found += X
    if not found:
        raise FileError(f"{' '.join(data[:5])}: there are no sounds here; give sounds, or a folder of them")
    return "sound", [str(path) for path in found], found
