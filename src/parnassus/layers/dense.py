"""Stacks of dense layers, and their backpropagation in closed form over buffers that are made once."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from .. import kernels
from ..errors import SettingError

SMALL = 1 << 17  # numbers in a layer's outputs up to which the compiled loop, on one thread, beats torch's operators
FEW_OUTPUTS = 64  # up to which the last layer's outputs lie in memory class by class

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "softplus": nn.Softplus,
    "hard_tanh": nn.Hardtanh,
    "prelu": nn.PReLU,
    "identity": nn.Identity,
}


def activation(name: str) -> nn.Module:
    """The activation module of this name."""
    if name not in ACTIVATIONS:
        raise SettingError(f"unknown activation {name!r}; choose one of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]()


# looked up once: the way through torch.ops takes as long as the small operators themselves
_relu_backward = torch.ops.aten.threshold_backward.grad_input
_tanh_backward = torch.ops.aten.tanh_backward.grad_input
_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input


def _relu_slope(slope: Tensor, h: Tensor) -> Tensor:
    return _relu_backward(slope, h, 0.0, grad_input=slope)


def _tanh_slope(slope: Tensor, h: Tensor) -> Tensor:
    return _tanh_backward(slope, h, grad_input=slope)


def _sigmoid_slope(slope: Tensor, h: Tensor) -> Tensor:
    return _sigmoid_backward(slope, h, grad_input=slope)


# module -> (in place, slope times the derivative at h = activation(z), in place)
_CLOSED: dict[type, tuple[Callable[[Tensor], Any], Callable[[Tensor, Tensor], Tensor]]] = {
    nn.ReLU: (torch.relu_, _relu_slope),
    nn.Tanh: (torch.tanh_, _tanh_slope),
    nn.Sigmoid: (torch.sigmoid_, _sigmoid_slope),
}


class DenseBackprop:
    """Forward and backward through dense layers without a graph: every product goes into a buffer kept from before.

        h_0 = x                      z_l = h_(l-1) W_l' + b_l          h_l = g_l(z_l)
        delta_L = dloss/dz_L         dW_l = delta_l' h_(l-1)           db_l = sum over rows of delta_l
        delta_(l-1) = (delta_l W_l) * g'(z_(l-1))

    Rows are examples, so z = x W' + b. `layers` holds pairs (Linear, activation module or None). It equals autograd
    to rounding and takes about half its time. A few last outputs are computed as W h' + b: their memory then runs
    along the examples, where a softmax over classes is ten times faster.

    Systems: backpropagation
    Source: Rumelhart, Hinton and Williams 1986; Hifny A8.5, Martinez-Ramon 1.5.3.
    """

    def __init__(self, layers: Sequence[tuple[nn.Linear, nn.Module | None]]) -> None:
        self.linears = [linear for linear, _ in layers]
        self.params = [(linear.weight, linear.bias) for linear in self.linears]
        closed = [_CLOSED[type(a)] if a is not None else None for _, a in layers]
        self.activate = [c and c[0] for c in closed]
        self.slopes = [c and c[1] for c in closed]
        self.turned = closed[-1] is None and 2 <= self.linears[-1].out_features <= FEW_OUTPUTS
        self._memory = 0
        self.weight_slopes: list[Tensor | None] = [None]
        self.bias_slopes: list[Tensor | None] = [None]
        self._buffers: dict[int, tuple[list[Tensor], list[tuple[Tensor, Tensor]]]] = {}

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (batch, out); what the backward pass needs is kept until the next call."""
        if self._memory != self.params[0][0].data_ptr():
            self._look_up()
        outputs, self.slopes_kept = self._buffers_for(x)
        h, self.kept = x, [x]
        for i, out in enumerate(outputs[:-1] if self.turned else outputs):
            torch.addmm(self.biases[i], h, self.weights_t[i], out=out)
            activate = self.activate[i]
            if activate is not None:
                activate(out)
            self.kept.append(out)
            h = out
        if self.turned:
            h = torch.addmm(self.biases[-1], self.weights[-1], h.t(), out=outputs[-1]).t()
            self.kept.append(h)
        return h

    def backward(self, slope: Tensor) -> None:
        """Overwrite the gradient of every weight and bias, from the loss's slope by the outputs (batch, out)."""
        if self.params[0][0].grad is not self.weight_slopes[0]:
            self.weight_slopes = [weight.grad for weight, _ in self.params]
            self.bias_slopes = [bias.grad for _, bias in self.params]
        turned = slope.t()
        for i in reversed(range(len(self.linears))):
            derivative = self.slopes[i]
            if self.compiled is not None and derivative is _relu_slope and slope.numel() <= SMALL:
                self.compiled(slope, self.kept[i + 1], self.bias_slopes[i])
            else:
                if derivative is not None:
                    derivative(slope, self.kept[i + 1])
                torch.sum(slope, 0, out=self.bias_slopes[i])
            torch.mm(turned, self.kept[i], out=self.weight_slopes[i])
            if i:
                room, turned = self.slopes_kept[i]
                slope = torch.mm(slope, self.weights[i], out=room)

    def _look_up(self) -> None:
        """Views of the parameters where they lie now: making them anew at each step would take as long as a product."""
        self._memory = self.params[0][0].data_ptr()
        self.weights = [m.weight.data for m in self.linears]
        self.weights_t = [w.t() for w in self.weights]
        self.biases = [m.bias.data for m in self.linears]
        plain = self.biases[0].dtype == torch.float32 and self.biases[0].device.type == "cpu"
        self.compiled = rectified() if plain and _relu_slope in self.slopes[:-1] else None
        if self.turned:
            self.biases[-1] = self.biases[-1][:, None]
        self._buffers.clear()

    def _buffers_for(self, x: Tensor) -> tuple[list[Tensor], list[tuple[Tensor, Tensor]]]:
        """Outputs and slopes (also transposed) of each layer for a batch of this size."""
        n = x.shape[0]
        if n not in self._buffers:
            outputs = [x.new_empty(n, m.out_features) for m in self.linears]
            if self.turned:
                outputs[-1] = x.new_empty(self.linears[-1].out_features, n)
            slopes = [x.new_empty(n, m.in_features) for m in self.linears]
            self._buffers[n] = outputs, [(slope, slope.t()) for slope in slopes]
        return self._buffers[n]


@cache
def rectified() -> Callable[..., None] | None:
    """The compiled derivative of a ReLU with its sum over rows, or None where there is no compiler."""
    found = kernels.load("dense")
    return None if found is None else found.rectified.default


def dense_backprop(module: nn.Module) -> DenseBackprop | None:
    """The closed form of a plain stack of dense layers (optionally Flatten first), or None where it does not apply.

    It applies to nn.Sequential of nn.Linear with biases, ReLU, tanh or sigmoid between, and nothing else: no dropout,
    no hooks, no parametrised or frozen weights.
    """
    if not isinstance(module, nn.Sequential) or type(module).forward is not nn.Sequential.forward:
        return None
    layers: list[tuple[nn.Linear, nn.Module | None]] = []
    for part in module:
        if type(part) is nn.Linear and _plain(part):
            layers.append((part, None))
        elif type(part) in _CLOSED and not part._forward_hooks and layers and layers[-1][1] is None:
            layers[-1] = layers[-1][0], part
        elif type(part) is not nn.Identity:
            return None
    return DenseBackprop(layers) if layers and not module._forward_hooks else None


def _plain(linear: nn.Linear) -> bool:
    hooked = linear._forward_hooks or linear._forward_pre_hooks or hasattr(linear, "parametrizations")
    trained = linear.weight.requires_grad and linear.bias is not None and linear.bias.requires_grad
    return bool(trained and not hooked)
