"""Batch normalisation by the statistics of all ranks' rows, on any device (torch's own is for CUDA alone)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from .distributed import Summed


def norms_of(module: nn.Module) -> list[_BatchNorm]:
    """The batch norms in a module that see their own process's rows alone."""
    return [m for m in module.modules() if isinstance(m, _BatchNorm) and not isinstance(m, nn.SyncBatchNorm)]


@contextmanager
def normed_together(module: nn.Module, together: Callable[[], bool]) -> Iterator[None]:
    """Inside, every batch norm of the module normalises by all ranks' rows, where `together()` says so."""
    norms = norms_of(module)
    for norm in norms:
        vars(norm)["forward"] = partial(_forward, norm, together)
    try:
        yield
    finally:
        for norm in norms:
            vars(norm).pop("forward", None)


def _forward(norm: _BatchNorm, together: Callable[[], bool], *given: Any) -> Tensor:
    own = type(norm).forward
    if not together():
        return own(norm, *given)
    with _Together():
        return own(norm, *given)


class _Together(TorchFunctionMode):
    """Inside, `batch_norm` in training is `normalised`; what a norm does besides is its own."""

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        return (normalised if func is batch_norm else func)(*args, **kwargs or {})


def normalised(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """`torch.nn.functional.batch_norm` whose batch is all ranks' rows; ranks may hold different numbers of them.

        mean = sum over ranks of sum x / n;   var = sum over ranks of sum (x - mean)^2 / n

    Two sums one after the other, so that values far from 0 keep their spread; autograd goes through both.
    """
    if not training:
        return batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    over, shape = [0, *range(2, x.ndim)], [1, -1, *[1] * (x.ndim - 2)]
    wide = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
    n = wide.new_full((1,), x.numel() // x.shape[1])
    sums = Summed.apply(torch.cat([wide.sum(over), n]))
    n = sums[-1].detach()
    mean = sums[:-1] / n
    apart = wide - mean.view(shape)
    var = Summed.apply(apart.square().sum(over)) / n
    with torch.no_grad():
        if running_mean is not None and running_var is not None:
            running_mean.lerp_(mean.detach().to(running_mean.dtype), momentum)
            running_var.lerp_((var.detach() * (n / (n - 1))).to(running_var.dtype), momentum)
    made = apart * (var + eps).rsqrt().view(shape)
    if weight is not None:
        made = made * weight.view(shape)
    return (made if bias is None else made + bias.view(shape)).to(x.dtype)
