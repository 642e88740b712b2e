"""L0 by gates: every weight times a gate that can be exactly 0, learnt with it and folded into it at the end."""

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils import parametrize

from ..errors import SettingError
from ..functional.regularization import hard_concrete, hard_concrete_at_prediction, open_probability
from ..registry import regularizer
from .phase import Objective
from .regularizers import Regularizer

START = 2.0  # log_alpha of a fresh gate: open with probability 0.97


class Gates(nn.Module):
    """weight -> weight times its gates: noisy in training, at rest in evaluation.

    `log_alpha` is flat, so that what is for matrices (decay, penalties, norms) leaves it alone.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.log_alpha = nn.Parameter(torch.full((weight.numel(),), START, dtype=weight.dtype, device=weight.device))

    def forward(self, weight: Tensor) -> Tensor:
        if not self.training:
            return weight * hard_concrete_at_prediction(self.log_alpha).view_as(weight)
        noise = torch.rand_like(self.log_alpha).clamp_(1e-6, 1 - 1e-6)
        return weight * hard_concrete(self.log_alpha, noise).view_as(weight)


class HardConcreteL0(Regularizer):
    """strength times the expected number of weights that are not 0; see `functional.regularization.hard_concrete`."""

    def __init__(self, strength: float) -> None:
        self.strength = strength
        self._gates: list[Gates] = []

    def attach(self, objective: Objective) -> None:
        layers = [part for part in objective.modules() if isinstance(part, nn.Linear | _ConvNd)]
        if not layers:
            raise SettingError(
                "regularizer 'l0' gates the weights of dense and convolutional layers, and this model has none"
            )
        objective.eval()  # registering calls a gate, and only the trainer's steps may draw
        for layer in layers:
            gates = Gates(layer.weight)
            self._gates.append(gates)
            parametrize.register_parametrization(layer, "weight", gates)

    def detach(self, objective: Objective) -> None:
        """Fold the gates into the weights; the layers are as they were, some weights 0."""
        objective.eval()
        for layer in objective.modules():
            if parametrize.is_parametrized(layer, "weight"):
                parametrize.remove_parametrizations(layer, "weight")
                later = [name for name in layer._parameters if name != "weight"]
                for name in later:  # a state dict's order is that of registration
                    layer._parameters[name] = layer._parameters.pop(name)
        self._gates = []

    def penalty(self) -> Tensor | None:
        return self.strength * torch.stack([open_probability(g.log_alpha).sum() for g in self._gates]).sum()


@regularizer.register()
def l0(*, strength: float = 1e-4) -> Regularizer:
    """strength times the number of weights that are not 0, through gates that are trained along and then removed.

    Gates move with the learning rate, and close within a few hundred steps of 0.01. For a linear model of few columns
    `functional.regularization.best_subset` is exact.

    Source: Louizos, Welling and Kingma 2018; Hifny A14.3.
    """
    if not 0 < strength < float("inf"):
        raise SettingError(f"regularizer 'l0': strength is a positive number; got {strength!r}")
    return HardConcreteL0(float(strength))
