"""Powers and products of columns, with which a linear model fits curves."""

from itertools import combinations_with_replacement

import torch
from torch import Tensor


def terms(n_features: int, degree: int) -> list[tuple[int, ...]]:
    """Every product of 1 to `degree` columns, as the columns it multiplies, lower degrees first.

    >>> terms(2, 2)
    [(0,), (1,), (0, 0), (0, 1), (1, 1)]
    """
    return [t for d in range(1, degree + 1) for t in combinations_with_replacement(range(n_features), d)]


def polynomial_features(x: Tensor, degree: int) -> Tensor:
    """x (..., n) with all powers and products of its columns up to `degree`, without the constant; order of `terms`.

    Source: Martinez-Ramon 3.5.3; scikit-learn's PolynomialFeatures without its bias column.

    >>> polynomial_features(torch.tensor([2.0, 3.0]), 2).tolist()
    [2.0, 3.0, 4.0, 6.0, 9.0]
    """
    built: dict[tuple[int, ...], Tensor] = {(i,): x[..., i] for i in range(x.shape[-1])}
    for term in terms(x.shape[-1], degree):
        if len(term) > 1:
            built[term] = built[term[:-1]] * x[..., term[-1]]
    return torch.stack([built[t] for t in terms(x.shape[-1], degree)], -1)
