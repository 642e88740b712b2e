"""One model, one loss, one player."""

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from ..functional.criteria import Loss
from ..functional.losses import IGNORED
from ..layers.dense import DenseBackprop, dense_backprop
from ..train.phase import Batch, Objective, Phase

__all__ = ["Objective", "Supervised"]


class Supervised(Objective):
    """A model's outputs against y: a (weighted) mean over rows or tokens. The model takes lengths where the batch has.

    `kind` is the target's: binary, labels, multilabel or numbers. Plain dense stacks are trained in closed form,
    everything else by autograd.
    """

    def __init__(self, model: nn.Module, loss: Loss, *, kind: str) -> None:
        super().__init__()
        self.model, self.loss, self.kind = model, loss, kind

    def phases(self) -> Sequence[Phase]:
        backprop = dense_backprop(self.model)
        gradient = partial(self.closed_form, backprop) if backprop is not None else None
        return [Phase("fit", self.mean_loss, self.model.parameters(), gradient=gradient)]

    def outputs(self, batch: Batch) -> Tensor:
        return self.model(batch["x"], batch["lengths"]) if "lengths" in batch else self.model(batch["x"])

    def weight(self, batch: Batch) -> float | Tensor:
        if batch["y"].ndim == 1 and "weight" not in batch:
            return batch["y"].shape[0]
        return self.loss.count(batch["y"], batch.get("weight"))

    def mean_loss(self, batch: Batch) -> Tensor:
        return self.loss(self.outputs(batch), batch["y"], batch.get("weight"))

    def closed_form(self, backprop: DenseBackprop, batch: Batch) -> Tensor:
        """The loss; overwrites every gradient. Equal to autograd to rounding."""
        loss, slope = self.loss.slope(backprop.forward(batch["x"]), batch["y"], batch.get("weight"))
        backprop.backward(slope)
        return loss

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        outputs, y, weight = self.outputs(batch), batch["y"], batch.get("weight")
        measured = {"loss": self.loss(outputs, y, weight)}
        if self.kind in ("binary", "labels"):
            measured["accuracy"] = self._accuracy(outputs, y, weight)
        return measured

    def _accuracy(self, outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
        right = (outputs > 0) == (y > 0.5) if self.kind == "binary" else outputs.argmax(-1) == y
        counted = (y != IGNORED) * (1 if weight is None else weight.view(-1, *[1] * (y.ndim - 1)))
        return (right * counted).sum() / counted.sum()
