"""WaveNet: gated dilated causal convolutions whose skips are added up."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import SettingError
from ...functional.companding import inverse_mu_law, mu_law
from ...layers.causal import CausalConv1d, GatedBlock
from ...layers.recurrent import last_of
from ...registry import model


class WaveNet(nn.Module):
    """x (batch, n_in, time) -> (batch, n_out, time), each step from itself and the steps before.

    A causal convolution, blocks of dilation 1, 2, 4, ... up to `2^(n_layers - 1)`, again for each of `n_cycles`, the
    sum of their skips, and two convolutions of one tap behind a ReLU each. A cycle of n layers of kernel 2 reaches
    2^n steps.

    Systems: wavenet
    Source: van den Oord et al. 2016, figure 4; Baker A155.
    """

    def __init__(
        self, n_in: int, n_out: int, *, channels: int, skip: int, n_layers: int, n_cycles: int = 1, kernel: int = 2
    ) -> None:
        super().__init__()
        self.enter = CausalConv1d(n_in, channels, 1)
        dilations = [2**level for _ in range(n_cycles) for level in range(n_layers)]
        self.blocks = nn.ModuleList(GatedBlock(channels, skip, kernel, dilation=d) for d in dilations)
        self.head = nn.Sequential(nn.ReLU(), nn.Conv1d(skip, skip, 1), nn.ReLU(), nn.Conv1d(skip, n_out, 1))
        last = self.blocks[-1]
        assert isinstance(last, GatedBlock)
        last.residual = nn.Identity()  # type: ignore[assignment]  # what would go on has nowhere to go
        self.reach = 1 + (kernel - 1) * sum(dilations)

    def forward(self, x: Tensor) -> Tensor:
        h, total = self.enter(x), 0
        for block in self.blocks:
            h, skip = block(h)
            total = total + skip
        return self.head(total)


class WaveNetSound(nn.Module):
    """WaveNet over sound in [-1, 1] (batch, time): logits (batch, time, n_levels) of what follows, as mu-law steps."""

    def __init__(self, net: WaveNet, n_levels: int = 256) -> None:
        super().__init__()
        self.net, self.n_levels = net, n_levels

    def forward(self, x: Tensor) -> Tensor:
        steps = F.one_hot(mu_law(x, self.n_levels), self.n_levels).to(x.dtype)
        return self.net(steps.mT).mT

    def loss(self, x: Tensor) -> Tensor:
        """The mean cross-entropy of each step after the first, given the ones before it."""
        logits = self(x[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1), mu_law(x[:, 1:], self.n_levels).flatten())

    @torch.no_grad()
    def generate(self, x: Tensor, n_steps: int, *, generator: torch.Generator | None = None) -> Tensor:
        """x with `n_steps` more (batch, time + n_steps), drawn; without a generator the likeliest."""
        for _ in range(n_steps):
            logits = self(x[:, -self.net.reach :])[:, -1]
            if generator is None:
                step = logits.argmax(-1, keepdim=True)
            else:
                step = torch.multinomial(logits.softmax(-1), 1, generator=generator)
            x = torch.cat([x, inverse_mu_law(step, self.n_levels).to(x.dtype)], 1)
        return x


class WaveNetForecast(nn.Module):
    """x (batch, time, step_features), lengths (batch,) -> (batch, n_outputs): what WaveNet says at the last step."""

    def __init__(self, net: WaveNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return last_of(self.net(x.mT).mT, lengths)


@model.register("forecaster")
def wavenet(
    *,
    step_features: int,
    n_outputs: int,
    channels: int = 32,
    n_layers: int = 5,
    n_cycles: int = 1,
    kernel: int = 2,
) -> WaveNetForecast:
    """WaveNet on windows of a series: gated dilated causal convolutions, numbers in place of mu-law steps."""
    if min(channels, n_layers, n_cycles) < 1 or kernel < 2:
        raise SettingError("model 'wavenet': channels, n_layers and n_cycles are at least 1, and kernel at least 2")
    sizes = {"channels": channels, "skip": channels, "n_layers": n_layers, "n_cycles": n_cycles, "kernel": kernel}
    return WaveNetForecast(WaveNet(step_features, n_outputs, **sizes))
