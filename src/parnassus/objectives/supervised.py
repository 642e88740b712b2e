"""One model, one loss, one player."""

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from ..functional.criteria import Loss
from ..functional.losses import IGNORED
from ..functional.regularization import mixed
from ..layers.dense import DenseBackprop, dense_backprop
from ..layers.vision import AuxiliaryHead, said_beside
from ..train.phase import Batch, Objective, Phase

__all__ = ["Objective", "Supervised"]


class Supervised(Objective):
    """A model's outputs against y: a (weighted) mean over rows or tokens.

    The model is called `model(x)`, `model(x, lengths)` where the batch has lengths, `model(x, columns)` where it has
    ids of categories (the view "columns" of a table), and `model(x, lengths, segments)` where it has pairs of texts.

    `kind` is the target's: binary, labels, multilabel or numbers. Plain dense stacks are trained in closed form,
    everything else by autograd. Side heads (`AuxiliaryHead`) add their weighted losses in training. A batch of blended
    rows (`mix`, `y_other`, ...: mixup) gives blended losses.
    """

    def __init__(self, model: nn.Module, loss: Loss, *, kind: str, n_outputs: int | None = None) -> None:
        super().__init__()
        self.model, self.loss, self.kind, self.n_outputs = model, loss, kind, n_outputs
        self.has_sides = any(isinstance(part, AuxiliaryHead) for part in model.modules())

    def phases(self) -> Sequence[Phase]:
        backprop = dense_backprop(self.model)
        gradient = partial(self.closed_form, backprop) if backprop is not None else None
        return [Phase("fit", self.mean_loss, self.model.parameters(), gradient=gradient)]

    def outputs(self, batch: Batch) -> Tensor:
        beside = [batch[name] for name in ("lengths", "columns", "segments") if name in batch]
        return self.model(batch["x"], *beside)

    def weight(self, batch: Batch) -> float | Tensor:
        if batch["y"].ndim == 1 and "weight" not in batch:
            return batch["y"].shape[0]
        return self.loss.count(batch["y"], batch.get("weight"))

    def mean_loss(self, batch: Batch) -> Tensor:
        loss = self.loss_of(self.outputs(batch), batch)
        for outputs, weight in said_beside(self.model) if self.has_sides else ():
            loss = loss + weight * self.loss_of(outputs, batch)
        return loss

    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The loss of outputs for the batch's answers, blended as its rows are."""
        loss = self.loss(outputs, batch["y"], batch.get("weight"))
        if "mix" not in batch:
            return loss
        return mixed(loss, self.loss(outputs, batch["y_other"], batch.get("weight_other")), batch["mix"])

    def closed_form(self, backprop: DenseBackprop, batch: Batch) -> Tensor:
        """The loss; overwrites every gradient. Equal to autograd to rounding."""
        outputs = backprop.forward(batch["x"])
        loss, slope = self.loss.slope(outputs, batch["y"], batch.get("weight"))
        if "mix" in batch:
            other, towards = self.loss.slope(outputs, batch["y_other"], batch.get("weight_other"))
            loss, slope = mixed(loss, other, batch["mix"]), mixed(slope, towards, batch["mix"])
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
