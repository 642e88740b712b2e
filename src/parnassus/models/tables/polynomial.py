"""Polynomials of the columns."""

import math

from ...errors import SettingError
from ...objectives.expansion import PolynomialLeastSquares
from ...registry import model

MOST_TERMS = 5_000


@model.register("regressor", "forecaster")
def polynomial(
    *, in_features: int, n_outputs: int, degree: int = 2, l2: float = 0.0, growth: float = 1.0
) -> PolynomialLeastSquares:
    """Polynomial regression by the normal equation, with an l2 penalty that may grow with the degree of a term."""
    if degree < 1 or not l2 >= 0 or not growth >= 1:
        raise SettingError(
            f"model 'polynomial': degree and growth are at least 1 and l2 at least 0; got {degree}, {growth} and {l2}"
        )
    n_terms = math.comb(in_features + degree, degree) - 1
    if n_terms > MOST_TERMS:
        raise SettingError(
            f"model 'polynomial': {in_features} columns to degree {degree} are {n_terms:,} terms, and at most "
            f"{MOST_TERMS:,} can be solved for; lower the degree, or choose 'mlp'"
        )
    return PolynomialLeastSquares(in_features, n_outputs, degree=degree, l2=l2, growth=growth)
