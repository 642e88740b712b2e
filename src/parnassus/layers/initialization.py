"""First weights by name: how each rule fills a weight, what is filled, and what it does to a deep net.

A builder returns a function that fills a weight (out, in, ...) in place from the device's default generator. The scales
are in `functional.initializers`.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from ..errors import SettingError
from ..functional.initializers import (
    fan_in_std,
    fans,
    glorot_std,
    he_std,
    logistic_std,
    negative_mean,
    uniform_bound,
)
from ..registry import Spec, initializer
from .dense import activation as activation_named

Fill = Callable[[Tensor], None]


# --- The names -------------------------------------------------------------------------------------------------------


@initializer.register()
def zeros() -> Fill:
    """All 0: a net with hidden layers stays symmetric for ever; for one linear layer it is as good as any.

    Systems: zero-random-init
    Source: Martinez-Ramon 2.2.1.
    """
    return lambda w: _done(w.zero_())


@initializer.register()
def normal(*, std: float = 0.02, mean: float = 0.0) -> Fill:
    """N(mean, std^2) whatever the width: 0.02 is the transformers' and GANs' preset, 1 saturates.

    Systems: zero-random-init
    Source: Martinez-Ramon 2.2.1, A5.16 (part 2b), A8.9 (part 2c).
    """
    return _normal(lambda w: _positive("normal", "std", std), mean=lambda w: mean)


@initializer.register()
def uniform(*, bound: float = 0.05) -> Fill:
    """U(-bound, bound) whatever the width.

    Systems: zero-random-init
    Source: Martinez-Ramon 2.2.1.
    """
    return _uniform(lambda w: _positive("uniform", "bound", bound))


@initializer.register()
def lecun_normal() -> Fill:
    """N(0, 1 / fan_in), LeCun's rule (Martinez-Ramon's "Xavier"), for tanh and linear units."""
    return _normal(lambda w: fan_in_std(fans(w)[0]))


@initializer.register()
def lecun_uniform() -> Fill:
    """Uniform with variance 1 / fan_in: U(-sqrt(3 / fan_in), sqrt(3 / fan_in))."""
    return _uniform(lambda w: uniform_bound(fan_in_std(fans(w)[0])))


@initializer.register()
def fan_in_uniform() -> Fill:
    """U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)), variance 1 / (3 fan_in): torch's own, and Jaiswal's "Xavier"."""
    return _uniform(lambda w: fan_in_std(fans(w)[0]))


@initializer.register()
def glorot_normal() -> Fill:
    """N(0, 2 / (fan_in + fan_out)), Glorot and Bengio's rule, for tanh."""
    return _normal(lambda w: glorot_std(*fans(w)))


@initializer.register()
def glorot_uniform() -> Fill:
    """U(-b, b) with b = sqrt(6 / (fan_in + fan_out)): what libraries call Xavier uniform."""
    return _uniform(lambda w: uniform_bound(glorot_std(*fans(w))))


@initializer.register()
def he_normal() -> Fill:
    """N(0, 2 / fan_in), He's rule, for ReLU and its kin."""
    return _normal(lambda w: he_std(fans(w)[0]))


@initializer.register()
def he_uniform() -> Fill:
    """Uniform with variance 2 / fan_in: U(-sqrt(6 / fan_in), sqrt(6 / fan_in))."""
    return _uniform(lambda w: uniform_bound(he_std(fans(w)[0])))


@initializer.register()
def orthogonal(*, gain: float = 1.0) -> Fill:
    """Rows (or columns, whichever are fewer) at right angles and of length `gain`: no signal shrinks or grows.

    Source: Saxe, McClelland and Ganguli 2014.
    """

    def fill(w: Tensor) -> None:
        made = torch.empty(w.shape, dtype=w.dtype, device=w.device)
        w.copy_(nn.init.orthogonal_(made, gain=gain))

    return fill


@initializer.register()
def identity(*, gain: float = 1.0) -> Fill:
    """`gain` times the identity (at a kernel's centre): with ReLU a layer passes on what is positive.

    It preserves signals only where ReLU follows, and units beyond the width of the input start silent.

    Source: Le, Jaitly and Hinton 2015; Jaiswal F35 for what it does not do.
    """

    def fill(w: Tensor) -> None:
        w.zero_()
        for size in w.shape[2:]:  # to the centre of a kernel, axis by axis
            w = w.select(2, size // 2)
        w.fill_diagonal_(gain)

    return fill


@initializer.register()
def logistic_normal() -> Fill:
    """N(0, (3.6 / sqrt(fan_in))^2), for logistic units."""
    return _normal(lambda w: logistic_std(fans(w)[0]))


@initializer.register()
def yilmaz_poli() -> Fill:
    """N(max(-1, -8 / fan_in), (3.6 / sqrt(fan_in))^2): keeps deep logistic nets out of saturation."""
    return _normal(lambda w: logistic_std(fans(w)[0]), mean=lambda w: negative_mean(fans(w)[0]))


def _normal(std: Callable[[Tensor], float], *, mean: Callable[[Tensor], float] = lambda _: 0.0) -> Fill:
    return lambda w: _done(w.normal_(mean(w), std(w)))


def _uniform(bound: Callable[[Tensor], float]) -> Fill:
    return lambda w: _done(w.uniform_(-bound(w), bound(w)))


def _done(_: Tensor) -> None:
    return None


def _positive(name: str, option: str, value: float) -> float:
    if not value > 0:
        raise SettingError(f"initializer {name!r}: {option} is a positive number; got {value!r}")
    return value


# --- What is filled --------------------------------------------------------------------------------------------------


@torch.no_grad()
def initialize(module: nn.Module, chosen: Spec) -> int:
    """Fill the weights of every dense and convolutional layer, set biases to 0, and say how many layers these were.

    Normalisers, embeddings and whatever else a module holds keep their own first values.
    """
    fill, n = chosen.make(), 0
    for part in module.modules():
        if isinstance(part, nn.Linear | _ConvNd):
            # the kernels of a transposed convolution are (in, out, ...)
            fill(part.weight.transpose(0, 1) if isinstance(part, _ConvTransposeNd) else part.weight)
            if part.bias is not None:
                part.bias.zero_()
            n += 1
    return n


# --- What it does ----------------------------------------------------------------------------------------------------


class DepthStudy(NamedTuple):
    """Of each hidden layer, first to last: how activations vary, and how its weights' gradients vary and how large."""

    activation_variance: Tensor
    gradient_variance: Tensor
    gradient_size: Tensor


def depth_study(
    chosen: Spec,
    *,
    activation: str = "tanh",
    n_layers: int = 10,
    width: int = 20,
    n_rows: int = 256,
    seed: int = 0,
) -> DepthStudy:
    """How signals and gradients fare in a deep dense net at its first step, layer by layer.

    Inputs are N(0, 1), and the loss is the mean squared error of one linear output against N(0, 1). Where the variances
    fall (or rise) by a factor a layer, the first layers cannot learn. The global random state is left as it was.

    Systems: init-depth-study
    Source: Glorot and Bengio 2010; Baker A059, Martinez-Ramon problem 2.2, Jaiswal J61.

    >>> study = depth_study(initializer("normal", std=0.02))
    >>> bool(study.activation_variance[-1] < 1e-9 * study.activation_variance[0])
    True
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.default_generator.manual_seed(seed)
        layers = [nn.Linear(width, width).double() for _ in range(n_layers)]
        last, act = nn.Linear(width, 1).double(), activation_named(activation)
        initialize(nn.ModuleList([*layers, last]), chosen)
        h, spread = torch.randn(n_rows, width, dtype=torch.float64), []
        for layer in layers:
            h = act(layer(h))
            spread.append(h.detach().var())
        (last(h) - torch.randn(n_rows, 1, dtype=torch.float64)).square().mean().backward()
    slopes = [layer.weight.grad for layer in layers if layer.weight.grad is not None]
    return DepthStudy(
        torch.stack(spread), torch.stack([g.var() for g in slopes]), torch.stack([g.abs().mean() for g in slopes])
    )
