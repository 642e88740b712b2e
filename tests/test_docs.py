"""The documentation is run: every Python block of a page, in one namespace and an empty folder, and what it prints.

A `text` block below a Python one holds what it prints; `...` stands for anything. The commands of a `console` block
are run in this process, and lines below a command hold what it prints. A comment before a block says otherwise:
`<!-- not run: reason -->`, `<!-- exit 2 -->`.
"""

import contextlib
import doctest
import io
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import sklearn.datasets  # noqa: F401  # its first import draws from Python's random state, which no page may change

from parnassus import checks
from parnassus.cli import main
from parnassus.data.codec import Codec, codec_kinds
from parnassus.registry import REGISTRIES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GENERATED = {"_build", "generated"}
WRITTEN_BY_MACHINE = {"log.md", "benchmarks.md"}
PAGES = [
    ROOT / "README.md",
    *sorted(p for p in DOCS.rglob("*.md")
            if not GENERATED & set(p.relative_to(DOCS).parts) and p.name not in WRITTEN_BY_MACHINE),
]  # fmt: skip
AT_ONCE = ("README.md", "start.md", "extend.md")  # pages that every commit runs; the others train a model each
FENCE = re.compile(r"^(`{3,})(\S*)[^\n]*\n(.*?)^\1[ \t]*$", re.M | re.S)
NOTE = re.compile(r"<!-- (not run: [^>]+|exit \d+) -->\s*$")
PROGRAMS = ("parnassus",)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, its text, its line, and the note before it."""

    language: str
    text: str
    line: int
    note: str


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        note = NOTE.search(text[: match.start()])
        found.append(Block(match[2], match[3], text[: match.start()].count("\n") + 2, note[1] if note else ""))
    return found


def assert_output(wanted: str, got: str, where: str) -> None:
    same = doctest.OutputChecker().check_output(wanted, got, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert same, f"{where} prints\n{got}\nwhere the page says\n{wanted}"


def run_python(block: Block, page: Path, names: dict) -> str:
    printed = io.StringIO()
    code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        exec(code, names)
    return printed.getvalue()


def run_console(block: Block, page: Path) -> None:
    status = int(block.note.removeprefix("exit ")) if block.note else 0
    for part in re.split(r"^\$ ", block.text, flags=re.M)[1:]:
        command, _, wanted = part.partition("\n")
        program, *arguments = shlex.split(command)
        where = f"{page.name}, line {block.line}: $ {command}"
        assert program in PROGRAMS, f"{where}: only {PROGRAMS} are run; say `<!-- not run: reason -->` before it"
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            found = main(arguments)
        assert found == status, f"{where} ends with {found}:\n{printed.getvalue()}"
        if wanted.strip():
            assert_output(wanted, printed.getvalue(), where)


@pytest.fixture
def kept_registries():
    """What a page registers is forgotten after it: the contracts of the tests are for the package's own."""
    codec_kinds(), checks.all_checks()
    names = [REGISTRIES[kind].names() for kind in REGISTRIES]
    builders = {kind: list(registry._builders) for kind, registry in REGISTRIES.items()}
    kinds, known = dict(Codec.kinds), list(checks._CHECKS)
    yield names
    for kind, registry in REGISTRIES.items():
        registry._builders[:] = builders[kind]
    Codec.kinds.clear()
    Codec.kinds.update(kinds)
    checks._CHECKS[:] = known


@pytest.mark.usefixtures("kept_registries", "draws")
@pytest.mark.parametrize(
    "page",
    [p if p.name in AT_ONCE else pytest.param(p, marks=pytest.mark.slow) for p in PAGES],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_what_a_page_shows_is_what_happens(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "page"}
    printed = None
    for block in blocks(page):
        if block.note.startswith("not run"):
            continue
        if block.language == "python":
            printed = run_python(block, page, names)
        elif block.language == "text" and printed is not None:
            assert_output(block.text, printed, f"{page.name}, the block above line {block.line}")
            printed = None
        elif block.language == "console":
            run_console(block, page)


def test_every_output_stands_below_what_prints_it():
    wrong = []
    for page in PAGES:
        kinds = [b.language for b in blocks(page)]
        pairs = zip([None, *kinds], kinds, strict=False)
        wrong += [page.name for before, kind in pairs if kind == "text" and before != "python"]
    assert wrong == []


def test_pages_are_ascii():
    lines = [(page.name, line) for page in PAGES for line in page.read_bytes().splitlines()]
    assert [one for one in lines if not one[1].isascii()] == []


def test_links_to_files_point_at_files():
    """Pages made by a build are not files of the house: a link to one is a ``{doc}`` role, which the build checks."""
    lost = []
    for page in PAGES:
        targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", FENCE.sub("", page.read_text(encoding="utf-8")))
        named = [t for t in targets if not t.startswith(("http://", "https://", "mailto:"))]
        kept = [t for t in named if (page.parent / t).exists() and "generated" not in Path(t).parts]
        lost += [f"{page.name} points at {target}" for target in named if target not in kept]
    assert lost == []


def test_a_page_that_is_wrong_is_caught(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n")
    code, output = blocks(page)
    with pytest.raises(AssertionError, match="prints"):
        assert_output(output.text, run_python(code, page, {}), "here")


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(1200)
def test_the_documentation_builds_without_a_warning(tmp_path):
    pytest.importorskip("sphinx")
    pytest.importorskip("furo")
    pytest.importorskip("myst_parser")
    plain = "extensions=myst_parser,sphinx.ext.autodoc"  # no page of each source: a sixth of the time
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-D", plain, "-d", str(tmp_path / "doctrees"),
         str(DOCS), str(tmp_path / "html")],
        capture_output=True, text=True, timeout=1200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    assert (tmp_path / "html" / "index.html").exists()
    assert "not yet" in (tmp_path / "html" / "books" / "generated" / "family-gan.html").read_text(encoding="utf-8")
