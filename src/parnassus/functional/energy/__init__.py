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
from .replicated import estimated_length_log_partitions, length_log_partitions, log_orders
from .restricted import (
    Machine,
    contrastive_slopes,
    draw_hidden,
    draw_visible,
    estimated_log_partition,
    exact_log_partition,
    free_energy,
    hidden_probability,
    joint_energy,
    pseudo_likelihood,
    swap_powers,
    tempered,
    visible_mean,
)
from .unnormalised import probability_flow, unit_log_likelihood

__all__ = [
    "Machine",
    "boltzmann_energy",
    "boltzmann_gradient",
    "boltzmann_law",
    "contrastive_slopes",
    "draw_hidden",
    "draw_visible",
    "energy_gap",
    "estimated_length_log_partitions",
    "estimated_log_partition",
    "exact_log_partition",
    "free_energy",
    "gibbs_sweeps",
    "hebbian_weights",
    "hidden_probability",
    "hopfield_energy",
    "joint_energy",
    "length_log_partitions",
    "log_orders",
    "modern_recall",
    "probability_flow",
    "pseudo_likelihood",
    "recall",
    "swap_powers",
    "tempered",
    "unit_log_likelihood",
    "unit_probability",
    "visible_mean",
]
