"""Learning by sums over rows: expectation maximisation, k-means, Bayes' rule."""

from ...imports import submodules

__getattr__ = submodules(__name__)
