"""Boxes, masks and keypoints in pictures."""

from ...imports import submodules

__getattr__ = submodules(__name__)
