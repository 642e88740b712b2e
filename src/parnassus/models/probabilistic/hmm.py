"""Hidden Markov models by name: what the states emit says which."""

from typing import Literal

import torch

from ...errors import SettingError, did_you_mean
from ...functional.chains import Chain, left_to_right
from ...layers.emissions import Categorical, Covariance, Emissions, Gaussian, Mixture
from ...objectives.probabilistic.baum_welch import Algorithm, BaumWelch
from ...registry import model

Topology = Literal["ergodic", "left_to_right"]
TOPOLOGIES = ("ergodic", "left_to_right")
ALGORITHMS = ("baum_welch", "viterbi")
STARTS = ("segmental", "labels")
COVARIANCES = ("diagonal", "spherical", "full", "tied")


@model.register("hmm")
def gaussian(
    *,
    step_features: int,
    n_states: int = 3,
    topology: Topology = "ergodic",
    entry_exit: bool = False,
    tied: tuple[int, ...] | None = None,
    algorithm: Algorithm = "baum_welch",
    start: Literal["segmental", "labels"] = "segmental",
    prior: float = 0.0,
    tol: float = 1e-6,
    covariance: Covariance = "diagonal",
    covariance_floor: float = 1e-6,
    emission_prior: float = 0.0,
) -> BaumWelch:
    """A hidden Markov model whose states emit Gaussians."""
    _check(covariance, "covariance", COVARIANCES)
    emissions = Gaussian(
        _n_densities(n_states, tied),
        step_features,
        covariance=covariance,
        floor=covariance_floor,
        prior=emission_prior,
    )
    return _chained(emissions, n_states, topology, entry_exit, tied, algorithm, start, prior, tol)


@model.register("hmm", name="gmm")
def gaussian_mixtures(
    *,
    step_features: int,
    n_states: int = 3,
    topology: Topology = "ergodic",
    entry_exit: bool = False,
    tied: tuple[int, ...] | None = None,
    algorithm: Algorithm = "baum_welch",
    start: Literal["segmental", "labels"] = "segmental",
    prior: float = 0.0,
    tol: float = 1e-6,
    covariance: Covariance = "diagonal",
    covariance_floor: float = 1e-6,
    emission_prior: float = 0.0,
    n_mixtures: int = 2,
) -> BaumWelch:
    """A hidden Markov model whose states emit mixtures of Gaussians."""
    _check(covariance, "covariance", COVARIANCES)
    if n_mixtures < 1:
        raise SettingError(f"HMM: n_mixtures is at least 1; got {n_mixtures}")
    emissions = Mixture(
        _n_densities(n_states, tied),
        step_features,
        n_mixtures=n_mixtures,
        covariance=covariance,
        floor=covariance_floor,
        prior=emission_prior,
    )
    return _chained(emissions, n_states, topology, entry_exit, tied, algorithm, start, prior, tol)


@model.register("hmm")
def categorical(
    *,
    vocab_size: int,
    n_states: int = 3,
    topology: Topology = "ergodic",
    entry_exit: bool = False,
    tied: tuple[int, ...] | None = None,
    algorithm: Algorithm = "baum_welch",
    start: Literal["segmental", "labels"] = "segmental",
    prior: float = 0.0,
    tol: float = 1e-6,
    emission_prior: float = 0.0,
) -> BaumWelch:
    """A hidden Markov model whose states emit symbols."""
    emissions = Categorical(_n_densities(n_states, tied), vocab_size, prior=emission_prior)
    return _chained(emissions, n_states, topology, entry_exit, tied, algorithm, start, prior, tol)


def _chained(
    emissions: Emissions,
    n_states: int,
    topology: str,
    entry_exit: bool,
    tied: tuple[int, ...] | None,
    algorithm: Algorithm,
    start: Literal["segmental", "labels"],
    prior: float,
    tol: float,
) -> BaumWelch:
    """The emissions behind a chain of this topology."""
    for name, given, known in (
        ("topology", topology, TOPOLOGIES),
        ("algorithm", algorithm, ALGORITHMS),
        ("start", start, STARTS),
    ):
        _check(given, name, known)
    if prior < 0 or tol < 0:
        raise SettingError(f"HMM: prior and tol are at least 0; got prior={prior}, tol={tol}")
    chain = first_chain(n_states, topology, entry_exit=entry_exit)
    return BaumWelch(
        chain, emissions, entry_exit=entry_exit, tied=tied, algorithm=algorithm, prior=prior, tol=tol, start=start
    )


def first_chain(n_states: int, topology: str, *, entry_exit: bool) -> Chain:
    """Where EM starts: states that tend to stay, and go on to the next or to any other alike."""
    if topology == "left_to_right":
        chain = left_to_right(n_states, stay=0.5)
        if not entry_exit:
            chain.transitions[-1, -1] = 1
        return chain
    stay, ends = 0.5 if n_states > 1 else 1.0, 0.1 if entry_exit else 0.0
    transitions = torch.full((n_states, n_states), (1 - stay) / max(n_states - 1, 1), dtype=torch.float64)
    transitions.fill_diagonal_(stay)
    start = torch.full((n_states,), 1 / n_states, dtype=torch.float64)
    return Chain(start, transitions * (1 - ends), torch.full_like(start, ends))


def _n_densities(n_states: int, tied: tuple[int, ...] | None) -> int:
    if n_states < 1:
        raise SettingError(f"HMM: n_states is at least 1; got {n_states}")
    if tied is not None and len(tied) != n_states:
        raise SettingError(f"tied names a density for each of {n_states} states; got {len(tied)}: {tied}")
    return n_states if tied is None else max(tied) + 1


def _check(given: str, option: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise SettingError(f"HMM: no {option} {given!r}; {did_you_mean(given, known)}")
