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
from ...functional.sigmoid_beliefs import Edges, up_down_gap, up_down_slopes
from ...registry import loss
from ...train.phase import Batch, Objective, Phase, gradient_of
from .energy import CD, Restricted, check_units, drawn, meant


class BeliefNet(Objective):
    """A stack of machines, each trained on what the one below makes of the rows, then a classifier on top.

    The first `pretraining` of all steps goes to the machines, an equal stretch each; then the softmax (and with
    `fine_tuning` the whole stack) learns by gradients. Between them, `wake_sleep` of all steps goes to the "up-down"
    algorithm: below the topmost machine, edges that make layers part from those that recognise them. Awake, rows go up
    by the recognising edges and the making ones learn; the topmost machine learns by CD from there; asleep, the end of
    its chain goes down by the making edges and the recognising ones learn. The loss shown is the error of rows made
    again from the layer above them.

    Systems: deep-belief-network, greedy-pretraining, dbn-fine-tuning, wake-sleep
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
        wake_sleep: float = 0.0,
    ) -> None:
        super().__init__()
        if not hidden or any(n < 1 for n in hidden):
            raise SettingError(f"a belief net has layers of hidden units; got hidden={tuple(hidden)}")
        if not 0 <= pretraining < 1:
            raise SettingError(f"pretraining is a share of the steps, in [0, 1); got {pretraining}")
        if not (wake_sleep >= 0 and pretraining + wake_sleep < 1 - 1e-9):
            raise SettingError(
                f"wake_sleep is a share of the steps, 0 or more, that leaves some beside pretraining={pretraining} for "
                f"the classifier; got {wake_sleep}: take less than {1 - pretraining:g}"
            )
        widths = [in_features, *hidden]
        self.stack = nn.ModuleList(Restricted(a, b) for a, b in itertools.pairwise(widths))
        self.head = nn.Linear(widths[-1], n_outputs)
        self.pretraining, self.fine_tuning, self.n_steps = pretraining, fine_tuning, n_steps
        self.wake_sleep = wake_sleep
        lower = self.machines[:-1] if wake_sleep else []
        self.making = nn.ParameterList(p.detach().clone() for net in lower for p in (net.w, net.b))
        self.of_labels, self.of_units = (loss("cross_entropy").make(task=kind) for kind in ("labels", "binary"))

    @property
    def machines(self) -> list[Restricted]:
        """The machines, the lowest first."""
        return cast(list[Restricted], list(self.stack))

    @property
    def makers(self) -> list[Edges]:
        """Weights (below, above) and biases (below,) that make each layer under the topmost machine, the lowest first.

        They are the machines' own until wake-sleep parts them.
        """
        if self.wake_sleep:
            return list(zip(self.making[::2], self.making[1::2], strict=True))
        return [(net.w, net.b) for net in self.machines[:-1]]

    @property
    def recognisers(self) -> list[Edges]:
        """Weights (below, above) and biases (above,) that recognise them."""
        return [(net.w, net.c) for net in self.machines[:-1]]

    def _tie(self, depth: int) -> None:
        """The making edges of a layer as its machine has them."""
        with torch.no_grad():
            for own, found in zip(self.makers[depth], (self.machines[depth].w, self.machines[depth].b), strict=True):
                own.copy_(found)

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

    @torch.no_grad()
    def _up_and_down(self, x: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Rows and their hidden layers as recognised; those that the top's chain comes down to; h of its start.

        The topmost units are not among the layers; rows dreamt are means.
        """
        top, layers = self.machines[-1], [x]
        for w, c in self.recognisers:
            layers.append(drawn(torch.sigmoid(F.linear(layers[-1], w.T, c))))
        h = top.hidden(layers[-1])
        dreams = [top.again(layers[-1], self.n_steps, h)]
        for w, b in reversed(self.makers):
            mean = torch.sigmoid(F.linear(dreams[0], w, b))
            dreams.insert(0, mean if w is self.makers[0][0] else drawn(mean))
        return layers, dreams, h

    def up_down_gap(self, batch: Batch) -> Tensor:
        """What wake-sleep goes down."""
        layers, dreams, _ = self._up_and_down(batch["x"])
        net, weight = self.machines[-1], batch.get("weight")
        machine = Machine(net.w, net.b, net.c)
        top = meant(free_energy(layers[-1], machine), weight) - free_energy(dreams[-1], machine).mean()
        return top + up_down_gap(layers, dreams, self.makers, self.recognisers, counts=weight)

    @torch.no_grad()
    def up_down(self, batch: Batch) -> Tensor:
        """The slopes of one step of wake-sleep; the loss is the error of rows made again from the layer above them."""
        weight, (layers, dreams, h) = batch.get("weight"), self._up_and_down(batch["x"])
        found = up_down_slopes(layers, dreams, self.makers, self.recognisers, counts=weight)
        for edges, rises in zip([*self.makers, *self.recognisers], [*found[0], *found[1]], strict=True):
            for parameter, rise in zip(edges, rises, strict=True):
                gradient_of(cast(nn.Parameter, parameter)).copy_(-rise)
        self.machines[-1].slopes(layers[-1], dreams[-1], h, weight)
        made = [torch.sigmoid(F.linear(layers[1], w, b)) for w, b in self.makers[:1]] or [dreams[-1]]
        return F.mse_loss(made[0], batch["x"])

    def phases(self) -> Sequence[Phase]:
        each = self.pretraining / len(self.stack)
        found = [
            Phase(
                f"layer{i}", partial(self.gap, i), net.parameters(), gradient=partial(self.slopes, i),
                during=(i * each, (i + 1) * each), optimizer=CD, weight=_rows,
                after=partial(self._tie, i) if i < len(self.makers) and self.wake_sleep else None,
            )
            for i, net in enumerate(self.machines)
            if self.pretraining
        ]  # fmt: skip
        moved = list(self.head.parameters())
        if self.fine_tuning:
            moved += [p for net in self.machines for p in (net.w, net.c)]
        end = self.pretraining + self.wake_sleep
        if self.wake_sleep:
            moving = [*self.machines[-1].parameters(), *itertools.chain(*self.makers, *self.recognisers)]
            found.append(
                Phase(
                    "wake_sleep", self.up_down_gap, cast(list[nn.Parameter], moving), gradient=self.up_down,
                    during=(self.pretraining, end), optimizer=CD, weight=_rows,
                )
            )  # fmt: skip
        return [Phase("fit", self.mean_loss, moved, during=(end, 1.0), optimizer={"lr": 0.01}), *found]

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
        for w, b in reversed(self.makers):
            above = (torch.rand(x.shape, generator=generator) < x).float()
            x = torch.sigmoid(above @ w.detach().T + b.detach())
        return x


def _rows(batch: Batch) -> float | Tensor:
    return batch["weight"].sum() if "weight" in batch else len(batch["x"])
