"""What the layers of a net do on some rows: activations, gradients, units that are dead or saturated."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ..train.phase import Batch, Objective

FLAT = 0.05  # of an activation's steepest slope: below it a unit passes next to no gradient on
MANY_UNITS = 256  # of which a layer's map of correlations shows the first


def _tanh_slope(h: Tensor) -> Tensor:
    return 1 - h * h


def _sigmoid_slope(h: Tensor) -> Tensor:
    return 4 * h * (1 - h)


# the slope at an output, as a share of the steepest one
SLOPES: dict[type, Callable[[Tensor], Tensor]] = {nn.Tanh: _tanh_slope, nn.Sigmoid: _sigmoid_slope}
RECTIFIED = (nn.ReLU, nn.ReLU6)
ACTIVATIONS = (*SLOPES, *RECTIFIED, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Softplus, nn.Hardtanh)


@dataclass(frozen=True)
class Vitals:
    """One layer on some rows. Units are the second axis: neurons, or channels.

    Attributes
    ----------
    name, kind : where it is in the net, and its class.
    mean, spread : of its outputs.
    gradient : root mean square of the loss's slope by its outputs, each row's own loss.
    dead : share of units that are 0 on every row and place (of a ReLU; else None).
    saturated : share of outputs where the slope is under a twentieth of the steepest (tanh and sigmoid; else None).
    zeros : share of outputs that are exactly 0: the sparsity.
    weights, weight_gradient : root mean squares of its weights and of their gradient (None without weights).
    step : root mean square of a fresh optimizer's first step, at its first rate, over that of the weights; None where
        it was not asked for.
    correlation : of the units over rows and places, (units, units); NaN for units that never change.
    """

    name: str
    kind: str
    n_units: int
    mean: float
    spread: float
    gradient: float
    zeros: float
    dead: float | None = None
    saturated: float | None = None
    weights: float | None = None
    weight_gradient: float | None = None
    step: float | None = None
    correlation: Tensor | None = field(default=None, repr=False, compare=False)

    @property
    def activates(self) -> bool:
        """Whether it is an activation, and not a layer with weights."""
        return self.kind in {kind.__name__ for kind in ACTIVATIONS}


def vitals_of(objective: Objective, batch: Batch) -> list[Vitals]:
    """The layers in the order in which a batch goes through them; the objective is left as it is.

    Dropout is off and batch norms use their running statistics, as in a prediction.
    """
    objective = copy.deepcopy(objective).eval()
    seen: list[tuple[str, nn.Module, Tensor]] = []

    def watch(name: str) -> Callable[[nn.Module, tuple, Tensor], None]:
        def hook(module: nn.Module, inputs: tuple, output: Tensor) -> None:
            if isinstance(output, Tensor) and output.is_floating_point() and output.ndim > 1 and output.requires_grad:
                output.retain_grad()
                seen.append((name, module, output))

        return hook

    for name, module in objective.named_modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # it would write into what the layer before it gave
        if not list(module.children()) and (isinstance(module, ACTIVATIONS) or list(module.parameters())):
            module.register_forward_hook(watch(name.removeprefix("model.")))
    with torch.enable_grad():
        torch.stack([phase.loss(batch) for phase in objective.phases() if phase.params]).sum().backward()
    n = len(batch["x"])
    return [_vitals(name, module, output, n) for name, module, output in seen]


def _vitals(name: str, module: nn.Module, output: Tensor, n_rows: int) -> Vitals:
    h = output.detach()
    units = h.transpose(0, 1).flatten(1)  # (units, rows x places)
    slope = SLOPES.get(type(module))
    weight: Any = getattr(module, "weight", None)
    weighted = isinstance(weight, nn.Parameter) and weight.grad is not None
    return Vitals(
        name=name,
        kind=type(module).__name__,
        n_units=len(units),
        mean=float(h.mean()),
        spread=float(h.std(correction=0)),
        gradient=_rms(output.grad * n_rows) if output.grad is not None else 0.0,
        zeros=float((h == 0).float().mean()),
        dead=float((units <= 0).all(1).float().mean()) if isinstance(module, RECTIFIED) else None,
        saturated=float((slope(h) < FLAT).float().mean()) if slope else None,
        weights=_rms(weight) if weighted else None,
        weight_gradient=_rms(weight.grad) if weighted else None,
        correlation=_correlation(units) if isinstance(module, ACTIVATIONS) else None,
    )


def _rms(values: Tensor) -> float:
    return float(values.detach().double().square().mean().sqrt())


def _correlation(units: Tensor) -> Tensor:
    some = units[:MANY_UNITS].double()
    centred = some - some.mean(1, keepdim=True)
    length = centred.norm(dim=1, keepdim=True)
    unit = torch.where(length > 1e-9 * (1 + some.abs().amax(1, keepdim=True)), centred / length, torch.nan)
    return (unit @ unit.T).clamp(-1, 1)
