"""Search for settings: spaces from signatures, trials judged on rows they were not fitted on, pruning, resume."""

from .result import Nested, Trial, Tuning
from .search import tune
from .space import OneOf, Range, space_of

__all__ = ["OneOf", "Nested", "Range", "Trial", "Tuning", "space_of", "tune"]
