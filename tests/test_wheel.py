"""The wheel as others install it: built, installed where nothing of this checkout is, and run from there."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = """
import sys
from pathlib import Path

import parnassus as pn
import torch

assert Path(pn.__file__).is_relative_to({target!r}), pn.__file__
from parnassus.functional.boxes import nms
from parnassus.systems import systems

boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [1.0, 1.0, 10.0, 10.0], [20.0, 20.0, 30.0, 30.0]])
assert nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.5).tolist() == [0, 2]
assert len(systems()) > 500
X = [[float(i), float(-i)] for i in range(20)]
y = ["low"] * 10 + ["high"] * 10
clf = pn.Classifier("mlp", epochs=40, lr=0.05, batch_size=5).fit(X, y)
clf.report({target!r} + "/report.html", X, y)
clf.save({target!r} + "/model.parnassus")
assert list(pn.load({target!r} + "/model.parnassus").predict(X)) == list(clf.predict(X))
print("works", clf.score(X, y))
"""

pytestmark = pytest.mark.slow


def run(*command: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=280)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    done = run(
        sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT), cwd=folder
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("site")
    done = run(
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-index",
        "--quiet",
        "--target",
        str(target),
        str(wheel),
        cwd=target,
    )
    if done.returncode and "No module named pip" in done.stderr:
        pytest.skip(f"the wheel cannot be installed here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return target


def fresh(target: Path) -> dict[str, str]:
    """An environment in which the installed wheel stands before this checkout."""
    return os.environ | {"PYTHONPATH": str(target), "PYTHONDONTWRITEBYTECODE": "1"}


def test_everything_that_runs_is_in_the_wheel(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    source = ROOT / "src" / "parnassus"
    wanted = [p for p in source.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    paths = {f"parnassus/{p.relative_to(source).as_posix()}" for p in wanted}
    assert not paths - names
    for part in ("systems.csv", "kernels/nms.cpp", "insight/templates/report.html", "insight/templates/report.css"):
        assert f"parnassus/{part}" in names
    assert any(n.endswith("licenses/LICENSE") for n in names)
    assert not [n for n in names if n.startswith(("tests/", "docs/", "benchmarks/"))]


def test_its_metadata_name_the_version_and_the_command(wheel):
    with zipfile.ZipFile(wheel) as file:
        held = {n.rpartition("/")[2]: n for n in file.namelist() if ".dist-info/" in n}
        metadata = file.read(held["METADATA"]).decode()
        points = file.read(held["entry_points.txt"]).decode()
    from parnassus import __version__

    assert f"\nVersion: {__version__}\n" in metadata
    assert "Requires-Dist: torch" in metadata
    assert "torchvision" not in metadata
    assert "parnassus = parnassus.cli:main" in points


def test_the_installed_command_prints_its_help(installed, tmp_path):
    done = run(sys.executable, "-m", "parnassus", "--help", cwd=tmp_path, env=fresh(installed))
    assert done.returncode == 0, done.stderr
    assert "train" in done.stdout


def test_the_installed_package_trains_reports_saves_and_compiles(installed, tmp_path):
    done = run(
        sys.executable, "-W", "error", "-c", SCRIPT.format(target=str(installed)), cwd=tmp_path, env=fresh(installed)
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("works")
