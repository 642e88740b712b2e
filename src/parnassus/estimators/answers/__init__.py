"""What fitted estimators say in the user's terms, beyond `predict`."""

from ...imports import submodules

__getattr__ = submodules(__name__)
