"""Raw data to tensors and back: codecs, rows, sources, splits, audits."""

from ..imports import submodules

__getattr__ = submodules(__name__)
