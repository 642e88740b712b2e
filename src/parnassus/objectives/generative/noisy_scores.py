"""Noise-conditioned scores: a net learns which way rows lie from rows disturbed more or less."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...functional.score_matching import annealed_langevin, denoising_score_loss, noise_levels
from ...train.phase import Batch, Phase
from .autoencoder import mean_over
from .conditioned import Conditioned

TOLD = 1000.0  # levels are told as steps of a diffusion are, the first as this and the last as 0


class NoisyScores(Conditioned):
    """Denoising score matching at all levels of noise at once, and annealed Langevin chains to draw rows.

    E_(i, x, e) |sigma_i s(x + sigma_i e, i) + e|^2 / 2, a mean over entries, of s(y, i) = -net(y / root, i) / sigma_i,
    root = sqrt(1 + sigma_i^2).

    Parameters
    ----------
    net : (rows of about unit size, told level, classes, numbers or None) -> the shape of the rows.
    high, low, n_levels : deviations of the noise. The first must blur rows into one heap: about their largest distance.
    n_steps : of the chains, a level.
    drop, guidance : see `Conditioned`.

    Systems: score-based-kin
    Source: Song and Ermon 2019 and 2020; named in Martinez-Ramon 8.10.
    """

    def __init__(
        self,
        net: nn.Module,
        shape: tuple[int, ...],
        n_classes: int = 0,
        *,
        n_told: int = 0,
        high: float = 10.0,
        low: float = 0.02,
        n_levels: int = 40,
        n_steps: int = 5,
        drop: float = 0.1,
        guidance: float = 1.0,
    ) -> None:
        super().__init__(net, shape, n_classes, drop=drop, guidance=guidance, n_sampled=n_steps, n_told=n_told)
        if n_steps < 1:
            raise SettingError(f"chains make a step or more at each level; got n_steps={n_steps}")
        self.levels = noise_levels(high, low, n_levels)

    def phases(self) -> Sequence[Phase]:
        return [Phase("score", self.loss, self.net.parameters())]

    def score(self, y: Tensor, level: Tensor, condition: Tensor | None, *, training: bool = False) -> Tensor:
        """The slope of ln p at rows y (n, ...), blurred by the levels (n,) of each."""
        sigma = self.levels.to(y)[level].view(-1, *(1,) * (y.ndim - 1))
        told = TOLD * (1 - level.to(y) / (len(self.levels) - 1))
        scaled = y / (1 + sigma.square()).sqrt()
        said = self.net(scaled, told, condition) if training else self.said(scaled, told, condition)
        return -said / sigma

    def loss(self, batch: Batch) -> Tensor:
        """The mean over rows of one level's mean error an entry."""
        x = batch["x"]
        level = torch.randint(len(self.levels), (len(x),), device=x.device)
        sigma, noise = self.levels.to(x)[level], torch.randn_like(x)
        disturbed = x + sigma.view(-1, *(1,) * (x.ndim - 1)) * noise
        said = self.score(disturbed, level, self.some_told(self.condition_of(batch)), training=True)
        return mean_over(denoising_score_loss(said, noise, sigma) / x[0].numel(), batch)

    def drawn(self, n: int, condition: Tensor | None, generator: torch.Generator) -> Tensor:
        device = next(self.net.parameters()).device
        start = float(self.levels[0]) * torch.randn(n, *self.shape, generator=generator).to(device)

        def score(x: Tensor, i: int) -> Tensor:
            return self.score(x, torch.full((len(x),), i, device=x.device), condition)

        return annealed_langevin(score, start, self.levels, n_steps=self.n_sampled, generator=generator)
