"""Flow matching: a net learns which way from noise to rows, and noise is carried there."""

from collections.abc import Sequence
from typing import get_args

import torch
from torch import Tensor, nn

from ...errors import SettingError, did_you_mean
from ...functional.diffusion.flow import Solver, carried, on_the_line
from ...train.phase import Batch, Phase
from .autoencoder import mean_over
from .conditioned import Conditioned

TIMES = 1000.0  # the net is told t in these parts, as a diffusion's net is told steps


class FlowMatching(Conditioned):
    """The squared error on x - noise, told (1 - t) noise + t x, t drawn evenly from 0 to 1.

        E_(t, x, e) |(x - e) - net((1 - t) e + t x, t)|^2

    Parameters
    ----------
    net : (x_t, 1000 t, classes or None) -> the shape of x_t.
    drop, guidance : see `Conditioned`.
    solver, n_sampled : how noise is carried; see `functional.diffusion.flow`.

    Source: Lipman et al. 2023.
    """

    def __init__(
        self,
        net: nn.Module,
        shape: tuple[int, ...],
        n_classes: int = 0,
        *,
        n_told: int = 0,
        drop: float = 0.1,
        solver: Solver = "midpoint",
        n_sampled: int = 25,
        guidance: float = 1.0,
    ) -> None:
        super().__init__(net, shape, n_classes, drop=drop, guidance=guidance, n_sampled=n_sampled, n_told=n_told)
        if solver not in get_args(Solver):
            raise SettingError(f"a flow's solver={solver!r}; {did_you_mean(str(solver), get_args(Solver))}")
        self.solver = solver

    def phases(self) -> Sequence[Phase]:
        return [Phase("match", self.loss, self.net.parameters())]

    def loss(self, batch: Batch) -> Tensor:
        """The mean over rows of one time's mean error an entry."""
        x = batch["x"]
        t = torch.rand(len(x), dtype=x.dtype, device=x.device)
        x_t, velocity = on_the_line(x, torch.randn_like(x), t)
        said = self.net(x_t, TIMES * t, self.some_told(self.condition_of(batch)))
        return mean_over((said - velocity).square().flatten(1).mean(1), batch)

    def drawn(self, n: int, condition: Tensor | None, generator: torch.Generator) -> Tensor:
        return self.rows_of(torch.randn(n, *self.shape, generator=generator), condition)

    @property
    def noise_shape(self) -> tuple[int, ...] | None:
        return self.shape

    def rows_of(self, noise: Tensor, condition: Tensor | None, generator: torch.Generator | None = None) -> Tensor:
        start = noise.to(next(self.net.parameters()))
        return carried(
            lambda x, t: self.said(x, TIMES * t, condition), start, n_steps=self.n_sampled, solver=self.solver
        )
