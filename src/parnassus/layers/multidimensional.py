"""A dense layer between arrays of any rank."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..functional.contraction import multidimensional_dense


class MultidimensionalLinear(nn.Module):
    """Every output number from every input number: (batch, *in_shape) -> (batch, *out_shape).

    Systems: multidimensional-dense
    Source: Martinez-Ramon 1.3.2 (eq. 1.50).
    """

    def __init__(self, in_shape: Sequence[int], out_shape: Sequence[int]) -> None:
        super().__init__()
        bound = 1 / math.sqrt(math.prod(in_shape))
        self.weight = nn.Parameter(torch.empty(*in_shape, *out_shape).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(*out_shape).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        return multidimensional_dense(x, self.weight, self.bias)
