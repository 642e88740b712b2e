"""What rows are of, as vectors that a net is told."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..functional.autoencoding import kl_to_standard


class ConditioningAugmentation(nn.Module):
    """psi (n, d) -> c ~ N(mean(psi), diag(std(psi)^2)) (n, width), and KL(N || N(0, I)) of each row (n,).

        KL = 1/2 sum (mean^2 + std^2 - 1 - ln std^2)

    In use (`eval`) c is the mean. Each stage of a stack has a layer of its own (F8-16).

    Systems: conditioning-augmentation
    Source: Zhang et al. 2017, section 3.2, eq. 2; Martinez-Ramon 8.9, eq. 8.16.
    """

    def __init__(self, n_in: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.dense = nn.Linear(n_in, 2 * width)

    def forward(self, psi: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.dense(psi).split(self.width, 1)
        drawn = mean + (0.5 * log_variance).exp() * torch.randn_like(mean) if self.training else mean
        return drawn, kl_to_standard(mean, log_variance)


class NumbersTold(nn.Module):
    """Numbers (n, n_told) -> vectors (n, width) by two dense layers, SiLU between; a NaN gets a vector of its own."""

    def __init__(self, n_told: int, width: int) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(n_told, width), nn.Linear(width, width)
        self.nothing = nn.Parameter(torch.zeros(width))

    def forward(self, numbers: Tensor) -> Tensor:
        hidden = numbers.isnan().any(1, keepdim=True)
        told = self.outer(F.silu(self.inner(numbers.masked_fill(hidden, 0.0))))
        return torch.where(hidden, self.nothing, told)
