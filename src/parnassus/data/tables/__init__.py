"""Tables: columns of any kind, read, checked, scaled, encoded."""

from ...imports import submodules

__getattr__ = submodules(__name__)
