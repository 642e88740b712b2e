"""What makes rows, and how it learns to."""

from ...imports import submodules

__getattr__ = submodules(__name__)
