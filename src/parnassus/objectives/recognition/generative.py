"""A recogniser of Gaussian mixtures, trained by embedded Baum-Welch."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ...data.audio.transcripts import Units
from ...train.phase import Batch, Phase
from .acoustic import Acoustic
from .chained import ChainRecognizer, Language, padded
from .embedded import Embedded, Plan


class GmmHmm(ChainRecognizer):
    """Words of units of states that emit mixtures of Gaussians; an epoch is a step of embedded Baum-Welch.

    Training starts flat, with one Gaussian a state; states are tied and mixtures grow as the plan says. The loss is
    minus the log likelihood a frame, before the step; it rises for a step where the model was rearranged.

    Systems: hmm, baum-welch, tied-state-triphones
    Source: Hifny A13.16 to A13.22 and A13.29; Young, Odell and Woodland 1994.
    """

    full_batch = True

    def __init__(
        self, acoustic: Acoustic, units: Units, language: Language, plan: Plan, *, n_states: int, tol: float
    ) -> None:
        super().__init__(acoustic, units, language, plan, n_states)
        self.embedded = Embedded(acoustic, plan, tol=tol)
        self.epochs = plan.n_steps
        self.register_buffer("n_steps", torch.tensor(0))
        self.register_buffer("reached", torch.tensor(-math.inf, dtype=torch.float64))

    n_steps: Tensor
    reached: Tensor

    def begin(self, batch: Batch) -> None:
        self.first_model(self.embedded, self.utterances(batch))

    def phases(self) -> Sequence[Phase]:
        return [Phase("baum_welch", self.expect, after=self.maximize)]

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
        self.finished = grown and likelihood - before < self.embedded.tol

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        other = Embedded(self.acoustic, self.plan, tol=0.0)
        return {"loss": torch.tensor(other.expect(self.utterances(batch)), dtype=torch.float64)}

    def log_scores(self, batch: Batch) -> Tensor:
        x, lengths = batch["x"], batch["lengths"].tolist()
        flat = self.acoustic.log_prob(torch.cat([row[:n] for row, n in zip(x, lengths, strict=True)]))
        return padded(flat.split(lengths), x)
