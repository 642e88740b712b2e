"""Expectation maximisation for mixtures of Gaussians, by hand: rows of x (n, d) are samples."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .diagram import Diagram, chain_diagram
from .worked import Section, Worked

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Mixture:
    """Weights c (k,), means (k, d) and covariances (k, d, d)."""

    weights: Array
    means: Array
    covariances: Array

    def log_joint(self, x: ArrayLike) -> Array:
        """ln c_k + ln N(x; mean_k, covariance_k): (n, k)."""
        x = np.asarray(x, dtype=float)
        gaps = x[:, None] - self.means
        distance = np.einsum("nki,kij,nkj->nk", gaps, np.linalg.inv(self.covariances), gaps)
        log_det = np.linalg.slogdet(self.covariances)[1]
        return np.log(self.weights) - (distance + log_det + x.shape[1] * np.log(2 * np.pi)) / 2


@dataclass(frozen=True)
class EMStep(Worked):
    """One step: the log-likelihood before it, the responsibilities (n, k), and the mixture after it."""

    before: Mixture
    log_likelihood: float
    responsibilities: Array
    after: Mixture

    def sections(self) -> list[Section]:
        """Expectation, maximisation."""
        after = self.after
        return [
            Section("E step", {"log likelihood": self.log_likelihood, "responsibilities": self.responsibilities}),
            Section("M step", {"weights": after.weights, "means": after.means, "covariances": after.covariances}),
        ]

    def diagram(self) -> Diagram:
        """The two halves of a step."""
        return chain_diagram("expectation maximisation", ["x, mixture", "responsibilities", "new mixture"])


def em_step(mixture: Mixture, x: ArrayLike) -> EMStep:
    """The step: gamma_nk = c_k N_k(x_n) / sum; then c, means and covariances as means weighted by gamma.

    The covariance is taken about the new mean. The log-likelihood never falls.

    Source: Dempster, Laird and Rubin 1977; Hifny eqs. 13.55 to 13.61.
    """
    x = np.asarray(x, dtype=float)
    log_joint = mixture.log_joint(x)
    log_p = np.logaddexp.reduce(log_joint, axis=1)
    gamma = np.exp(log_joint - log_p[:, None])
    counts = gamma.sum(0)
    means = gamma.T @ x / counts[:, None]
    gaps = x[:, None] - means
    covariances = np.einsum("nk,nki,nkj->kij", gamma, gaps, gaps) / counts[:, None, None]
    return EMStep(mixture, float(log_p.sum()), gamma, Mixture(counts / len(x), means, covariances))


def em(mixture: Mixture, x: ArrayLike) -> Iterator[EMStep]:
    """Endless steps from this mixture on."""
    while True:
        step = em_step(mixture, x)
        yield step
        mixture = step.after
