"""Kernels in fresh processes: built, shared, mended, and done without. Each process has a cache folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from parnassus.kernels import loader

pytestmark = pytest.mark.slow

USE = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, format="%(name)s %(message)s")
import torch
from parnassus import kernels
from parnassus.functional.boxes import nms
boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 1.9], [3.0, 3.0, 4.0, 4.0]])
for _ in range(3):
    assert nms(boxes, torch.tensor([0.8, 0.9, 0.1]), 0.5).tolist() == [1, 2]
print(kernels.status()["nms"])
"""


def start(cache: Path, **changes: str) -> subprocess.Popen:
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "OMP_NUM_THREADS": "1", **changes}
    return subprocess.Popen(
        [sys.executable, "-c", USE], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ends(process: subprocess.Popen) -> tuple[str, str]:
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    return out.strip(), err


def has_compiler() -> bool:
    try:
        loader._compiler()
    except OSError:
        return False
    return True


compiles = pytest.mark.skipif(not has_compiler(), reason="no C++ compiler on this machine")


def test_without_a_compiler_the_twin_serves_and_says_so_once(tmp_path: Path) -> None:
    status, logged = ends(start(tmp_path, PATH="", CXX=""))
    assert status.startswith("twin: no C++ compiler")
    assert logged.count("its torch twin is") == 1


def test_kernels_can_be_switched_off(tmp_path: Path) -> None:
    status, logged = ends(start(tmp_path, PARNASSUS_KERNELS="off"))
    assert status == "off: PARNASSUS_KERNELS=off"
    assert "kernel" not in logged
    assert not list(tmp_path.rglob("*.so"))


def test_a_compiler_that_fails_leaves_the_twin(tmp_path: Path) -> None:
    broken = tmp_path / "c++"
    broken.write_text("#!/bin/sh\necho 'no C++20 here' >&2\nexit 1\n")
    broken.chmod(0o755)
    status, _ = ends(start(tmp_path / "cache", CXX=str(broken)))
    assert status == "twin: the compiler failed: no C++20 here"
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_cache_that_cannot_be_written_leaves_the_twin(tmp_path: Path) -> None:
    (tmp_path / "parnassus").write_text("a file where the folder should be")
    status, _ = ends(start(tmp_path))
    assert status.startswith("twin: ")


@compiles
def test_two_processes_at_once_build_one_whole_file_and_a_third_uses_it(tmp_path: Path) -> None:
    both = [start(tmp_path), start(tmp_path)]
    statuses = {ends(process)[0] for process in both}
    (built,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert statuses == {f"compiled: {built}"}
    stamp = built.stat().st_mtime_ns
    assert ends(start(tmp_path, PATH="", CXX=""))[0] == f"compiled: {built}"  # a built kernel needs no compiler
    assert built.stat().st_mtime_ns == stamp


@compiles
def test_a_damaged_file_is_known_and_built_again(tmp_path: Path) -> None:
    first, _ = ends(start(tmp_path))
    built = Path(first.removeprefix("compiled: "))
    whole = built.read_bytes()
    for damaged in (b"", whole[:5000] + b"damage" + whole[5006:], whole[: len(whole) // 2]):
        built.write_bytes(damaged)
        assert not loader._intact(built)
    assert ends(start(tmp_path))[0] == first
    assert loader._intact(built)


def test_the_cache_follows_the_users_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert loader.cache_folder() == tmp_path / "parnassus" / "kernels"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert loader.cache_folder().is_relative_to(Path.home())


def test_every_kernel_has_a_status() -> None:
    assert {"nms", "online"} <= set(loader.status())
