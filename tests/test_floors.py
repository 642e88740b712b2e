"""The house has floors: a package imports lower ones and itself. Read from the sources, so that nothing escapes."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "parnassus"
FLOORS = [
    {"errors", "version", "imports"},
    {"files"},
    {"registry", "kernels", "byhand", "systems", "memory", "layouts", "store"},
    {"functional", "fetching"},
    {"layers", "data", "train", "sampling"},
    {"objectives"},
    {"models", "hub"},
    {"insight", "evaluation"},
    {"estimators"},
    {"ensembles", "labelling", "patterns"},
    {"checks", "recipes", "tuning", "serve", "export"},
    {"cli"},
]
FLOOR = {package: height for height, packages in enumerate(FLOORS) for package in packages}
SIDEWAYS = {("train", "data")}  # the one that may look at a neighbour
ROOF = {"__init__", "__main__"}  # of the package itself: they name what is below them
BANNED = {"pickle", "joblib", "dill", "cloudpickle", "torchvision", "torchaudio", "urllib", "requests", "http"}
FETCHING = {"http.client", "urllib.error", "urllib.parse", "urllib.request"}  # of the one file that is asked to fetch
HEAVY = {"matplotlib", "pandas", "jinja2", "rich", "pyarrow", "polars", "tensorboardX", "cyclopts", "pydantic", "scipy"}


def sources() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def imported(path: Path, root: Path = ROOT) -> list[tuple[str, int]]:
    """The packages of this project that a file imports, anywhere in it, with the line."""
    within = ("parnassus", *path.relative_to(root).parts[:-1])
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = within[: len(within) - node.level + 1] if node.level else ()
            parts = (*base, *(node.module or "").split(".")) if node.module else base
            names = [parts] if len(parts) > 1 else [(*parts, alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        else:
            continue
        found += [(n[1], node.lineno) for n in names if n[0] == "parnassus" and len(n) > 1]
    return found


def trespasses(path: Path, root: Path = ROOT) -> list[str]:
    """What a file imports that does not stand below it."""
    own = path.relative_to(root).with_suffix("").parts[0]
    if own in ROOF:
        return []
    if own not in FLOOR:
        return [f"{own} stands on no floor; FLOORS lists them"]
    return [
        f"line {line}: {own} (floor {FLOOR[own]}) imports {other} (floor {FLOOR.get(other)})"
        for other, line in imported(path, root)
        if other != own and other not in ROOF and (own, other) not in SIDEWAYS and FLOOR.get(other, 99) >= FLOOR[own]
    ]


def test_a_package_imports_lower_floors_and_itself():
    assert [f"{path}, {one}" for path in sources() for one in trespasses(path)] == []


@pytest.mark.parametrize("line", [
    "from ..estimators.base import Estimator", "from .. import cli", "from parnassus.models import mlp",
    "import parnassus.hub", "def f():\n    from ..train.trainer import Trainer",
])  # fmt: skip
def test_an_import_upwards_or_sideways_is_caught(tmp_path, line):
    file = tmp_path / "layers" / "dense.py"
    file.parent.mkdir()
    file.write_text(line)
    assert len(trespasses(file, tmp_path)) == 1


def test_the_reader_of_imports_sees_every_form():
    assert {"data", "errors", "registry"} <= {name for name, _ in imported(ROOT / "train" / "trainer.py")}
    assert "version" in {name for name, _ in imported(ROOT / "__init__.py")}
    assert "store" in {name for name, _ in imported(ROOT / "estimators" / "saving.py")}  # from .. import store


def top_level_imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.split(".")[0])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
    return found


def test_heavy_packages_are_imported_where_they_are_needed():
    late = ("insight", "cli")  # whose files are imported only where they are needed
    found = [
        (path, top_level_imports(path) & HEAVY) for path in sources() if path.relative_to(ROOT).parts[0] not in late
    ]
    assert [one for one in found if one[1]] == []


def forbidden(text: str) -> list[str]:
    """What a source imports or calls that unpickles, downloads, or does not load beside torch."""
    found = []
    for node in ast.walk(ast.parse(text)):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "load":
            names = ["pickle"] if ast.unparse(node.func) == "torch.load" else []
        found += [f"{node.lineno}: {name}" for name in names if name.split(".")[0] in BANNED]
    return found


def test_nothing_unpickles_downloads_or_pulls_torchvision():
    found = {path: forbidden(path.read_text(encoding="utf-8")) for path in sources()}
    told = {one.split(": ")[1] for one in found.pop(ROOT / "fetching.py")}
    assert told == FETCHING
    assert [f"{path}:{one}" for path, those in found.items() for one in those] == []
    for line in ("import urllib.request", "from joblib import load", "def f():\n    import pickle", "torch.load(x)"):
        assert len(forbidden(line)) == 1, line


CLUMSY = {"cluster", "compose", "decomposition", "ensemble", "feature_selection", "linear_model", "manifold"}
CLUMSY |= {"metrics", "multioutput", "neighbors", "pipeline", "svm", "tree"}  # they draw when they are loaded


def drawing_imports(path: Path) -> list[int]:
    """Lines that load such a part without `imported` on the line before, which keeps the state."""
    lines, found = path.read_text(encoding="utf-8").split("\n"), []
    for node in ast.walk(ast.parse("\n".join(lines))):
        if not isinstance(node, ast.ImportFrom) or (node.module or "").partition(".")[0] != "sklearn":
            continue
        parts = [*(node.module or "").split(".")[1:2], *(a.name for a in node.names if node.module == "sklearn")]
        if set(parts) & CLUMSY and 'imported("sklearn.' not in lines[node.lineno - 2]:
            found.append(node.lineno)
    return found


def test_parts_of_scikit_learn_that_draw_are_imported_with_the_state_kept():
    own = [p for p in sources() if p.relative_to(ROOT).parts[0] not in ("checks", "recipes")]  # these keep it whole
    assert {str(p): lines for p in own if (lines := drawing_imports(p))} == {}


def test_an_import_that_draws_is_found(tmp_path):
    file = tmp_path / "x.py"
    lines = [
        "def f():",
        '    imported("sklearn.svm")',
        "    from sklearn.svm import SVC",
        "    from sklearn import tree",
    ]
    file.write_text("\n".join(lines))
    assert drawing_imports(file) == [4]
