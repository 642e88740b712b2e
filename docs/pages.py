"""Pages that are written when the documentation is built: one a module, one a family of what the books teach."""

import importlib
import pkgutil
import re
import shutil
from collections import defaultdict

import parnassus
from parnassus.recipes import all_recipes
from parnassus.recipes.experiments import experiments
from parnassus.recipes.pages import plain
from parnassus.systems import BOOKS, claims, systems

ACRONYMS = {"cnn", "gan", "hmm", "mlp"}
LEFT_OUT = {"parnassus.cli", "parnassus.__main__"}  # the command line has its own help
TITLES = {
    "byhand": "NumPy only", "checks": "outside oracles", "data": "codecs, rows, sources", "errors": "what may go wrong",
    "estimators": "the tasks", "evaluation": "metrics with intervals", "functional": "one equation a function",
    "hub": "other people's layouts", "insight": "plots and the report", "kernels": "compiled loops",
    "layers": "parts of networks", "memory": "freed memory kept", "models": "builders by name",
    "objectives": "who lowers what", "recipes": "experiments", "registry": "names and specs",
    "store": "the file format", "systems": "what the books teach", "train": "phases, trainer, optimizers",
}  # fmt: skip


def modules():
    """Every documented module by its dotted name, in order."""
    names = ["parnassus"]
    for found in pkgutil.walk_packages(parnassus.__path__, "parnassus."):
        hidden = any(found.name == out or found.name.startswith(out + ".") for out in LEFT_OUT)
        if not hidden and not found.name.endswith("__main__"):
            names.append(found.name)
    return names


def write_reference(folder):
    """A page for each module, linked from a page for each package.

    Modules stand in no table of contents: every page copies that whole, and with 500 of them a build takes minutes.
    """
    fresh(folder / "modules")
    names = modules()
    for name in names[1:]:
        below = [n for n in names if n.rpartition(".")[0] == name]
        words = (importlib.import_module(name).__doc__ or "").strip()
        if not below and not words:
            continue
        short = name.removeprefix("parnassus.")
        title = short if "." in short else f"{short}{gloss(short)}"
        lines = [title, "=" * len(title), "", f".. automodule:: {name}", ""]
        if below:
            prefix = len("parnassus.")
            lines += [f"* :doc:`{n[prefix:]} </reference/generated/modules/{n}>`" for n in below] + [""]
        if "." in short:
            lines = [":orphan:", "", *lines]
        place = folder / "modules" if "." in short else folder
        (place / f"{name}.rst").write_text("\n".join(lines), encoding="utf-8")


def gloss(name):
    """What a package is about, for its title."""
    said = TITLES.get(name)
    return f": {said}" if said else ""


def write_books(folder):
    """A page for each family and one for each book, with where a thing stands and where it is computed."""
    fresh(folder)
    families = defaultdict(list)
    for one in systems().values():
        families[one.family].append(one)
    for family, members in families.items():
        text = [f"# {titled(family)}", "", counted(members), "", *table(members, "books")]
        (folder / f"family-{family}.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    for short, title in BOOKS.items():
        members = sorted((s for s in systems().values() if places(s, short)), key=lambda s: order(places(s, short)))
        text = [f"# {title[0].upper()}{title[1:]}", "", counted(members), "", *table(members, short)]
        name = re.sub(r"\W+", "-", short.lower())
        (folder / f"book-{name}.md").write_text("\n".join(text) + "\n", encoding="utf-8")


def write_experiments(folder):
    """A table for each book: what it reports, and the page of the recipe that runs it again."""
    fresh(folder)
    recipes, known = all_recipes().values(), experiments().values()
    for short, title in BOOKS.items():
        rows = ["| experiment | in | data | model | reported | run again |", "|" + " --- |" * 6]
        members = [e for e in known if e.book == short]
        for one in members:
            where = [r.name for r in recipes if one.id in r.experiments]
            links = ", ".join(page_of(name, folder.parent.parent) for name in where) or "not yet"
            told = " | ".join(plain(c) for c in (one.section, one.data, one.model, one.reported))
            rows.append(f"| `{one.id}` | {told} | {links} |")
        n = sum(any(e.id in r.experiments for r in recipes) for e in members)
        text = [f"# Experiments of {title}", "", f"{n} of {len(members)} can be run again.", "", *rows]
        name = short.lower().split()[0]
        (folder / f"{name}.md").write_text("\n".join(text) + "\n", encoding="utf-8")

    rows = ["| recipe | what it makes | page |", "| --- | --- | --- |"]
    for one in recipes:
        if not one.experiments:
            rows.append(f"| {one.name} | {plain(one.summary)} | {page_of(one.name, folder.parent.parent)} |")
    text = ["# Other recipes", "", "What no single experiment of a book reports.", "", *rows]
    (folder / "others.md").write_text("\n".join(text) + "\n", encoding="utf-8")


def page_of(name, folder):
    """A link to what a recipe found, or its name where it was not run for these pages."""
    return f"[{name}](../../{name}.md)" if (folder / f"{name}.md").exists() else f"`{name}`"


def titled(family):
    """A family's name as a heading: "Image data", "GAN"."""
    return family.upper() if family in ACRONYMS else family.replace("-", " ").capitalize()


def table(members, book):
    """One row a system; `book` is whose sections to name, "books" for all."""
    rows = ["| in | system | id | computed by |", "| --- | --- | --- | --- |"]
    for one in members:
        where = one.references if book == "books" else places(one, book)
        rows.append(f"| {plain(where)} | {plain(one.name)} | `{one.id}` | {computed(one.id)} |")
    return rows


def computed(name):
    """Links to what claims a system, or "not yet"."""
    found = claims().get(name)
    return ", ".join(f"{{py:obj}}`{n.removeprefix('parnassus.')} <{n}>`" for n in found) if found else "not yet"


def counted(members):
    """How many of these systems are computed."""
    n = sum(one.id in claims() for one in members)
    return f"{n} of {len(members)} are computed in this version."


def places(one, book):
    """The sections of one book that a system's references name."""
    return "; ".join(p.strip()[len(book) :].strip() for p in one.references.split(";") if p.strip().startswith(book))


def order(where):
    """Sections by number, as 2.10 comes after 2.9."""
    return [int(n) for n in re.findall(r"\d+", where)] or [0]


def fresh(folder):
    """An empty folder, within one that is new as well if it is called generated."""
    shutil.rmtree(folder.parent if folder.parent.name == "generated" else folder, ignore_errors=True)
    folder.mkdir(parents=True)
