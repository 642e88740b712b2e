"""Nets that say what a picture or a clip is of."""

from ...imports import submodules

__getattr__ = submodules(__name__)
