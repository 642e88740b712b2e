"""Series and sequences: ordered, on a grid of time, cut into windows."""

from ...imports import submodules

__getattr__ = submodules(__name__)
