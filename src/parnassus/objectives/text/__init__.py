"""Language: the next word, the hidden one, the tag, the answer, the translation."""

from ...imports import submodules

__getattr__ = submodules(__name__)
