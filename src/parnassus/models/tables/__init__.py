"""Models of vectors and tables: linear, dense, and nets that know columns."""

from ...imports import submodules

__getattr__ = submodules(__name__)
