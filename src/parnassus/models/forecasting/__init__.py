"""Models of the steps ahead, from the last value to N-HiTS."""

from ...imports import submodules

__getattr__ = submodules(__name__)
