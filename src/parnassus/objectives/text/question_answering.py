"""Where the answer to a question stands: a distribution over starts and one over ends, in each window of a context."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...train.phase import Batch, Objective, Phase


class SpanAnswering(Objective):
    """-(ln p(start) + ln p(end)), a mean over windows; [CLS] is the place of an answer that a window does not hold.

    The net gives two scores a token (windows, time, 2); each softmax is over [CLS] and the tokens of the context.

    A batch holds x, segments and inside (rows, windows, time), lengths (rows, windows), 0 where a row has no further
    window, and y (rows, windows, 2), the first and last token of the answer; see `data.text.passages`.

    Source: Devlin et al. 2019, sections 4.2 and 4.3, where the softmax is over the question's tokens too.
    """

    probabilistic = False

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def phases(self) -> Sequence[Phase]:
        return [Phase("fit", self.mean_loss, self.parameters())]

    @staticmethod
    def _shares(batch: Batch) -> Tensor:
        """How much each window counts (windows of all rows,)."""
        real = batch["lengths"] > 0
        weight = batch.get("weight", torch.ones(len(real), device=real.device))
        return weight[:, None].expand(real.shape)[real]

    def weight(self, batch: Batch) -> float | Tensor:
        return self._shares(batch).sum().clamp(min=1e-6)

    def outputs(self, batch: Batch) -> Tensor:
        """Scores (windows of all rows, time, 2), -inf where no answer may begin or end."""
        real = batch["lengths"] > 0
        scores = self.model(batch["x"][real], batch["lengths"][real], batch["segments"][real]).float()
        allowed = batch["inside"][real].clone()
        allowed[:, 0] = True
        return scores.masked_fill(~allowed[..., None], -torch.inf)

    def mean_loss(self, batch: Batch) -> Tensor:
        scores, places = self.outputs(batch), batch["y"][batch["lengths"] > 0]
        each = F.cross_entropy(scores.transpose(1, 2).flatten(0, 1), places.flatten(), reduction="none")
        shares = self._shares(batch)
        return (each.view(-1, 2).sum(1) * shares).sum() / shares.sum().clamp(min=1e-6)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            return {"loss": self.mean_loss(batch)}
