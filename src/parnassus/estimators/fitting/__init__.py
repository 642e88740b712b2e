"""From raw data and settings to a trained objective."""

from ...imports import submodules

__getattr__ = submodules(__name__)
