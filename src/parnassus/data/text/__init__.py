"""Texts: cut into units, counted, paired, tagged."""

from ...imports import submodules

__getattr__ = submodules(__name__)
