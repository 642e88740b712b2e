"""Restricted Boltzmann machines that learn by contrastive divergence, alone or in a stack below a classifier."""

import itertools
from collections.abc import Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import DataError, SettingError
from ..functional.criteria import Loss
from ..functional.energy import (
    Machine,
    estimated_log_partition,
    exact_log_partition,
    free_energy,
    hidden_probability,
    pseudo_likelihood,
    visible_mean,
)
from ..functional.energy.units import contrast, draw_units, pulled
from ..functional.losses import IGNORED
from ..registry import loss
from ..train.phase import Batch, Objective, Phase, gradient_of

WRITTEN_OUT = 16  # units of the smaller layer up to which the partition function is exact
CD = {"name": "sgd", "lr": 0.05, "momentum": 0.5}


class Restricted(nn.Module):
    """The parameters of one machine, and its contrastive slopes without autograd."""

    def __init__(self, n_visible: int, n_hidden: int, *, gaussian: bool = False) -> None:
        super().__init__()
        self.w = nn.Parameter(0.01 * torch.randn(n_visible, n_hidden))
        self.b, self.c = nn.Parameter(torch.zeros(n_visible)), nn.Parameter(torch.zeros(n_hidden))
        self.gaussian = gaussian
        self._room: dict[int, list[Tensor]] = {}

    @property
    def machine(self) -> Machine:
        """The machine as equations take it, without gradients."""
        return Machine(self.w.detach(), self.b.detach(), self.c.detach(), self.gaussian)

    def again(self, v: Tensor, n_steps: int, hidden: Tensor | None = None) -> Tensor:
        """Where chains from the rows v are after so many rounds of both layers; the last visible units are drawn.

        `hidden` are the hidden probabilities of v, where they are known.
        """
        machine, room = self.machine, self._kept(len(v))
        for _ in range(n_steps):
            h = drawn(self.hidden(v) if hidden is None else hidden, room[0])
            hidden = None
            if self.gaussian:
                mean = visible_mean(h, machine)
                v = mean + torch.randn_like(mean)
            else:
                v = drawn(torch.addmm(machine.b, h, machine.w.T, out=room[1]).sigmoid_(), room[2])
        return v

    def hidden(self, v: Tensor) -> Tensor:
        """How likely each hidden unit is on, (n, n_hidden)."""
        machine = self.machine
        return hidden_probability(v, machine) if self.gaussian else pulled(v, machine.w, machine.c)

    @torch.no_grad()
    def slopes(self, v: Tensor, again: Tensor, h: Tensor, weight: Tensor | None = None) -> None:
        """Overwrite the gradients with those of the mean of F(v) - F(again); equal to `contrastive_slopes`.

        h are the hidden probabilities of v.
        """
        gradients = [gradient_of(p) for p in (self.w, self.b, self.c)]
        contrast(v, h, again, self.hidden(again), gradients, weight=weight)

    def distance(self, again: Tensor, v: Tensor) -> Tensor:
        """The mean squared difference of rows, in room that is there: `mse_loss` takes four times as long."""
        off = torch.sub(again, v, out=self._kept(len(v))[1]).flatten()
        return off.dot(off) / off.numel()

    def _kept(self, n: int) -> list[Tensor]:
        """Room for n rows' hidden units, visible probabilities and visible units, taken once for each n."""
        if n not in self._room or self._room[n][0].device != self.w.device or self._room[n][0].dtype != self.w.dtype:
            widths = (self.w.shape[1], self.w.shape[0], self.w.shape[0])
            self._room[n] = [self.w.new_empty(n, width) for width in widths]
        return self._room[n]

    def __getstate__(self) -> dict:
        return super().__getstate__() | {"_room": {}}


def drawn(p: Tensor, out: Tensor | None = None) -> Tensor:
    """Units of 0 and 1, on with probabilities p, in `out` where it is given."""
    units = torch.empty_like(p) if out is None else out
    if not p.is_cpu:  # whose own generator is as fast
        return torch.lt(units.uniform_(), p, out=units)
    return draw_units(p, torch.empty(len(p), dtype=torch.int64).random_(), units)


def meant(each: Tensor, weight: Tensor | None) -> Tensor:
    """The (weighted) mean of a number a row."""
    return each.mean() if weight is None else (each * weight).sum() / weight.sum()


class ContrastiveDivergence(Objective):
    """A restricted Boltzmann machine of rows x (n, in_features), by CD-k or by persistent chains.

    Real rows are standardised by their own means and deviations. The loss shown is the mean squared error of one
    reconstruction: what training lowers has no value that can be had, and `log_density` needs Z, which is found when it
    is first asked for (written out, or by annealed importance sampling).

    Systems: rbm, contrastive-divergence
    Source: Martinez-Ramon 7.2.3; Hinton 2002; Tieleman 2008. Its n_hidden < n_visible is not asked for (F7-10).
    """

    def __init__(
        self, in_features: int, n_hidden: int, *, n_steps: int = 1, n_chains: int = 0, gaussian: bool = False
    ) -> None:
        super().__init__()
        if n_hidden < 1 or n_steps < 1 or n_chains < 0:
            raise SettingError(
                f"an RBM has hidden units and chains of a step or more; got {n_hidden}, {n_steps} and {n_chains}"
            )
        self.net, self.n_steps = Restricted(in_features, n_hidden, gaussian=gaussian), n_steps
        self.register_buffer("mean", torch.zeros(in_features))
        self.register_buffer("std", torch.ones(in_features))
        self.register_buffer("chains", torch.zeros(n_chains, in_features))
        self.register_buffer("log_z", torch.full((2,), torch.nan, dtype=torch.float64))

    mean: Tensor
    std: Tensor
    chains: Tensor
    log_z: Tensor

    @property
    def n_parameters(self) -> int:
        """How many free numbers there are."""
        return sum(p.numel() for p in self.net.parameters())

    @property
    def by_rows(self) -> bool:
        """Persistent chains are one state for all rows."""
        return not len(self.chains)

    def begin(self, batch: Batch) -> None:
        x = batch["x"]
        if self.net.gaussian:
            self.mean.copy_(x.mean(0))
            self.std.copy_(x.std(0).clamp(min=1e-6) if len(x) > 1 else torch.ones_like(self.std))
        else:
            check_units(x)
            share = x.mean(0).clamp(0.01, 0.99)
            self.net.b.data.copy_(torch.logit(share))
        self.chains.copy_(drawn(torch.full_like(self.chains, 0.5)))

    def _rows(self, batch: Batch) -> Tensor:
        return (batch["x"] - self.mean) / self.std if self.net.gaussian else batch["x"]

    def phases(self) -> Sequence[Phase]:
        return [Phase("cd", self.gap, self.net.parameters(), gradient=self.slopes, optimizer=CD)]

    def gap(self, batch: Batch) -> Tensor:
        """The mean of F(v) - F(end of the chain), whose gradient contrastive divergence follows."""
        v = self._rows(batch)
        again = self._chain_end(v)
        machine = Machine(self.net.w, self.net.b, self.net.c, self.net.gaussian)
        return meant(free_energy(v, machine), batch.get("weight")) - free_energy(again, machine).mean()

    def slopes(self, batch: Batch) -> Tensor:
        """The same gradient without autograd; the loss is the error of one reconstruction."""
        v = self._rows(batch)
        with torch.no_grad():
            h = self.net.hidden(v)
            again = self._chain_end(v, h)
            self.net.slopes(v, again, h, batch.get("weight"))
            return self.net.distance(again, v) if len(again) == len(v) else self._error(v, batch.get("weight"))

    def _chain_end(self, v: Tensor, h: Tensor | None = None) -> Tensor:
        with torch.no_grad():
            if not len(self.chains):
                return self.net.again(v, self.n_steps, h)
            self.chains.copy_(self.net.again(self.chains, self.n_steps))
            return self.chains

    def _error(self, v: Tensor, weight: Tensor | None) -> Tensor:
        machine = self.net.machine
        return meant((v - visible_mean(hidden_probability(v, machine), machine)).square().mean(1), weight)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        v, weight = self._rows(batch), batch.get("weight")
        found = {"loss": self._error(v, weight)}
        if not self.net.gaussian and v.shape[1] <= 100:
            found["pseudo_likelihood"] = meant(pseudo_likelihood(v.round(), self.net.machine), weight)
        return found

    # --- use --------------------------------------------------------------------------------------

    def outputs(self, batch: Batch) -> Tensor:
        return self.log_density(batch)[:, None]

    def log_partition(self) -> tuple[float, float]:
        """ln Z and its standard error, 0 where it is written out; found once."""
        if not bool(self.log_z.isfinite().all()):
            found = self.net.machine
            machine = Machine(found.w.double(), found.b.double(), found.c.double(), found.gaussian)
            if min(found.w.shape) <= WRITTEN_OUT and not (found.gaussian and found.w.shape[1] > WRITTEN_OUT):
                value, error = exact_log_partition(machine), 0.0
            else:
                value, error = estimated_log_partition(
                    machine, machine.b.clone(), generator=torch.Generator().manual_seed(0), n_chains=100, n_steps=1000
                )
            self.log_z.copy_(torch.tensor([value, error]))
        return float(self.log_z[0]), float(self.log_z[1])

    def log_density(self, batch: Batch) -> Tensor:
        """ln p(x) (n,), float64, in the units of x."""
        log_z, _ = self.log_partition()
        found = -free_energy(self._rows(batch).double(), self._double()) - log_z
        return found - self.std.double().log().sum() if self.net.gaussian else found

    def _double(self) -> Machine:
        found = self.net.machine
        return Machine(found.w.double(), found.b.double(), found.c.double(), found.gaussian)

    def project(self, batch: Batch) -> Tensor:
        """How likely each hidden unit is on, (n, n_hidden)."""
        return hidden_probability(self._rows(batch), self.net.machine)

    def reconstruct(self, batch: Batch) -> Tensor:
        """The visible means for the hidden probabilities, (n, in_features)."""
        found = visible_mean(self.project(batch), self.net.machine)
        return found * self.std + self.mean if self.net.gaussian else found

    def draw(self, n: int, generator: torch.Generator, *, n_sweeps: int = 1000) -> tuple[Tensor, Tensor]:
        """Rows at the end of chains (n, in_features), and the hidden units of each."""
        machine = self.net.machine
        h = (torch.rand(n, len(machine.c), generator=generator) < 0.5).float()
        for _ in range(n_sweeps):
            mean = visible_mean(h, machine)
            noise = torch.randn if self.net.gaussian else torch.rand
            fresh = noise(mean.shape, generator=generator)
            v = mean + fresh if self.net.gaussian else (fresh < mean).float()
            h = (torch.rand(h.shape, generator=generator) < hidden_probability(v, machine)).float()
        return (v * self.std + self.mean if self.net.gaussian else v), h


def check_units(x: Tensor) -> None:
    """Refuses rows that are no probabilities of units."""
    low, high = float(x.min()), float(x.max())
    if low < 0 or high > 1:
        raise DataError(
            f"units of 0 and 1 take numbers from 0 to 1, and the rows hold {low:g} to {high:g}; take pn.RBM or pn.DBN, "
            f"which scale them, give codec=pn.Table(scaling='minmax'), or take model='gaussian_rbm'"
        )


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
