"""The derivations in NumPy, with hand-written gradients and a step-by-step trace: slow, short, and the tests' oracles.

Rows of x are samples: x is (n, d). Nothing here needs torch but `trace`, which reads a fitted estimator's weights.
"""

from .reading import trace
from .worked import Section, Worked, written

__all__ = ["Section", "Worked", "trace", "written"]
