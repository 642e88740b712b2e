"""Gaussian processes: functions whose smoothness is learned, and that say how unsure they are."""

from ..errors import SettingError
from ..objectives.processes import ProcessClassification, ProcessRegression
from ..registry import model


@model.register("regressor")
def gaussian_process(
    *, in_features: int, n_outputs: int, kernel: str = "rbf", ard: bool = False, n_restarts: int = 4
) -> ProcessRegression:
    """A Gaussian process, exact: `kernel` (names joined by "+") and noise of the largest evidence; 5,000 rows at most.

    `ard` learns a scale for each column. Kernels: rbf, matern12, matern32, matern52, periodic, linear.

    Systems: gaussian-process
    Source: Rasmussen and Williams 2006, chapters 2 and 5.
    """
    _check("gaussian_process", n_restarts)
    return ProcessRegression(in_features, n_outputs, kernel=kernel, ard=ard, n_restarts=n_restarts)


@model.register("classifier", name="gaussian_process")
def gaussian_process_classifier(
    *, in_features: int, n_outputs: int, kernel: str = "rbf", ard: bool = False, n_restarts: int = 4
) -> ProcessClassification:
    """Gaussian processes of scores by Laplace's approximation; 3,000 rows at most, fewer of many classes.

    Systems: gaussian-process
    Source: Rasmussen and Williams 2006, chapters 3 and 5.
    """
    _check("gaussian_process", n_restarts)
    return ProcessClassification(in_features, n_outputs, kernel=kernel, ard=ard, n_restarts=n_restarts)


def _check(name: str, n_restarts: int) -> None:
    if n_restarts < 0:
        raise SettingError(f"model {name!r}: n_restarts is 0 or more; got {n_restarts}")
