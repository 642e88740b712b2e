"""Mixtures of Gaussians and k-means, an equation a function: the readable twins of `models`' blocked training.

Rows x are (n, d); gamma (n, k) is each component's share of each row.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .probability import LOG_2PI, log_gaussian

# --- Mixtures --------------------------------------------------------------------------------------------------------


def responsibilities(log_joint: Tensor) -> tuple[Tensor, Tensor]:
    """gamma_nk = c_k N_k(x_n) / sum_j c_j N_j(x_n) (n, k), and ln p(x_n) (n,), from ln c_k N_k(x_n) (n, k).

    Source: Hifny A13.10 eq. 13.55.
    """
    log_p = log_joint.logsumexp(-1)
    return (log_joint - log_p[..., None]).exp(), log_p


@dataclass(frozen=True)
class GaussianParameters:
    """Weights (k,), means (k, d) and full covariances (k, d, d) of a mixture."""

    weights: Tensor
    means: Tensor
    covariances: Tensor


def em_step(x: Tensor, start: GaussianParameters, *, floor: float = 0.0) -> tuple[GaussianParameters, Tensor]:
    """The mixture after one step of EM, and the log-likelihood (of all rows together) before it.

    N_k = sum_n gamma_nk, c_k = N_k / n, mean_k = sum gamma x / N_k, covariance_k = sum gamma (x - mean_k)(x - mean_k)'
    / N_k about the new mean, plus `floor` on the diagonal. Without a floor the log-likelihood never falls.

    Systems: gmm
    Source: Dempster, Laird and Rubin 1977; Hifny A13.9 and A13.10 eqs. 13.54 to 13.61, algorithm 13.1.
    """
    gamma, log_p = responsibilities(start.weights.log() + log_gaussian(x, start.means, start.covariances))
    counts = gamma.sum(0)
    means = gamma.T @ x / counts[:, None]
    gaps = x[:, None] - means
    covariances = torch.einsum("nk,nki,nkj->kij", gamma, gaps, gaps) / counts[:, None, None]
    covariances = covariances + floor * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    return GaussianParameters(counts / len(x), means, covariances), log_p.sum()


# --- The exponential form --------------------------------------------------------------------------------------------


def exponential_form(means: Tensor, variances: Tensor) -> Tensor:
    """w (..., 2 d + 1) with N(x; mean, diag(variance)) = exp(w . [1, x, x^2]), means and variances (..., d).

    w_0 = -sum (mean^2 / variance + ln 2 pi variance) / 2, then mean / variance, then -1 / (2 variance). The book's
    eqs. 13.71 to 13.74 take the constant off once more, as A(w); it is in w_0 already (F37).

    Systems: gmm-exponential-form
    Source: Hifny A13.14 eqs. 13.69 to 13.73.

    >>> exponential_form(torch.tensor([1.5]), torch.tensor([0.8]))
    tensor([-2.2136,  1.8750, -0.6250])
    """
    bias = -0.5 * (means.square() / variances + variances.log() + LOG_2PI).sum(-1, keepdim=True)
    return torch.cat([bias, means / variances, -0.5 / variances], -1)


def from_exponential_form(w: Tensor) -> tuple[Tensor, Tensor]:
    """Means and variances (..., d) from w (..., 2 d + 1): mean = -w_i / (2 w_{d+i}), variance = -1 / (2 w_{d+i})."""
    linear, square = w[..., 1:].chunk(2, -1)
    return -linear / (2 * square), -0.5 / square


def powers(x: Tensor) -> Tensor:
    """[1, x, x^2] (n, 2 d + 1)."""
    return torch.cat([torch.ones_like(x[:, :1]), x, x.square()], 1)


def exponential_network(x: Tensor, w: Tensor, weights: Tensor, log_prior: Tensor) -> Tensor:
    """ln P(class) + ln p(x given class) (n, classes) as a net: a layer of exponential units, then logs of their sums.

    The unit of component k of class i is exp(w_ik . [1, x, x^2]); the class's output is the log of the units' weighted
    sum plus its bias, the log of its prior. w (classes, k, 2 d + 1), weights (classes, k). Sums are taken of
    logarithms, so that no unit overflows.

    Systems: gmm-exponential-form
    Source: Hifny A13.15 eq. 13.74, figure 13.6.
    """
    hidden = torch.einsum("nf,ckf->nck", powers(x), w)
    return (hidden + weights.log()).logsumexp(-1) + log_prior


# --- k-means ---------------------------------------------------------------------------------------------------------


def assign(x: Tensor, centers: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest center of each row (n,), and the squared distance to it (n,); of equal ones the first."""
    distance = (x.square().sum(1, keepdim=True) - 2 * x @ centers.T + centers.square().sum(1)).clamp_(min=0)
    nearest = distance.min(1)
    return nearest.indices, nearest.values


def lloyd_step(x: Tensor, centers: Tensor) -> tuple[Tensor, Tensor]:
    """The centers (k, d) after one round of k-means, and the inertia J = sum |x_n - center|^2 before it.

    Each center becomes the mean of the rows nearest to it. One that is nearest to none takes the row that lies
    farthest from its own center, which then leaves the mean it was in; a second takes the second farthest.

    Systems: kmeans
    Source: Lloyd 1957 (1982); Hifny A13.12 eqs. 13.67 and 13.68, which has no rule for a center without rows.

    >>> lloyd_step(torch.tensor([[1.0], [2.0], [3.0], [10.0], [11.0], [12.0]]), torch.tensor([[1.0], [2.0]]))
    (tensor([[1.0000],
            [7.6000]]), tensor(246.))
    """
    labels, distance = assign(x, centers)
    taken = torch.nn.functional.one_hot(labels, len(centers)).to(x.dtype)
    empty = (taken.sum(0) == 0).nonzero()[:, 0]
    for center, row in zip(empty.tolist(), distance.argsort(descending=True).tolist(), strict=False):
        taken[row] = 0
        taken[row, center] = 1
    counts = taken.sum(0)
    sums = taken.T @ x
    return torch.where(counts[:, None] > 0, sums / counts.clamp(min=1e-300)[:, None], centers), distance.sum()


def seed_centers(x: Tensor, n_clusters: int, weight: Tensor, *, generator: torch.Generator) -> Tensor:
    """Rows drawn as first centers (n_clusters, d): far ones are likelier, by the squared distance to the nearest drawn.

    Of 2 + ln k draws at a time the one is kept that leaves the least inertia.

    Source: Arthur and Vassilvitskii 2007 (k-means++, with the greedy draws of its section 7).
    """
    weight = weight.to(x.dtype)
    n_tries = 2 + int(torch.tensor(float(n_clusters)).log())
    first = torch.multinomial(weight, 1, generator=generator)
    centers = [x[first[0]]]
    distance = (x - centers[0]).square().sum(1)
    for _ in range(1, n_clusters):
        chance = distance * weight
        if not chance.sum() > 0:  # fewer different rows than centers
            chance = weight
        drawn = torch.multinomial(chance, n_tries, replacement=True, generator=generator)
        gaps = torch.minimum((x - x[drawn][:, None]).square().sum(2), distance)
        best = (gaps * weight).sum(1).argmin()
        distance = gaps[best]
        centers.append(x[drawn[best]])
    return torch.stack(centers)
