"""Peak memory of training on pictures held as uint8, over what the process takes without them.

Run: python benchmarks/bench_memory.py
"""

import json
import resource
import subprocess
import sys

SCRIPT = """
import resource, sys
import numpy as np
import parnassus as pn
n = int(sys.argv[1])
X = np.random.default_rng(0).integers(0, 255, (n, 32, 32, 3), dtype=np.uint8)
y = np.arange(n) % 10
pn.Classifier(pn.model("mlp", hidden=(8,)), epochs=1, batch_size=64).fit(X, y)
print(X.nbytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def peak(n: int) -> tuple[int, int]:
    """(bytes of the pictures, peak resident bytes) of a process that trains on n of them."""
    out = subprocess.run([sys.executable, "-c", SCRIPT, str(n)], check=True, capture_output=True, text=True).stdout
    size, top = out.split()
    return int(size), int(top)


if __name__ == "__main__":
    small, large = peak(2_000), peak(100_000)
    ratio = (large[1] - small[1]) / (large[0] - small[0])
    print(
        json.dumps(
            {
                "workload": "memory, uint8 pictures",
                "bytes": large[0],
                "peak_bytes": large[1],
                "peak_per_byte": round(ratio, 3),
                "page_size": resource.getpagesize(),
            }
        )
    )
