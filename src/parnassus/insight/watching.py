"""What enters and leaves a layer while a net works."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..data.rows import Batch
from ..data.timeseries.series import read_panel
from ..data.timeseries.series_windows import training_spans
from ..errors import DataError
from ..layers.recurrent import Recurrent
from ..layers.writing_forecasts import StepByStep


def batch_of(estimator: Any, X: Any, n_rows: int | None = None) -> Batch:
    """The first rows of X (None: all) as the net of a fitted estimator takes them.

    Of a forecaster X are series, None those of `fit`, and rows are the windows inside them.
    """
    codec, rows = estimator.codec_, X
    if estimator.task == "forecaster":
        own = estimator.panel_
        panel = own if X is None else read_panel(X, own.reading)
        if panel.grid.offset != own.grid.offset:
            raise DataError(f"the steps of X are {panel.grid.words} apart, and those of fit {own.grid.words}")
        rows = training_spans(panel, history=codec.history, horizon=codec.horizon)
    encoded = codec.encode(rows)
    n = len(encoded) if n_rows is None else min(n_rows, len(encoded))
    return codec.prepare(encoded.take(torch.arange(n)), estimator.view_)


def recurrent_of(estimator: Any) -> tuple[Recurrent | None, nn.Module | None]:
    """The recurrent layers of a fitted estimator's net (of a net that writes forecasts its encoder's), and what makes
    vectors of ids before them; None where there are none, and where the net reads vectors.
    """
    outer = getattr(getattr(estimator, "objective_", None), "model", None)
    net = getattr(outer, "net", outer)
    held = [getattr(net, "vectors", None), getattr(net, "embedding", None), getattr(outer, "embedding", None)]
    body = net.encoder if isinstance(net, StepByStep) else getattr(net, "body", None)
    return (body if isinstance(body, Recurrent) else None), next((made for made in held if made is not None), None)


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
