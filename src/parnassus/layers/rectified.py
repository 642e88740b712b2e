"""Batch normalisation, what is added to it, and the ReLU behind it, in one: what they cost is reading memory."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm

from .. import kernels
from ..functional.gated import is_compiled

LEAST = 1 << 13  # numbers of maps below which torch's operators take as long


def norm_relu(norm: nn.Module, x: Tensor, add: Tensor | None = None) -> Tensor:
    """relu(norm(x) + add) for maps (batch, channels, height, width), of one shape with `add`.

    In training on a processor, a plain batch norm over maps whose channels lie together (`torch.channels_last`) takes
    kernels/batch_norm.cpp; running means and variances follow as torch has them. Equal to the modules to rounding.
    """
    if isinstance(norm, nn.BatchNorm2d) and _is_served(norm, x) and (add is None or add.shape == x.shape):
        return _compiled(norm, x, None if add is None else add.contiguous(memory_format=torch.channels_last))
    z = norm(x)
    return torch.relu(z if add is None else z + add)


class Chain(nn.Sequential):
    """Modules one after the other, each batch norm and the ReLU right behind it in one; keys as torch's chain has."""

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self)
        while parts:
            part = parts.pop(0)
            if isinstance(part, nn.BatchNorm2d) and parts and _is_plain(parts[0], nn.ReLU):
                x = norm_relu(part, x)
                parts.pop(0)
            else:
                x = part(x)
        return x


def _is_plain(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether it is nothing but this kind, and nobody looks at what goes in or comes out of it."""
    watched = module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    return type(module) is kind and not watched and "forward" not in vars(module)


def _is_served(norm: nn.BatchNorm2d, x: Tensor) -> bool:
    usual = norm.affine and norm.track_running_stats and norm.momentum is not None
    if not (norm.training and usual and x.ndim == 4 and x.shape[1] == norm.num_features):
        return False
    rows = x.numel() // norm.num_features  # of one, torch says why it has no variance
    fits = rows > 1 and x.numel() >= LEAST and x.is_contiguous(memory_format=torch.channels_last)
    known = type(x) in (Tensor, nn.Parameter) and norm.weight.dtype == torch.float32
    return fits and known and _is_plain(norm, nn.BatchNorm2d) and is_compiled("batch_norm", x)


def _compiled(norm: nn.BatchNorm2d, x: Tensor, add: Tensor | None) -> Tensor:
    y, mean, var = CompiledNorm.apply(x, norm.weight, norm.bias, add, norm.eps)
    n = x.numel() // x.shape[1]
    if norm.running_mean is not None and norm.running_var is not None and norm.num_batches_tracked is not None:
        assert norm.momentum is not None
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(var * (n / (n - 1)), norm.momentum)
        norm.num_batches_tracked.add_(1)
    return y


def _stepwise(x: Tensor, weight: Tensor, bias: Tensor, add: Tensor | None, eps: float) -> Tensor:
    """The twin: torch's operators one after the other."""
    z = batch_norm(x, None, None, weight, bias, True, 0.0, eps)
    return torch.relu(z if add is None else z + add)


class CompiledNorm(torch.autograd.Function):
    """y, and the batch's means and variances over rows, by kernels/batch_norm.cpp; slopes of slopes by the twin."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, add: Tensor | None, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        operators = kernels.load("batch_norm")
        assert operators is not None
        y, mean, var = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(weight)
        operators.forward(x, weight, bias, x.new_empty(0) if add is None else add, eps, mean, var, y)
        ctx.save_for_backward(x, weight, bias, add, y, mean, var)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, var)
        return y, mean, var

    @staticmethod
    def backward(ctx: Any, of_y: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        x, weight, bias, add, y, mean, var = ctx.saved_tensors
        needed = ctx.needs_input_grad[:4]
        if torch.is_grad_enabled():
            asked = [t for t, wanted in zip((x, weight, bias, add), needed, strict=True) if wanted]
            made = _stepwise(x, weight, bias, add, ctx.eps)
            found = iter(torch.autograd.grad(made, asked, of_y, create_graph=True))
            return *(next(found) if wanted else None for wanted in needed), None
        operators = kernels.load("batch_norm")
        assert operators is not None
        of_x, of_weight, of_bias = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(bias)
        of_add = torch.empty_like(x) if needed[3] else x.new_empty(0)
        came = of_y.contiguous(memory_format=torch.channels_last)
        operators.backward(x, y, came, weight, mean, var, ctx.eps, of_x, of_add, of_weight, of_bias)
        return of_x, of_weight, of_bias, of_add if needed[3] else None, None
