"""Variational autoencoders whose codes are of several levels, each with a distribution given the one above it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...functional.autoencoding import Draws, log_normal, reparameterized
from ...train.phase import Batch
from .autoencoder import observed_of
from .vae import Variational

LEAST, MOST = -8.0, 8.0  # of ln variances


class HierarchicalVariational(Variational):
    """p(x | z_1) p(z_1 | z_2) ... p(z_L) and q(z_1 | x) q(z_2 | z_1) ... q(z_L | z_{L-1}), by a bound of ln p(x).

        E_q [ln p(x | z_1) + sum_l ln p(z_l | z_{l+1}) - ln q(z_1 | x) - sum_l ln q(z_{l+1} | z_l)],   p(z_L) = N(0, I)

    Parameters
    ----------
    net : of x and z_1, as `Variational` has it; its `n_code` is the width of z_1.
    up, down : for each two levels, mean and ln variance side by side: of z_{l+1} given z_l, of z_l given z_{l+1}.
    widths : of z_1 to z_L.

    A code is what is left of each level by the one above it, u_l = (z_l - its mean given z_{l+1}) / its deviation, from
    u_1 to u_L = z_L: under the prior all of it is N(0, I), so that codes are drawn and joined as those of one level.

    Source: Rezende, Mohamed and Wierstra 2014; Burda, Grosse and Salakhutdinov 2016, section 5 (two levels).
    """

    def __init__(
        self,
        net: nn.Module,
        up: Sequence[nn.Module],
        down: Sequence[nn.Module],
        widths: Sequence[int],
        **common: object,
    ) -> None:
        super().__init__(net, **common)  # type: ignore[arg-type]
        self.up, self.down, self.widths = nn.ModuleList(up), nn.ModuleList(down), list(widths)
        self.n_code = sum(widths)

    @staticmethod
    def _moments(net: nn.Module, z: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = net(z).chunk(2, -1)
        return mean, log_variance.clamp(LEAST, MOST)

    def drawn(self, batch: Batch, n_draws: int, *, hidden: Tensor | None = None, noise: Tensor | None = None) -> Draws:
        x, observed = batch["x"], observed_of(batch)
        if noise is None:
            noise = torch.randn(n_draws, len(x), self.n_code, dtype=x.dtype, device=x.device)
        parts = noise.split(self.widths, -1)
        mean, log_variance = self.posterior(x, observed if hidden is None else hidden)
        levels = [reparameterized(mean, log_variance, parts[0].expand(-1, len(x), -1))]
        moments = [(mean.expand_as(levels[0]), log_variance.expand_as(levels[0]))]
        for net, part in zip(self.up, parts[1:], strict=True):
            moments.append(self._moments(net, levels[-1]))
            levels.append(reparameterized(*moments[-1], part.expand(-1, len(x), -1)))
        beside = x.new_zeros(n_draws, len(x))
        for net, low, high in zip(self.down, levels, levels[1:], strict=False):
            beside = beside + (log_normal(low, *self._moments(net, high)) - log_normal(low, 0.0, 0.0)).sum(-1)
        q = [torch.cat(each, -1) for each in zip(*moments, strict=True)]
        return Draws(torch.cat(levels, -1), q[0], q[1], self.log_likelihood(x, levels[0], observed), beside)

    def codes(self, batch: Batch) -> Tensor:
        """What is left of the means of each level (n, n_code)."""
        levels = [self.posterior(batch["x"], observed_of(batch))[0]]
        for net in self.up:
            levels.append(self._moments(net, levels[-1])[0])
        left = []
        for net, low, high in zip(self.down, levels, levels[1:], strict=False):
            mean, log_variance = self._moments(net, high)
            left.append((low - mean) * (-0.5 * log_variance).exp())
        return torch.cat([*left, levels[-1]], -1)

    def lowest(self, codes: Tensor) -> Tensor:
        """z_1 of codes (n, n_code)."""
        *left, z = codes.split(self.widths, -1)
        for net, u in zip(reversed(self.down), reversed(left), strict=True):
            z = reparameterized(*self._moments(net, z), u)
        return z

    def read(self, z: Tensor) -> Tensor:
        return z[..., : self.widths[0]]
