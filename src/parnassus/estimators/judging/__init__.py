"""How good and how sure a fitted estimator is: folds, comparisons, calibration, reports."""

from ...imports import submodules

__getattr__ = submodules(__name__)
