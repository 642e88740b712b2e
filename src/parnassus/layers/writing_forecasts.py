"""An encoder that reads what was seen, and a decoder that says one step ahead after another from what it said."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..functional.unrolling import free_running, scheduled_sampling
from .cells import Cell, State
from .recurrent import Recurrent


class StepByStep(nn.Module):
    """x (batch, history, step_features) -> (batch, horizon n_parameters): each step ahead is said from the one before.

    The encoder's last states are where the decoder begins; its first input is the last value seen, x[:, -1, 0], and
    after that its own answer for the step before (free running). `taught` gives it the truth instead, for each row and
    step with probability `teaching`: 1 is teacher forcing, between is scheduled sampling.

    Of the `n_parameters` that a step is said by, the one at `fed` goes back in: a number, a location, a median.

    Source: Sutskever, Vinyals and Le 2014; Williams and Zipser 1989; Bengio et al. 2015; Hifny 10.7 (A10.11).
    """

    def __init__(
        self,
        make: Callable[[int, int], Cell],
        step_features: int,
        horizon: int,
        *,
        hidden: int,
        n_layers: int,
        n_parameters: int,
        teaching: float,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.horizon, self.n_parameters, self.teaching, self.fed = horizon, n_parameters, teaching, 0
        units = [hidden] * n_layers
        self.encoder = Recurrent(make, step_features, units, dropout=dropout)
        self.decoder = Recurrent(make, 1, units, dropout=dropout)
        self.head = nn.Linear(hidden, n_parameters)

    def forward(self, x: Tensor) -> Tensor:
        states = self.encoder.run(x)[2]
        said = free_running(self._step, x[:, -1, :1], states, self.horizon, self._back)
        return torch.stack(said, 1).flatten(1)

    def taught(self, x: Tensor, y: Tensor) -> Tensor:
        """The same in training, where y (batch, horizon) is known."""
        states = self.encoder.run(x)[2]
        first, truth = x[:, -1, :1], y[..., None]
        if self.teaching == 1:  # nothing waits for an answer: all steps at once
            h = self.decoder.run(torch.cat([first[:, None], truth[:, :-1]], 1), states=states)[0]
            return self.head(h).flatten(1)
        coins = torch.rand(y.shape, device=y.device)
        said = scheduled_sampling(self._step, first, truth, states, self.teaching, coins, self._back)
        return torch.stack(said, 1).flatten(1)

    def _step(self, given: Tensor, states: list[State]) -> tuple[Tensor, list[State]]:
        h, _, states = self.decoder.run(given[:, None], states=states)
        return self.head(h[:, 0]), states

    def _back(self, said: Tensor) -> Tensor:
        return said[:, self.fed : self.fed + 1]
