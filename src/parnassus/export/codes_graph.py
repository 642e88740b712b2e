"""What a model makes of rows for other models, as a graph: codes, hidden units, what the last layer is given."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ..data.rows import Batch
from ..errors import SettingError
from ..models.probabilistic.factors import HiddenDirections
from ..objectives.probabilistic.mixtures import GaussianMixtureEM
from .graph import Graph, Inlet

if TYPE_CHECKING:
    from ..estimators.base import Estimator

LOGARITHMS = "ln of each component's weight times its density"


class CodesGraph(Graph):
    """`forward(*inputs)`, as the inlet names them -> (rows, numbers): `transform`, or `features` of a classifier.

    Of a mixture of Gaussians the logarithms that its densities and shares are made of, (rows, components), float64.
    """

    def __init__(self, estimator: "Estimator", inlet: Inlet) -> None:
        nn.Module.__init__(self)
        self.objective = estimator.objective_
        self.inlet, self.codec, self.view = inlet, estimator.codec_, estimator.view_
        self.how = how_of(estimator)
        self.ask = asked_of(estimator.objective_, self.how)
        self.output: dict[str, Any] = {"holds": self.how}
        if self.how == LOGARITHMS:
            self.output["sums"] = {"logsumexp": "ln p of the row", "softmax": "each component's share of the row"}

    def forward(self, *given: Tensor) -> Tensor:
        batch = self.inlet.batch(dict(zip(self.inlet.names, given, strict=True)))
        ready = batch if self.inlet.prepared else self.codec.prepare(batch, self.view)
        said = self.ask(ready)
        return said if self.how == LOGARITHMS else said.float()

    def due(self, estimator: Any, rows: Any) -> np.ndarray:
        """What the estimator says of raw rows."""
        if self.how == LOGARITHMS:
            return estimator._asked(estimator._rows(rows), estimator.objective_.outputs)
        return np.asarray(estimator.features(rows) if self.how == "features" else estimator.transform(rows))


def asked_of(objective: Any, how: str) -> Callable[[Batch], Tensor]:
    """What makes the numbers of a prepared batch; what rests on the weights alone is worked out before, in float64."""
    if how == "features":
        return lambda batch: last_given(objective, batch)
    if how == "codes":
        return objective.codes
    if isinstance(objective, GaussianMixtureEM):
        shape, shift, run = objective.shape, objective.shift, slice(objective.leader, objective.leader + 1)
        score = shape.scores(objective.weights[run], objective.means[run], objective.covariances[run])

        def joint(batch: Batch) -> Tensor:
            x = batch["x"].double() - shift
            return score(x, shape.features(x))

        return joint
    if isinstance(objective, HiddenDirections):
        mean = objective.mean
        turn = objective.project({"x": mean + torch.eye(len(mean), dtype=mean.dtype)})
        return lambda batch: (batch["x"].double() - mean) @ turn
    return objective.project


def how_of(estimator: "Estimator") -> str:
    """Which of its own a model gives to others: "codes", "projections" or "features"."""
    made: Any = estimator.objective_
    if estimator.task == "autoencoder":
        return "codes"
    if isinstance(made, GaussianMixtureEM):
        return LOGARITHMS
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
