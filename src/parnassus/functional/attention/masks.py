"""Who may look where: boolean masks, True where a query (row) may look at a key (column). Combine them with &."""

import torch
from torch import Tensor


def causal_mask(n_queries: int, n_keys: int | None = None, *, device: torch.device | str | None = None) -> Tensor:
    """True for keys up to the query's own place: (n_queries, n_keys).

    The last query stands at the last key, so that queries may be the newest of a longer row.

    Systems: attention-masks
    Source: Vaswani et al. 2017; Hifny eq. 11.5; Martinez-Ramon 6.2.6 multiplies by a triangle of ones instead, which
    lets the future through, and 6.3 says "consecutive" for subsequent.

    >>> causal_mask(2, 3).int().tolist()
    [[1, 1, 0], [1, 1, 1]]
    """
    n_keys = n_queries if n_keys is None else n_keys
    return torch.ones(n_queries, n_keys, dtype=torch.bool, device=device).tril(n_keys - n_queries)


def padding_mask(lengths: Tensor, n_keys: int) -> Tensor:
    """True for keys within each row's length: (batch, 1, n_keys), the same for every query.

    >>> padding_mask(torch.tensor([1, 3]), 3).int().tolist()
    [[[1, 0, 0]], [[1, 1, 1]]]
    """
    return (torch.arange(n_keys, device=lengths.device) < lengths[:, None])[:, None]


def window_mask(
    n_queries: int, n_keys: int | None = None, *, window: int, device: torch.device | str | None = None
) -> Tensor:
    """True for keys at most `window` places away: (n_queries, n_keys), places counted from the last as in causal_mask.

    >>> window_mask(3, window=1).int().tolist()
    [[1, 1, 0], [1, 1, 1], [0, 1, 1]]
    """
    n_keys = n_queries if n_keys is None else n_keys
    places = torch.arange(n_queries, device=device)[:, None] + (n_keys - n_queries)
    return (places - torch.arange(n_keys, device=device)).abs() <= window


def prefix_mask(n: int, *, n_prefix: int, device: torch.device | str | None = None) -> Tensor:
    """Causal, except that the first `n_prefix` places see each other: (n, n).

    Source: Liu et al. 2018, Raffel et al. 2020.

    >>> prefix_mask(3, n_prefix=2).int().tolist()
    [[1, 1, 0], [1, 1, 0], [1, 1, 1]]
    """
    return causal_mask(n, device=device) | (torch.arange(n, device=device) < n_prefix)
