"""Ten-fold cross-validation of a dense net: all folds in one program, beside one fit and beside ten separate fits.

`times_ours` of "one fit" says what share of the whole one fit is; the goal is that ten folds cost at most five fits at
64-64-10, and less than separate fits at 30-128-128-2. scikit-learn's cross_val_score runs the same estimator fold by
fold; its own MLPClassifier is the peer.
"""

from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import StratifiedKFold, cross_val_score

import parnassus as pn
from harness import arguments, compare, installed

WORKLOADS = {
    "digits 64-64-10, batch 64": (load_digits, (64,), 64),
    "breast cancer 30-128-128-2, batch 64": (load_breast_cancer, (128, 128), 64),
}
EPOCHS = 50


def works_for(X: np.ndarray, y: np.ndarray, hidden: tuple[int, ...], batch_size: int) -> dict[str, Any]:
    """What is compared: ten folds together, ten folds one by one, one fit on nine tenths of the rows."""
    estimator = pn.Classifier(pn.model("mlp", hidden=hidden), epochs=EPOCHS, batch_size=batch_size)
    folds = StratifiedKFold(10)
    train, _ = next(iter(folds.split(X, y)))
    works = {
        "parnassus cross_validate": lambda: pn.cross_validate(estimator, X, y, folds=folds),
        "parnassus fold by fold": lambda: cross_val_score(estimator, X, y, cv=folds),
        "one fit": lambda: pn.Classifier(**estimator.get_params(deep=False)).fit(X[train], y[train]),
    }
    if installed("sklearn"):
        from sklearn.neural_network import MLPClassifier

        peer = MLPClassifier(hidden, batch_size=batch_size, max_iter=EPOCHS, n_iter_no_change=EPOCHS, random_state=0)
        works["scikit-learn cross_val_score"] = lambda: cross_val_score(peer, X, y, cv=folds)
    return works


if __name__ == "__main__":
    args = arguments()
    for name, (load, hidden, batch_size) in WORKLOADS.items():
        X, y = load(return_X_y=True)
        X = np.ascontiguousarray(X[:, (np.median(X, 0) != X).sum(0) > 20])  # columns that vary in every fold
        compare(name, works_for(X, y, hidden, batch_size), ours="parnassus cross_validate", args=args)
