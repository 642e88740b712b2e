"""Which words are alike, and which is to one as another is to a third."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ...errors import SettingError

MEASURES = ("add", "multiply")


def unit_rows(x: Tensor) -> Tensor:
    """Rows of Euclidean length 1; rows of nothing stay 0.

    >>> unit_rows(torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    return x / x.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(x.dtype).tiny)


def similarities(queries: Tensor, rows: Tensor) -> Tensor:
    """Cosines of queries (q, d) and rows (n, d): (q, n), from -1 to 1; 0 for rows of nothing."""
    return unit_rows(queries) @ unit_rows(rows).mT


def analogy_scores(
    rows: Tensor, positive: Sequence[int], negative: Sequence[int] = (), *, measure: str = "add"
) -> Tensor:
    """How well each row answers "like the positive ones and unlike the negative ones" (n,).

        add:        cos(x, mean of unit rows, the negative ones with a minus)            (3CosAdd)
        multiply:   prod_pos (1 + cos(x, p)) / 2  /  (prod_neg (1 + cos(x, n)) / 2 + 0.000001)   (3CosMul)

    With the sum one large similarity may win alone; the product wants all of them. The rows of the question itself are
    among the answers here: `nearest` leaves them out.

    Source: Mikolov, Yih and Zweig 2013 (add); Levy and Goldberg 2014 (multiply); Baker A168.

    >>> rows = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> [round(v, 4) for v in analogy_scores(rows, [1], [0]).tolist()]
    [-0.3827, 0.3827, 0.9239]
    """
    if measure not in MEASURES:
        raise SettingError(f"measure is one of {', '.join(MEASURES)}; got {measure!r}")
    asked = [*positive, *negative]
    if not asked:
        raise SettingError("a question names one row at least")
    unit = unit_rows(rows)
    if measure == "add":
        sign = torch.tensor([1.0] * len(positive) + [-1.0] * len(negative), dtype=rows.dtype, device=rows.device)
        return unit @ unit_rows((unit[asked] * sign[:, None]).mean(0))
    near = (1 + unit @ unit[asked].mT) / 2
    n = len(positive)
    return near[:, :n].prod(1) / (near[:, n:].prod(1) + 1e-6) if negative else near.prod(1)


def nearest(scores: Tensor, n: int, *, without: Sequence[int] = ()) -> list[int]:
    """The n places of the highest scores, the asked ones left out; of equal scores the first comes first.

    Systems: word-analogy
    Source: Baker A168 (the words of the question must be left out: the nearest to king - man + woman is often king).

    >>> nearest(torch.tensor([0.9, 0.5, 0.5, 0.1]), 2, without=[0])
    [1, 2]
    """
    held = scores.clone()
    held[list(without)] = -torch.inf
    order = held.argsort(descending=True, stable=True)[: max(min(n, len(held) - len(set(without))), 0)]
    return order.tolist()
