"""Every benchmark, one after the other, and the page that is made of what they print.

Run: python benchmarks/page.py [NAME ...] [--repeats 3] [--limit 600] [--write-only]

A benchmark's output goes to benchmarks/results/NAME.txt under a first line that says when it was made, by which commit
and versions, on what; docs/benchmarks.md is then written from all that is there. Run it on a machine that does nothing
else: `load` in the first line tells if it did.
"""

import argparse
import importlib.metadata as metadata
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS, PAGE = HERE / "results", HERE.parent / "docs" / "benchmarks.md"
NAMES = sorted(p.stem.removeprefix("bench_") for p in HERE.glob("bench_*.py"))
ACRONYMS = {"cnn", "ctc", "gpt", "hmm", "mlp", "nms", "rbm"}
INTRO = """# Benchmarks

What ours costs beside other packages and beside loops written by hand: `make bench` runs the files of `benchmarks/`,
and this page is what they printed. Rivals take turns in one process (A B C, A B C, ...), times are medians, and "times
ours" is a rival's time over ours: above 1 ours is faster. Growth is fitted as size to the power of the order printed,
on the upper half of the sizes. [The log](log.md) has what was learnt from the numbers, also where they disappoint.

A benchmark that has no part here has not been run on a quiet machine for this page."""


def main() -> int:
    """Run what is asked for, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--repeats", type=int, help="how often each rival runs; each benchmark has its own number")
    parser.add_argument("--limit", type=float, default=600, help="seconds after which a benchmark is stopped")
    parser.add_argument("--write-only", action="store_true", help="run nothing")
    given = parser.parse_args()
    unknown = set(given.names) - set(NAMES)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}")
    failed = [] if given.write_only else [n for n in given.names or NAMES if not run(n, given.repeats, given.limit)]
    PAGE.write_text("\n\n".join([INTRO, *(section(p) for p in sorted(RESULTS.glob("*.txt")))]) + "\n", encoding="utf-8")
    print(f"{PAGE.relative_to(HERE.parent)} is written" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def run(name: str, repeats: int | None, limit: float) -> bool:
    """Run one benchmark and keep what it printed; whether it ended well."""
    path = HERE / f"bench_{name}.py"
    flags = ["--repeats", str(repeats)] if repeats and "--repeats" in told_by(path) else []
    print(f"{name} ...", flush=True)
    head = made_with()
    started = time.perf_counter()
    try:
        found = subprocess.run([sys.executable, path, *flags], capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        print(f"{name}: stopped after {limit:.0f} s", file=sys.stderr)
        return False
    if found.returncode:
        print(f"{name} failed:\n{found.stderr[-2000:]}", file=sys.stderr)
        return False
    head |= {"seconds": round(time.perf_counter() - started, 1), "flags": " ".join(flags)}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.txt").write_text(f"{json.dumps(head)}\n{found.stdout}", encoding="utf-8")
    return True


def told_by(path: Path) -> str:
    """A benchmark's help."""
    return subprocess.run([sys.executable, path, "--help"], capture_output=True, text=True).stdout


def made_with() -> dict[str, Any]:
    """What a number depends on besides the code: the commit, the day, the machine and the versions."""
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, text=True)
    packages = {p: metadata.version(p) for p in ("torch", "numpy", "scikit-learn")}
    return {
        "commit": commit.stdout.strip(),
        "day": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **packages,
    }


def section(path: Path) -> str:
    """A benchmark's part of the page."""
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    words = (HERE / f"bench_{path.stem}.py").read_text(encoding="utf-8").partition('"""')[2].partition("\n")[0]
    made = ", ".join(f"{k} {v}" for k, v in json.loads(head).items() if v != "")
    title = path.stem.upper() if path.stem in ACRONYMS else path.stem.replace("_", " ").capitalize()
    return "\n\n".join([f"## {title}", words, *parts(lines), f"({made})"])


def parts(lines: list[str]) -> list[str]:
    """Lines of JSON as tables, one for each workload and set of keys; other lines as they were printed."""
    found: list[tuple[Any, list[Any]]] = []
    for line in lines:
        told = json.loads(line) if line.startswith("{") else None
        key = None if told is None else (told.get("workload", ""), tuple(told))
        if not found or found[-1][0] != key:
            found.append((key, []))
        found[-1][1].append(line if told is None else told)
    return [texts(rows) if key is None else table(key[0], rows) for key, rows in found]


def texts(lines: list[str]) -> str:
    """Printed lines as they were."""
    return "\n".join(["```text", *lines, "```"])


def table(workload: str, rows: list[dict[str, Any]]) -> str:
    """What was said of one workload, one row a rival."""
    columns = [c for c in rows[0] if c != "workload"]
    lines = ["| " + " | ".join(c.replace("_", " ") for c in columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(cell(row[c]) for c in columns) + " |" for row in rows]
    return "\n".join([f"**{workload}**\n" if workload else "", *lines]).lstrip()


def cell(value: Any) -> str:
    """A value in few signs."""
    if isinstance(value, dict):
        return ", ".join(f"{k}: {cell(v)}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(map(cell, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
