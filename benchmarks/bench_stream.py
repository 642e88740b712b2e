"""A Parquet file larger than memory: training from disk beside training from memory, and what each holds.

Each run is a process of its own, an epoch of a small net. The streamed one runs in a control group that holds it to
`--limit` MB, the disk's cache included, where the machine lets it (Linux with the groups of version 1, as root).
Run: python benchmarks/bench_stream.py [--gb 5] [--memory 256] [--limit 1024] [--repeats 2]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

COLUMNS, GROUP = 30, 1 << 17
GROUPS = Path("/sys/fs/cgroup/memory")
SCRIPT = """
import os, resource, sys
import parnassus as pn
path, memory, limit = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if limit:
    folder = sys.argv[4] + "/parnassus_bench"
    os.makedirs(folder, exist_ok=True)
    open(folder + "/memory.limit_in_bytes", "w").write(str(limit << 20))
    open(folder + "/cgroup.procs", "w").write(str(os.getpid()))
reg = pn.Regressor(pn.model("mlp", hidden=(64,)), epochs=1, batch_size=1024, memory=memory).fit(path, target="y")
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(reg.data_["n_rows"] / reg.seconds_, int(status["RssAnon"].split()[0]) / 1024)
"""


def write(path: Path, gb: float) -> None:
    """Numbers that do not compress, a group of rows at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    draw, slope = np.random.default_rng(0), np.random.default_rng(1).normal(size=COLUMNS)
    n_rows = int(gb * 2**30 / 8 / (COLUMNS + 1))
    writer = None
    for start in range(0, n_rows, GROUP):
        X = draw.normal(size=(min(GROUP, n_rows - start), COLUMNS))
        table = pa.table({**{f"c{i}": X[:, i] for i in range(COLUMNS)}, "y": X @ slope + draw.normal(size=len(X))})
        writer = writer or pq.ParquetWriter(path, table.schema, compression="none")
        writer.write_table(table)
    assert writer is not None
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gb", type=float, default=5)
    parser.add_argument("--memory", type=int, default=256, help="MB that the streamed run may hold")
    usual = 1024 if os.access(GROUPS, os.W_OK) else 0
    parser.add_argument(
        "--limit", type=int, default=usual, help="MB that the machine gives the streamed run; 0 for all"
    )
    parser.add_argument("--repeats", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        write(path, args.gb)
        asked = {"memory": (1 << 40, 0), "stream": (args.memory << 20, args.limit)}
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in asked}
        for _ in range(args.repeats):
            for name, (memory, limit) in asked.items():
                words = [sys.executable, "-c", SCRIPT, str(path), str(memory), str(limit), str(GROUPS)]
                out = subprocess.run(words, check=True, capture_output=True, text=True, env=dict(os.environ)).stdout
                rate, held = out.split()
                found[name].append((float(rate), float(held)))
    rates = {name: statistics.median(r for r, _ in runs) for name, runs in found.items()}
    held = {name: round(max(h for _, h in runs)) for name, runs in found.items()}
    told = {"workload": f"{args.gb} GB of Parquet", "rows_a_second": rates, "own_memory_mb": held}
    print(json.dumps(told | {"limit_mb": args.limit, "share_of_memory_speed": rates["stream"] / rates["memory"]}))


if __name__ == "__main__":
    main()
