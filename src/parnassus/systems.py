"""The systems that the five books teach, and where in this package each is computed.

A docstring claims what it computes with a line `Systems: id-one, id-two`; the ids and their places in the books are
in `systems.csv`. Sources are read as text, so that listing them imports nothing.
"""

import ast
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .errors import SettingError, did_you_mean

BOOKS = {
    "Hifny": "Hifny, Machine Learning: From Scratch to Mastery",
    "Baker": "Baker, Deep Learning Lecture Notes, 2024",
    "Martinez-Ramon": "Martinez-Ramon, Ajith and Kurup, Deep Learning: A Practical Introduction, 2024",
    "Jaiswal": "Jaiswal, Deep Learning",
    "Keras course": "a course book on deep learning with TensorFlow and Keras",
}
ROOT = Path(__file__).parent
_LINE = re.compile(r"^[ \t]*Systems:[ \t]*(.+(?:\n[ \t]+[a-z0-9][a-z0-9 ,\-]*)*)", re.M)
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True)
class System:
    """One thing that a book teaches: its id, what it is, how much it matters, where the books have it."""

    id: str
    family: str
    name: str
    kind: str
    definition: str
    priority: str
    peer: str
    references: str


@cache
def systems() -> dict[str, System]:
    """Every system by id, in the order of `systems.csv`."""
    with (ROOT / "systems.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: System(**row) for row in csv.DictReader(file)}


def system(name: str) -> System:
    """The system of this id."""
    if name not in systems():
        raise SettingError(f"unknown system {name!r}; {did_you_mean(name, systems())}")
    return systems()[name]


@cache
def claims(root: Path = ROOT) -> dict[str, list[str]]:
    """Ids that docstrings claim, with the dotted names of what claims them."""
    found: dict[str, list[str]] = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        for name, docstring in _docstrings(ast.parse(path.read_text(encoding="utf-8")), module):
            for line in _LINE.finditer(docstring):
                for claimed in _ID.findall(line.group(1)):
                    found.setdefault(claimed, []).append(name)
    return found


def _docstrings(node: ast.AST, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield name, ast.get_docstring(node) or ""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _docstrings(child, f"{name}.{child.name}")
