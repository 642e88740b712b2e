"""Products of arrays of any rank: what a dense layer is when its inputs and outputs are no vectors."""

from collections.abc import Sequence

import torch
from torch import Tensor


def contract(a: Tensor, b: Tensor, *, axes: tuple[Sequence[int], Sequence[int]]) -> Tensor:
    """The sum of products over the named axes of a and b, which vanish; the others stay in order, a's before b's.

    Systems: multidimensional-dense
    Source: Martinez-Ramon 1.3.2 (eq. 1.46).

    >>> a, b = torch.arange(6).view(2, 3), torch.arange(8).view(2, 2, 2)
    >>> contract(a, b, axes=((0,), (1,)))[0].tolist()
    [[6, 9], [18, 21]]
    """
    return torch.tensordot(a, b, dims=(list(axes[0]), list(axes[1])))


def multidimensional_dense(h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """z_ij = sum_mn h_mn w_mnij + b_ij: weight (*in_shape, *out_shape), bias (*out_shape), h (..., *in_shape).

    On flattened arrays it is the dense layer z = W' h + b with as many weights: 3 x 3 to 9 x 9 takes 729.

    Systems: multidimensional-dense
    Source: Martinez-Ramon 1.3.2 (eqs. 1.50 and 1.51, whose weights are misprinted with an axis too many).

    >>> h, w = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.arange(12.0).view(2, 2, 3, 1)
    >>> multidimensional_dense(h, w, torch.tensor([[-30.0], [0.0], [1.0]])).flatten()
    tensor([30., 70., 81.])
    """
    n = weight.ndim - bias.ndim
    return torch.tensordot(h, weight, dims=n) + bias
