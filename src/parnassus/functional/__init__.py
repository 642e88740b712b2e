"""One equation a function: tensors in, tensors out, no state; a module is loaded when it is first used."""

from ..imports import submodules

__getattr__ = submodules(__name__)
