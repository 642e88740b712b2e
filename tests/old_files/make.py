"""Writes this folder's files for the format of today: run it once when the format changes, into a new folder.

    python tests/old_files/make.py tests/old_files/format-1

Files that are here are never written again: they stand for models that people saved.
"""

import json
import sys
from pathlib import Path

import numpy as np

import parnassus as pn


def table() -> tuple[list[dict], list[str]]:
    """Rows with numbers, words, gaps and booleans, and an answer in words."""
    g = np.random.default_rng(0)
    rows = [
        {
            "age": None if i % 7 == 0 else int(g.integers(20, 60)),
            "city": "Bonn" if g.random() < 0.5 else "Ulm",
            "member": bool(g.random() < 0.5),
        }
        for i in range(40)
    ]
    return rows, ["yes" if (row["age"] or 30) > 40 or row["member"] else "no" for row in rows]


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """Grey pictures with a bright half, and which half it is."""
    g = np.random.default_rng(1)
    y = np.arange(24) % 2
    X = g.integers(0, 60, (24, 8, 8))
    X[y == 0, :4] += 150
    X[y == 1, 4:] += 150
    return X.astype(np.uint8), y


def quantities() -> tuple[np.ndarray, np.ndarray]:
    """Three columns, and two numbers that are linear in them."""
    X = np.random.default_rng(2).normal(size=(30, 3))
    return X, X @ np.array([[1.0, -2.0], [0.5, 0.0], [0.0, 3.0]]) + 4


def main(folder: Path) -> None:
    """Train, save, and write down what the models say."""
    import pandas as pd

    folder.mkdir(parents=True)
    rows, answers = table()
    classifier = pn.Classifier(pn.model("mlp", hidden=(4,)), epochs=30, codec=pn.Table(missing="median")).fit(
        pd.DataFrame(rows), answers
    )
    seen, halves = pictures()
    reader = pn.Classifier(pn.model("cnn", channels=(4,), hidden=8), epochs=15, lr=0.01).fit(seen, halves)
    X, y = quantities()
    regressor = pn.Regressor(pn.model("mlp", hidden=(5,)), epochs=30, schedule=pn.schedule("cosine")).fit(X, y)
    expected = {
        "table": {
            "X": rows[:6],
            "predict": classifier.predict(pd.DataFrame(rows[:6])).tolist(),
            "probability": classifier.predict_proba(pd.DataFrame(rows[:6])).tolist(),
        },
        "pictures": {
            "X": seen[:4].tolist(),
            "predict": reader.predict(seen[:4]).tolist(),
            "probability": reader.predict_proba(seen[:4]).tolist(),
        },
        "quantities": {"X": X[:4].tolist(), "predict": regressor.predict(X[:4]).tolist()},
    }
    for name, estimator in (("table", classifier), ("pictures", reader), ("quantities", regressor)):
        estimator.save(folder / f"{name}.parnassus")
    (folder / "expected.json").write_text(json.dumps(expected) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
