"""Mixtures of experts: which of them a token goes to, and how evenly tokens are spread."""

import torch
from torch import Tensor

from ..errors import SettingError


def expert_gates(
    logits: Tensor, k: int, *, temperature: float = 1.0, renormalize: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """The k largest gates (tokens, k) of logits (tokens, experts), whose they are, and the whole softmax.

        g = renorm(top_k(softmax(logits / temperature)))

    >>> gates, chosen, _ = expert_gates(torch.tensor([[2.0, 1.0, 0.0, 1.5]]), 2)
    >>> gates, chosen
    (tensor([[0.6225, 0.3775]]), tensor([[0, 3]]))

    Source: Shazeer et al. 2017; Hifny eqs. 12.19 to 12.21. Jamba and Switch leave the gates as the softmax has them.
    """
    if not 1 <= k <= logits.shape[-1]:
        raise SettingError(f"k experts of {logits.shape[-1]} are asked for each token; got k={k}")
    if temperature <= 0:
        raise SettingError(f"temperature is above 0; got {temperature}")
    whole = torch.softmax(logits / temperature, -1)
    gates, chosen = whole.topk(k, -1)
    if renormalize:
        gates = gates / gates.sum(-1, keepdim=True)
    return gates, chosen, whole


def load_balance(whole: Tensor, chosen: Tensor) -> Tensor:
    """experts * sum_i f_i P_i: f_i the share of choices that fell on i, P_i its mean gate; 1 where both are even.

    Source: Fedus, Zoph and Shazeer 2022, eq. 4, with the choices of top-k counted together.
    """
    n = whole.shape[-1]
    share = torch.bincount(chosen.flatten(), minlength=n).to(whole.dtype) / chosen.numel()
    return n * (share * whole.mean(0)).sum()


def within_capacity(chosen: Tensor, n_experts: int, capacity: int) -> Tensor:
    """Which choices (tokens, k) an expert has room for, first choices before second ones, earlier tokens first.

    >>> within_capacity(torch.tensor([[0, 1], [0, 1], [0, 2]]), 3, 2).tolist()
    [[True, True], [True, True], [False, True]]
    """
    order = chosen.T.flatten()  # all first choices, then all second ones
    taken = torch.nn.functional.one_hot(order, n_experts).cumsum(0).gather(1, order[:, None])[:, 0]
    return (taken <= capacity).view(chosen.shape[1], -1).T
