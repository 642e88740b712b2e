"""Tables whose columns hold the paths of pictures or videos."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw

from ...errors import DataError
from ..answers import is_gap
from ..images.pictures import is_picture_path
from ..images.video_files import is_video_path
from ..shards import as_file

if TYPE_CHECKING:
    import pandas as pd

LOOKED_AT = 20  # cells of a column by which it is known


def is_path(one: Any) -> bool:
    """Whether something is the path of a picture or video, by how it ends."""
    return is_picture_path(one) or is_video_path(one)


def path_columns(raw: Any) -> list[str]:
    """The columns of a data frame whose first cells are paths of pictures or videos; none of what is no frame."""
    if hasattr(raw, "iloc") and hasattr(raw, "columns") and not raw.columns.is_unique:
        return []  # the reader of tables refuses it
    frame = nw.from_native(raw, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame) or len(set(frame.columns)) < len(frame.columns):
        return []
    found = []
    for j, (name, kind) in enumerate(frame.schema.items()):  # by place: names may be numbers
        if not (kind.is_numeric() or kind.is_temporal()):
            cells = [cell for cell in frame[:LOOKED_AT, j].to_list() if not is_gap(cell)]
            found += [name] if cells and all(map(is_path, cells)) else []
    return found


def paths_alone(raw: Any) -> Any:
    """A frame that holds nothing but one column of paths as the list of them; the rest as it is."""
    if not hasattr(raw, "shape") or len(raw.shape) != 2 or raw.shape[1] != 1 or not path_columns(raw):
        return raw
    paths = nw.from_native(raw, eager_only=True)[:, 0].to_list()
    for row, path in enumerate(paths):
        if not is_path(path):
            what = "is missing" if is_gap(path) else f"is {path!r}, which has the ending of neither"
            raise DataError(f"row {row}: its path of a picture or video {what}; mend it or leave the row out")
    return [as_file(path) for path in paths]


def beside(frame: "pd.DataFrame", folder: Path) -> "pd.DataFrame":
    """The frame of a file whose paths start from its folder, where they lead to a file from there."""
    found = path_columns(frame)
    return frame.assign(**{name: [_from(folder, path) for path in frame[name]] for name in found}) if found else frame


def _from(folder: Path, path: Any) -> Any:
    return path if is_gap(path) or not (folder / path).is_file() else str(folder / path)
