"""A fitted estimator's net as a chain of by-hand layers: the one place where torch's tensors become NumPy's arrays.

How a module is read is looked up by its class's name, so that a family adds itself, from its own file:

    @reads("parnassus.models.mine.MyNet")
    def _mine(module, name): return [*layers_of(module.first, f"{name}.first"), Activation("tanh")]
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, SettingError
from .chain import (
    Activation,
    AveragePool,
    ChainTrace,
    Convolution,
    Dense,
    Flatten,
    Framing,
    Layer,
    MaxPool,
    Standardize,
    chain_trace,
)
from .convolution import Pair
from .normalizers import GroupNorm, PReLU, RMSNorm

Array = NDArray[np.float64]
Reader = Callable[[Any, str], list[Layer]]

READERS: dict[str, Reader] = {}
FRAME = 32  # the side of LeNet-5's pictures
NAMES = {
    "ReLU": "relu",
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
    "SiLU": "silu",
    "GELU": "gelu",
    "LeakyReLU": "leaky_relu",
    "ELU": "elu",
    "Softplus": "softplus",
    "Hardtanh": "hard_tanh",
}
USUAL = {"negative_slope": 0.01, "approximate": "none", "alpha": 1.0, "beta": 1.0, "min_val": -1.0, "max_val": 1.0}


def reads(*classes: str) -> Callable[[Reader], Reader]:
    """Decorator: a function (module, its name in the state dict) -> layers, for these classes by their full names."""

    def enter(reader: Reader) -> Reader:
        READERS.update(dict.fromkeys(classes, reader))
        return reader

    return enter


def layers_of(module: Any, name: str = "") -> list[Layer]:
    """The module as by-hand layers, in the mode of use: dropout is off, batch norm takes its running statistics.

    Raises
    ------
    SettingError : no reader is registered for the module's class, or for a parent whose forward it keeps.
    """
    kinds: tuple[Any, ...] = type(module).__mro__
    for kind in kinds:
        reader = READERS.get(f"{kind.__module__}.{kind.__qualname__}")
        if reader is not None and type(module).forward is kind.forward and not _changed(module):
            return reader(module, name)
    raise SettingError(
        f"{type(module).__name__} has no by-hand form; those are dense and convolutional nets, and what was entered "
        "with parnassus.byhand.reading.reads"
    )


def trace(estimator: Any, x: Any, y: Any, *, lr: float | None = None) -> ChainTrace:
    """One step of a fitted estimator on rows x with answers y, by hand: every activation, delta and gradient.

    Gradients have the names of the state dict of the estimator's module, and equal autograd's. The loss and its slope
    by the outputs are the estimator's own loss in closed form, the mean over rows. With a rate, the new weights of a
    step of plain gradient descent are there too, whatever the estimator's optimizer.

    Parameters
    ----------
    estimator : a fitted Classifier or Regressor with a dense or convolutional net; dropout is off, and batch
        normalisation takes its running statistics, as in use.
    x, y : a few rows and their answers, as for `fit`.
    lr : the rate of the step.

    Raises
    ------
    SettingError : the estimator is not fitted, or its net has no by-hand form.
    DataError : x and y differ in length, or break what the estimator's codecs ask for.

    Systems: backpropagation
    """
    if not hasattr(estimator, "objective_"):
        raise SettingError(f"this {type(estimator).__name__} is not fitted; call fit before trace")
    objective = estimator.objective_
    if not (hasattr(objective, "model") and hasattr(getattr(objective, "loss", None), "slope")):
        raise SettingError(
            f"{type(objective).__name__} is not one model with a loss whose slope is known in closed form; trace goes "
            "through nets such as 'mlp', 'cnn' or 'lenet'"
        )
    import torch

    rows, answers = estimator.codec_.encode(x), estimator.target_.encode(y)
    if len(rows) != len(answers):
        raise DataError(f"x has {len(rows)} rows and y {len(answers)}; trace takes as many answers as rows")
    every = torch.arange(len(rows))
    batch = estimator.target_.cut(rows.take(every) | answers.take(every))
    batch = estimator.codec_.prepare(batch, estimator.view_)
    t = batch["y"].double() if batch["y"].is_floating_point() else batch["y"]

    def slope(outputs: Array) -> tuple[float, Array]:
        loss, by_outputs = objective.loss.slope(torch.from_numpy(outputs.copy()), t)
        return float(loss), array(by_outputs)

    with torch.no_grad():
        return chain_trace(layers_of(objective.model), array(batch["x"]), slope, lr=lr)


def array(tensor: Any) -> Array:
    """A tensor as float64 in NumPy, a copy."""
    return np.array(tensor.detach().cpu().double().numpy())


@reads("torch.nn.modules.container.Sequential")
def _sequential(module: Any, name: str) -> list[Layer]:
    return [layer for key, part in module.named_children() for layer in layers_of(part, _joined(name, key))]


@reads("torch.nn.modules.linear.Linear")
def _linear(module: Any, name: str) -> list[Layer]:
    return [Dense(name, array(module.weight), _bias(module))]


@reads("torch.nn.modules.conv.Conv2d")
def _conv2d(module: Any, name: str) -> list[Layer]:
    if module.groups != 1 or module.padding_mode != "zeros" or isinstance(module.padding, str):
        raise SettingError(f"convolution {name!r} has groups or padding of a kind that has no by-hand form")
    sizes = {"stride": module.stride, "padding": module.padding, "dilation": module.dilation}
    return [Convolution(name, array(module.weight), _bias(module), **sizes)]


@reads("torch.nn.modules.batchnorm.BatchNorm2d", "torch.nn.modules.batchnorm.BatchNorm1d")
def _batch_norm(module: Any, name: str) -> list[Layer]:
    if module.weight is None or module.running_mean is None:
        raise SettingError(f"batch norm {name!r} lacks weights or running statistics, and has no by-hand form")
    scale, shift, mean, var = map(array, (module.weight, module.bias, module.running_mean, module.running_var))
    return [Standardize(name, scale, shift, mean, var, module.eps)]


@reads("torch.nn.modules.pooling.MaxPool2d")
def _max_pool(module: Any, name: str) -> list[Layer]:
    if module.ceil_mode or _size(module.dilation) not in (1, (1, 1)):
        raise SettingError(f"{module} has no by-hand form; ceil_mode and dilation have none")
    return [MaxPool(_size(module.kernel_size), _size(module.stride), _size(module.padding))]


@reads("torch.nn.modules.pooling.AvgPool2d")
def _average_pool(module: Any, name: str) -> list[Layer]:
    if module.ceil_mode or module.divisor_override or not module.count_include_pad:
        raise SettingError(f"{module} has no by-hand form; its mean counts the padding, over the window's size")
    return [AveragePool(_size(module.kernel_size), _size(module.stride), _size(module.padding))]


@reads("torch.nn.modules.flatten.Flatten")
def _flatten(module: Any, name: str) -> list[Layer]:
    return [Flatten()]


@reads("torch.nn.modules.dropout.Dropout", "torch.nn.modules.linear.Identity")
def _nothing(module: Any, name: str) -> list[Layer]:
    return []


@reads(*(f"torch.nn.modules.activation.{kind}" for kind in NAMES))
def _activation(module: Any, name: str) -> list[Layer]:
    given = {option: getattr(module, option) for option in USUAL if hasattr(module, option)}
    if any(value != USUAL[option] for option, value in given.items()):
        raise SettingError(f"{module} has no by-hand form with these options; the usual ones have one")
    return [Activation(NAMES[type(module).__name__])]


@reads("torch.nn.modules.activation.PReLU")
def _prelu(module: Any, name: str) -> list[Layer]:
    if module.num_parameters != 1:
        raise SettingError(f"PReLU {name!r} has {module.num_parameters} slopes; the by-hand form has one")
    return [PReLU(name, array(module.weight))]


@reads("torch.nn.modules.normalization.GroupNorm")
def _group_norm(module: Any, name: str) -> list[Layer]:
    return [GroupNorm(name, module.num_groups, array(module.weight), array(module.bias), module.eps)]


@reads("torch.nn.modules.normalization.LayerNorm")
def _layer_norm(module: Any, name: str) -> list[Layer]:
    if len(module.normalized_shape) != 1:
        raise SettingError(f"layer norm {name!r} is over several axes, and has no by-hand form")
    return [GroupNorm(name, 1, array(module.weight), array(module.bias), module.eps)]


@reads("torch.nn.modules.normalization.RMSNorm")
def _rms_norm(module: Any, name: str) -> list[Layer]:
    # torch's own default is float32's eps where the module runs in float32; here everything is float64
    return [RMSNorm(name, array(module.weight), np.finfo(np.float64).eps if module.eps is None else module.eps)]


@reads("parnassus.models.cnn.ConvStack")
def _conv_stack(module: Any, name: str) -> list[Layer]:
    parts = ("features", "head")
    return [layer for part in parts for layer in layers_of(getattr(module, part), _joined(name, part))]


@reads("parnassus.models.cnn.LeNet5")
def _lenet5(module: Any, name: str) -> list[Layer]:
    phi, pool = layers_of(module.activation), layers_of(module.pool)
    conv1, conv2, fc1, fc2, fc3 = (
        layers_of(getattr(module, part), _joined(name, part)) for part in ("conv1", "conv2", "fc1", "fc2", "fc3")
    )
    convolutions = [*conv1, *phi, *pool, *conv2, *phi, *pool]
    return [Framing(FRAME), *convolutions, Flatten(), *fc1, *phi, *fc2, *phi, *fc3]


def _changed(module: Any) -> bool:
    """Whether hooks or parametrisations make the module compute something else than its class says."""
    return bool(module._forward_hooks or module._forward_pre_hooks or hasattr(module, "parametrizations"))


def _bias(module: Any) -> Array | None:
    return None if module.bias is None else array(module.bias)


def _size(value: Any) -> Pair:
    return (int(value[0]), int(value[1])) if isinstance(value, tuple) else int(value)


def _joined(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
