"""Restricted Boltzmann machines as densities, and a stack of them below a classifier."""

from ..objectives.energy import BeliefNet, ContrastiveDivergence
from ..registry import model


@model.register("density")
def rbm(*, in_features: int, n_components: int = 64, n_steps: int = 1, n_chains: int = 0) -> ContrastiveDivergence:
    """A restricted Boltzmann machine of units of 0 and 1: CD-n_steps, or persistent chains where n_chains is not 0."""
    return ContrastiveDivergence(in_features, n_components, n_steps=n_steps, n_chains=n_chains)


@model.register("density")
def gaussian_rbm(
    *, in_features: int, n_components: int = 64, n_steps: int = 1, n_chains: int = 0
) -> ContrastiveDivergence:
    """A restricted Boltzmann machine whose visible units are real numbers, standardised.

    Systems: gaussian-rbm
    """
    return ContrastiveDivergence(in_features, n_components, n_steps=n_steps, n_chains=n_chains, gaussian=True)


@model.register("classifier")
def dbn(
    *,
    in_features: int,
    n_outputs: int,
    hidden: tuple[int, ...] = (256, 128),
    pretraining: float = 0.3,
    fine_tuning: bool = True,
    n_steps: int = 1,
) -> BeliefNet:
    """A deep belief net: machines trained layer by layer on rows from 0 to 1, then a classifier on top of them."""
    return BeliefNet(in_features, hidden, n_outputs, pretraining=pretraining, fine_tuning=fine_tuning, n_steps=n_steps)
