"""Steps of time, and pairs of places in a chain."""

from ...imports import submodules

__getattr__ = submodules(__name__)
