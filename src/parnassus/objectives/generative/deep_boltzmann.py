"""Deep Boltzmann machines: a greedy start layer by layer, then all layers at once by mean fields and kept chains."""

import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...functional.energy.deep import (
    DeepMachine,
    deep_energy,
    deep_sweep,
    estimated_deep_log_partition,
    exact_deep_log_partition,
    exact_deep_log_weight,
    mean_field,
    mean_field_bound,
    pull,
)
from ...train.phase import Batch, Objective, Phase, gradient_of
from .autoencoder import mean_over
from .energy import check_units, drawn

WRITTEN_OUT = 12  # units of odd layers up to which densities are exact
GREEDY = {"name": "sgd", "lr": 0.05, "momentum": 0.5}
JOINT = GREEDY


class DeepBoltzmann(Objective):
    """Layers of units of 0 and 1, no edge directed: rows x (n, in_features) of numbers from 0 to 1.

    The first `pretraining` of all steps goes to the pairs of layers, an equal stretch each: contrastive divergence of a
    machine in which what a unit hears from below counts double unless nothing is above, and the other way round. Then
    all layers move at once, by the mean of E under mean fields of the rows minus that of chains that are kept. The loss
    shown is the squared error of one reconstruction.

    Parameters
    ----------
    hidden : units of each hidden layer, the lowest first.
    n_chains : that are kept between steps.
    n_steps : sweeps of the chains to a step.
    n_updates : of the mean fields.
    pretraining : the share of steps of the greedy start.

    Systems: deep-boltzmann-machine
    Source: Salakhutdinov and Hinton 2009, algorithms 1 and 2; named in Martinez-Ramon 7.2.3.
    """

    by_draws = True
    log_z: Tensor

    def __init__(self, in_features: int, hidden: Sequence[int], *, n_chains: int = 100, n_steps: int = 5,
                 n_updates: int = 10, pretraining: float = 0.3) -> None:  # fmt: skip
        super().__init__()
        if not hidden or any(n < 1 for n in hidden):
            raise SettingError(f"a deep Boltzmann machine has layers of hidden units; got hidden={tuple(hidden)}")
        if min(n_chains, n_steps, n_updates) < 1 or not 0 <= pretraining < 1:
            raise SettingError(
                f"n_chains, n_steps and n_updates are 1 or more, pretraining a share in [0, 1); got {n_chains}, "
                f"{n_steps}, {n_updates} and {pretraining}"
            )
        widths = [in_features, *hidden]
        self.w = nn.ParameterList(0.01 * torch.randn(a, b) for a, b in itertools.pairwise(widths))
        self.b = nn.ParameterList(torch.zeros(n) for n in widths)
        self.n_steps, self.n_updates, self.pretraining = n_steps, n_updates, pretraining
        for at, n in enumerate(widths):
            self.register_buffer(f"chains{at}", torch.zeros(n_chains, n))
        self.register_buffer("log_z", torch.full((2,), torch.nan, dtype=torch.float64))

    of_units: ClassVar[dict[str, Any]] = {"counted": False}  # densities are chances of units of 0 and 1
    by_rows = False  # chains are one state for all rows

    @property
    def machine(self) -> DeepMachine:
        """The machine as equations take it, without gradients."""
        return DeepMachine([w.detach() for w in self.w], [b.detach() for b in self.b])

    @property
    def chains(self) -> list[Tensor]:
        """The states that are kept, one tensor a layer."""
        return [self.get_buffer(f"chains{at}") for at in range(len(self.b))]

    @property
    def n_parameters(self) -> int:
        """How many free numbers there are."""
        return sum(p.numel() for p in self.parameters())

    def begin(self, batch: Batch) -> None:
        check_units(batch["x"])
        self.b[0].data.copy_(torch.logit(batch["x"].mean(0).clamp(0.01, 0.99)))
        for chain in self.chains:
            chain.copy_(drawn(torch.full_like(chain, 0.5)))

    def phases(self) -> Sequence[Phase]:
        greedy, top = self.pretraining / len(self.w), len(self.w) - 1
        found = [
            Phase(
                f"layer{i}", partial(self.pair_gap, i), [self.w[i], self.b[i + 1]],
                during=(i * greedy, (i + 1) * greedy), optimizer=GREEDY,
            )
            for i in range(top + 1)
            if self.pretraining
        ]  # fmt: skip
        joint = Phase(
            "joint", self.gap, self.parameters(), gradient=self.slopes, during=(self.pretraining, 1.0), optimizer=JOINT
        )
        return [joint, *found]

    # --- the greedy start -------------------------------------------------------------------------

    def _ups_and_downs(self, i: int) -> tuple[int, int]:
        """How often what is heard from below, and from above, counts in the pair of layers i and i + 1."""
        return (1 if i == len(self.w) - 1 else 2), (1 if i == 0 else 2)

    def pair_gap(self, i: int, batch: Batch) -> Tensor:
        """Of layers i and i + 1 alone, the mean energy of rows minus that after one round: what CD-1 goes down."""
        machine, (up, down) = self.machine, self._ups_and_downs(i)
        w, below, above = machine.weights[i], machine.biases[i], machine.biases[i + 1]
        v = batch["x"]
        for at in range(i):
            v = torch.sigmoid(2 * v @ machine.weights[at] + machine.biases[at + 1])
        h = torch.sigmoid(up * v @ w + above)
        again = drawn(torch.sigmoid(down * drawn(h) @ w.T + below))
        h_again = torch.sigmoid(up * again @ w + above)
        seen = mean_over(((v @ self.w[i]) * h).sum(1) + h @ self.b[i + 1], batch)
        return ((again @ self.w[i]) * h_again).sum(1).mean() + (h_again @ self.b[i + 1]).mean() - seen

    # --- all layers -------------------------------------------------------------------------------

    def gap(self, batch: Batch) -> Tensor:
        """The mean energy under the mean fields of rows minus that of the chains, moved on."""
        means, chains = self._both(batch)
        machine = DeepMachine(list(self.w), list(self.b))
        return mean_over(deep_energy(means, machine), batch) - deep_energy(chains, machine).mean()

    def slopes(self, batch: Batch) -> Tensor:
        """The same gradient without autograd; the loss is the error of one reconstruction."""
        with torch.no_grad():
            means, chains = self._both(batch)
            weight = batch.get("weight", torch.ones_like(means[0][:, 0]))
            share = (weight / weight.sum())[:, None]
            m = len(chains[0])
            for at, b in enumerate(self.b):
                gradient_of(b).copy_(chains[at].mean(0) - (share * means[at]).sum(0))
            for at, w in enumerate(self.w):
                gradient_of(w).copy_(chains[at].T @ chains[at + 1] / m - (share * means[at]).T @ means[at + 1])
            return self._error(means, batch)

    def _both(self, batch: Batch) -> tuple[list[Tensor], list[Tensor]]:
        """The mean fields of rows, and the chains some sweeps later, which are kept."""
        with torch.no_grad():
            means = mean_field(batch["x"], self.machine, n_steps=self.n_updates)
            chains = self.chains
            for _ in range(self.n_steps):
                chains = deep_sweep(chains, self.machine)
            for kept, moved in zip(self.chains, chains, strict=True):
                kept.copy_(moved)
        return means, chains

    def _error(self, means: list[Tensor], batch: Batch) -> Tensor:
        again = torch.sigmoid(pull(0, means, self.machine))
        return mean_over((batch["x"] - again).square().mean(1), batch)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        return {"loss": self._error(mean_field(batch["x"], self.machine, n_steps=self.n_updates), batch)}

    # --- use --------------------------------------------------------------------------------------

    def outputs(self, batch: Batch) -> Tensor:
        return self.log_density(batch)[:, None]

    @property
    def exact(self) -> bool:
        """Whether densities are written out; else they are a lower bound, less an estimated ln Z."""
        return sum(len(b) for b in list(self.b)[1::2]) <= WRITTEN_OUT

    def _double(self) -> DeepMachine:
        machine = self.machine
        return DeepMachine([w.double() for w in machine.weights], [b.double() for b in machine.biases])

    def log_partition(self) -> tuple[float, float]:
        """ln Z and its standard error, 0 where it is written out; found once."""
        if not bool(self.log_z.isfinite().all()):
            machine = self._double()
            if self.exact:
                found = exact_deep_log_partition(machine), 0.0
            else:
                g = torch.Generator().manual_seed(0)
                found = estimated_deep_log_partition(machine, generator=g, n_chains=100, n_steps=1000)
            self.log_z.copy_(torch.tensor(found, dtype=torch.float64))
        return float(self.log_z[0]), float(self.log_z[1])

    def log_density(self, batch: Batch) -> Tensor:
        """ln p(x) (n,), float64; where it cannot be written out, the mean fields' lower bound of it."""
        log_z, _ = self.log_partition()
        v, machine = batch["x"].double(), self._double()
        if self.exact:
            return exact_deep_log_weight(v, machine) - log_z
        return mean_field_bound(mean_field(v, machine, n_steps=5 * self.n_updates), machine) - log_z

    def project(self, batch: Batch) -> Tensor:
        """The mean field of the topmost layer (n, hidden[-1])."""
        return mean_field(batch["x"], self.machine, n_steps=self.n_updates)[-1]

    def draw(self, n: int, generator: torch.Generator, *, n_sweeps: int = 1000) -> tuple[Tensor, Tensor]:
        """Rows at the end of chains (n, in_features), and the topmost units of each."""
        machine = self.machine
        layers = [(torch.rand(n, len(b), generator=generator) < 0.5).float() for b in machine.biases]
        for _ in range(n_sweeps):
            layers = deep_sweep(layers, machine, generator)
        return layers[0], layers[-1]
