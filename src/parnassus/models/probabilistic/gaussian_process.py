"""Gaussian processes: functions whose smoothness is learned, and that say how unsure they are."""

from typing import Any

from ...errors import check_count
from ...objectives.bayes.processes import ProcessClassification, ProcessRegression
from ...objectives.bayes.sparse_processes import SparseProcessClassification, SparseProcessRegression
from ...registry import model


@model.register("regressor")
def gaussian_process(
    *,
    in_features: int,
    n_outputs: int,
    kernel: str = "rbf",
    ard: bool = False,
    n_restarts: int = 4,
    n_inducing: int | None = None,
) -> ProcessRegression | SparseProcessRegression:
    """A Gaussian process: `kernel` (names joined by "+") and noise of the largest evidence; exact to 5,000 rows.

    `ard` learns a scale for each column; `n_inducing` points stand for more rows. Kernels: rbf, matern12, matern32,
    matern52, periodic, linear.

    Systems: gaussian-process
    Source: Rasmussen and Williams 2006, chapters 2 and 5; Titsias 2009.
    """
    _check(n_restarts)
    common: dict[str, Any] = {"kernel": kernel, "ard": ard, "n_restarts": n_restarts}
    if n_inducing is None:
        return ProcessRegression(in_features, n_outputs, **common)
    return SparseProcessRegression(in_features, n_outputs, **common, n_inducing=_points(n_inducing))


@model.register("classifier", name="gaussian_process")
def gaussian_process_classifier(
    *,
    in_features: int,
    n_outputs: int,
    kernel: str = "rbf",
    ard: bool = False,
    n_restarts: int = 4,
    n_inducing: int | None = None,
) -> ProcessClassification | SparseProcessClassification:
    """Gaussian processes of scores by Laplace's approximation; 3,000 rows at most, fewer of many classes.

    `n_inducing` points stand for more rows, by variational inference.

    Systems: gaussian-process
    Source: Rasmussen and Williams 2006, chapters 3 and 5; Hensman, Matthews and Ghahramani 2015.
    """
    _check(n_restarts)
    common: dict[str, Any] = {"kernel": kernel, "ard": ard, "n_restarts": n_restarts}
    if n_inducing is None:
        return ProcessClassification(in_features, n_outputs, **common)
    return SparseProcessClassification(in_features, n_outputs, **common, n_inducing=_points(n_inducing))


def _points(n_inducing: int) -> int:
    return check_count("model 'gaussian_process': n_inducing, unless it is None,", n_inducing)


def _check(n_restarts: int) -> None:
    check_count("model 'gaussian_process': n_restarts", n_restarts, least=0)
