"""Draws from any log density, and whether they can be believed; densities fitted to it."""

from . import examples
from .calibration import Calibration, simulation_ranks
from .chains import Chains
from .diagnostics import (
    autocorrelation,
    bulk_ess,
    energy_fraction,
    mcse,
    mean_ess,
    split_rhat,
    tail_ess,
)
from .minimum import Minimum, minimize
from .networks import BayesianNetwork
from .pareto import pareto_shape, pareto_smoothed
from .run import resume, sample
from .variational import Variational, fit_variational

__all__ = [
    "BayesianNetwork",
    "Calibration",
    "Chains",
    "Minimum",
    "Variational",
    "autocorrelation",
    "bulk_ess",
    "energy_fraction",
    "examples",
    "fit_variational",
    "mcse",
    "mean_ess",
    "minimize",
    "pareto_shape",
    "pareto_smoothed",
    "resume",
    "sample",
    "simulation_ranks",
    "split_rhat",
    "tail_ess",
]
