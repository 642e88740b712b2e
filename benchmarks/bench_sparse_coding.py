"""Codes of rows over given atoms, and learning the atoms, beside scikit-learn's coordinate descent.

python benchmarks/bench_sparse_coding.py [--rows 1500] [--atoms 100] [--repeats 5]
"""

import argparse
import statistics
import time
import warnings

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import DictionaryLearning, sparse_encode

import parnassus as pn
from parnassus.functional.sparse_coding import sparse_codes

ALPHA = 0.1


def seconds(run) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--atoms", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    X = load_digits().data[: given.rows] / 16
    X = X[:, X.std(0) > 0.01]
    X -= X.mean(0)
    atoms = np.random.default_rng(0).normal(size=(given.atoms, X.shape[1]))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    rows, ours = torch.from_numpy(X), torch.from_numpy(atoms)
    model = pn.model("sparse_coding", n_latent=given.atoms, alpha=ALPHA, tol=0.0)
    coder = pn.Autoencoder(model, codec=pn.Table(scaling="none"), epochs=20, progress=False)
    theirs = DictionaryLearning(
        given.atoms, alpha=ALPHA, fit_algorithm="cd", max_iter=20, tol=0.0, random_state=0, transform_max_iter=1000
    )
    works = {
        "codes": {
            "parnassus": lambda: sparse_codes(rows, ours, alpha=ALPHA, tol=1e-6),
            "scikit-learn": lambda: sparse_encode(X, atoms, algorithm="lasso_cd", alpha=ALPHA, max_iter=1000),
        },
        "20 passes": {"parnassus": lambda: coder.fit(X), "scikit-learn": lambda: theirs.fit(X)},
    }
    for name, sides in works.items():
        taken: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(given.repeats):
            for side, run in sides.items():
                taken[side].append(seconds(run))
        medians = {side: statistics.median(values) for side, values in taken.items()}
        ratio = medians["scikit-learn"] / medians["parnassus"]
        print(f"{name:<10} parnassus {medians['parnassus']:.3f} s, scikit-learn takes {ratio:.2f} times as long")


if __name__ == "__main__":
    main()
