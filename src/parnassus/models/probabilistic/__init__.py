"""Models that are distributions: mixtures, hidden Markov models, Gaussian processes, naive Bayes."""

from ...imports import submodules

__getattr__ = submodules(__name__)
