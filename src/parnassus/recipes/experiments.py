"""The experiments that the books report, each with an id, what it was made with, and the figure that it stands by."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..errors import SettingError, did_you_mean
from ..systems import BOOKS


@dataclass(frozen=True)
class Experiment:
    """One experiment of a book: its section, the data, the model and the settings there, and what the book reports."""

    id: str
    book: str
    section: str
    data: str
    model: str
    settings: str
    reported: str


@cache
def experiments() -> dict[str, Experiment]:
    """Every experiment by id, in the order of the books."""
    with Path(__file__).with_name("experiments.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: Experiment(**row) for row in csv.DictReader(file)}


def chosen(what: str, known: dict[str, tuple[str, ...]]) -> list[str]:
    """The recipes that a word names.

    Parameters
    ----------
    what : a recipe, an experiment's id, a book's short name in small letters, or "all".
    known : the experiments of every recipe.
    """
    if what == "all":
        return list(known)
    if what in known:
        return [what]
    books = {short.lower().split()[0]: short for short in BOOKS}
    if what.lower() in books:
        asked = {e.id for e in experiments().values() if e.book == books[what.lower()]}
        return [name for name, ids in known.items() if asked & set(ids)]
    if what not in experiments():
        raise SettingError(f"no recipe, experiment or book {what!r}; {did_you_mean(what, [*known, *experiments()])}")
    found = [name for name, ids in known.items() if what in ids]
    if not found:
        one = experiments()[what]
        raise SettingError(f"{what} ({one.book} {one.section}: {one.model} on {one.data}) has no recipe yet")
    return found
