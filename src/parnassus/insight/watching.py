"""What enters and leaves a layer while a net works."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


@contextmanager
def outputs_of(layer: nn.Module) -> Iterator[list[Any]]:
    """What a layer gives while this lasts, as it gives it: an activation that writes over its input is given a copy."""
    kept: list[Any] = []

    def keep(_layer: nn.Module, _given: Any, output: Any) -> Any:
        kept.append(output)
        return output.clone() if isinstance(output, Tensor) else None

    hook = layer.register_forward_hook(keep)
    try:
        yield kept
    finally:
        hook.remove()


@contextmanager
def inputs_of(layer: nn.Module) -> Iterator[list[Any]]:
    """What a layer is given first while this lasts."""
    kept: list[Any] = []
    hook = layer.register_forward_pre_hook(lambda _layer, given: kept.append(given[0]))
    try:
        yield kept
    finally:
        hook.remove()
