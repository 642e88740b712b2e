"""Models by name: modules above, builders below; one family a file, loaded when it is first used."""

from ..imports import submodules

__getattr__ = submodules(__name__)
