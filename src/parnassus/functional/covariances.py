"""Four shapes of a mixture's covariances: how each scores rows fast, and what it must add up for the next ones.

Runs of a mixture that start differently are trained side by side: weights are (r, k), means (r, k, d), and a row's
scores (n, r k). Everything is float64, about an origin near the data, so that squares lose no digits.
"""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from ..errors import SettingError, did_you_mean
from .probability import LOG_2PI, cholesky

Scores = Callable[[Tensor, Tensor], Tensor]


class Shape:
    """What a covariance may be. `features` of rows are what is multiplied by the rows' shares and added up."""

    name: ClassVar[str]

    def size(self, k: int, d: int) -> tuple[int, ...]:
        """The shape of one run's covariances."""
        raise NotImplementedError

    def n_parameters(self, k: int, d: int) -> int:
        """How many numbers one run's covariances hold."""
        raise NotImplementedError

    def features(self, x: Tensor) -> Tensor:
        """(n, d + more): x first."""
        raise NotImplementedError

    def scores(self, weights: Tensor, means: Tensor, covariances: Tensor) -> Scores:
        """A function from x and its features to ln c_k N_k(x) (n, r k)."""
        raise NotImplementedError

    def extra(self, x: Tensor, share: Tensor) -> Tensor:
        """What is added up beside the features, (r, ...); share (n, r) counts the rows."""
        return x.new_zeros(share.shape[1])

    def covariances(self, counts: Tensor, sums: Tensor, extra: Tensor, floor: float) -> Tensor:
        """Covariances about the new means, `floor` added to their diagonals, from the sums over rows.

        counts (r, k), sums of the features (r, k, f).
        """
        raise NotImplementedError

    def precision_traces(self, covariances: Tensor, k: int, d: int) -> Tensor:
        """The traces of the inverses (r, k)."""
        raise NotImplementedError

    def factors(self, covariances: Tensor, k: int, d: int) -> Tensor:
        """L (k, d, d) with L L' = covariance, of one run."""
        raise NotImplementedError


class Diagonal(Shape):
    """Variances (k, d); scores are one matrix product with [x, x^2]: the exponential form."""

    name = "diag"

    def size(self, k: int, d: int) -> tuple[int, ...]:
        return (k, d)

    def n_parameters(self, k: int, d: int) -> int:
        return k * d

    def features(self, x: Tensor) -> Tensor:
        return torch.cat([x, x.square()], 1)

    def scores(self, weights: Tensor, means: Tensor, covariances: Tensor) -> Scores:
        precision = covariances.reciprocal()
        slopes = torch.cat([means * precision, -0.5 * precision], -1).flatten(0, 1).T.contiguous()
        bias = -0.5 * (means.square() * precision + covariances.log() + LOG_2PI).sum(-1) + weights.log()
        flat = bias.flatten()
        return lambda x, features: torch.addmm(flat, features, slopes)

    def covariances(self, counts: Tensor, sums: Tensor, extra: Tensor, floor: float) -> Tensor:
        mean, square = (sums / counts[..., None]).chunk(2, -1)
        return (square - mean.square()).clamp(min=0) + floor

    def precision_traces(self, covariances: Tensor, k: int, d: int) -> Tensor:
        return covariances.reciprocal().sum(-1)

    def factors(self, covariances: Tensor, k: int, d: int) -> Tensor:
        return covariances.sqrt().diag_embed()


class Spherical(Shape):
    """One variance a component (k,): the mean of the diagonal's."""

    name = "spherical"

    def size(self, k: int, d: int) -> tuple[int, ...]:
        return (k,)

    def n_parameters(self, k: int, d: int) -> int:
        return k

    def features(self, x: Tensor) -> Tensor:
        return torch.cat([x, x.square()], 1)

    def scores(self, weights: Tensor, means: Tensor, covariances: Tensor) -> Scores:
        return Diagonal().scores(weights, means, covariances[..., None].expand_as(means))

    def covariances(self, counts: Tensor, sums: Tensor, extra: Tensor, floor: float) -> Tensor:
        return Diagonal().covariances(counts, sums, extra, floor).mean(-1)

    def precision_traces(self, covariances: Tensor, k: int, d: int) -> Tensor:
        return d / covariances

    def factors(self, covariances: Tensor, k: int, d: int) -> Tensor:
        return covariances.sqrt()[:, None].expand(k, d).diag_embed()


class Full(Shape):
    """Covariances (k, d, d), scored through Cholesky factors."""

    name = "full"

    def size(self, k: int, d: int) -> tuple[int, ...]:
        return (k, d, d)

    def n_parameters(self, k: int, d: int) -> int:
        return k * d * (d + 1) // 2

    def features(self, x: Tensor) -> Tensor:
        return torch.cat([x, (x[:, :, None] * x[:, None]).flatten(1)], 1)

    def scores(self, weights: Tensor, means: Tensor, covariances: Tensor) -> Scores:
        whiten = _whitening(covariances).flatten(0, 1)  # (j, d, d)
        d = means.shape[-1]
        bias = _log_roots(whiten) - 0.5 * d * LOG_2PI + weights.flatten().log()
        columns = whiten.permute(1, 0, 2).reshape(d, -1)
        centers = (means.flatten(0, 1)[:, None] @ whiten).flatten()

        def scored(x: Tensor, features: Tensor) -> Tensor:
            gaps = torch.addmm(-centers, x, columns).unflatten(1, (-1, d))
            return torch.linalg.vector_norm(gaps, dim=2).square_().mul_(-0.5).add_(bias)

        return scored

    def covariances(self, counts: Tensor, sums: Tensor, extra: Tensor, floor: float) -> Tensor:
        d = round((sums.shape[-1] + 0.25) ** 0.5 - 0.5)
        mean, square = (sums / counts[..., None]).split([d, d * d], -1)
        found = square.unflatten(-1, (d, d)) - mean[..., :, None] * mean[..., None, :]
        return found + floor * torch.eye(d, dtype=found.dtype, device=found.device)

    def precision_traces(self, covariances: Tensor, k: int, d: int) -> Tensor:
        return _whitening(covariances).square().sum((-2, -1))

    def factors(self, covariances: Tensor, k: int, d: int) -> Tensor:
        return cholesky(covariances)


class Tied(Shape):
    """One covariance (d, d) that all components of a run share."""

    name = "tied"

    def size(self, k: int, d: int) -> tuple[int, ...]:
        return (d, d)

    def n_parameters(self, k: int, d: int) -> int:
        return d * (d + 1) // 2

    def features(self, x: Tensor) -> Tensor:
        return x

    def scores(self, weights: Tensor, means: Tensor, covariances: Tensor) -> Scores:
        return Full().scores(weights, means, covariances[:, None].expand(*means.shape, means.shape[-1]))

    def extra(self, x: Tensor, share: Tensor) -> Tensor:
        weighted = (share[:, :, None] * x[:, None]).flatten(1)
        return (weighted.T @ x).unflatten(0, (share.shape[1], -1))

    def covariances(self, counts: Tensor, sums: Tensor, extra: Tensor, floor: float) -> Tensor:
        between = (sums / counts[..., None]).mT @ sums
        found = (extra - between) / counts.sum(1)[:, None, None]
        return found + floor * torch.eye(found.shape[-1], dtype=found.dtype, device=found.device)

    def precision_traces(self, covariances: Tensor, k: int, d: int) -> Tensor:
        return _whitening(covariances).square().sum((-2, -1))[:, None].expand(-1, k)

    def factors(self, covariances: Tensor, k: int, d: int) -> Tensor:
        return cholesky(covariances).expand(k, d, d)


SHAPES: dict[str, Shape] = {kind.name: kind() for kind in (Full, Tied, Diagonal, Spherical)}


def shape_of(name: str) -> Shape:
    """The shape of a name: "full", "tied", "diag" (or "diagonal"), "spherical"."""
    found = SHAPES.get({"diagonal": "diag"}.get(name, name))
    if found is None:
        raise SettingError(f"no covariance {name!r}; {did_you_mean(name, SHAPES)}")
    return found


def _whitening(covariances: Tensor) -> Tensor:
    """P with P P' the inverse of the covariance: (x - mean) P has unit covariance."""
    factor = cholesky(covariances)
    eye = torch.eye(factor.shape[-1], dtype=factor.dtype, device=factor.device).expand_as(factor)
    return torch.linalg.solve_triangular(factor, eye, upper=False).mT


def _log_roots(whiten: Tensor) -> Tensor:
    """Half the logarithm of the precision's determinant."""
    return whiten.diagonal(dim1=-2, dim2=-1).log().sum(-1)
