"""Experiments on choosing: capacity, number of rows, and nets against classical models."""

import warnings
from collections.abc import Mapping

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

from ..errors import DataWarning
from ..estimators.classifier import Classifier
from ..estimators.judging.comparison import compare
from ..estimators.judging.selection import learning_curve
from . import Size, Table, recipe

DEGREES = (1, 4, 20)
DRAWS: Mapping[Size, int] = {"tiny": 1, "full": 20}
ROWS: Mapping[Size, int | None] = {"tiny": 120, "full": None}


def capacity(degree: int, x: np.ndarray, y: np.ndarray, grid: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Mean squared errors of the polynomial of a degree that fits (x, y) best: on (x, y), and from the truth on a grid.

    Systems: capacity-curve
    Source: Hifny A14.1, section 14.1, figure 14.1.
    """
    fitted = np.polynomial.Polynomial.fit(x, y, degree)
    return float(np.square(fitted(x) - y).mean()), float(np.square(fitted(grid) - truth).mean())


@recipe(
    "capacity",
    source="Hifny 14.1: polynomials of degree 1, 4 and 20 on 30 points",
    figure="training errors .22589, .011565, .0022200; degree 4 nearest to the truth",
    experiments="hifny-23",
)
def capacity_of_polynomials(size: Size) -> Table:
    """Training error and distance from the truth by degree: too stiff, about right, too free."""
    random = np.random.RandomState(0)
    grid = np.linspace(0, 1, 200)
    errors: dict[int, list[tuple[float, float]]] = {d: [] for d in DEGREES}
    for _ in range(DRAWS[size]):
        x = np.sort(random.rand(30))
        y = np.cos(1.5 * np.pi * x) + 0.1 * random.randn(30)
        for degree in DEGREES:
            errors[degree].append(capacity(degree, x, y, grid, np.cos(1.5 * np.pi * grid)))
    rows = [(d, *errors[d][0], *(float(np.median(column)) for column in zip(*errors[d], strict=True))) for d in DEGREES]
    columns = ("degree", "training error", "from the truth", "median training error", "median from the truth")
    return Table("Capacity of polynomials", columns, rows, settings={"rows": 30, "draws": DRAWS[size], "seed": 0})


@recipe(
    "learning-curve-n",
    source="Martinez-Ramon 2.2 and figure 2.2: error by number of rows, averaged over draws",
    figure="held-out accuracy rises and the gap to training rows falls with the number of rows",
)
def learning_curve_of_digits(size: Size) -> Table:
    """Accuracy by number of training rows, on held-out and on training rows, for the handwritten digits."""
    X, y = load_digits(return_X_y=True)
    X, y = X[: ROWS[size]], y[: ROWS[size]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # pixels at the edge are white in every digit of few
        found = learning_curve(
            Classifier("mlp", epochs=2 if size == "tiny" else 30),
            X,
            y,
            sizes=(0.25, 0.5, 1.0) if size == "tiny" else (0.03, 0.1, 0.3, 1.0),
            folds=2 if size == "tiny" else 5,
            repeats=1 if size == "tiny" else 3,
        )
    rows = []
    for i, n in enumerate(found.values):
        one = found.at(i)
        rows.append((n, one.mean, one.low, one.high, one.mean + float(found.gap[i]), float(found.gap[i])))
    columns = ("rows", "held out", "low", "high", "training", "gap")
    return Table("Digits by number of rows", columns, rows, settings={"rows": len(y), "folds": found.folds, "seed": 0})


@recipe(
    "benchmark-first",
    source="Baker 1.3 and 6.5: a deep model has to beat naive, statistical and engineered ones",
    figure="Martinez-Ramon 3.5.5 has .9035 for a support vector machine on one split of the breast cancer table",
)
def benchmark_first(size: Size) -> Table:
    """A dense net beside the ladder of classical models, on the tables that scikit-learn ships."""
    rows = []
    for name, load in (("breast cancer", load_breast_cancer), ("diabetes", load_diabetes)):
        X, y = load(return_X_y=True)
        X, y = X[: ROWS[size]], y[: ROWS[size]]
        names = ["dummy", "svm", "mlp"] if size == "tiny" else ["auto", "svm", "nearest_neighbours", "mlp"]
        found = compare(names, X, y, folds=3 if size == "tiny" else 10)
        rows += [
            (name, s.name, found.metric, s.mean, s.low, s.high, "" if s.p_value is None else s.p_value, str(s.size))
            for s in found.standings
        ]
    columns = ("data", "model", "metric", "mean", "low", "high", "p against the best", "size")
    return Table(
        "A net beside classical models", columns, rows, settings={"folds": 3 if size == "tiny" else 10, "seed": 0}
    )


@recipe(
    "hyperparameter-search",
    source="Martinez-Ramon 3.5.6 and problem 3.6: settings by grid and by random draws, with cross-validation",
    figure="random draws find as good a setting as the grid with half of its fits",
)
def hyperparameter_search(size: Size) -> Table:
    """Widths and weight decays of a dense net, by scikit-learn's grid search and random search over our estimator.

    Systems: hyperparameter-search
    """
    X, y = load_breast_cancer(return_X_y=True)
    X, y = X[: ROWS[size]], y[: ROWS[size]]
    settings = {
        "model__hidden": [(4,), (32,)] if size == "tiny" else [(4,), (16,), (64,), (64, 64)],
        "optimizer__weight_decay": [0.0, 0.01] if size == "tiny" else [0.0, 1e-3, 1e-2, 1e-1],
    }
    estimator = Classifier("mlp", epochs=2 if size == "tiny" else 30)
    n_draws, n_folds = (2, 2) if size == "tiny" else (8, 5)
    searches = {
        "grid": GridSearchCV(estimator, settings, cv=n_folds),
        "random": RandomizedSearchCV(estimator, settings, n_iter=n_draws, cv=n_folds, random_state=0),
    }
    rows = []
    for name, search in searches.items():
        search.fit(X, y)
        worst = float(np.min(search.cv_results_["mean_test_score"]))
        best = ", ".join(f"{k.split('__')[1]} {v}" for k, v in search.best_params_.items())
        rows.append((name, len(search.cv_results_["params"]), float(search.best_score_), worst, best))
    columns = ("search", "settings tried", "best accuracy", "worst accuracy", "best setting")
    return Table("Settings of a dense net", columns, rows, settings={"rows": len(y), "folds": n_folds, "seed": 0})
