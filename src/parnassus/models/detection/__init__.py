"""Nets that say where in a picture: boxes, masks, keypoints, a class for every pixel."""

from ...imports import submodules

__getattr__ = submodules(__name__)
