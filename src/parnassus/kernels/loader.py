"""C++ kernels: compiled at first use, cached by source, flags, processor and torch, loaded once a process.

The sources use torch's stable ABI only (torch/csrc/stable), so a built file serves every Python, and building takes a
C++20 compiler and seconds. PARNASSUS_KERNELS=off switches all kernels off.
"""

import hashlib
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

log = logging.getLogger(__name__)

_SOURCES = Path(__file__).parent
_SECONDS = 300  # a compiler that takes longer hangs
_DIGEST = hashlib.sha256().digest_size
_TARGET = "-DTORCH_TARGET_VERSION=0x020d000000000000"  # torch 2.13, the oldest that pyproject allows

_lock = threading.Lock()
_loaded: dict[str, Any] = {}
_reasons: dict[str, str] = {}


def load(name: str) -> Any | None:
    """The operators of `name.cpp` (an attribute each), or None: the caller takes the pure-torch twin.

    Never raises for want of a compiler or a cache: why there is no kernel is logged once, at debug level, and kept
    for `status`.
    """
    if os.environ.get("PARNASSUS_KERNELS", "").lower() == "off":
        return None
    with _lock:
        if name not in _loaded:
            _loaded[name] = _first_load(name)
        return _loaded[name]


def status() -> dict[str, str]:
    """What became of each kernel in this process: loaded from which file, not used yet, or why its twin serves."""
    if os.environ.get("PARNASSUS_KERNELS", "").lower() == "off":
        return dict.fromkeys(names(), "off: PARNASSUS_KERNELS=off")
    return {name: _reasons.get(name, "not used yet") for name in names()}


def names() -> list[str]:
    """Every kernel that ships here."""
    return sorted(path.stem for path in _SOURCES.glob("*.cpp"))


def cache_folder() -> Path:
    """Where built kernels are kept: the user's cache folder by the platform's custom, or XDG_CACHE_HOME."""
    given = os.environ.get("XDG_CACHE_HOME")
    if given:
        base = Path(given)
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path.home() / ".cache"
    return base / "parnassus" / "kernels"


def _first_load(name: str) -> ModuleType | None:
    try:
        path = _built(name)
        torch.ops.load_library(str(path))
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        _reasons[name] = f"twin: {_why(error)}"
        log.debug("kernel %s is not used, its torch twin is: %s", name, _why(error))
        return None
    _reasons[name] = f"compiled: {path}"
    return getattr(torch.ops, f"parnassus_{name}")


def _why(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return f"the compiler failed: {error.stderr.strip()[-500:]}"
    return str(error)


def _built(name: str) -> Path:
    """The file of the built kernel, made where it is missing or damaged; a whole one needs no compiler."""
    source, flags = _SOURCES / f"{name}.cpp", _flags()
    headers = sorted(_SOURCES.glob("*.h"))  # any source may include any
    parts = [path.read_bytes() for path in (source, *headers)]
    parts += [*(flag.encode() for flag in flags), _processor(), torch.__version__.encode()]
    path = cache_folder() / f"{name}-{hashlib.sha256(bytes(1).join(parts)).hexdigest()[:24]}.so"
    if not _intact(path):
        _build(source, flags, path)
    return path


def _build(source: Path, flags: list[str], path: Path) -> None:
    compiler = _compiler()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        new = Path(folder) / path.name
        subprocess.run(
            [compiler, *flags, str(source), "-o", str(new), *_libraries()],
            check=True,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        with new.open("ab") as file:  # loaders ignore what follows a library's last section
            file.write(hashlib.sha256(new.read_bytes()).digest())
        os.replace(new, path)  # two processes may build at once; each puts a whole file in place


def _intact(path: Path) -> bool:
    """Whether a built file is there and whole: loading a cut one would end the process."""
    if not path.is_file():
        return False
    held = path.read_bytes()
    return hashlib.sha256(held[:-_DIGEST]).digest() == held[-_DIGEST:]


def _compiler() -> str:
    if sys.platform == "win32":
        raise OSError("kernels are not built on Windows")
    candidates = [os.environ.get("CXX", ""), "c++", "g++", "clang++"]
    found = next((path for path in map(shutil.which, filter(None, candidates)) if path), None)
    if found is None:
        raise OSError("no C++ compiler (c++, g++ or clang++) on the PATH")
    return found


def _flags() -> list[str]:
    # no contraction: a fused multiply-add would round otherwise than the twin; errno and exceptions, which nobody asks
    # for, change no number and keep loops with roots and choices from being computed side by side
    flags = ["-std=c++20", "-O3", "-fPIC", "-shared", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
    flags.append(_TARGET)
    if platform.machine().lower() in ("x86_64", "amd64"):
        flags.append("-march=native")
    if sys.platform == "darwin":
        flags += ["-undefined", "dynamic_lookup"]
    return [*flags, f"-I{_torch_folder() / 'include'}"]


def _libraries() -> list[str]:
    folder = _torch_folder() / "lib"
    return [f"-L{folder}", "-ltorch_cpu", "-lc10"]


def _torch_folder() -> Path:
    return Path(torch.__file__).parent


def _processor() -> bytes:
    """What -march=native depends on: a home folder may be shared by machines of several kinds."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.is_file():
        return f"{platform.machine()} {platform.processor()}".encode()
    lines = cpuinfo.read_text(errors="replace").splitlines()
    return "\n".join(sorted({x for x in lines if x.startswith(("flags", "Features", "model name"))})).encode()
