"""How long things may be: a function's body 40 lines, a class 250, a file 400. What is longer holds two concepts."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1] / "src" / "parnassus"
BODY, CLASS, FILE = 40, 250, 400
VAGUE = {"utils", "util", "common", "misc", "tools", "stuff"}


def sources() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def has_docstring(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    return ast.get_docstring(node, clean=False) is not None


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body, without the signature and the docstring."""
    body = node.body[1:] if has_docstring(node) else node.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def class_lines(node: ast.ClassDef) -> int:
    """Lines of a class, without its own docstring."""
    total = node.end_lineno - node.lineno + 1
    if has_docstring(node):
        total -= node.body[0].end_lineno - node.body[0].lineno + 1
    return total


def offenders(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    found = []
    if len(text.splitlines()) > FILE:
        found.append(f"{path.name}: {len(text.splitlines())} lines, at most {FILE}")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > BODY:
            found.append(f"{path.name}:{node.lineno} {node.name}: {body_lines(node)} lines, at most {BODY}")
        if isinstance(node, ast.ClassDef) and class_lines(node) > CLASS:
            found.append(f"{path.name}:{node.lineno} {node.name}: {class_lines(node)} lines, at most {CLASS}")
    return found


def test_nothing_is_longer_than_one_concept():
    assert [one for path in sources() for one in offenders(path)] == []


def test_files_are_named_after_what_they_hold():
    assert [path for path in sources() if set(path.relative_to(ROOT).with_suffix("").parts) & VAGUE] == []


def test_the_sources_are_ascii():
    lines = [(path, i, line) for path in sources() for i, line in enumerate(path.read_bytes().splitlines(), 1)]
    assert [f"{path}:{i}: {line[:60]!r}" for path, i, line in lines if not line.isascii()] == []


def test_the_counting_is_right(tmp_path):
    text = 'def long():\n    """One.\n\n    Two.\n    """\n' + "    x = 1\n" * 41
    (tmp_path / "long.py").write_text(text + '\n\nclass C:\n    """One."""\n' + "    a = 1\n" * 251)
    assert offenders(tmp_path / "long.py") == [
        "long.py:1 long: 41 lines, at most 40",
        "long.py:49 C: 252 lines, at most 250",
    ]
