"""Models that make rows: autoencoders, adversaries, diffusions, flows, Boltzmann machines."""

from ...imports import submodules

__getattr__ = submodules(__name__)
