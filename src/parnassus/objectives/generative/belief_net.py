"""A stack of restricted Boltzmann machines below a classifier."""

import itertools
from collections.abc import Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import SettingError
from ...functional.criteria import Loss
from ...functional.energy import Machine, free_energy, hidden_probability, visible_mean
from ...functional.losses import IGNORED
from ...registry import loss
from ...train.phase import Batch, Objective, Phase
from .energy import CD, Restricted, check_units, meant


class BeliefNet(Objective):
    """A stack of machines, each trained on what the one below makes of the rows, then a classifier on top.

    The first `pretraining` of all steps goes to the machines, an equal stretch each; then the softmax (and with
    `fine_tuning` the whole stack) learns by gradients.

    Systems: deep-belief-network, greedy-pretraining, dbn-fine-tuning
    Source: Martinez-Ramon 7.3 and 7.3.1; Hinton, Osindero and Teh 2006. A deeper stack is not better by itself: in
    the book's own example one machine beats two (oracle B7.5), on digits whose shifted copies are on both sides.
    """

    def __init__(
        self,
        in_features: int,
        hidden: Sequence[int],
        n_outputs: int,
        *,
        pretraining: float,
        fine_tuning: bool,
        n_steps: int,
    ) -> None:
        super().__init__()
        if not hidden or any(n < 1 for n in hidden):
            raise SettingError(f"a belief net has layers of hidden units; got hidden={tuple(hidden)}")
        if not 0 <= pretraining < 1:
            raise SettingError(f"pretraining is a share of the steps, in [0, 1); got {pretraining}")
        widths = [in_features, *hidden]
        self.stack = nn.ModuleList(Restricted(a, b) for a, b in itertools.pairwise(widths))
        self.head = nn.Linear(widths[-1], n_outputs)
        self.pretraining, self.fine_tuning, self.n_steps = pretraining, fine_tuning, n_steps
        self.of_labels, self.of_units = (loss("cross_entropy").make(task=kind) for kind in ("labels", "binary"))

    @property
    def machines(self) -> list[Restricted]:
        """The machines, the lowest first."""
        return cast(list[Restricted], list(self.stack))

    def loss(self, batch: Batch) -> Loss:
        """Cross-entropy of one class a row, or of each of several labels."""
        return self.of_units if batch["y"].is_floating_point() else self.of_labels

    def begin(self, batch: Batch) -> None:
        check_units(batch["x"])

    def features(self, x: Tensor, depth: int | None = None) -> Tensor:
        """The hidden probabilities of the topmost machine, or of the one at `depth`, (n, hidden)."""
        for machine in self.machines[:depth]:
            x = torch.sigmoid(F.linear(x, machine.w.T, machine.c))
        return x

    def outputs(self, batch: Batch) -> Tensor:
        return self.head(self.features(batch["x"]))

    def weight(self, batch: Batch) -> float | Tensor:
        return self.loss(batch).count(batch["y"], batch.get("weight"))

    def mean_loss(self, batch: Batch) -> Tensor:
        """The classifier's loss."""
        return self.loss(batch)(self.outputs(batch), batch["y"], batch.get("weight"))

    def gap(self, depth: int, batch: Batch) -> Tensor:
        """The mean of F(v) - F(end of the chain) of one machine."""
        net = self.machines[depth]
        with torch.no_grad():
            v = self.features(batch["x"], depth)
            again = net.again(v, self.n_steps)
        machine = Machine(net.w, net.b, net.c)
        return meant(free_energy(v, machine), batch.get("weight")) - free_energy(again, machine).mean()

    def slopes(self, depth: int, batch: Batch) -> Tensor:
        """The contrastive slopes of one machine; the loss is the error of one reconstruction."""
        net = self.machines[depth]
        with torch.no_grad():
            v = self.features(batch["x"], depth)
            h = net.hidden(v)
            again = net.again(v, self.n_steps, h)
            net.slopes(v, again, h, batch.get("weight"))
            return net.distance(again, v)

    def phases(self) -> Sequence[Phase]:
        each = self.pretraining / len(self.stack)
        found = [
            Phase(
                f"layer{i}", partial(self.gap, i), net.parameters(), gradient=partial(self.slopes, i),
                during=(i * each, (i + 1) * each), optimizer=CD, weight=_rows,
            )
            for i, net in enumerate(self.machines)
            if self.pretraining
        ]  # fmt: skip
        moved = list(self.head.parameters())
        if self.fine_tuning:
            moved += [p for net in self.machines for p in (net.w, net.c)]
        return [Phase("fit", self.mean_loss, moved, during=(self.pretraining, 1.0), optimizer={"lr": 0.01}), *found]

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        outputs = self.outputs(batch)
        found = {"loss": self.mean_loss(batch)}
        if batch["y"].ndim == 1:
            known = batch["y"] != IGNORED
            weight = batch["weight"][known] if "weight" in batch else None
            found["accuracy"] = meant((outputs.argmax(1) == batch["y"])[known].float(), weight)
        return found

    def draw(self, n: int, generator: torch.Generator, *, n_sweeps: int = 1000) -> Tensor:
        """Rows dreamt: chains in the topmost machine, then one way down, (n, in_features), as means."""
        top = self.machines[-1].machine
        h = (torch.rand(n, len(top.c), generator=generator) < 0.5).float()
        for _ in range(n_sweeps):
            mean = visible_mean(h, top)
            v = (torch.rand(mean.shape, generator=generator) < mean).float()
            p = hidden_probability(v, top)
            h = (torch.rand(p.shape, generator=generator) < p).float()
        x = visible_mean(h, top)
        for net in reversed(self.machines[:-1]):
            below = (torch.rand(x.shape, generator=generator) < x).float()
            x = visible_mean(below, net.machine)
        return x


def _rows(batch: Batch) -> float | Tensor:
    return batch["weight"].sum() if "weight" in batch else len(batch["x"])
