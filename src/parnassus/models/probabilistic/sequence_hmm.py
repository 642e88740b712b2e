"""Classifiers of sequences that have a hidden Markov model a class."""

from typing import Any, Literal

from ...errors import SettingError, did_you_mean
from ...layers.emissions import Categorical, Covariance, Emissions, Gaussian, Mixture
from ...objectives.probabilistic.baum_welch import BaumWelch
from ...objectives.probabilistic.class_chains import ClassChains, Criterion
from ...registry import model
from .hmm import COVARIANCES, TOPOLOGIES, Topology, first_chain

CRITERIA = ("ml", "mmi", "mpe", "mce")


@model.register("classifier")
def hmm(
    *,
    step_features: int,
    n_outputs: int,
    n_states: int = 3,
    n_mixtures: int = 1,
    topology: Topology = "left_to_right",
    criterion: Criterion = "ml",
    covariance: Covariance = "diagonal",
    covariance_floor: float = 0.01,
    emission_prior: float = 1.0,
    prior: float = 1.0,
    n_em_steps: int = 20,
    scale: float = 1.0,
    slope: float = 1.0,
    tol: float = 1e-4,
) -> ClassChains:
    """A hidden Markov model of each class's sequences, by Bayes' rule; trained alone or against each other.

    Parameters
    ----------
    n_states : of each class.
    n_mixtures : Gaussians a state, where steps are numbers.
    topology : "left_to_right", a state stays or goes on to the next, or "ergodic".
    criterion : "ml" makes each class's sequences likely; "mmi" raises the log posterior of the right class, "mpe" its
        posterior, "mce" lowers a smoothed count of errors.
    covariance : "diagonal", "spherical", "full" or "tied" (one of a class); criteria other than "ml" need "diagonal".
    covariance_floor : the least variance, as a share of the mean variance of all frames.
    emission_prior : a number of frames like all frames (or a count of each symbol) added to each state's own in EM.
    prior : a count added to each possible transition and first state in EM.
    n_em_steps : the most steps of EM before another criterion is raised.
    scale : what criteria multiply log likelihoods by: below 1 more rivals count; 1 / frames is usual for long ones.
    slope : of the sigmoid of "mce": large ones count errors as 0 or 1.
    tol : a step that gains less, a frame in EM and a sequence in other criteria, ends training.
    """
    check("hmm", criterion=criterion, covariance=covariance, topology=topology)
    if criterion != "ml" and covariance != "diagonal":
        raise SettingError(
            f"model 'hmm': criterion {criterion!r} needs covariance='diagonal'; got {covariance!r}, which 'ml' takes"
        )
    if n_mixtures < 1:
        raise SettingError(f"model 'hmm': n_mixtures is at least 1; got {n_mixtures}")
    settings: dict[str, Any] = {"covariance": covariance, "floor": covariance_floor, "prior": emission_prior}

    def emissions() -> Emissions:
        if n_mixtures == 1:
            return Gaussian(n_states, step_features, **settings)
        return Mixture(n_states, step_features, n_mixtures=n_mixtures, **settings)

    chains = [_chain(n_states, topology, emissions, prior, tol) for _ in range(max(n_outputs, 2))]
    return ClassChains(chains, n_outputs, criterion=criterion, n_em_steps=n_em_steps, scale=scale, slope=slope, tol=tol)


@model.register("classifier", name="hmm")
def hmm_of_symbols(
    *,
    vocab_size: int,
    n_outputs: int,
    n_states: int = 3,
    n_mixtures: int = 1,
    topology: Topology = "left_to_right",
    criterion: Criterion = "ml",
    covariance: Covariance = "diagonal",
    covariance_floor: float = 0.01,
    emission_prior: float = 1.0,
    prior: float = 1.0,
    n_em_steps: int = 20,
    scale: float = 1.0,
    slope: float = 1.0,
    tol: float = 1e-4,
) -> ClassChains:
    """A hidden Markov model of each class's sequences of symbols, by Bayes' rule; options as of vectors a step."""
    check("hmm", criterion=criterion, covariance=covariance, topology=topology)
    if (n_mixtures, covariance) != (1, "diagonal"):
        raise SettingError("model 'hmm': n_mixtures and covariance are of numbers, and these steps are symbols")

    def emissions() -> Emissions:
        return Categorical(n_states, vocab_size, prior=emission_prior)

    chains = [_chain(n_states, topology, emissions, prior, tol) for _ in range(max(n_outputs, 2))]
    return ClassChains(chains, n_outputs, criterion=criterion, n_em_steps=n_em_steps, scale=scale, slope=slope, tol=tol)


def _chain(n_states: int, topology: str, emissions: Any, prior: float, tol: float) -> BaumWelch:
    if n_states < 1:
        raise SettingError(f"model 'hmm': n_states is at least 1; got {n_states}")
    return BaumWelch(first_chain(n_states, topology, entry_exit=False), emissions(), prior=prior, tol=tol)


def check(name: str, *, criterion: str, covariance: str, topology: str) -> None:
    """Refuses names that are none."""
    known: dict[str, tuple[Literal, tuple[str, ...]]] = {  # type: ignore[valid-type]
        "criterion": (criterion, CRITERIA),
        "covariance": (covariance, COVARIANCES),
        "topology": (topology, TOPOLOGIES),
    }
    for option, (given, names) in known.items():
        if given not in names:
            raise SettingError(f"model {name!r}: no {option} {given!r}; {did_you_mean(given, names)}")
