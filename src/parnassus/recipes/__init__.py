"""Experiments that anyone can run again: `parnassus reproduce all`; one file a family.

A recipe is a function of a size that returns a `Table`. At size "full" it is the experiment; at size "tiny" it takes
about a second and shows only that it runs. Everything is seeded, and needs no data but what scikit-learn ships; a
recipe that stands for a book's run on a well-known set takes that set as well, where the user has it on disk.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from ..data.book_sets import read_set
from ..errors import SettingError, did_you_mean
from ..imports import imported, load_all

imported("sklearn.datasets")  # which recipes take their data from, and which draws random numbers when first loaded
Size = Literal["tiny", "full"]


@dataclass(frozen=True)
class Table:
    """What a recipe found: rows under columns, what they mean, what they were made with, and what there is to see.

    pictures : what each shows, and what draws it: a function that returns a matplotlib figure, called where the table
        becomes a page.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    notes: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    pictures: Mapping[str, Callable[[], Any]] = field(default_factory=dict)

    def text(self) -> str:
        """The table in aligned columns, for a terminal."""
        cells = [list(self.columns), *([_cell(v) for v in row] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]
        lines.insert(1, "  ".join("-" * w for w in widths))
        return "\n".join([self.title, "", *lines, *([""] if self.notes else []), *self.notes, self._made_with()])

    def markdown(self) -> str:
        """The table, its notes and its settings, for a page."""
        head = ["| " + " | ".join(self.columns) + " |", "|" + " --- |" * len(self.columns)]
        rows = ["| " + " | ".join(_cell(v) for v in row) + " |" for row in self.rows]
        return "\n".join([*head, *rows, "", *(f"{n}\n" for n in self.notes), self._made_with()])

    def _made_with(self) -> str:
        made = ", ".join(f"{k} {v}" for k, v in self.settings.items())
        took = "" if self.seconds is None else f"{self.seconds:.1f} s"
        return f"({'; '.join(filter(None, [made, took]))})"


@dataclass(frozen=True)
class Recipe:
    """An experiment by name: where it comes from, the figure or number it stands beside, and what runs it."""

    name: str
    source: str
    figure: str
    make: Callable[..., Table]
    experiments: tuple[str, ...] = ()
    reads: str | None = None

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (self.make.__doc__ or "").partition("\n")[0]


_RECIPES: dict[str, Recipe] = {}


def recipe(
    name: str, *, source: str, figure: str = "", experiments: str = "", reads: str | None = None
) -> Callable[[Callable[..., Table]], Callable[..., Table]]:
    """Decorator that enters an experiment under a name.

    Parameters
    ----------
    source : the book and section, or what else asks for the numbers.
    figure : the figure, table or number of the source that this stands beside.
    experiments : ids of `experiments.csv`, with blanks between.
    reads : the set of `data.book_sets` that a second argument takes: `data`, None where the user has none.
    """

    def enter(make: Callable[..., Table]) -> Callable[..., Table]:
        if name in _RECIPES:
            raise ValueError(f"the recipe {name!r} is registered twice, by {_RECIPES[name].make} and {make}")
        _RECIPES[name] = Recipe(name, source, figure, make, tuple(experiments.split()), reads)
        return make

    return enter


def all_recipes() -> dict[str, Recipe]:
    """Every recipe by name; the modules of this package are walked, so there is no list to edit."""
    load_all(__name__)
    return dict(sorted(_RECIPES.items()))


def run(name: str, size: Size = "full", data: str | Path | None = None) -> Table:
    """The table of one recipe, with the seconds that it took.

    data : where the book's own set lies, for a recipe that reads one.
    """
    if name not in all_recipes():
        raise SettingError(f"no recipe {name!r}; {did_you_mean(name, all_recipes())}")
    if size not in get_args(Size):
        raise SettingError(f"size is 'tiny' or 'full'; got {size!r}")
    one = all_recipes()[name]
    if data is not None and one.reads is None:
        raise SettingError(f"the recipe {name!r} makes its own data; give no data")
    given = (size,) if one.reads is None else (size, None if data is None else read_set(one.reads, data))
    started = time.perf_counter()
    table = one.make(*given)
    return replace(table, seconds=time.perf_counter() - started)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
