"""Relevance vector machines: kernels around the few training rows that the evidence keeps."""

import math
from numbers import Real
from typing import Literal, get_args

from ...errors import SettingError, did_you_mean
from ...objectives.bayes.relevance import RelevanceClassification, RelevanceRegression
from ...registry import model

Kernel = Literal["rbf", "matern12", "matern32", "matern52", "linear"]


@model.register("regressor")
def relevance_vector_machine(
    *, in_features: int, n_outputs: int, kernel: Kernel = "rbf", scale: float | None = None
) -> RelevanceRegression:
    """A relevance vector machine: kernels around few rows; `scale`, of standardised columns, by held-out rows if None.

    Source: Tipping 2001; Tipping and Faul 2003.
    """
    _check(kernel, scale)
    return RelevanceRegression(in_features, n_outputs, kernel=kernel, scale=scale)


@model.register("classifier", name="relevance_vector_machine")
def relevance_vector_classifier(
    *, in_features: int, n_outputs: int, kernel: Kernel = "rbf", scale: float | None = None
) -> RelevanceClassification:
    """A relevance vector machine of classes, each told from the rest; `scale` by held-out rows if None.

    Source: Tipping 2001, section 3; Tipping and Faul 2003, section 4.
    """
    _check(kernel, scale)
    return RelevanceClassification(in_features, n_outputs, kernel=kernel, scale=scale)


def _check(kernel: str, scale: float | None) -> None:
    if kernel not in get_args(Kernel):
        raise SettingError(
            f"model 'relevance_vector_machine': no kernel {kernel!r}; {did_you_mean(kernel, get_args(Kernel))}"
        )
    if kernel == "linear" and scale is not None:
        raise SettingError(f"model 'relevance_vector_machine': the linear kernel has no scale; got scale={scale!r}")
    if scale is None:
        return
    if not isinstance(scale, Real) or isinstance(scale, bool) or not 0 < scale < math.inf:
        raise SettingError(f"model 'relevance_vector_machine': scale is a number above 0, or None; got {scale!r}")
