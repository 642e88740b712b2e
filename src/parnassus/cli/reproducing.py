"""`parnassus reproduce`: the books' experiments run again, beside what the books report."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import SettingError
from .console import Console

if TYPE_CHECKING:
    from ..recipes import Recipe, Table


def reproduce(
    *what: Annotated[str, Parameter(help="recipes, experiments or books, or all; without any, a list")],
    tiny: Annotated[bool, Parameter(negative=(), help="at toy size, to see that it runs")] = False,
    data: Annotated[
        Path | None, Parameter(help="where the book's own data set lies, for a recipe that reads it")
    ] = None,
    write: Annotated[Path | None, Parameter(help="a folder that gets a page for each recipe, with pictures")] = None,
    json: Annotated[bool, Parameter(name="--json", negative=(), help="print JSON to standard output")] = False,
) -> int:
    """Run experiments of the books again: what a book reports, what comes out here, and what differs."""
    from ..recipes import all_recipes, run
    from ..recipes.experiments import chosen, experiments
    from ..recipes.pages import made_folder, write_page

    console = Console(json=json)
    recipes = all_recipes()
    if not what:
        console.table([("recipe", "what it makes", "experiments"), *_listed(recipes)])
        covered = {e for one in recipes.values() for e in one.experiments}
        console.say(f"\n{len(covered)} of {len(experiments())} experiments of the books have a recipe")
        console.result([{"recipe": r.name, "experiments": r.experiments, "reads": r.reads} for r in recipes.values()])
        return 0
    known = {name: one.experiments for name, one in recipes.items()}
    names = list(dict.fromkeys(name for word in what for name in chosen(word, known)))
    if data is not None and len(names) > 1:
        raise SettingError(
            f"{' '.join(what)} names {len(names)} recipes, and a set belongs to one; name it: {', '.join(names)}"
        )
    if write is not None:
        made_folder(write)
    found = []
    for name in names:
        table = run(name, "tiny" if tiny else "full", data)
        for line in beside(recipes[name], table):
            console.say(line)
        if write is not None:
            console.say(f"written to {write_page(write, recipes[name], table, size='tiny' if tiny else 'full')}\n")
        found.append(told_of(recipes[name], table))
    console.result(found)
    return 0


def beside(one: "Recipe", table: "Table") -> Iterable[str]:
    """What the books report, then the table."""
    from ..recipes.experiments import experiments

    for name in one.experiments:
        e = experiments()[name]
        yield f"{e.id}: {e.book} {e.section}, {e.model} on {e.data} ({e.settings}): {e.reported}"
    yield "" if one.experiments else f"{one.source}: {one.figure}\n"
    yield table.text() + "\n"


def told_of(one: "Recipe", table: "Table") -> dict[str, Any]:
    """A recipe's outcome as JSON values."""
    from ..recipes.experiments import experiments

    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return {
        "recipe": one.name,
        "experiments": [vars(experiments()[e]) for e in one.experiments],
        "title": table.title,
        "rows": rows,
        "notes": list(table.notes),
        "settings": dict(table.settings),
        "seconds": table.seconds,
    }


def _listed(recipes: dict[str, "Recipe"]) -> list[tuple[str, str, str]]:
    return [(r.name, r.summary, " ".join(r.experiments)) for r in recipes.values()]
