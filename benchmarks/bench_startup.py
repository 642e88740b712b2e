"""Whole processes, start to exit: the import alone, the help, and a tiny fit (200 x 10, 16 hidden, 5 epochs).

Run: python benchmarks/bench_startup.py [--repeats 5]
"""

import json
import statistics
import subprocess
import sys
import time

from harness import arguments

TINY = "import numpy as np; r = np.random.default_rng(0); X = r.normal(size=(200, 10)); y = (X[:, 0] > 0).astype(int); "
PROCESSES = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import numpy": [sys.executable, "-c", "import numpy"],
    "import parnassus": [sys.executable, "-c", "import parnassus"],
    "parnassus --help": [sys.executable, "-m", "parnassus", "--help"],
    "import torch": [sys.executable, "-c", "import torch"],
    "tiny fit, scikit-learn": [
        sys.executable,
        "-c",
        TINY + "from sklearn.neural_network import MLPClassifier; import "
        "warnings; warnings.simplefilter('ignore'); "
        "MLPClassifier((16,), batch_size=32, max_iter=5).fit(X, y)",
    ],
    "tiny fit, parnassus": [
        sys.executable,
        "-c",
        TINY + "import parnassus as pn; "
        "pn.Classifier(pn.model('mlp', hidden=(16,)), batch_size=32, epochs=5).fit(X, y)",
    ],
}

if __name__ == "__main__":
    args = arguments()
    times: dict[str, list[float]] = {name: [] for name in PROCESSES}
    for turn in range(args.repeats + 1):
        for name, command in PROCESSES.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            if turn:
                times[name].append(time.perf_counter() - start)
    for name, spent in times.items():
        print(json.dumps({"workload": "startup", "who": name, "median_s": round(statistics.median(spent), 3)}))
