"""Tasks, scikit-learn style."""

from ..imports import submodules

__getattr__ = submodules(__name__)
