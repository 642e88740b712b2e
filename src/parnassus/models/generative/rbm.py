"""Boltzmann machines, restricted and deep, as densities, and a stack of restricted ones below a classifier."""

from ...objectives.generative.belief_net import BeliefNet
from ...objectives.generative.deep_boltzmann import DeepBoltzmann
from ...objectives.generative.energy import ContrastiveDivergence, ReplicatedSoftmax
from ...objectives.generative.wake_sleep import Helmholtz
from ...registry import model


@model.register("density")
def rbm(*, in_features: int, n_components: int = 64, n_steps: int = 1, n_chains: int = 0,
        n_powers: int = 1) -> ContrastiveDivergence:  # fmt: skip
    """A restricted Boltzmann machine of units of 0 and 1: CD-n_steps, or persistent chains where n_chains is not 0.

    Parameters
    ----------
    n_components : hidden units.
    n_steps : rounds of both layers to a step.
    n_chains : that are kept between steps; 0 begins at the rows each time.
    n_powers : of the machines, flatter and flatter, that chains change places in (parallel tempering); 1 is none.
    """
    return ContrastiveDivergence(in_features, n_components, n_steps=n_steps, n_chains=n_chains, n_powers=n_powers)


@model.register("density")
def gaussian_rbm(*, in_features: int, n_components: int = 64, n_steps: int = 1, n_chains: int = 0,
                 n_powers: int = 1) -> ContrastiveDivergence:  # fmt: skip
    """A restricted Boltzmann machine whose visible units are real numbers, standardised; options as of "rbm".

    Systems: gaussian-rbm
    """
    return ContrastiveDivergence(
        in_features, n_components, n_steps=n_steps, n_chains=n_chains, n_powers=n_powers, gaussian=True
    )


@model.register("density")
def gaussian_output_rbm(*, in_features: int, n_components: int = 8, n_steps: int = 1, n_chains: int = 0,
                        n_powers: int = 1) -> ContrastiveDivergence:  # fmt: skip
    """A restricted Boltzmann machine whose hidden units are real numbers: codes for rows of 0 and 1; options of "rbm".

    Systems: gaussian-rbm
    Source: Hinton and Salakhutdinov 2006, for the topmost layer of a stack.
    """
    return ContrastiveDivergence(
        in_features, n_components, n_steps=n_steps, n_chains=n_chains, n_powers=n_powers, gaussian_output=True
    )


@model.register("density")
def softmax_rbm(*, in_features: int, unit_vectors: tuple[int, ...], n_components: int = 64, n_steps: int = 1,
                n_chains: int = 0, n_powers: int = 1) -> ContrastiveDivergence:  # fmt: skip
    """A restricted Boltzmann machine of tables with categories, one of each column; options as of "rbm".

    Systems: rbm
    Source: Salakhutdinov, Mnih and Hinton 2007, section 2.
    """
    return ContrastiveDivergence(
        in_features, n_components, n_steps=n_steps, n_chains=n_chains, n_powers=n_powers, groups=tuple(unit_vectors)
    )


@model.register("density")
def replicated_softmax(*, in_features: int, n_components: int = 16, n_steps: int = 1,
                       n_chains: int = 0) -> ReplicatedSoftmax:  # fmt: skip
    """A restricted Boltzmann machine of counts of words, whose hidden units are topics; options as of "rbm"."""
    return ReplicatedSoftmax(in_features, n_components, n_steps=n_steps, n_chains=n_chains)


@model.register("density")
def dbm(*, in_features: int, hidden: tuple[int, ...] = (64, 32), n_chains: int = 100, n_steps: int = 5,
        n_updates: int = 10, pretraining: float = 0.3) -> DeepBoltzmann:  # fmt: skip
    """A deep Boltzmann machine of units of 0 and 1: a greedy start, then mean fields and chains that are kept.

    Parameters
    ----------
    hidden : units of each hidden layer, the lowest first.
    n_chains : that are kept between steps.
    n_steps : sweeps of the chains to a step.
    n_updates : of the mean fields.
    pretraining : the share of steps of the greedy start.
    """
    return DeepBoltzmann(
        in_features, hidden, n_chains=n_chains, n_steps=n_steps, n_updates=n_updates, pretraining=pretraining
    )


@model.register("density")
def helmholtz(*, in_features: int, hidden: tuple[int, ...] = (32, 16)) -> Helmholtz:
    """A sigmoid belief net of units of 0 and 1, learned by wake-sleep; hidden are its layers, the lowest first."""
    return Helmholtz(in_features, hidden)


@model.register("classifier")
def dbn(
    *,
    in_features: int,
    n_outputs: int,
    hidden: tuple[int, ...] = (256, 128),
    pretraining: float = 0.3,
    fine_tuning: bool = True,
    n_steps: int = 1,
    wake_sleep: float = 0.0,
) -> BeliefNet:
    """A deep belief net: machines trained layer by layer on rows from 0 to 1, then a classifier on top of them.

    Parameters
    ----------
    hidden : units of each hidden layer, the lowest first.
    pretraining : the share of steps that go to the machines.
    fine_tuning : whether the classifier's gradients move the layers too.
    n_steps : rounds of both layers to a step of contrastive divergence.
    wake_sleep : the share of steps after the machines' in which making edges part from recognising ones.
    """
    return BeliefNet(
        in_features, hidden, n_outputs, pretraining=pretraining, fine_tuning=fine_tuning, n_steps=n_steps,
        wake_sleep=wake_sleep,
    )  # fmt: skip
