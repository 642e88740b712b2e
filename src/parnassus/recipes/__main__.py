"""`python -m parnassus.recipes --all | NAME ... [--tiny] [--write docs/proofs.md]`: run experiments, print tables."""

import argparse
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import FileError, ParnassusError
from ..estimators.identity import versions
from . import Recipe, Size, Table, all_recipes, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the recipes that the arguments name; the exit status."""
    given = _parser().parse_args(arguments)
    if not given.all and not given.names:
        for one in all_recipes().values():
            print(f"{one.name:24}{one.summary}")
        return 0
    size: Size = "tiny" if given.tiny else "full"
    try:
        made = []
        for name in all_recipes() if given.all else given.names:
            made.append((name, run(name, size)))
            print(made[-1][1].text(), end="\n\n", flush=True)
        if given.write:
            write_page(given.write, made, size=size)
    except ParnassusError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def write_page(path: Path, made: Iterable[tuple[str, Table]], *, size: Size) -> None:
    """Write the tables as one page, with the commit and the versions that made them."""
    known = all_recipes()
    sections = [section(known[name], table) for name, table in made]
    made_with = ", ".join(f"{k} {v}" for k, v in versions().items())
    head = [
        "# Proofs",
        "What takes too long for the tests, run by `make proof` (`python -m parnassus.recipes --all --write "
        "docs/proofs.md`). The tests run the same code at toy size.",
        f"Commit {commit()}; {made_with}.",
    ]
    if size == "tiny":
        head.append("**Toy size: these numbers show that the recipes run, and nothing else.**")
    try:
        path.write_text("\n\n".join([*head, *sections]) + "\n", encoding="utf-8")
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error.strerror or error}") from error


def section(one: Recipe, table: Table) -> str:
    """A recipe's table under its heading, with where it comes from."""
    beside = f" Beside: {one.figure}." if one.figure else ""
    return f"{table.markdown()}\n\n`python -m parnassus.recipes {one.name}`. Source: {one.source}.{beside}"


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m parnassus.recipes", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="recipes to run; without any, they are listed")
    parser.add_argument("--all", action="store_true", help="run every recipe")
    parser.add_argument("--tiny", action="store_true", help="run at toy size, to see that it runs")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the tables as a Markdown page too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
