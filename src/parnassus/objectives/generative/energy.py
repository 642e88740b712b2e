"""Restricted Boltzmann machines that learn by contrastive divergence."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import DataError, SettingError
from ...functional.energy import (
    Machine,
    contrastive_slopes,
    draw_hidden,
    draw_visible,
    estimated_length_log_partitions,
    estimated_log_partition,
    exact_log_partition,
    free_energy,
    hidden_probability,
    length_log_partitions,
    log_orders,
    pseudo_likelihood,
    swap_powers,
    tempered,
    visible_mean,
)
from ...functional.energy.units import contrast, draw_units, pulled
from ...train.phase import Batch, Objective, Phase, gradient_of
from .autoencoder import warn_beyond_unit

QUANTILES = 101  # of the lengths of rows, which are kept to draw such rows
WRITTEN_OUT = 16  # units of the smaller layer up to which the partition function is exact
CD = {"name": "sgd", "lr": 0.05, "momentum": 0.5}


class Restricted(nn.Module):
    """The parameters of one machine, and its contrastive slopes without autograd."""

    def __init__(self, n_visible: int, n_hidden: int, **units: Any) -> None:
        super().__init__()
        self.w = nn.Parameter(0.01 * torch.randn(n_visible, n_hidden))
        self.b, self.c = nn.Parameter(torch.zeros(n_visible)), nn.Parameter(torch.zeros(n_hidden))
        self.units = units  # what `Machine` is told beside weights and biases
        self._room: dict[int, list[Tensor]] = {}

    @property
    def gaussian(self) -> bool:
        """Whether visible units are real numbers."""
        return bool(self.units.get("gaussian"))

    @property
    def plain(self) -> bool:
        """Whether all units are of 0 and 1, each of its own."""
        return not any(self.units.values())

    @property
    def machine(self) -> Machine:
        """The machine as equations take it, without gradients."""
        return Machine(self.w.detach(), self.b.detach(), self.c.detach(), **self.units)

    def again(self, v: Tensor, n_steps: int, hidden: Tensor | None = None) -> Tensor:
        """Where chains from the rows v are after so many rounds of both layers; the last visible units are drawn.

        `hidden` are the hidden probabilities of v, where they are known.
        """
        machine = self.machine
        if not self.plain:
            return gibbs(v, machine, n_steps)
        room = self._kept(len(v))
        for _ in range(n_steps):
            h = drawn(self.hidden(v) if hidden is None else hidden, room[0])
            hidden = None
            v = drawn(torch.addmm(machine.b, h, machine.w.T, out=room[1]).sigmoid_(), room[2])
        return v

    def hidden(self, v: Tensor) -> Tensor:
        """How likely each hidden unit is on (its mean, of real ones), (n, n_hidden)."""
        machine = self.machine
        return pulled(v, machine.w, machine.c) if self.plain else hidden_probability(v, machine)

    @torch.no_grad()
    def slopes(self, v: Tensor, again: Tensor, h: Tensor, weight: Tensor | None = None) -> None:
        """Overwrite the gradients with those of the mean of F(v) - F(again); equal to `contrastive_slopes`.

        h are the hidden probabilities of v.
        """
        gradients = [gradient_of(p) for p in (self.w, self.b, self.c)]
        if self.units.get("counted"):  # whose hidden biases count once for each word
            for gradient, slope in zip(
                gradients, contrastive_slopes(v, again, self.machine, weight=weight), strict=True
            ):
                gradient.copy_(slope)
            return
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


def gibbs(v: Tensor, machine: Machine, n_steps: int, generator: torch.Generator | None = None) -> Tensor:
    """Where chains from the rows v are after so many rounds of both layers; of counts, rows keep their lengths."""
    lengths = v.sum(1) if machine.counted else None
    for _ in range(n_steps):
        v = draw_visible(draw_hidden(v, machine, generator), machine, generator, lengths=lengths)
    return v


def meant(each: Tensor, weight: Tensor | None) -> Tensor:
    """The (weighted) mean of a number a row."""
    return each.mean() if weight is None else (each * weight).sum() / weight.sum()


class ContrastiveDivergence(Objective):
    """A restricted Boltzmann machine of rows x (n, in_features), by CD-k or by persistent chains.

    Real rows are standardised by their own means and deviations. The loss shown is the mean squared error of one
    reconstruction: what training lowers has no value that can be had, and `log_density` needs Z, which is found when it
    is first asked for (written out, or by annealed importance sampling).

    Parameters
    ----------
    n_steps : rounds of both layers.
    n_chains : that are kept between steps; 0 begins at the rows each time.
    n_powers : machines, from this one to one without weights, that each have so many chains, which change places.
    **units : what visible and hidden units are; see `Machine`.

    Systems: rbm, contrastive-divergence
    Source: Martinez-Ramon 7.2.3; Hinton 2002; Tieleman 2008; Desjardins et al. 2010 (powers). Its n_hidden < n_visible
    is not asked for (F7-10).
    """

    by_draws = True

    def __init__(
        self, in_features: int, n_hidden: int, *, n_steps: int = 1, n_chains: int = 0, n_powers: int = 1, **units: Any
    ) -> None:
        super().__init__()
        if n_hidden < 1 or n_steps < 1 or n_chains < 0:
            raise SettingError(
                f"an RBM has hidden units and chains of a step or more; got {n_hidden}, {n_steps} and {n_chains}"
            )
        if n_powers < 1 or (n_powers > 1 and not n_chains):
            raise SettingError(f"n_powers={n_powers} are of chains that are kept, with 1 for none; give n_chains too")
        self.net, self.n_steps, self.n_powers = Restricted(in_features, n_hidden, **units), n_steps, n_powers
        self.register_buffer("mean", torch.zeros(in_features))
        self.register_buffer("std", torch.ones(in_features))
        self.register_buffer("chains", torch.zeros(n_powers * n_chains, in_features))
        self.register_buffer("log_z", torch.full((2,), torch.nan, dtype=torch.float64))

    mean: Tensor
    std: Tensor
    chains: Tensor
    log_z: Tensor

    @property
    def of_units(self) -> dict[str, Any] | None:
        """Of visible units that are not real, whether they are counts, and how many are in groups of categories."""
        own = self.net.units
        told = {"counted": bool(own.get("counted")), "n_in_groups": sum(own.get("groups", ()))}
        return None if self.net.gaussian else told

    @property
    def n_parameters(self) -> int:
        """How many free numbers there are."""
        return sum(p.numel() for p in self.net.parameters())

    @property
    def by_rows(self) -> bool:
        """Persistent chains are one state for all rows."""
        return not len(self.chains)

    def begin(self, batch: Batch) -> None:
        x, groups = batch["x"], self.net.units.get("groups", ())
        if self.net.gaussian:
            self.mean.copy_(x.mean(0))
            self.std.copy_(x.std(0).clamp(min=1e-6) if len(x) > 1 else torch.ones_like(self.std))
        else:
            check_units(x)
            share = x.mean(0).clamp(0.01, 0.99)
            n = len(share) - sum(groups)
            self.net.b.data.copy_(torch.cat([torch.logit(share[:n]), share[n:].log()]))
        if groups:
            self.chains.copy_(
                draw_visible(self.net.w.new_zeros(len(self.chains), self.net.w.shape[1]), self.net.machine)
            )
        else:
            self.chains.copy_(drawn(torch.full_like(self.chains, 0.5)))

    def _rows(self, batch: Batch) -> Tensor:
        return (batch["x"] - self.mean) / self.std if self.net.gaussian else batch["x"]

    def phases(self) -> Sequence[Phase]:
        rate = {"lr": 0.005} if self.net.units.get("gaussian_output") else {}  # units without a bound go too far
        return [Phase("cd", self.gap, self.net.parameters(), gradient=self.slopes, optimizer=CD | rate)]

    def gap(self, batch: Batch) -> Tensor:
        """The mean of F(v) - F(end of the chain), whose gradient contrastive divergence follows."""
        v = self._rows(batch)
        again = self._chain_end(v)
        machine = Machine(self.net.w, self.net.b, self.net.c, **self.net.units)
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
            if self.n_powers == 1:
                self.chains.copy_(self.net.again(self.chains, self.n_steps))
                return self.chains
            each = self.chains.view(self.n_powers, -1, self.chains.shape[1])
            powers = torch.linspace(1, 0, self.n_powers).tolist()
            machines = [tempered(self.net.machine, power) for power in powers]
            moved = torch.stack([gibbs(v, m, self.n_steps) for v, m in zip(each, machines, strict=True)])
            each.copy_(swap_powers(moved, machines))
            return each[0]

    def _error(self, v: Tensor, weight: Tensor | None) -> Tensor:
        return meant((v - self._reconstructed(v)).square().mean(1), weight)

    def _reconstructed(self, v: Tensor) -> Tensor:
        """The visible means for the hidden ones; of counts, in so many words."""
        machine = self.net.machine
        found = visible_mean(hidden_probability(v, machine), machine)
        return found * v.sum(1, keepdim=True) if machine.counted else found

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        v, weight = self._rows(batch), batch.get("weight")
        found = {"loss": self._error(v, weight)}
        bits = not (self.net.gaussian or self.net.units.get("groups") or self.net.units.get("counted"))
        if bits and v.shape[1] <= 100:
            found["pseudo_likelihood"] = meant(pseudo_likelihood(v.round(), self.net.machine), weight)
        return found

    # --- use --------------------------------------------------------------------------------------

    def outputs(self, batch: Batch) -> Tensor:
        return self.log_density(batch)[:, None]

    def log_partition(self) -> tuple[float, float]:
        """ln Z and its standard error, 0 where it is written out; found once."""
        if not bool(self.log_z.isfinite().all()):
            self.log_z.copy_(torch.tensor(log_partition_of(self._double()), dtype=torch.float64))
        return float(self.log_z[0]), float(self.log_z[1])

    def log_density(self, batch: Batch) -> Tensor:
        """ln p(x) (n,), float64, in the units of x; of rows with a category that training had not, minus infinity."""
        log_z, _ = self.log_partition()
        v, groups = self._rows(batch).double(), self.net.units.get("groups", ())
        if not self.net.gaussian:
            warn_beyond_unit(v)
        found = -free_energy(v, self._double()) - log_z
        for part in v[:, v.shape[1] - sum(groups) :].split(list(groups), 1) if groups else ():
            found = found.masked_fill(part.sum(1) != 1, -torch.inf)
        return found - self.std.double().log().sum() if self.net.gaussian else found

    def _double(self) -> Machine:
        found = self.net.machine
        return found._replace(w=found.w.double(), b=found.b.double(), c=found.c.double())

    def project(self, batch: Batch) -> Tensor:
        """How likely each hidden unit is on (its mean, of real ones), (n, n_hidden)."""
        return hidden_probability(self._rows(batch), self.net.machine)

    def reconstruct(self, batch: Batch) -> Tensor:
        """The visible means for the hidden probabilities, (n, in_features)."""
        found = self._reconstructed(self._rows(batch))
        return found * self.std + self.mean if self.net.gaussian else found

    def draw(self, n: int, generator: torch.Generator, *, n_sweeps: int = 1000) -> tuple[Tensor, Tensor]:
        """Rows at the end of chains (n, in_features), and the hidden units of each."""
        machine = self.net.machine
        h = (torch.rand(n, len(machine.c), generator=generator) < 0.5).float()
        for _ in range(n_sweeps):
            v = draw_visible(h, machine, generator)
            h = draw_hidden(v, machine, generator)
        return (v * self.std + self.mean if self.net.gaussian else v), h


def log_partition_of(machine: Machine) -> tuple[float, float]:
    """ln Z and its standard error, 0 where it is written out."""
    n_visible, n_hidden = machine.w.shape
    by_hidden = n_hidden <= WRITTEN_OUT and not machine.gaussian_output
    by_visible = n_visible <= WRITTEN_OUT and not (machine.gaussian or machine.groups)
    if by_hidden or by_visible:
        return exact_log_partition(machine), 0.0
    generator = torch.Generator().manual_seed(0)
    return estimated_log_partition(machine, machine.b.clone(), generator=generator, n_chains=100, n_steps=1000)


class ReplicatedSoftmax(ContrastiveDivergence):
    """A restricted Boltzmann machine of counts of words x (n, in_features): hidden units are what texts are about.

    `log_density` is of the counts, whatever the order of the words, given how many there are; Z is another for each
    length, and written out up to 16 hidden units, else estimated. Rows are drawn of the lengths of the training's.

    Systems: rbm
    Source: Salakhutdinov and Hinton 2009 (Replicated softmax: an undirected topic model).
    """

    lengths: Tensor

    def __init__(self, in_features: int, n_hidden: int, *, n_steps: int = 1, n_chains: int = 0) -> None:
        super().__init__(in_features, n_hidden, n_steps=n_steps, n_chains=n_chains, counted=True)
        self.register_buffer("lengths", torch.zeros(QUANTILES))
        self._estimated = torch.zeros(0, dtype=torch.float64)

    def begin(self, batch: Batch) -> None:
        x = batch["x"]
        check_counts(x)
        self.net.b.data.copy_(((x.sum(0) + 0.01) / (x.sum() + 0.01 * x.shape[1])).log())
        at = torch.linspace(0, len(x) - 1, QUANTILES, device=x.device).round().long()
        self.lengths.copy_(x.sum(1).sort().values[at])
        self.chains.copy_(x[torch.arange(len(self.chains), device=x.device) % len(x)])

    def phases(self) -> Sequence[Phase]:
        moved = self.net.parameters()  # whose slopes grow with the lengths of rows
        return [Phase("cd", self.gap, moved, gradient=self.slopes, optimizer={"name": "adam", "lr": 0.01})]

    def log_partition(self, length: int = 1) -> tuple[float, float]:
        """ln Z for rows of so many words, and NaN for its error where it is estimated."""
        exact = len(self.net.c) <= WRITTEN_OUT
        return float(self._log_partitions(torch.tensor([length]))[0]), 0.0 if exact else math.nan

    def _log_partitions(self, lengths: Tensor) -> Tensor:
        """ln Z for each of these numbers of words, (n,)."""
        each, at = lengths.long().unique(return_inverse=True)
        if len(self.net.c) <= WRITTEN_OUT:
            return length_log_partitions(self._double(), each.tolist())[at]
        longest = int(each.max())
        if longest >= len(self._estimated):
            generator = torch.Generator().manual_seed(0)
            self._estimated = estimated_length_log_partitions(self._double(), longest, generator=generator)
        return self._estimated[each][at]

    def log_density(self, batch: Batch) -> Tensor:
        """ln p(x) (n,), float64, of counts given how many words there are."""
        x = batch["x"].double()
        check_counts(x)
        return log_orders(x) - free_energy(x, self._double()) - self._log_partitions(x.sum(1))

    def draw(self, n: int, generator: torch.Generator, *, n_sweeps: int = 1000) -> tuple[Tensor, Tensor]:
        """Counts at the end of chains (n, in_features), of lengths as the training had, and the hidden units."""
        machine = self.net.machine
        lengths = self.lengths[torch.randint(QUANTILES, (n,), generator=generator)]
        h = torch.bernoulli(torch.full((n, len(machine.c)), 0.5), generator=generator)
        v = gibbs(draw_visible(h, machine, generator, lengths=lengths), machine, n_sweeps - 1, generator)
        return v, draw_hidden(v, machine, generator)


def check_counts(x: Tensor) -> None:
    """Refuses rows that are no counts."""
    if bool((x < 0).any()) or bool((x != x.round()).any()):
        worst = float(x[(x < 0) | (x != x.round())][0])
        raise DataError(
            f"a replicated softmax takes counts of words, and the rows hold {worst:g}; give texts with "
            "codec=pn.Text() (weighting='count'), or a table of counts with codec=pn.Table(scaling='none')"
        )


def check_units(x: Tensor) -> None:
    """Refuses rows that are no probabilities of units."""
    low, high = float(x.min()), float(x.max())
    if low < 0 or high > 1:
        raise DataError(
            f"units of 0 and 1 take numbers from 0 to 1, and the rows hold {low:g} to {high:g}; take pn.RBM or pn.DBN, "
            f"which scale numbers (cycles of dates run from -1 to 1 all the same: leave dates out), give "
            f"codec=pn.Table(scaling='minmax'), or take model='gaussian_rbm'"
        )
