"""Dense nets of one shape side by side: the products of all members in one batched call."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .dense import DenseBackprop


class DenseMembers:
    """What `DenseBackprop` does, for M nets of one shape at once: x (M, n, in) -> outputs (M, n, out).

    The members' weights lie at even distances in one memory, as do their gradients. Each member's results equal those
    of its own closed form to rounding.
    """

    def __init__(self, members: Sequence[DenseBackprop]) -> None:
        first = members[0]
        self.activate, self.slopes, self.turned = first.activate, first.slopes, first.turned
        each = [m.linears for m in members]
        layers = list(zip(*each, strict=True))
        self.weights = [across([m.weight.data for m in layer]) for layer in layers]
        self.weights_t = [w.mT for w in self.weights]
        self.biases = [across([m.bias.data for m in layer])[:, None] for layer in layers]
        self.weight_slopes = [across([_grad(m.weight) for m in layer]) for layer in layers]
        self.bias_slopes = [across([_grad(m.bias) for m in layer]) for layer in layers]
        self._outputs: dict[int, list[Tensor]] = {}

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (M, n, out); what the backward pass needs is kept until the next call."""
        n = x.shape[1]
        if n not in self._outputs:
            self._outputs[n] = [x.new_empty(len(x), n, w.shape[1]) for w in self.weights[: -1 if self.turned else None]]
        self.kept = [x]
        for bias, weight, activate, out in zip(
            self.biases, self.weights_t, self.activate, self._outputs[n], strict=False
        ):
            torch.baddbmm(bias, self.kept[-1], weight, out=out)
            if activate is not None:
                activate(out)
            self.kept.append(out)
        if self.turned:
            self.kept.append(torch.baddbmm(self.biases[-1].mT, self.weights[-1], self.kept[-1].mT).mT)
        return self.kept[-1]

    def backward(self, slope: Tensor) -> None:
        """Overwrite every member's gradients, from its loss's slope by its outputs (M, n, out)."""
        for i in reversed(range(len(self.weights))):
            derivative = self.slopes[i]
            if derivative is not None:
                derivative(slope, self.kept[i + 1])
            torch.bmm(slope.mT, self.kept[i], out=self.weight_slopes[i])
            torch.sum(slope, 1, out=self.bias_slopes[i])
            if i:
                slope = torch.bmm(slope, self.weights[i])


def across(tensors: Sequence[Tensor]) -> Tensor:
    """One view (M, ...) of M tensors of one shape that lie at even distances in one memory."""
    first = tensors[0]
    distance = tensors[1].data_ptr() - first.data_ptr() if len(tensors) > 1 else 0
    assert all(t.data_ptr() - first.data_ptr() == i * distance for i, t in enumerate(tensors)), "not one memory"
    return first.as_strided((len(tensors), *first.shape), (distance // first.element_size(), *first.stride()))


def _grad(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None, "blocks give every parameter its gradient"
    return parameter.grad
