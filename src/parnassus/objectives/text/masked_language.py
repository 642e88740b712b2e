"""What BERT is pre-trained on: the ids that were hidden, and whether one text follows the other."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...functional.losses import IGNORED
from ...train.phase import Batch, Objective, Phase


class MaskedLanguage(Objective):
    """-ln p of each hidden id, a mean over them; and -ln p of whether the second text follows, a mean over rows.

    The net gives scores (batch, time, vocab_size), or a pair of them and of two scores a row. A batch has y (batch,
    time), IGNORED where nothing is asked, and `next` (batch,): 0 where the second text follows, 1 where it does not.

    Systems: masked-language-modelling, next-sentence-prediction
    Source: Devlin et al. 2019; Martinez-Ramon 6.4.2 (A6.18, A6.19): the sum of both losses.
    """

    probabilistic = False

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def phases(self) -> Sequence[Phase]:
        return [Phase("fit", self.mean_loss, self.model.parameters())]

    def weight(self, batch: Batch) -> float | Tensor:
        return (batch["y"] != IGNORED).sum().clamp(min=1)

    def outputs(self, batch: Batch) -> Tensor:
        """The scores of every id at every place."""
        found = self.model(batch["x"], batch["lengths"], batch["segments"])
        return found if isinstance(found, Tensor) else found[0]

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        found = self.model(batch["x"], batch["lengths"], batch["segments"])
        scores, follows = (found, None) if isinstance(found, Tensor) else found
        asked = batch["y"] != IGNORED
        told = F.cross_entropy(scores[asked], batch["y"][asked], reduction="sum") / asked.sum().clamp(min=1)
        if follows is None:
            return {"loss": told}
        following = F.cross_entropy(follows, batch["next"])
        right = (follows.argmax(1) == batch["next"]).float().mean()
        return {"loss": told + following, "masked": told, "next": following, "next_right": right}

    def mean_loss(self, batch: Batch) -> Tensor:
        return self._losses(batch)["loss"]

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            return self._losses(batch)
