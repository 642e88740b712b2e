"""A phase is one player's move; an objective owns modules and lists its phases."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .distributed import Ranks

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Phase:
    """Lower `loss(batch)` over `params`, on every `every`-th step of a stretch of training.

    Parameters
    ----------
    name : what the losses, the optimizer's state and the user's settings go by.
    loss : batch -> scalar tensor, a mean over what the objective's `weight` counts.
    params : what this player may move; none makes it a learning rule (perceptron, EM), which runs without autograd
        and changes buffers by itself.
    every : 5 lets it move on each fifth step.
    during : the stretch of training, as fractions of all steps: greedy layers, unfreezing, one optimizer then another.
    optimizer : this player's own name, lr, betas, ...; what the user fixed wins.
    after : runs after the move: clip the critic, finish an EM step.
    rates : by parameter, what multiplies the learning rate; parameters that are absent move at the full rate.
    gradient : closed form: returns the loss and overwrites the `grad` of every one of `params`.
    weight : overrides the objective's `weight` for this phase.
    """

    name: str
    loss: Callable[[Batch], Tensor]
    params: Iterable[nn.Parameter] = ()
    every: int = 1
    during: tuple[float, float] = (0.0, 1.0)
    optimizer: Mapping[str, Any] = field(default_factory=dict)
    after: Callable[[], None] | None = None
    rates: Mapping[nn.Parameter, float] = field(default_factory=dict)
    gradient: Callable[[Batch], Tensor] | None = None
    weight: Callable[[Batch], float | Tensor] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", tuple(self.params))  # it may be a generator, and is read more than once

    def due(self, step: int, progress: float) -> bool:
        return (step + 1) % self.every == 0 and self.during[0] <= progress < self.during[1]


class Objective(nn.Module):
    """Owns modules and lists phases; all its state lies in parameters and buffers.

    `full_batch = True` shows every step all rows (EM, the normal equation): phases add up over the window's cuts and
    `after` finishes. Such a rule may deal rows out among ranks and add their sums up itself: it says so by `ranks`,
    which is `ALONE` until a training on several begins. `begin(batch)` may start from data, once, before step 0.
    """

    full_batch = False
    probabilistic = True  # whether outputs are logits or the like, of which a target makes probabilities
    epochs: int | None = None  # how many are enough, where the rule ends by itself: one for the normal equation
    least_steps: int = 0  # `epochs` grow where few rows would make fewer
    as_one = False  # whether losses look at weights outside the parts' calls: gradients inside, weights drawn anew
    n_training = 0  # rows of the training, told before it begins
    progress = 0.0  # the share of the training that is done, told before each step
    ranks: Ranks | None = None  # of a rule that adds up over rows: those among whom it deals them out; None of others
    by_draws = False  # whether losses are of chains of draws, which rise and fall of themselves
    finished = False  # whether the rule has come to its end (EM that no longer gains); read at each epoch's end

    @property
    def by_rows(self) -> bool:
        """Whether losses are means over rows that do not see each other, so that ranks may divide a window."""
        return True

    def phases(self) -> Sequence[Phase]:
        """The moves of one step, in order."""
        raise NotImplementedError

    def outputs(self, batch: Batch) -> Tensor:
        """What the model says of a batch, in the terms that the target decodes."""
        raise NotImplementedError

    def weight(self, batch: Batch) -> float | Tensor:
        """How many things the losses are means over: rows, or the sum of their weights."""
        return batch["weight"].sum() if "weight" in batch else len(batch["x"])

    def begin(self, batch: Batch) -> None:
        """Start from data: batch is up to 10,000 rows, prepared."""

    def conclude(self, batches: Callable[[], Iterable[Batch]]) -> None:
        """What is left to do once training ended; each call of `batches` goes over the training rows, prepared."""

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        """Means over the batch, by name; `loss` is what early stopping watches unless told otherwise."""
        return {"loss": self.phases()[0].loss(batch)}


def gradient_of(parameter: nn.Parameter) -> Tensor:
    """The room for a gradient, which is written into and never replaced: it may be a view of a larger one."""
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad
