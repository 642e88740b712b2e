"""Distributions that are fitted to a density beside plain normals: of low rank, and flows."""

import math

import torch
from torch import Tensor

from ..functional.flows import couple
from ..functional.probability import LOG_2PI

WIDTH, REACH = 32, 2.0  # of a coupling's hidden layer, and the largest logarithm of its scale


class LowRank:
    """N(mean, diag(std^2) + W W') with W (d, rank): d (rank + 2) numbers in place of d^2 / 2."""

    def __init__(self, start: Tensor, rank: int, generator: torch.Generator) -> None:
        d = len(start)
        self.mean, self.log_std = start.clone(), torch.full((d,), -1.0, dtype=torch.float64)
        self.ways = 0.01 * torch.randn(d, rank, generator=generator, dtype=torch.float64)
        self.n_noise = d + rank

    def parameters(self) -> list[Tensor]:
        """What is learned."""
        return [self.mean, self.log_std, self.ways]

    def noise(self, n: int, generator: torch.Generator) -> Tensor:
        """Standard normal numbers that `draw` takes."""
        return torch.randn(n, self.n_noise, generator=generator, dtype=torch.float64)

    def _inside(self) -> Tensor:
        """A factor of I + W' diag(std^-2) W, through which both the inverse and the determinant go."""
        scaled = self.ways / self.log_std.exp()[:, None]
        return torch.linalg.cholesky(scaled.T @ scaled + torch.eye(self.ways.shape[1], dtype=torch.float64))

    def draw(self, noise: Tensor) -> Tensor:
        """Points (n, d) from standard normal noise (n, d + rank)."""
        d = len(self.mean)
        return self.mean + noise[:, :d] * self.log_std.exp() + noise[:, d:] @ self.ways.T

    def draw_with_entropy(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Points, and the entropy of q."""
        half = self.log_std.sum() + self._inside().diagonal().log().sum()
        return self.draw(noise), half + len(self.mean) / 2 * (1 + LOG_2PI)

    def draw_with_density(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Points and ln q of them (n,)."""
        points, inside, std = self.draw(noise), self._inside(), self.log_std.exp()
        white = (points - self.mean) / std
        along = torch.linalg.solve_triangular(inside, (white @ (self.ways / std[:, None])).T, upper=False)
        squares = white.square().sum(1) - along.square().sum(0)
        half = self.log_std.sum() + inside.diagonal().log().sum()
        return points, -0.5 * (squares + len(self.mean) * LOG_2PI) - half


class Flow:
    """Normal noise bent by couplings, by a sinh of its arsinh (skew and tails), and turned by a triangular matrix.

    Source: Dinh et al. 2017 for the couplings; Jones and Pewsey 2009 for the sinh.
    """

    def __init__(self, start: Tensor, n_layers: int, generator: torch.Generator) -> None:
        d = self.n_noise = len(start)
        self.mean, self.log_std = start.clone(), torch.full((d,), -1.0, dtype=torch.float64)
        self.below = torch.zeros(d, d, dtype=torch.float64)
        self.skew, self.log_tail = torch.zeros(2, d, dtype=torch.float64).unbind()
        self.skew, self.log_tail = self.skew.clone(), self.log_tail.clone()
        n_couplings = n_layers if d > 1 else 0  # one number has nothing to be coupled with
        self.masks = [((torch.arange(d) + i) % 2).double() for i in range(n_couplings)]
        self.nets = [
            [
                torch.randn(d, WIDTH, generator=generator, dtype=torch.float64) / math.sqrt(d),
                torch.zeros(WIDTH, dtype=torch.float64),
                torch.zeros(WIDTH, 2 * d, dtype=torch.float64),
                torch.zeros(2 * d, dtype=torch.float64),
            ]
            for _ in self.masks
        ]

    def parameters(self) -> list[Tensor]:
        """What is learned."""
        own = [self.mean, self.log_std, self.below, self.skew, self.log_tail]
        return own + [value for net in self.nets for value in net]

    def noise(self, n: int, generator: torch.Generator) -> Tensor:
        """Standard normal numbers that `draw` takes."""
        return torch.randn(n, self.n_noise, generator=generator, dtype=torch.float64)

    def _bent(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Points (n, d) and ln |det| (n,) of the way there."""
        x, log_det = noise, noise.new_zeros(len(noise))
        for mask, (first, bias, second, last) in zip(self.masks, self.nets, strict=True):
            scale, shift = ((x * mask @ first + bias).tanh() @ second + last).chunk(2, 1)
            x, more = couple(x, mask, REACH * (scale / REACH).tanh(), shift)
            log_det = log_det + more
        inner = self.log_tail.exp() * (x.asinh() + self.skew)
        log_det = log_det + (self.log_tail + inner.cosh().log() - 0.5 * x.square().log1p()).sum(1)
        factor = self.below.tril(-1) + torch.diag(self.log_std.exp())
        return self.mean + inner.sinh() @ factor.T, log_det + self.log_std.sum()

    def draw(self, noise: Tensor) -> Tensor:
        """Points (n, d) from standard normal noise (n, d)."""
        return self._bent(noise)[0]

    def draw_with_entropy(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Points, and the entropy of q by them."""
        points, log_det = self._bent(noise)
        return points, log_det.mean() + self.n_noise / 2 * (1 + LOG_2PI)

    def draw_with_density(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Points and ln q of them (n,)."""
        points, log_det = self._bent(noise)
        return points, -0.5 * (noise.square().sum(1) + self.n_noise * LOG_2PI) - log_det
