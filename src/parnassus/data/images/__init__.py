"""Pictures and videos: read, kept as bytes, changed at random."""

from ...imports import submodules

__getattr__ = submodules(__name__)
