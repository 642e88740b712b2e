"""Powers and products of columns, with which a linear model fits curves."""

from collections import Counter
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


def legendre_features(x: Tensor, degree: int) -> Tensor:
    """Products of Legendre polynomials in place of powers: P_2(x_i) P_1(x_j) for x_i^2 x_j; in the order of `terms`.

    They span what the powers span and, for x in [-1, 1], hardly go together: sums of products of powers lose digits
    from degree 15 or so on, these do not.

        P_0 = 1,  P_1 = x,  (k + 1) P_(k+1) = (2 k + 1) x P_k - k P_(k-1)

    Source: Abramowitz and Stegun 1964, 22.7.10.

    >>> legendre_features(torch.tensor([0.5, -1.0]), 2).tolist()
    [0.5, -1.0, -0.125, -0.5, 1.0]
    """
    powers = [torch.ones_like(x), x]
    for k in range(1, degree):
        powers.append(((2 * k + 1) * x * powers[k] - k * powers[k - 1]) / (k + 1))
    columns = []
    for term in terms(x.shape[-1], degree):
        factors = [powers[n][..., i] for i, n in Counter(term).items()]
        columns.append(torch.stack(factors).prod(0))
    return torch.stack(columns, -1)
