"""Tables over discrete variables: their product, and sums over what is not asked for, a variable at a time."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ...errors import DataError


class Factor(NamedTuple):
    """A table with an axis for each of the named variables."""

    names: tuple[str, ...]
    values: Tensor


def summed_product(factors: Sequence[Factor], keep: Iterable[str]) -> Factor:
    """The product of tables, summed over every variable that is not kept.

    >>> rain = Factor(("rain",), torch.tensor([0.8, 0.2]))
    >>> wet = Factor(("rain", "wet"), torch.tensor([[0.9, 0.1], [0.3, 0.7]]))
    >>> summed_product([rain, wet], ["wet"]).values
    tensor([0.7800, 0.2200])
    """
    kept = tuple(keep)
    places = {name: i for i, name in enumerate(dict.fromkeys([n for f in factors for n in f.names]))}
    if len(places) > 52:
        raise DataError(f"a product of tables over {len(places)} variables at once is too large; 52 at most")
    given: list[object] = []
    for factor in factors:
        given += [factor.values, [places[n] for n in factor.names]]
    return Factor(kept, torch.einsum(*given, [places[n] for n in kept]))


def eliminate(factors: Sequence[Factor], keep: Sequence[str]) -> Factor:
    """The same as `summed_product`, a variable at a time: that one first whose sum makes the smallest table.

    Source: Zhang and Poole 1994; Koller and Friedman 2009, algorithm 9.1.
    """
    left = list(factors)
    sizes = {n: s for f in factors for n, s in zip(f.names, f.values.shape, strict=True)}
    waiting = set(sizes) - set(keep)

    def around(name: str) -> set[str]:
        return {n for f in left if name in f.names for n in f.names} - {name}

    while waiting:
        costs = {name: torch.tensor([sizes[n] for n in around(name)] or [1]).log().sum().item() for name in waiting}
        name = min(sorted(waiting), key=lambda n: costs[n])
        touched = [f for f in left if name in f.names]
        rest = [f for f in left if name not in f.names]
        left = [*rest, summed_product(touched, sorted(around(name)))]
        waiting.remove(name)
    return summed_product(left, keep)


def restrict(factor: Factor, name: str, place: int) -> Factor:
    """The table where one variable has a state, without its axis."""
    if name not in factor.names:
        return factor
    axis = factor.names.index(name)
    return Factor(factor.names[:axis] + factor.names[axis + 1 :], factor.values.select(axis, place))
