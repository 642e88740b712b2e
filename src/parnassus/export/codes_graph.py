"""What a model makes of rows for other models, as a graph: codes, hidden units, what the last layer is given."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ..data.rows import Batch
from ..errors import SettingError
from .graph import Graph, Inlet

if TYPE_CHECKING:
    from ..estimators.base import Estimator


class CodesGraph(Graph):
    """`forward(*inputs)`, as the inlet names them -> (rows, numbers): `transform`, or `features` of a classifier."""

    def __init__(self, estimator: "Estimator", inlet: Inlet) -> None:
        nn.Module.__init__(self)
        self.objective = estimator.objective_
        self.inlet, self.codec, self.view = inlet, estimator.codec_, estimator.view_
        self.how = how_of(estimator)
        self.output: dict[str, Any] = {"holds": self.how}

    def forward(self, *given: Tensor) -> Tensor:
        batch = self.inlet.batch(dict(zip(self.inlet.names, given, strict=True)))
        ready = batch if self.inlet.prepared else self.codec.prepare(batch, self.view)
        if self.how == "features":
            return last_given(self.objective, ready).float()
        ask = self.objective.codes if self.how == "codes" else self.objective.project
        return ask(ready).float()  # type: ignore[operator]

    def due(self, estimator: Any, rows: Any) -> np.ndarray:
        """What the estimator says of raw rows."""
        return np.asarray(estimator.features(rows) if self.how == "features" else estimator.transform(rows))


def how_of(estimator: "Estimator") -> str:
    """Which of its own a model gives to others: "codes", "projections" or "features"."""
    made: Any = estimator.objective_
    if estimator.task == "autoencoder":
        return "codes"
    if hasattr(made, "project"):
        return "projections"
    if estimator.task == "density":
        raise SettingError(
            f"{estimator.model_name!r} makes no other numbers of rows, as 'rbm' and 'realnvp' do; "
            "`parnassus serve` answers for densities"
        )
    if not any(isinstance(part, nn.Linear) for part in made.modules()):
        raise SettingError(f"model {estimator.model_name!r} has no dense layer whose input could be its features")
    return "features"


def last_given(objective: Any, batch: Batch) -> Tensor:
    """What the last dense layer is given (rows, features); places in between are averaged."""
    last = [part for part in objective.modules() if isinstance(part, nn.Linear)][-1]
    seen: list[Tensor] = []
    hook = last.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    try:
        objective.outputs(batch)
    finally:
        hook.remove()
    h = torch.cat(seen)
    return h.flatten(1, -2).mean(1) if h.ndim > 2 else h
