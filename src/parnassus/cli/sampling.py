"""`parnassus sample`: new rows of a trained model, as CSV or as pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import FileError, SettingError
from .console import Console, finite, note
from .settings import with_article

if TYPE_CHECKING:
    import numpy as np

    from ..estimators.base import Estimator

TASKS = ("generator", "autoencoder", "density")  # whose models draw rows like those they saw


def sample(
    model: Annotated[str, Parameter(name="RUN", help="a run's folder, or a saved model")],
    /,
    *,
    n: Annotated[int, Parameter(name=["--n", "-n"], help="how many rows, or pictures")] = 16,
    condition: Annotated[
        tuple[str, ...],
        Parameter(
            consume_multiple=True,
            negative=(),
            help="of a generator that was told: a class or a text, or one for each row; or the numbers of each column",
        ),
    ] = (),
    seed: Annotated[int | None, Parameter(help="of the draws; without it, the run's")] = None,
    out: Annotated[
        Path | None,
        Parameter(name=["--out", "-o"], help="a CSV file; of pictures a folder, without it `sampled` beside the model"),
    ] = None,
    json: Annotated[bool, Parameter(name="--json", negative=(), help="print JSON, and nothing else")] = False,
) -> int:
    """Draw new rows from a generator, an autoencoder ("vae") or a density: CSV, or PNG files and a grid of them."""
    from .runs import loaded

    estimator, _ = loaded(model)
    rows = drawn(estimator, n, condition, seed, model)
    if estimator.codec_.kind == "image":
        folder = out or (Path(model) if Path(model).is_dir() else Path(model).parent) / "sampled"
        written = keep_pictures(rows, folder)
        note(f"drew {len(rows):,} pictures into {folder}/, together in {written[-1]}")
        Console(json=json).result({"pictures": [str(p) for p in written[:-1]], "grid": str(written[-1])})
        return 0
    from .records import hand_out

    hand_out(records(estimator, rows), out, json=json, what="rows")
    return 0


def drawn(estimator: "Estimator", n: int, condition: tuple[str, ...], seed: int | None, model: str) -> Any:
    """Rows in the user's terms; a model that draws none is refused."""
    held: Any = estimator
    if estimator.task not in TASKS and not (estimator.task == "classifier" and hasattr(estimator, "sample")):  # a DBN
        drawing = f"sample is for {', '.join(TASKS)}"
        raise SettingError(f"{model} holds {with_article(estimator.task)}, which draws no rows; {drawing}")
    if estimator.task != "generator":
        if condition:
            words = with_article(held.task)
            raise SettingError(f"--condition is for a generator, and {model} holds {words}; leave it out")
        return held.sample(n, seed=seed)
    return held.sample(n, condition=told(estimator, condition), seed=seed)


def told(estimator: "Estimator", condition: tuple[str, ...]) -> Any:
    """What the words of --condition say: classes as fit saw them, texts, or numbers."""
    held: Any = estimator
    if not condition:
        return None
    if held.condition == "numbers":
        try:
            return [float(word) for word in condition]
        except ValueError as error:
            raise SettingError(f"--condition is of numbers here, such as --condition 0.5 2; {error}") from error
    classes = held.classes_
    known = {} if classes is None else {str(c): c for c in classes.tolist()}
    said = [known.get(word, word) for word in condition]
    return said[0] if len(said) == 1 else said


def records(estimator: "Estimator", rows: Any) -> list[dict[str, Any]]:
    """One record a row, by column."""
    if hasattr(rows, "to_dict"):
        return [finite(row) for row in rows.to_dict("records")]
    import numpy as np

    table = np.asarray(rows).reshape(len(rows), -1)
    names = getattr(estimator, "feature_names_in_", None)
    if estimator.codec_.kind == "text":  # whose first number counts words that training had not
        names = ["(unknown)", *getattr(estimator.codec_, "words", ())]
    if names is None or len(names) != table.shape[1]:
        names = [f"x{i}" for i in range(table.shape[1])]
    specs = getattr(getattr(estimator.codec_, "schema", None), "specs", [])
    whole = [spec.get("whole", False) for spec in specs] if len(specs) == table.shape[1] else [False] * table.shape[1]
    told = [[int(v) if w and v % 1 == 0 else v for v, w in zip(row, whole, strict=True)] for row in table.tolist()]
    return [finite(dict(zip(map(str, names), row, strict=True))) for row in told]


def keep_pictures(pictures: "np.ndarray", folder: Path) -> list[Path]:
    """Pictures (n, height, width[, channels]) as PNG files, and last the file of a grid of them."""
    from PIL import Image

    from ..insight.generated import tiled

    width = len(str(len(pictures) - 1))
    written = [folder / f"{i:0{width}d}.png" for i in range(len(pictures))] + [folder / "grid.png"]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, picture in zip(written, [*pictures, tiled(pictures, n_columns=8)], strict=True):
            Image.fromarray(picture).save(path)
    except OSError as error:
        raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return written
