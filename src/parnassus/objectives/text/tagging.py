"""A tag for every token: each by itself, or the likeliest chain of them."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...functional import crf
from ...functional.losses import IGNORED
from ...train.phase import Batch, Objective, Phase

FORBIDDEN = -1e4  # what an impossible step scores: e to it is 0, and where nothing is possible the least wrong is said


class TagRules(NamedTuple):
    """Which tags may come first (K,), which may follow which (K, K), and which may come last (K,): True is allowed."""

    start: Tensor
    transitions: Tensor
    end: Tensor


def ruled(chain: dict[str, Tensor], rules: TagRules | None) -> dict[str, Tensor]:
    """The scores of a chain with FORBIDDEN where the rules allow nothing."""
    if rules is None:
        return chain
    allowed = rules._asdict()
    return {name: part.masked_fill(~allowed[name].to(part.device), FORBIDDEN) for name, part in chain.items()}


class TokenTagging(Objective):
    """-ln p of each tag, a mean over tokens; the likeliest tag of each token is said.

    The net gives scores (batch, time, n_tags); y (batch, time) is IGNORED behind each row's end.
    """

    probabilistic = False

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def phases(self) -> Sequence[Phase]:
        return [Phase("fit", self.mean_loss, self.parameters())]

    def weight(self, batch: Batch) -> float | Tensor:
        return (batch["y"] != IGNORED).sum()

    def outputs(self, batch: Batch) -> Tensor:
        return self.model(batch["x"], batch["lengths"])

    def mean_loss(self, batch: Batch) -> Tensor:
        return F.cross_entropy(self.outputs(batch).flatten(0, 1), batch["y"].flatten(), ignore_index=IGNORED)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            return {"loss": self.mean_loss(batch)}

    def tags(self, batch: Batch, rules: TagRules | None = None) -> list[list[int]]:
        """The tags of each row; under rules, of those that they allow the ones of the largest product of p."""
        if rules is not None:
            scores = self.outputs(batch).log_softmax(-1)
            paths, _ = crf.decode(scores, batch["lengths"], **ruled(chain_of_none(scores), rules))
            return [path.tolist() for path in paths]
        best, lengths = self.outputs(batch).argmax(-1), batch["lengths"].tolist()
        return [row[:n] for row, n in zip(best.tolist(), lengths, strict=True)]

    def probabilities(self, batch: Batch, rules: TagRules | None = None) -> list[Tensor]:
        """p of each tag at each token, (its length, n_tags) float64 a row; under rules, given that a row keeps them."""
        scores = self.outputs(batch).double().log_softmax(-1)
        if rules is not None:
            return marginal(scores, batch["lengths"], ruled(chain_of_none(scores), rules))
        return [row[:n].exp() for row, n in zip(scores, batch["lengths"].tolist(), strict=True)]


def chain_of_none(scores: Tensor) -> dict[str, Tensor]:
    """The scores of a chain in which one tag says nothing about the next."""
    n = scores.shape[-1]
    return {"transitions": scores.new_zeros(n, n), "start": scores.new_zeros(n), "end": scores.new_zeros(n)}


def marginal(scores: Tensor, lengths: Tensor, chain: dict[str, Tensor]) -> list[Tensor]:
    """p of each tag at each token under a chain, (its length, n_tags) a row."""
    found = crf.marginals(scores, lengths, **chain)
    return [row[:n] for row, n in zip(found, lengths.tolist(), strict=True)]


class ChainTagging(TokenTagging):
    """-ln p of each row's whole chain of tags under a linear-chain CRF, a mean over tokens; Viterbi says the best.

    The net's scores are emissions; transitions, starts and ends are learned beside it. Under `rules` Z sums over those
    chains alone that they allow, in training as in use.

    Source: Lafferty, McCallum and Pereira 2001; Huang, Xu and Yu 2015; Lample et al. 2016.
    """

    rules: TagRules | None = None

    def __init__(self, model: nn.Module, n_tags: int) -> None:
        super().__init__(model)
        self.transitions = nn.Parameter(torch.zeros(n_tags, n_tags))
        self.start, self.end = nn.Parameter(torch.zeros(n_tags)), nn.Parameter(torch.zeros(n_tags))

    def _chain(self) -> dict[str, Tensor]:
        return {"transitions": self.transitions, "start": self.start, "end": self.end}

    def mean_loss(self, batch: Batch) -> Tensor:
        chain = ruled(self._chain(), self.rules)
        found = crf.log_likelihood(self.outputs(batch), batch["y"].clamp(min=0), batch["lengths"], **chain)
        return -found.sum() / batch["lengths"].sum()

    def tags(self, batch: Batch, rules: TagRules | None = None) -> list[list[int]]:
        chain = ruled(self._chain(), self.rules if rules is None else rules)
        paths, _ = crf.decode(self.outputs(batch), batch["lengths"], **chain)
        return [path.tolist() for path in paths]

    def probabilities(self, batch: Batch, rules: TagRules | None = None) -> list[Tensor]:
        """p of each tag at each token over all chains (forward-backward), (its length, n_tags) float64 a row."""
        chain = {name: part.double() for name, part in self._chain().items()}
        chain = ruled(chain, self.rules if rules is None else rules)
        return marginal(self.outputs(batch).double(), batch["lengths"], chain)
