"""What is marked in pictures: boxes, masks, keypoints, in every usual file."""

from ...imports import submodules

__getattr__ = submodules(__name__)
