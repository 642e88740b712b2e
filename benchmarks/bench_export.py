"""A written file under ONNX Runtime and int8, beside the estimator's own net: one row a call, and batches of 64.

The target is ONNX Runtime at one row at least as fast as our net.
Run: python benchmarks/bench_export.py [--threads 1] [--tiny]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import parnassus as pn
from harness import Work, arguments, compare, installed
from parnassus.export.files import run_by, session_of, taken_by
from parnassus.export.graph import graph_of

TINY = "--tiny" in sys.argv
if TINY:
    sys.argv.remove("--tiny")
EPOCHS, CALLS = (1, 5) if TINY else (15, 200)


def main() -> None:
    args = arguments()
    if not installed("onnxruntime"):
        return
    digits = load_digits()
    pictures = (digits.images * 15).astype(np.uint8)
    for model, X in (("mlp", digits.data[:, digits.data.std(0) > 0.5]), ("cnn", pictures)):
        clf = pn.Classifier(model, epochs=EPOCHS).fit(X, digits.target)
        graph = graph_of(clf, X[:64])
        own = run_by(graph, graph)
        with tempfile.TemporaryDirectory() as folder:
            whole = pn.export.to_onnx(clf, Path(folder) / "whole.onnx", X=X).path
            small = pn.export.to_onnx(clf, Path(folder) / "int8.onnx", X=X[:300], int8="static").path
            sessions = {name: session_of(p, n_threads=args.threads) for name, p in (("onnx", whole), ("int8", small))}
            for n in (1, 64):
                feeds = graph.inlet.feeds(X[:n])
                works: dict[str, Work] = {"parnassus": lambda own=own, feeds=feeds: [own(feeds) for _ in range(CALLS)]}
                for name, session in sessions.items():
                    given = taken_by(session, feeds)
                    works[name] = lambda s=session, g=given: [s.run(None, g) for _ in range(CALLS)]
                compare(f"{model} on {n} rows, {CALLS} calls", works, ours="parnassus", args=args)


main()
