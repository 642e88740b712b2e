"""Sounds and what is said in them."""

from ...imports import submodules

__getattr__ = submodules(__name__)
