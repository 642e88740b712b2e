"""Whether residues touch, pair by pair."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...functional.losses import IGNORED
from ...train.phase import Batch, Objective, Phase


class ContactLearning(Objective):
    """Binary cross-entropy of contacts, a mean over the pairs that count.

    The net gives logits (batch, time, time) that are the same both ways; y (batch, time, time) is 1 where residues
    touch, 0 where they do not, and IGNORED where a pair does not count: too near along the chain, or behind its end.
    """

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
        counts = batch["y"] != IGNORED
        z = self.outputs(batch)[counts]
        return F.binary_cross_entropy_with_logits(z, batch["y"][counts].to(z.dtype))

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            return {"loss": self.mean_loss(batch)}
