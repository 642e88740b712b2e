"""Data that a command line names, as examples: without the columns to leave out, texts as texts."""

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, SettingError, did_you_mean
from ..files import write_text
from . import speaking
from .language import TASK, texts_alone
from .settings import with_article

if TYPE_CHECKING:
    from ..data.sources import Columns
    from ..estimators.fitting.intake import Examples


CAPTIONS = "image_captioner"
WRITERS = ("translator", CAPTIONS)  # tasks whose answers are texts, whatever these look like
# tasks whose answers are places, in pictures or texts
DRAWN = ("detector", "segmenter", "keypoint_finder", "question_answerer")


def opened(
    path: str,
    *,
    target: "Columns | None" = None,
    drop: Sequence[str] = (),
    texts: bool = False,
    memory: int | None = None,
    task: str = "",
    parts: Sequence[str] = (),
    column: str | None = None,
    speaker: str | None = None,
) -> "Examples":
    """The examples at a path; `target` and `drop` name columns, and `texts` says that the one left holds texts.

    Tasks whose answers are places in pictures, or in texts, read paths in their own way; a detector's have `parts`
    beside boxes, a recogniser's tables a `column` of paths, and one of who speaks.
    """
    if task == TASK:
        return texts_alone(path, target, drop)
    if task == speaking.TASK:
        return speaking.recorded(path, target, drop, column, speaker)
    if task in DRAWN:
        return _drawn(path, task, target or drop, parts)
    from ..estimators.fitting.intake import examples_of

    place = path if not texts or Path(path).suffix != ".txt" else Path(path)
    examples = examples_of(place, None, target=target, memory=memory, as_text=task in WRITERS)
    examples.target = getattr(examples.source, "target", None) or target
    examples.X = without(examples.X, drop, path)
    if texts:
        examples.X = texts_of(examples.X, path)
    return examples


def _drawn(path: str, task: str, columns: Any, parts: Sequence[str]) -> "Examples":
    from ..estimators.fitting.intake import Examples

    if columns:
        raise SettingError(f"the answers of {with_article(task)} are no column; leave --target and --drop out")
    if task == "detector":
        from ..data.detection.annotations import open_boxes

        source = open_boxes(path, parts)
        return Examples(source.X, source.y, source=source)
    if task == "segmenter":
        from ..data.detection.mask_files import open_masked as open_drawn
    elif task == "question_answerer":
        from ..data.text.questions import open_questions as open_drawn
    else:
        from ..data.detection.keypoint_files import open_keypoints as open_drawn
    source = open_drawn(path)
    return Examples(source.X, source.y, source=source)


def unanswered(data: str, examples: "Examples", task: str) -> DataError:
    """That there is nothing to learn, and how to say where it is."""
    if task == speaking.TASK:
        return speaking.unsaid(data, examples)
    columns = columns_of(examples.X)
    if task == CAPTIONS:
        return _uncaptioned(data, examples.X, columns)
    if not columns:
        return DataError(f"{data} holds no answers; give a folder with a folder of pictures for each class")
    named = f"name their column, such as --target {shlex.quote(columns[-1])}"
    return DataError(f"{data} holds no answers; {named}; the columns are {', '.join(columns[:20])}")


def _uncaptioned(data: str, X: Any, columns: Sequence[str]) -> DataError:
    from ..data.tables.path_columns import path_columns

    paths = path_columns(X) if columns else []
    beside = [name for name in columns if name not in paths]
    if not beside:
        return DataError(
            f"{data} holds pictures and no captions beside them; give a table of their paths and their captions, and "
            "name the captions by --target, such as --target caption"
        )
    return DataError(
        f"{data} holds pictures, and which column holds what they show is not said; name the captions by --target, "
        f"such as --target {shlex.quote(beside[-1])}; the columns beside the paths are {', '.join(beside[:20])}"
    )


def without(X: Any, drop: Sequence[str], path: str) -> Any:
    """X without the columns to leave out; where one of paths of pictures or videos is left, these as a list."""
    from ..data.tables.path_columns import paths_alone

    if not drop:
        return paths_alone(X)
    columns = columns_of(X)
    for name in drop:
        if name not in columns:
            raise DataError(
                f"{path} has no column {name!r} to drop; "
                f"{did_you_mean(name, columns) if columns else 'it has no columns with names'}"
            )
    return paths_alone(X.drop(columns=list(drop)) if hasattr(X, "drop") else X.without(drop))


def columns_of(X: Any) -> list[str]:
    """The names of a table's columns, in memory or not; none for anything else."""
    return [str(c) for c in getattr(X, "columns", getattr(X, "names", None) or ())]


def texts_of(X: Any, path: str) -> list[str]:
    """The texts of the one column that is left; those that were found to be such already."""
    if isinstance(X, list):
        return X
    columns = list(getattr(X, "columns", ()))
    if len(columns) != 1:
        raise DataError(
            f"{path} has {len(columns)} columns beside the target ({', '.join(map(str, columns[:8]))}); "
            f"texts are one column: leave the others out by --drop"
        )
    column = X[columns[0]]
    gone = column.isna()
    if gone.any():
        raise DataError(
            f"{path}: row {int(gone.to_numpy().argmax())} of {columns[0]!r} holds no text; fill it or leave the row out"
        )
    return [str(text) for text in column]


def like_classes(y: Any, target: Any) -> Any:
    """Labels as written in a list of files, as whole numbers where the classes that were learned are such."""
    classes = getattr(target, "classes", None)
    if classes is None or classes.dtype.kind != "i" or getattr(getattr(y, "dtype", None), "kind", "") != "U":
        return y
    whole = all(re.fullmatch(r"[+-]?\d{1,18}", word) for word in y.ravel().tolist())
    return y.astype(classes.dtype) if whole else y


def kind_of(X: Any) -> str:
    """The kind of codec that raw data call for."""
    from ..data.codec import codec_for

    return codec_for(X).kind


def write_rows(examples: "Examples", folder: Path) -> Path | None:
    """A file in the folder that holds these rows with their answers, where their form has one: CSV, list or NPZ."""
    import numpy as np

    X, y = examples.X, examples.y
    if isinstance(y, list) and y and hasattr(y[0], "points") and not hasattr(y[0], "boxes"):
        return _write_points(X, y, folder)
    if getattr(X, "form", None) == "questions":
        from ..data.text.questions import write_questions

        return write_questions(folder / "test.json", X, y)
    if examples.target is not None and (hasattr(X, "to_csv") or _are_paths(X)):
        return _write_table(X, y, examples.target, folder / "test.csv")
    if y is None and hasattr(X, "to_csv"):
        X.to_csv(folder / "test.csv", index=False)
        return folder / "test.csv"
    if isinstance(X, list) and X and all(isinstance(x, os.PathLike) for x in X):
        if isinstance(y, list) and any(isinstance(text, str) and [text] != text.splitlines() for text in y):
            return None  # a transcript that is empty, or has lines of its own
        if isinstance(y, list) and y and hasattr(y[0], "boxes"):
            from ..data.detection.coco import write_coco

            return write_coco(folder / "test.json", X, y)
        path = folder / "test.txt"
        labels = [""] * len(X) if y is None else [f"\t{label}" for label in np.asarray(y).tolist()]
        lines = [f"{x.resolve()}{label}\n" for x, label in zip(X, labels, strict=True)]
        write_text(path, "".join(lines))
        return path
    if isinstance(X, list) and X and isinstance(X[0], str) and (y is None or isinstance(examples.target, str)):
        import pandas as pd

        path = folder / "test.csv"
        answers = {examples.target or "text": X} if y is None else {"text": X, examples.target: np.asarray(y)}
        pd.DataFrame(answers).to_csv(path, index=False)
        return path
    if isinstance(X, np.ndarray) and isinstance(y, np.ndarray):
        path = folder / "test.npz"
        arrays: dict[str, Any] = {"X": X, examples.target if isinstance(examples.target, str) else "y": y}
        np.savez(path, **arrays)
        return path
    return None


def _are_paths(X: Any) -> bool:
    from ..data.tables.path_columns import is_path

    return isinstance(X, list) and all(isinstance(x, os.PathLike) and (is_path(x) or hasattr(x, "speaker")) for x in X)


def _write_table(X: Any, y: Any, target: "Columns", path: Path) -> Path:
    """The rows of a frame, or paths of pictures, videos or speech, with their answers in columns of their own."""
    import numpy as np
    import pandas as pd

    if isinstance(X, list):
        column = next((x.column for x in X if hasattr(x, "speaker")), None)
        told = {} if column is None else {column: [getattr(x, "speaker", None) for x in X]}
        X = pd.DataFrame({"path": [str(one.resolve()) for one in X]} | told)
    names = [target] if isinstance(target, str) else list(target)
    X.assign(**dict(zip(names, np.asarray(y).reshape(len(X), -1).T, strict=True))).to_csv(path, index=False)
    return path


def _write_points(X: Any, y: list[Any], folder: Path) -> Path:
    """A file of pictures and their keypoints: a table of paths, or NPZ of pictures in memory."""
    import numpy as np

    if isinstance(X, np.ndarray):
        np.savez(folder / "test.npz", X=X, y=np.stack([one.points for one in y]))
        return folder / "test.npz"
    from ..data.detection.keypoint_files import write_keypoints

    return write_keypoints(folder / "test.csv", X, y)
