"""What pictures turned into others cost: there and back again, left alone, beside the right answer; patches judged."""

from collections.abc import Callable, Sequence

from torch import Tensor

Turn = Callable[[Tensor], Tensor]


def cycle_consistency(a: Tensor, b: Tensor, to_b: Turn, to_a: Turn) -> Tensor:
    """mean |to_a(to_b(a)) - a| + mean |to_b(to_a(b)) - b|: what is lost on the way there and back, in both directions.

    The mean is over all numbers of a picture, so that the published weight of 10 does not depend on the size.

    Systems: cycle-consistency-loss
    Source: Zhu, Park, Isola and Efros 2017, eq. 2; Martinez-Ramon 8.7, eq. 8.12.

    >>> import torch
    >>> a, b = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    >>> float(cycle_consistency(a, b, lambda x: x + 1, lambda x: x - 0.5))
    1.0
    """
    return (to_a(to_b(a)) - a).abs().mean() + (to_b(to_a(b)) - b).abs().mean()


def identity_loss(a: Tensor, b: Tensor, to_b: Turn, to_a: Turn) -> Tensor:
    """mean |to_b(b) - b| + mean |to_a(a) - a|: what is already of a side should be left as it is.

    The text names the term and prints no formula (F8-15); this is the published one, weighted with half of the cycle's.

    Systems: cycle-consistency-loss
    Source: Zhu et al. 2017, section 5.2; Martinez-Ramon 8.7.2.

    >>> import torch
    >>> a, b = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    >>> float(identity_loss(a, b, lambda x: x + 1, lambda x: x))
    1.0
    """
    return (to_b(b) - b).abs().mean() + (to_a(a) - a).abs().mean()


def patches(size: int, layers: Sequence[tuple[int, int, int]]) -> tuple[int, int]:
    """How many patches a side a critic of (kernel, stride, padding) layers judges, and how many pixels each sees.

        n' = (n + 2 padding - kernel) // stride + 1;     seen = seen + (kernel - 1) times the strides before

    Systems: patchgan
    Source: Isola et al. 2017, section 3.2.2; Martinez-Ramon 8.7 (fixture B8.9): kernels of 4, strides 2, 2, 2, 1, 1.

    >>> patches(256, [(4, 2, 1)] * 3 + [(4, 1, 1)] * 2)
    (30, 70)
    """
    seen, jump = 1, 1
    for kernel, stride, padding in layers:
        size = (size + 2 * padding - kernel) // stride + 1
        seen, jump = seen + (kernel - 1) * jump, jump * stride
    return size, seen
