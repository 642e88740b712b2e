"""A recogniser whose frames are scored by a network, trained on alignments that it improves in rounds."""

import copy
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...data.audio.transcripts import Units
from ...functional.discriminative import scaled_likelihood
from ...train.phase import Batch, Phase
from .acoustic import Acoustic
from .chained import ChainRecognizer, Language, padded
from .embedded import Embedded, Plan

EPOCHS = 10  # of a round: states are many frames each, so a few passes are enough
LEAST_STEPS = 100  # of a round: few recordings are few steps a pass, which leave a net where it began


class HybridRecognizer(ChainRecognizer):
    """States of a GMM-HMM, scored by a network: log b_j(x_t) = log P(s_j | x_t) - log P(s_j).

    Before the first step a GMM-HMM is trained, which says what the states are and aligns round one; each later round
    trains on the alignments by the network that the round before made. Priors are counted from alignments.

    Parameters
    ----------
    network : frames x (batch, time, features) and lengths -> states (batch, time, width), as `FrameNet`.
    width : numbers a frame that the network gives.
    n_most : the most densities that there may be.
    rounds : trainings between realignments.

    Systems: hybrid-nn-hmm
    Source: Bourlard and Morgan 1994; Hifny A13.30, eq 13.104.
    """

    least_score = -2.0

    def __init__(
        self,
        acoustic: Acoustic,
        network: nn.Module,
        units: Units,
        language: Language,
        plan: Plan,
        *,
        n_states: int,
        width: int,
        n_most: int,
        rounds: int,
    ) -> None:
        super().__init__(acoustic, units, language, plan, n_states)
        self.epochs, self.least_steps = EPOCHS * rounds, LEAST_STEPS * rounds
        self.net, self.head, self.rounds = network, nn.Linear(width, n_most), rounds
        self.teacher = nn.ModuleList([copy.deepcopy(self.net), copy.deepcopy(self.head)]).requires_grad_(False)
        self.register_buffer("counts", torch.zeros(n_most, dtype=torch.float64))
        self.register_buffer("taught", torch.zeros(n_most, dtype=torch.float64))
        self.register_buffer("round", torch.tensor(0))

    counts: Tensor  # frames of each density in the alignments of this round
    taught: Tensor  # those of the round before
    round: Tensor

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take on as many outputs as the weights have: the lexicon's file, which says so, may be gone."""
        held = state.get(prefix + "head.weight")
        if held is not None and held.shape != self.head.weight.shape:
            self.head = nn.utils.skip_init(nn.Linear, held.shape[1], held.shape[0])  # draws nothing
            self.teacher = nn.ModuleList([copy.deepcopy(self.net), copy.deepcopy(self.head)]).requires_grad_(False)
            self.counts, self.taught = (torch.zeros(len(held), dtype=torch.float64) for _ in range(2))
        super()._load_from_state_dict(state, prefix, *rest)

    def begin(self, batch: Batch) -> None:
        """Train the GMM-HMM that the states and the first alignments come from."""
        utterances = self.utterances(batch)
        embedded = Embedded(self.acoustic, self.plan, tol=0.0)
        self.first_model(embedded, utterances)
        for _ in range(self.plan.n_steps):
            embedded.expect(utterances)
            embedded.maximize()

    def phases(self) -> Sequence[Phase]:
        params = [*self.net.parameters(), *self.head.parameters()]
        n = self.rounds
        return [Phase(f"round_{r + 1}", partial(self.loss, r), params, during=(r / n, (r + 1) / n)) for r in range(n)]

    def loss(self, number: int, batch: Batch) -> Tensor:
        """Cross entropy a frame against the states that this round's alignment says."""
        with torch.no_grad():
            if number > int(self.round):
                self._next_round(number)
            states = self.aligned_states(batch)
            inside = states >= 0
            self.counts += torch.bincount(states[inside], minlength=len(self.counts)).to(self.counts)
        logits = self.head(self.net(batch["x"].float(), batch["lengths"]))[inside]
        each = F.cross_entropy(logits, states[inside], reduction="none")
        if "weight" not in batch:
            return each.mean()
        share = batch["weight"][:, None].expand(states.shape)[inside]
        return (each * share).sum() / share.sum()

    def _next_round(self, number: int) -> None:
        """From here on, align by the network as it is now."""
        self.teacher[0].load_state_dict(self.net.state_dict())
        self.teacher[1].load_state_dict(self.head.state_dict())
        self.taught.copy_(self.counts)
        self.counts.zero_()
        self.round.fill_(number)

    def aligned_states(self, batch: Batch) -> Tensor:
        """The density of each frame (batch, time) by this round's aligner, -1 behind a row's length."""
        if int(self.round) == 0:
            scores = self.acoustic_scores(batch)
        else:
            teacher = self.teacher.eval()
            scores = self._scaled(teacher[0], teacher[1], self.taught, batch)
        graphs = [self.acoustic.topology.sentence(words).graph for words in self.words_of(batch)]
        paths = self.paths(scores, batch["lengths"].tolist(), self.words_of(batch))
        rows = [g.density[g.targets[arcs]] for g, arcs in zip(graphs, paths, strict=True)]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-1).to(batch["x"].device)

    def acoustic_scores(self, batch: Batch) -> Tensor:
        """log b_j(x_t) of the Gaussians (batch, time, densities)."""
        lengths = batch["lengths"].tolist()
        flat = self.acoustic.log_prob(torch.cat([row[:n] for row, n in zip(batch["x"], lengths, strict=True)]))
        return padded(flat.split(lengths), batch["x"])

    def log_scores(self, batch: Batch) -> Tensor:
        return self._scaled(self.net, self.head, self.counts, batch)

    def _scaled(self, net: nn.Module, head: nn.Module, counts: Tensor, batch: Batch) -> Tensor:
        n = self.acoustic.topology.n_densities
        log_posterior = head(net(batch["x"].float(), batch["lengths"])).double().log_softmax(2)[..., :n]
        prior = (counts[:n] + 1) / (counts[:n] + 1).sum()
        return scaled_likelihood(log_posterior, prior.log())

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        states = self.aligned_states(batch)
        inside = states >= 0
        logits = self.head(self.net(batch["x"].float(), batch["lengths"]))[inside]
        found = logits.argmax(1) == states[inside]
        return {"loss": F.cross_entropy(logits, states[inside]), "frame_accuracy": found.double().mean()}
