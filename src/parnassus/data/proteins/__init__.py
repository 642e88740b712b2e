"""Chains of amino acids and which of them touch."""

from ...imports import submodules

__getattr__ = submodules(__name__)
