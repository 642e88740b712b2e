"""A net that restores spoilt rows by drawing them, and the chain of both as a generator."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...functional.denoising_chain import log_mixture, spoilt_and_restored
from ...train.phase import Batch, Phase
from .autoencoder import mean_over
from .generating import Generating

NARROWEST = -5.0  # the least ln deviation of a mode, so that repeated values have a bounded density


class DenoisingChain(Generating):
    """-ln P(x | x~), x~ = x + level e, and rows drawn by a chain that adds the noise and draws from P in turn.

    P is a mixture of n_modes Gaussians that the net says for every x~: what noise has hidden may have been in several
    places. Training also walks back: the chain goes on from what it drew, and the net learns to return to x.

    Parameters
    ----------
    net : rows (n, d) beside one-hot classes or numbers -> (n, n_modes (1 + 2 d)).
    level : deviation of the noise. More of it mixes faster, and asks more of P.
    n_walk : rounds of the chain that are learned from at each step.
    n_sampled : rounds of the chain, from N(0, I), until a row is drawn.

    Systems: generative-stochastic-network
    Source: Bengio, Yao, Alain and Vincent 2013, algorithm 1 and 2; named in Martinez-Ramon 7.7 and 8.1.
    """

    def __init__(
        self,
        net: nn.Module,
        n_features: int,
        n_classes: int = 0,
        *,
        n_told: int = 0,
        n_modes: int = 8,
        level: float = 0.5,
        n_walk: int = 2,
        n_sampled: int = 100,
    ) -> None:
        super().__init__((n_features,), n_classes, n_told)
        if min(n_modes, n_walk, n_sampled) < 1 or not level > 0:
            raise SettingError(
                f"a chain has n_modes, n_walk and n_sampled of 1 or more and level above 0; got {n_modes}, {n_walk}, "
                f"{n_sampled} and {level}"
            )
        self.net, self.n_modes, self.level = net, n_modes, level
        self.n_walk, self.n_sampled = n_walk, n_sampled

    def phases(self) -> Sequence[Phase]:
        return [Phase("restore", self.loss, self.net.parameters())]

    def restored(self, spoilt: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """The mixture of each spoilt row: logits (n, k), means and ln deviations (n, k, d)."""
        of = self.told(condition)
        told = spoilt if of is None else torch.cat([spoilt, of.to(spoilt)], 1)
        k, d = self.n_modes, self.shape[0]
        logits, rest = self.net(told).split([k, 2 * k * d], 1)
        gap, log_std = rest.view(-1, k, 2 * d).chunk(2, 2)
        return logits, spoilt[:, None] + gap, log_std.clamp(min=NARROWEST)

    def redrawn(self, spoilt: Tensor, condition: Tensor | None, generator: torch.Generator | None = None) -> Tensor:
        """A row of P(x | x~) for each x~."""
        logits, means, log_std = self.restored(spoilt, condition)
        which = (logits - _fresh(torch.rand, logits, generator).log().neg().log()).argmax(1)  # a draw, by Gumbel's law
        rows = torch.arange(len(spoilt), device=spoilt.device)
        means, std = means[rows, which], log_std[rows, which].exp()
        return means + std * _fresh(torch.randn, means, generator)

    def loss(self, batch: Batch) -> Tensor:
        """The mean over rounds of -ln P(x | x~), an entry."""
        x, condition = batch["x"], self.condition_of(batch)
        at, total = x, x.new_zeros(len(x))
        for round_ in range(self.n_walk):
            spoilt = at + self.level * torch.randn_like(at)
            total = total - log_mixture(x, *self.restored(spoilt, condition))
            if round_ < self.n_walk - 1:
                with torch.no_grad():
                    at = self.redrawn(spoilt, condition)
        return mean_over(total, batch) / (self.n_walk * x.shape[1])

    def drawn(self, n: int, condition: Tensor | None, generator: torch.Generator) -> Tensor:
        device = next(self.net.parameters()).device
        start = torch.randn(n, *self.shape, generator=generator).to(device)
        return spoilt_and_restored(
            start,
            spoil=lambda x: x + self.level * _fresh(torch.randn, x, generator),
            restore=lambda x: self.redrawn(x, condition, generator),
            n_steps=self.n_sampled,
        )


def _fresh(draw: object, like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draws of the shape of a tensor, made where the generator is."""
    assert callable(draw)
    device = like.device if generator is None else None
    return draw(like.shape, generator=generator, dtype=like.dtype, device=device).to(like.device)
