"""A recogniser of Gaussian mixtures, trained by embedded Baum-Welch."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...data.audio.transcripts import Units
from ...train.phase import Batch, Phase
from .acoustic import Acoustic
from .chained import ChainRecognizer, Language, padded
from .embedded import Embedded, Plan
from .opposed import Opposition, Rivals, prior_of
from .topology import Topology

Prior = Callable[[tuple[str, ...]], float]


def total_weight(batch: Batch) -> float | Tensor:
    """The recordings, each as it counts."""
    return batch["weight"].sum() if "weight" in batch else len(batch["x"])


class GmmHmm(ChainRecognizer):
    """Words of units of states that emit mixtures of Gaussians; an epoch is a step of embedded Baum-Welch.

    Training starts flat, with one Gaussian a state; states are tied and mixtures grow as the plan says. The loss is
    minus the log likelihood a frame, before the step; it rises for a step where the model was rearranged. With a
    criterion other than "ml" steps of extended Baum-Welch follow, whose loss is minus that criterion; see `Rivals`.

    Systems: hmm, baum-welch, tied-state-triphones, mmi-training, extended-baum-welch
    Source: Hifny A13.16 to A13.22, A13.23 to A13.27 and A13.29; Young, Odell and Woodland 1994.
    """

    full_batch = True

    def __init__(
        self,
        acoustic: Acoustic,
        units: Units,
        language: Language,
        plan: Plan,
        *,
        n_states: int,
        tol: float,
        opposition: Opposition,
    ) -> None:
        super().__init__(acoustic, units, language, plan, n_states)
        self.embedded = Embedded(acoustic, plan, tol=tol)
        self.epochs = plan.n_steps
        self.opposition = opposition
        if opposition.criterion != "ml":
            self.epochs += opposition.steps + 1  # the last is looked at, and taken back where it did harm
            self.rivals = Rivals(acoustic, opposition)
        self._prior: tuple[Topology, Prior] | None = None
        self.register_buffer("n_steps", torch.tensor(0))
        self.register_buffer("reached", torch.tensor(-math.inf, dtype=torch.float64))

    n_steps: Tensor
    reached: Tensor

    def begin(self, batch: Batch) -> None:
        self.first_model(self.embedded, self.utterances(batch))

    def phases(self) -> Sequence[Phase]:
        if self.opposition.criterion == "ml":
            return [Phase("baum_welch", self.expect, after=self.maximize)]
        share = (self.plan.n_steps - 0.5) / (self.plan.n_steps + self.opposition.steps + 1)
        return [
            Phase("baum_welch", self.expect, after=self.maximize, during=(0.0, share)),
            Phase(self.opposition.criterion, self.oppose, after=self.raise_, during=(share, 1.0), weight=total_weight),
        ]

    def expect(self, batch: Batch) -> Tensor:
        """Minus the log likelihood a frame; adds up the expected counts."""
        self.embedded.step, self.embedded.previous = int(self.n_steps), float(self.reached)
        return torch.tensor(self.embedded.expect(self.utterances(batch)), dtype=torch.float64)

    def maximize(self) -> None:
        """The parameters that the counts call for."""
        before = self.embedded.previous
        likelihood = self.embedded.likelihood / self.embedded.frames
        self.embedded.maximize()
        self.n_steps.fill_(self.embedded.step)
        self.reached.fill_(self.embedded.previous)
        grown = self.embedded.step >= self.plan.n_steps
        self.finished = grown and likelihood - before < self.embedded.tol and self.opposition.criterion == "ml"

    def oppose(self, batch: Batch) -> Tensor:
        """Minus the mean criterion; adds up the counts for and against each Gaussian."""
        if not self.rivals.turned:
            self.rivals.turn(self.acoustic)
        topology = self.acoustic.topology
        if self._prior is None or self._prior[0] is not topology:
            self._prior = topology, prior_of(self._compiled, topology.words)
        return self.rivals.add(self.utterances(batch), self.network, self._prior[1])

    def raise_(self) -> None:
        """A step of the criterion, or the way back from one that did harm."""
        self.rivals.step(self.acoustic)
        self.finished = self.rivals.finished

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        other = Embedded(self.acoustic, self.plan, tol=0.0)
        return {"loss": torch.tensor(other.expect(self.utterances(batch)), dtype=torch.float64)}

    def log_scores(self, batch: Batch) -> Tensor:
        x, lengths = batch["x"], batch["lengths"].tolist()
        flat = self.acoustic.log_prob(torch.cat([row[:n] for row, n in zip(x, lengths, strict=True)]))
        return padded(flat.split(lengths), x)
