"""Weights with a distribution, and processes."""

from ...imports import submodules

__getattr__ = submodules(__name__)
