"""All weights of a small net under one normal with a full covariance, by the evidence lower bound."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import SettingError
from ...train.phase import Batch, Phase
from ..supervised import Supervised
from .posterior import Posterior

MOST_WEIGHTS = 2000  # their covariance has the square of that


class FullCovariance(Posterior):
    """The weights are N(mu, L L'), L lower triangular: what they do together is learned, not only each by itself.

    The net's own weights are mu. L holds n (n + 1) / 2 numbers of n weights, and a step costs n^2 more than a plain
    one; nets of more than 2,000 weights are refused.

    Source: Opper and Archambeau 2009.
    """

    def __init__(self, inner: Supervised, *, first_std: float, kl_weight: float, **common: Any) -> None:
        super().__init__(inner, **common)
        check_start(first_std, kl_weight)
        n = sum(p.numel() for p in self.weights().values())
        if n > MOST_WEIGHTS:
            raise SettingError(
                f"covariance='full' is of at most {MOST_WEIGHTS} weights, and this net has {n}; take 'diagonal', or "
                "inference='laplace' for the last layer's"
            )
        self.below = nn.Parameter(torch.zeros(n, n))  # its lower triangle counts
        self.rho = nn.Parameter(torch.full((n,), math.log(math.expm1(first_std))))
        self.kl_weight = kl_weight

    def phases(self) -> Sequence[Phase]:
        """Entries below the diagonal move n times more slowly: n of them add up in a weight's deviation."""
        return [replace(phase, rates={self.below: 1 / len(self.rho), **phase.rates}) for phase in super().phases()]

    def factor(self) -> Tensor:
        """L (n, n)."""
        return self.below.tril(-1) + torch.diag(F.softplus(self.rho))

    def mean(self) -> Tensor:
        """mu (n,)."""
        return torch.cat([p.flatten() for p in self.weights().values()])

    def kl(self) -> Tensor:
        """KL(q || N(0, prior_std^2 I)) = (|L|^2 + |mu|^2) / 2 prior^2 - n / 2 + n ln prior - sum ln L_ii."""
        diagonal, variance = F.softplus(self.rho), self.prior_std**2
        squares = self.below.tril(-1).square().sum() + diagonal.square().sum() + self.mean().square().sum()
        return 0.5 * (squares / variance - len(diagonal)) + (math.log(self.prior_std) - diagonal.log()).sum()

    def map_loss(self, batch: Batch) -> Tensor:
        """Minus the evidence lower bound a row, by one draw."""
        drawn = self.mean() + self.factor() @ torch.randn_like(self.rho)
        nll = self.nll(self.said(self.unflat(drawn), batch), batch, self.log_noise)
        return nll + self.kl_weight * self.kl() / max(self.n_training, 1)

    def draws(self, batch: Batch) -> Tensor:
        noise = torch.Generator().manual_seed(self.seed)
        eps = torch.randn(self.n_draws, len(self.rho), generator=noise).to(self.rho)
        return torch.stack([self.said(self.unflat(drawn), batch) for drawn in self.mean() + eps @ self.factor().T])


def check_start(first_std: float, kl_weight: float) -> None:
    """Refuse first deviations that are none, and a weight below 0."""
    if not first_std > 0 or not kl_weight >= 0:
        raise SettingError(f"first_std is above 0 and kl_weight not negative; got {first_std} and {kl_weight}")
