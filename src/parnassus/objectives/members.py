"""Supervised nets of one shape, and the gradients of all of them in one batched pass."""

from collections.abc import Callable, Sequence

from torch import Tensor

from ..layers.dense import dense_backprop
from ..layers.members import DenseMembers
from ..train.phase import Batch, Objective
from .supervised import Supervised

Gradient = Callable[[Batch, Sequence[int]], Tensor]


def members_gradient(objectives: Sequence[Objective]) -> Callable[[], Gradient] | None:
    """What makes the gradients of all members at once, or None where they are not plain dense nets of one shape.

    Call it once their parameters lie in one memory: it gives a function from a batch with an axis of members in front,
    and from how many of each member's rows count, to the members' losses; it overwrites every gradient.
    """
    plain = [o for o in objectives if type(o) is Supervised]
    backprops = [b for b in (dense_backprop(o.model) for o in plain) if b is not None]
    same_shapes = len({tuple(p.shape for p in o.parameters()) for o in objectives}) == 1
    same_layers = len({tuple(a and a.__name__ for a in b.activate) for b in backprops}) == 1
    if len(backprops) < len(objectives) or not same_shapes or not same_layers:
        return None

    def ready() -> Gradient:
        nets, loss = DenseMembers(backprops), plain[0].loss

        def gradient(batch: Batch, n_rows: Sequence[int]) -> Tensor:
            outputs = nets.forward(batch["x"])
            losses, slope = loss.slopes(outputs, batch["y"], batch.get("weight"), n_rows)
            nets.backward(slope)
            return losses

        return gradient

    return ready
