"""What recipes found, as pages: one a recipe, beside what the books report."""

import re
import subprocess
from pathlib import Path
from typing import Any

from ..errors import FileError
from ..estimators.fitting.identity import versions
from . import Recipe, Size, Table
from .experiments import experiments


def made_folder(folder: Path) -> Path:
    """The folder, made where it is not there: before the work whose pages it is for."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return folder


def write_page(folder: Path, one: Recipe, table: Table, *, size: Size) -> Path:
    """Write a table and its pictures into a folder, with the commit and the versions that made them; the page."""
    try:
        made_folder(folder)
        for number, draw in enumerate(table.pictures.values(), 1):
            _save(draw(), folder / f"{one.name}-{number}.png")
        page = folder / f"{one.name}.md"
        page.write_text("\n\n".join(sections(one, table, size=size)) + "\n", encoding="utf-8")
    except OSError as error:
        raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return page


def sections(one: Recipe, table: Table, *, size: Size) -> list[str]:
    """The parts of a page."""
    made_with = ", ".join(f"{k} {v}" for k, v in versions().items())
    shown = [f"![{says}]({one.name}-{n}.png)\n\n{says}" for n, says in enumerate(table.pictures, 1)]
    return [
        "---\norphan: true\n---",  # linked by the books' tables; in a table of contents each page would copy them all
        f"# {table.title}",
        one.summary,
        *([] if size == "full" else ["**Toy size: these numbers show that the recipe runs, and nothing else.**"]),
        *([reported(one)] if one.experiments else []),
        f"## {'Here' if one.experiments else 'Found'}",
        table.markdown(),
        *shown,
        f"`parnassus reproduce {one.name}`. Source: {one.source}." + (f" Beside: {one.figure}." if one.figure else ""),
        f"Commit {commit()}; {made_with}.",
    ]


def reported(one: Recipe) -> str:
    """What the books report of the experiments that a recipe stands for, as a table."""
    rows = ["## In the books", "", "| experiment | where | data | model | settings | reported |", "|" + " --- |" * 6]
    for name in one.experiments:
        e = experiments()[name]
        cells = (f"`{e.id}`", f"{e.book} {e.section}", e.data, e.model, e.settings, e.reported)
        rows.append("| " + " | ".join(c if c.startswith("`") else plain(c) for c in cells) + " |")
    return "\n".join(rows)


def plain(text: str) -> str:
    """Text in which no sign is Markdown."""
    return re.sub(r"([\\*_|`<>\[\]$#{}])", r"\\\1", text)


def commit() -> str:
    """The commit of the checkout that this file lies in, with a mark where files differ from it."""
    folder = Path(__file__).parent
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown (not run from a git checkout)"
    return found.stdout.strip()


def _save(drawn: Any, path: Path) -> None:
    import matplotlib.pyplot as plt

    figure = getattr(drawn, "figure", drawn)
    figure.savefig(path, dpi=80, bbox_inches="tight")
    plt.close(figure)
