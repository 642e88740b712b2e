"""Gaussian mixtures by variational Bayes: components that the rows do not need empty out."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from ...functional.variational import (
    Weights,
    dirichlet_weights,
    log_precision_excess,
    stick_breaking_weights,
)
from .mixtures import GaussianMixtureEM

Prior = Literal["dirichlet", "dirichlet_process"]
SHARE = 10 * torch.finfo(torch.float64).eps  # of a row: what an empty component holds, so that it may be divided by
MEAN_ROWS = 1.0  # rows with the mean of all that the prior of a component's mean is worth


class DirichletMixture(GaussianMixtureEM):
    """A mixture whose weights have a Dirichlet prior, its means a Gaussian and its precisions a Wishart prior.

        ln rho_nk = E ln c_k + E ln N(x_n; mean_k, covariance_k),   gamma = rho / sum rho
        mean_k = (m_0 + N_k x_k) / (1 + N_k)
        covariance_k = (S_0 + N_k S_k + N_k / (1 + N_k) (x_k - m_0)(x_k - m_0)') / (d + N_k)

    x_k and S_k are the mean and covariance of the component's rows, m_0 and S_0 those of all. `weights`, `means` and
    `covariances` are the posteriors' means, and what the mixture says of new rows is the density that they make.
    Components are not repaired: one without rows keeps a weight of about concentration / n, and the prior's mean.
    The log-likelihood is sum_n ln sum_k rho_nk, which is no bound: it may fall a little, and ends where it rests.

    Systems: gmm
    Source: Bishop 2006, 10.2; Blei and Jordan 2006 for the process; numbers are scikit-learn's.
    """

    def __init__(
        self, in_features: int, n_components: int, *, prior: Prior, concentration: float, **options: Any
    ) -> None:
        super().__init__(in_features, n_components, **options)
        made: Callable[..., Weights] = dirichlet_weights if prior == "dirichlet" else stick_breaking_weights
        self.posterior = partial(made, concentration=concentration)
        self.register_buffer("log_factors", self.weights.log())

    log_factors: Tensor  # what rows' scores have in place of ln c_k: E ln c_k and what E ln N has beside ln N

    def scored_weights(self) -> Tensor:
        return self.log_factors.exp()

    def allowance(self, sums: list[Tensor]) -> Tensor:
        return torch.full_like(self.log_likelihood, torch.inf)

    def _start_run(self, run: int, x: Tensor, weight: Tensor, generator: torch.Generator) -> None:
        super()._start_run(run, x, weight, generator)
        self.log_factors[run] = self.weights[run].clamp(min=torch.finfo(torch.float64).tiny).log()

    def maximise(self, sums: list[Tensor], kept: Tensor) -> Tensor:
        runs, k, d = self.means.shape
        counts, moments, extra = sums[0].view(self.weights.shape), sums[1].view(runs, k, -1), sums[2]
        n, whole = counts.sum(1, keepdim=True), moments.sum(1, keepdim=True)
        middle = whole[..., :d] / n[..., None]
        overall = self.shape.covariances(n, whole, extra, 0.0) * _like(n / (n - 1), self.covariances[:, :1])
        counts = counts + SHARE
        own = moments[..., :d] / counts[..., None]
        scatter = self.shape.covariances(counts, moments, extra, self.reg_covar)
        precision, away = MEAN_ROWS + counts, own - middle
        means = (MEAN_ROWS * middle + counts[..., None] * own) / precision[..., None]
        pull = counts * MEAN_ROWS / precision
        if self.covariance_type == "tied":
            degrees = (d + counts.sum(1, keepdim=True) / k).expand_as(counts)
            between = (away * pull[..., None]).mT @ away / k
            covariances = (overall + scatter * _like(n / k, scatter) + between) / _like(degrees[:, :1], scatter)
        else:
            degrees = d + counts
            between = _like(pull, scatter) * self._squared(away)
            covariances = (overall + _like(counts, scatter) * scatter + between) / _like(degrees, scatter)
        weights = self.posterior(counts)
        factors = weights.log_mean + 0.5 * (log_precision_excess(degrees, d) - d / precision)
        held = {"weights": weights.mean, "means": means, "covariances": covariances, "log_factors": factors}
        for name, new in held.items():
            getattr(self, name).copy_(torch.where(_like(kept, new), getattr(self, name), new))
        self._worst = self._scores = None
        return torch.zeros_like(kept)

    def _squared(self, away: Tensor) -> Tensor:
        """Differences (runs, k, d) squared in the shape of the covariances."""
        if self.covariance_type == "full":
            return away[..., :, None] * away[..., None, :]
        return away.square().mean(-1) if self.covariance_type == "spherical" else away.square()


def _like(values: Tensor, other: Tensor) -> Tensor:
    """Values with as many trailing dimensions as other has."""
    if values.ndim > other.ndim:
        return values[(...,) + (0,) * (values.ndim - other.ndim)]
    return values.view(*values.shape, *[1] * (other.ndim - values.ndim))
