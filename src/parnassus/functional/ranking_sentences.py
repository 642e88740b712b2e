"""Which sentences of a text say most of it: centrality in the graph of their likeness."""

import torch
from torch import Tensor

from ..errors import DataError, SettingError


def centrality(likeness: Tensor, *, damping: float = 0.85, tolerance: float = 1e-10, max_steps: int = 1000) -> Tensor:
    """How central each thing is (n,), float64, summing to 1: the stationary walk over a graph of likeness.

        p = (1 - d) / n + d W^T p,   W_ij = likeness_ij / sum_k likeness_ik

    likeness (n, n): at least 0, its diagonal not looked at. From a thing that is like no other the walk goes anywhere.

    Source: Mihalcea and Tarau 2004 (TextRank); Erkan and Radev 2004 (LexRank).

    >>> centrality(torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])).argmax().item()
    0
    """
    if not 0 <= damping < 1:
        raise SettingError(f"damping is in [0, 1); got {damping}")
    if likeness.ndim != 2 or likeness.shape[0] != likeness.shape[1] or not len(likeness) or bool((likeness < 0).any()):
        raise DataError(f"likeness is (n, n) of numbers of at least 0; got shape {tuple(likeness.shape)}")
    n = len(likeness)
    weights = likeness.double().clone().fill_diagonal_(0)
    sums = weights.sum(1, keepdim=True)
    walk = torch.where(sums > 0, weights / sums.clamp(min=1e-300), 1 / n)
    p = torch.full((n,), 1 / n, dtype=torch.float64)
    for _ in range(max_steps):
        new = (1 - damping) / n + damping * (walk.T @ p)
        if float((new - p).abs().sum()) < tolerance:
            return new
        p = new
    return p
