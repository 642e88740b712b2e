"""Helmholtz machines: a net that makes rows and one that recognises them teach each other, awake and asleep."""

import itertools
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...functional.sigmoid_beliefs import exact_belief_log_likelihood, log_bernoulli
from ...train.phase import Batch, Objective, Phase
from .autoencoder import mean_over
from .energy import check_units, drawn

WRITTEN_OUT = 12  # hidden units up to which densities are exact
GUESSES = 100  # of the hidden units of a row, where they are not


class Helmholtz(Objective):
    """A sigmoid belief net over rows x (n, in_features) of numbers from 0 to 1, learned by wake-sleep.

    Awake, rows are recognised, layer by layer, and the making weights learn to say each layer given the one above.
    Asleep, rows are dreamt from the top, and the recognising weights learn to say each layer given the one below. Both
    phases are the delta rule. The loss that is watched is minus a lower bound of ln p(x), from one guess a row.

    Systems: wake-sleep
    Source: Hinton, Dayan, Frey and Neal 1995; named in Martinez-Ramon 7.3.1.
    """

    def __init__(self, in_features: int, hidden: Sequence[int]) -> None:
        super().__init__()
        if not hidden or any(n < 1 for n in hidden):
            raise SettingError(f"a Helmholtz machine has layers of hidden units; got hidden={tuple(hidden)}")
        widths = [in_features, *hidden]
        self.making = nn.ModuleList(nn.Linear(above, below) for below, above in itertools.pairwise(widths))
        self.recognising = nn.ModuleList(nn.Linear(below, above) for below, above in itertools.pairwise(widths))
        self.top = nn.Parameter(torch.zeros(widths[-1]))

    of_units: ClassVar[dict[str, Any]] = {"counted": False}  # densities are chances of units of 0 and 1

    @property
    def n_parameters(self) -> int:
        """How many free numbers the density has."""
        return sum(p.numel() for p in self.making.parameters()) + self.top.numel()

    def begin(self, batch: Batch) -> None:
        check_units(batch["x"])
        bias = self.making[0].bias
        assert isinstance(bias, nn.Parameter)
        bias.data.copy_(torch.logit(batch["x"].mean(0).clamp(0.01, 0.99)))

    def phases(self) -> Sequence[Phase]:
        made, found = [*self.making.parameters(), self.top], self.recognising.parameters()
        options = {"lr": 0.01}
        return [Phase("wake", self.wake, made, optimizer=options),
                Phase("sleep", self.sleep, found, optimizer=options, weight=lambda batch: len(batch["x"]))]  # fmt: skip

    # --- the two nets -----------------------------------------------------------------------------

    def recognised(self, x: Tensor) -> list[Tensor]:
        """Rows and a guess of every hidden layer, the lowest first."""
        layers = [x]
        with torch.no_grad():
            for net in self.recognising:
                layers.append(drawn(torch.sigmoid(net(layers[-1]))))
        return layers

    def dreamt(self, n: int, generator: torch.Generator | None = None) -> list[Tensor]:
        """Rows made from the top, and the hidden layers that made them, the rows first."""
        with torch.no_grad():
            p = torch.sigmoid(self.top).expand(n, -1)
            layers = [_units(p, generator)]
            for net in reversed(self.making):
                p = torch.sigmoid(net(layers[0]))
                layers.insert(0, _units(p, generator))
        return layers

    def log_joint(self, layers: list[Tensor]) -> Tensor:
        """ln p(x, hidden) (n,) of states of all layers."""
        total = log_bernoulli(layers[-1], self.top)
        for net, below, above in zip(self.making, layers, layers[1:], strict=False):
            total = total + log_bernoulli(below, net(above))
        return total

    def log_recognition(self, layers: list[Tensor]) -> Tensor:
        """ln q(hidden | x) (n,) of states of all layers."""
        total = torch.zeros_like(layers[0][:, 0])
        for net, below, above in zip(self.recognising, layers, layers[1:], strict=False):
            total = total + log_bernoulli(above, net(below))
        return total

    def wake(self, batch: Batch) -> Tensor:
        """Minus the mean ln p(x, hidden) of recognised rows."""
        return mean_over(-self.log_joint(self.recognised(batch["x"])), batch)

    def sleep(self, batch: Batch) -> Tensor:
        """Minus the mean ln q(hidden | x) of as many dreams."""
        return -self.log_recognition(self.dreamt(len(batch["x"]))).mean()

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        layers = self.recognised(batch["x"])
        return {"loss": mean_over(self.log_recognition(layers) - self.log_joint(layers), batch)}

    # --- use --------------------------------------------------------------------------------------

    def outputs(self, batch: Batch) -> Tensor:
        return self.log_density(batch)[:, None]

    @property
    def exact(self) -> bool:
        """Whether densities are written out; else they are a lower bound, from guesses weighed by importance."""
        return sum(net.out_features for net in self.recognising) <= WRITTEN_OUT  # type: ignore[misc]

    def log_density(self, batch: Batch) -> Tensor:
        """ln p(x) (n,), float64; where it cannot be written out, ln of the mean weight of 100 guesses."""
        x = batch["x"]
        if self.exact:
            weights = [net.weight.detach().double() for net in self.making]  # type: ignore[operator]
            biases = [net.bias.detach().double() for net in self.making]  # type: ignore[operator]
            return exact_belief_log_likelihood(x.double(), weights, [*biases, self.top.detach().double()])
        each = []
        for _ in range(GUESSES):
            layers = self.recognised(x)
            each.append(self.log_joint(layers) - self.log_recognition(layers))
        return torch.stack(each).double().logsumexp(0) - math.log(GUESSES)

    def project(self, batch: Batch) -> Tensor:
        """How likely the topmost units are on, recognised by means (n, hidden[-1])."""
        x = batch["x"]
        for net in self.recognising:
            x = torch.sigmoid(net(x))
        return x

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Rows dreamt (n, in_features), and the topmost units of each, on the CPU."""
        layers = self.dreamt(n, generator)
        return layers[0].cpu(), layers[-1].cpu()


def _units(p: Tensor, generator: torch.Generator | None) -> Tensor:
    """Units of 0 and 1, on with probabilities p, drawn where the generator is."""
    if generator is None:
        return drawn(p)
    return (torch.rand(p.shape, generator=generator, dtype=p.dtype).to(p.device) < p).to(p.dtype)
