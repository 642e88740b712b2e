"""`parnassus compare`: several models on the same rows, in one table."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from .console import Console

if TYPE_CHECKING:
    from ..data.sources import Columns


def folds_in(text: str) -> int | float | str:
    """What --folds means: a count, a share, or the name of a way.

    >>> folds_in("5"), folds_in("0.25"), folds_in("leave_one_out")
    (5, 0.25, 'leave_one_out')
    """
    try:
        value = float(text)
    except ValueError:
        return text
    return int(value) if value >= 1 and value == int(value) else value


def compare(
    data: str,
    models: tuple[str, ...],
    *,
    target: "Columns | None",
    drop: tuple[str, ...],
    asked: dict[str, Any],
    json: bool,
) -> int:
    """The table, and which is the simplest model that the best one does not beat. The exit code.

    asked: the keywords of `pn.compare` as they were typed.
    """
    from ..estimators.judging.comparison import compare as work
    from .inputs import opened

    console = Console(json=json)
    examples = opened(data, target=target, drop=drop)
    if examples.y is None:
        raise DataError(f"{data} holds no answers to compare models by; name the column that holds them by --target")
    found = work(list(models), examples.X, examples.y, **asked | {"folds": folds_in(asked["folds"])})
    console.say(f"{Path(data).name}: {found.n_rows:,} rows")
    console.say(found.table())
    if found.simplest is found.best:
        console.say(f"{found.best.name} is best")
    else:
        console.say(f"{found.best.name} is best; {found.simplest.name} is simpler, and no worse beyond chance")
    console.result(found.to_dict())
    return 0
