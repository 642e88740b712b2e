"""Chains that spoil a row and restore it: where restoring is right, the rows that they visit are those of the data."""

from collections.abc import Callable

import torch
from torch import Tensor

from .probability import log_normal

Step = Callable[[Tensor], Tensor]


def restored_law(law: Tensor, spoiling: Tensor) -> Tensor:
    """P(x | x~) (spoilt, rows) by Bayes' rule, of rows' law (n,) and the chances C(x~ | x) (n, n_spoilt).

    >>> restored_law(torch.tensor([0.5, 0.5]), torch.tensor([[1.0, 0.0], [0.5, 0.5]]))[0].tolist()
    [0.6666666865348816, 0.3333333432674408]
    """
    joint = law[:, None] * spoiling
    return (joint / joint.sum(0).clamp(min=torch.finfo(joint.dtype).tiny)).T


def chain_matrix(spoiling: Tensor, restoring: Tensor) -> Tensor:
    """Chances (n, n) of going from one row to another by way of spoiling it and restoring what came of it.

    With `restored_law` for restoring, the rows' own law is what the chain keeps, and all it keeps where every row can
    be reached: Bengio, Yao, Alain and Vincent 2013, theorem 1.

    Systems: generative-stochastic-network
    """
    return spoiling @ restoring


def spoilt_and_restored(x: Tensor, *, spoil: Step, restore: Step, n_steps: int) -> Tensor:
    """Where rows (n, ...) are after so many rounds of `spoil` and `restore`, which both draw.

    Systems: generative-stochastic-network
    Source: Bengio et al. 2013, section 3; Bengio, Laufer, Alain and Yosinski 2014. Named in Martinez-Ramon 8.1.

    >>> spoilt_and_restored(torch.ones(1), spoil=lambda x: 2 * x, restore=lambda x: x - 0.5, n_steps=2).tolist()
    [2.5]
    """
    for _ in range(n_steps):
        x = restore(spoil(x))
    return x


def gaussian_restored(spoilt: Tensor, *, mean: float, std: float, level: float) -> tuple[Tensor, float]:
    """Mean and deviation of P(x | x~) for rows N(mean, std^2) that noise N(0, level^2) was added to.

    >>> gaussian_restored(torch.tensor([2.0]), mean=0.0, std=2.0, level=2.0)[0].tolist()
    [1.0]
    """
    whole = std**2 + level**2
    return (std**2 * spoilt + level**2 * mean) / whole, std * level / whole**0.5


def log_mixture(x: Tensor, logits: Tensor, means: Tensor, log_std: Tensor) -> Tensor:
    """ln sum_k softmax(logits)_k prod_i N(x_i; means_ki, exp(log_std_ki)^2) of rows (n, d), each with a mixture of its
    own: logits (n, k), means and log_std (n, k, d); (n,).

    Source: Bishop 1994, mixture density networks.
    """
    each = log_normal(x[:, None], means, (2 * log_std).exp()).sum(2)
    return (logits.log_softmax(1) + each).logsumexp(1)
