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
from .over_time import Lookup, Named, OverTime, Summary
from .recurrence import LSTM, Cell, Elman, GRUResetAfter, GRUResetBefore

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
        f"{type(module).__name__} has no by-hand form; dense, convolutional and recurrent nets have, and what was "
        "entered with parnassus.byhand.reading.reads"
    )


def trace(estimator: Any, x: Any, y: Any, *, lr: float | None = None) -> ChainTrace:
    """One step of a fitted estimator on rows x with answers y, by hand: every activation, delta and gradient.

    Gradients have the names of the state dict of the estimator's module, and equal autograd's. The loss and its slope
    by the outputs are the estimator's own loss in closed form, the mean over rows. With a rate, the new weights of a
    step of plain gradient descent are there too, whatever the estimator's optimizer.

    Parameters
    ----------
    estimator : a fitted Classifier or Regressor with a dense, convolutional or recurrent net; dropout is off, and batch
        normalisation takes its running statistics, as in use.
    x, y : a few rows and their answers, as for `fit`; sequences of one length.
    lr : the rate of the step.

    Raises
    ------
    SettingError : the estimator is not fitted, or its net has no by-hand form.
    DataError : x and y differ in length, sequences do among themselves, or they break what the codecs ask for.

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
    if "lengths" in batch and len(batch["lengths"].unique()) > 1:
        raise DataError("x has rows of several lengths; trace takes rows of one length, or one row at a time")
    t = batch["y"].double() if batch["y"].is_floating_point() else batch["y"]

    def slope(outputs: Array) -> tuple[float, Array]:
        loss, by_outputs = objective.loss.slope(torch.from_numpy(outputs.copy()), t)
        return float(loss), array(by_outputs)

    with torch.no_grad():
        return chain_trace(layers_of(objective.model), array(batch["x"]), slope, lr=lr)


def array(tensor: Any) -> Array:
    """A tensor as float64 in NumPy, a copy."""
    return np.array(tensor.detach().cpu().double().numpy())


@reads("torch.nn.modules.container.Sequential", "parnassus.layers.rectified.Chain")
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


@reads("parnassus.models.vision.cnn.ConvStack")
def _conv_stack(module: Any, name: str) -> list[Layer]:
    parts = ("features", "head")
    return [layer for part in parts for layer in layers_of(getattr(module, part), _joined(name, part))]


@reads("parnassus.models.vision.cnn.LeNet5")
def _lenet5(module: Any, name: str) -> list[Layer]:
    phi, pool = layers_of(module.activation), layers_of(module.pool)
    conv1, conv2, fc1, fc2, fc3 = (
        layers_of(getattr(module, part), _joined(name, part)) for part in ("conv1", "conv2", "fc1", "fc2", "fc3")
    )
    convolutions = [*conv1, *phi, *pool, *conv2, *phi, *pool]
    return [Framing(FRAME), *convolutions, Flatten(), *fc1, *phi, *fc2, *phi, *fc3]


@reads("parnassus.models.sequence.sequences.Embedded")
def _embedded(module: Any, name: str) -> list[Layer]:
    table = Lookup(_joined(name, "embedding"), array(module.embedding.weight))
    return [table, *layers_of(module.net, _joined(name, "net"))]


@reads("parnassus.models.sequence.recurrent.RecurrentNet")
def _recurrent_net(module: Any, name: str) -> list[Layer]:
    body, inside = module.body, _joined(name, "body")
    if body.backwards and body.merge != "concat" and module.pooling == "last":
        raise SettingError(f"merge={body.merge!r} of two directions' last states has no by-hand form; 'concat' has")
    if body.truncate is not None:
        raise SettingError(f"slopes that end after truncate={body.truncate} steps have no by-hand form; None has")
    layers: list[Layer] = []
    for i, cell in enumerate(body.forwards):
        back = _cell(body.backwards[i], f"{inside}.backwards.{i}") if body.backwards else None
        layers.append(OverTime(_cell(cell, f"{inside}.forwards.{i}"), back, body.merge))
    n_back = body.width // 2 if body.backwards else 0
    return [*layers, Summary(module.pooling, n_back), *layers_of(module.head, _joined(name, "head"))]


def _cell(cell: Any, name: str) -> Named:
    """A recurrent cell by hand, with torch's names for its weights."""
    kind, given = type(cell).__name__, {f"{name}.{key}": array(w) for key, w in cell.named_parameters()}
    made: Cell
    if kind == "GRUResetBefore":
        w_h = np.concatenate([array(cell.of_h.weight), array(cell.of_reset.weight)])
        return Named(name, GRUResetBefore(array(cell.of_x.weight).T, w_h.T, array(cell.of_x.bias)), given)
    tanh = kind != "Elman" or cell.inner.nonlinearity == "tanh"
    if kind not in ("Elman", "LSTM", "GRU") or not tanh:
        raise SettingError(f"the cell {cell} has no by-hand form; Elman's with tanh, LSTM and GRU have one")
    w_x, w_h, b_x, b_h = (array(w) for w in cell.inner.all_weights[0])
    if kind == "GRU":
        n = 2 * cell.n_units
        b = np.concatenate([b_x[:n] + b_h[:n], b_x[n:]])
        made = GRUResetAfter(w_x.T, w_h.T, b, b_h[n:])
    else:
        made = (Elman if kind == "Elman" else LSTM)(w_x.T, w_h.T, b_x + b_h)
    return Named(name, made, given)


def _changed(module: Any) -> bool:
    """Whether hooks or parametrisations make the module compute something else than its class says."""
    return bool(module._forward_hooks or module._forward_pre_hooks or hasattr(module, "parametrizations"))


def _bias(module: Any) -> Array | None:
    return None if module.bias is None else array(module.bias)


def _size(value: Any) -> Pair:
    return (int(value[0]), int(value[1])) if isinstance(value, tuple) else int(value)


def _joined(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
