"""Nets of words and subwords: Transformers, language models, translators, taggers, vectors of words."""

from ...imports import submodules

__getattr__ = submodules(__name__)
