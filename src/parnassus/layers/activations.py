"""Activations with weights of their own that torch.nn lacks."""

import math

import torch
from torch import Tensor, nn

from ..functional.activations import maxout, rbf


class Maxout(nn.Module):
    """The largest of `n_pieces` learned affine pieces, for each of `out_features` units: (..., in) -> (..., out).

    Systems: maxout
    Source: Goodfellow et al. 2013; Martinez-Ramon 1.4.
    """

    def __init__(self, in_features: int, out_features: int, *, n_pieces: int = 2) -> None:
        super().__init__()
        bound = 1 / math.sqrt(in_features)
        self.weight = nn.Parameter(torch.empty(n_pieces, out_features, in_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(n_pieces, out_features).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        return maxout(x, self.weight, self.bias)


class RadialBasis(nn.Module):
    """exp(-|x - c|^2 / width^2) for each of `n_units` learned centers: (..., in) -> (..., n_units).

    Systems: rbf-unit
    Source: Broomhead and Lowe 1988; Jaiswal J28.
    """

    def __init__(self, in_features: int, n_units: int, *, width: float = 1.0) -> None:
        super().__init__()
        self.centers, self.width = nn.Parameter(torch.randn(n_units, in_features)), width

    def forward(self, x: Tensor) -> Tensor:
        return rbf(x, self.centers, width=self.width)
