"""Machines with an energy: Hopfield nets, Boltzmann machines, and restricted ones."""

from .boltzmann import (
    boltzmann_energy,
    boltzmann_gradient,
    boltzmann_law,
    energy_gap,
    gibbs_sweeps,
    unit_probability,
)
from .hopfield import hebbian_weights, hopfield_energy, modern_recall, recall
from .restricted import (
    Machine,
    contrastive_slopes,
    estimated_log_partition,
    exact_log_partition,
    free_energy,
    hidden_probability,
    joint_energy,
    pseudo_likelihood,
    visible_mean,
)
from .unnormalised import probability_flow, unit_log_likelihood

__all__ = [
    "Machine",
    "boltzmann_energy",
    "boltzmann_gradient",
    "boltzmann_law",
    "contrastive_slopes",
    "energy_gap",
    "estimated_log_partition",
    "exact_log_partition",
    "free_energy",
    "gibbs_sweeps",
    "hebbian_weights",
    "hidden_probability",
    "hopfield_energy",
    "joint_energy",
    "modern_recall",
    "probability_flow",
    "pseudo_likelihood",
    "recall",
    "unit_log_likelihood",
    "unit_probability",
    "visible_mean",
]
