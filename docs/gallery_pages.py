"""The gallery: scripts of cells that answer the books' exercises, and the pages that are made of them.

A script stands in docs/gallery and is cut into cells by lines that begin with `# %%`; those with `[markdown]` hold
words. A heading's cell with a line `Exercise 2a:P2.5` (or `Exercises a, b`) begins the answer to these, which ends at
the next heading. Run as a command, this file runs every script and writes its page, with what each cell printed and
drew.
"""

import ast
import contextlib
import csv
import hashlib
import io
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = HERE / "gallery"
PAGES = SCRIPTS / "generated"
MARK = re.compile(r"^# %%(.*)$", re.M)
NAMED = re.compile(r"^Exercises? (.+)$", re.M)
ID = re.compile(r"\b(?:0|1|2a|2b|2c|3|4):\w+(?:\.\w+)*")
BOOKS = {
    "0": "Hifny",
    "1": "Baker",
    "2a": "Martinez-Ramon, chapters 1 to 3",
    "2b": "Martinez-Ramon, chapters 4 to 6",
    "2c": "Martinez-Ramon, chapters 7 to 9",
    "3": "Jaiswal",
    "4": "the Keras course",
}


@dataclass
class Cell:
    """Words or code, its first line in the file, and after a run what it printed and its pictures as PNG bytes."""

    kind: str
    text: str
    line: int
    printed: str = ""
    pictures: list = field(default_factory=list)


@dataclass(frozen=True)
class Answer:
    """The exercises that a stretch of cells answers, and its cells of code."""

    exercises: tuple
    cells: list

    @property
    def code(self):
        """The lines of code: not the empty ones, nor comments."""
        lines = [line for cell in self.cells for line in cell.text.splitlines()]
        return [line for line in lines if line.strip() and not line.strip().startswith("#")]


def scripts():
    """The gallery's scripts in the order of their numbers."""
    return sorted(p for p in SCRIPTS.glob("*.py") if not p.name.startswith("_"))


def exercises():
    """Every exercise of the books by id: book, capability, task, systems."""
    with open(SCRIPTS / "exercises.csv", encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def cells(path):
    """The cells of a script."""
    text = path.read_text(encoding="utf-8")
    marks = [*MARK.finditer(text)]
    found = []
    for mark, after in zip(marks, [*marks[1:], None], strict=True):
        body = text[mark.end() + 1 : after.start() if after else len(text)]
        words = "[markdown]" in mark[1]
        if words:
            body = re.sub(r"^# ?", "", body, flags=re.M)
        found.append(Cell("markdown" if words else "code", body.strip("\n"), text[: mark.end()].count("\n") + 2))
    return found


def answers(found):
    """What cells answer."""
    given = []
    for cell in found:
        if cell.kind == "markdown" and cell.text.startswith("#"):
            named = NAMED.search(cell.text)
            given.append(Answer(tuple(ID.findall(named[1])) if named else (), []))
        elif cell.kind == "code" and given:
            given[-1].cells.append(cell)
    return [answer for answer in given if answer.exercises]


def run(path):
    """The cells of a script after running them in one namespace."""
    sys.path.insert(0, str(SCRIPTS))
    names = {"__name__": "gallery", "__file__": str(path)}
    try:
        found = cells(path)
        for cell in found:
            if cell.kind == "code":
                run_cell(cell, path, names)
    finally:
        sys.path.remove(str(SCRIPTS))
    return found


def run_cell(cell, path, names):
    """Run one cell; what it prints, and the figure that its last line is, if it is one, stay with it."""
    tree = ast.parse("\n" * (cell.line - 1) + cell.text, str(path))
    last = ast.Expression(tree.body.pop().value) if isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(tree, str(path), "exec"), names)
            value = eval(compile(last, str(path), "eval"), names) if last else None
    finally:
        cell.printed = printed.getvalue()
    if hasattr(value, "savefig"):
        held = io.BytesIO()
        value.savefig(held, format="png", dpi=80, facecolor="white")
        cell.pictures.append(held.getvalue())
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


def write_page(path, found, ran):
    """Write the page of a script from its cells."""
    PAGES.mkdir(parents=True, exist_ok=True)
    for old in PAGES.glob(f"{path.stem}-*.png"):
        old.unlink()
    text = [f"<!-- {stamp(path)} {'ran' if ran else 'read'} -->"]
    n = 0
    for cell in found:
        if cell.kind == "markdown":
            text += ["", linked(cell.text)]
            continue
        text += ["", "```python", cell.text, "```"]
        if cell.printed.strip():
            text += ["", "```text", cell.printed.rstrip(), "```"]
        for picture in cell.pictures:
            n += 1
            (PAGES / f"{path.stem}-{n}.png").write_bytes(picture)
            text += ["", f"![what the cell above draws]({path.stem}-{n}.png)"]
    (PAGES / f"{path.stem}.md").write_text("\n".join(text) + "\n", encoding="utf-8")


def linked(text):
    """The words of a cell, its exercises written out with the book's name."""
    named = NAMED.search(text)
    if not named or not text.startswith("#"):
        return text
    books = dict.fromkeys(BOOKS[one.split(":")[0]] for one in ID.findall(named[1]))
    return text.replace(named[0], f"*{own_name(named[0])} ({', '.join(books)})*")


def own_name(ids):
    """Ids as their book has them: P2.5 for 2a:P2.5."""
    return re.sub(r"\b\d[abc]?:", "", ids)


def stamp(path):
    """What a page was made from, so that one is not taken for that of a script which has changed."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def write_pages():
    """A page for each script: the one of its run where it was run as it is now, else its code alone."""
    for path in scripts():
        page = PAGES / f"{path.stem}.md"
        if not page.exists() or f"{stamp(path)} ran" not in page.read_text(encoding="utf-8"):
            write_page(path, cells(path), ran=False)
    write_index()


def write_index():
    """A page of all exercises by book, each with the page that answers it."""
    where = {one: path.stem for path in scripts() for answer in answers(cells(path)) for one in answer.exercises}
    rows = exercises()
    text = ["# Every exercise", "", f"{len(where)} of {len(rows)} are answered."]
    for short, book in BOOKS.items():
        text += ["", f"## {book[0].upper()}{book[1:]}", "", "| exercise | to do | answer |", "| --- | --- | --- |"]
        for one, row in rows.items():
            if row["book"] == short:
                page = f"[{row['capability']}]({where[one]}.md)" if one in where else "not yet"
                text.append(f"| {own_name(one)} | {row['task']} | {page} |")
    (PAGES / "exercises.md").write_text("\n".join(text) + "\n", encoding="utf-8")


def main(names):
    """Run the scripts of these names, or all, in full; say how long each takes."""
    import time

    import matplotlib

    matplotlib.use("Agg")
    os.environ.setdefault("PARNASSUS_GALLERY", "full")
    for path in scripts():
        if names and path.stem not in names:
            continue
        began = time.perf_counter()
        write_page(path, run(path), ran=True)
        print(f"{path.stem:40} {time.perf_counter() - began:6.1f} s", flush=True)
    write_index()


if __name__ == "__main__":
    main(sys.argv[1:])
