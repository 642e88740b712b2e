"""Densities of a few hidden directions: probabilistic PCA and factor analysis."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ...errors import DataError, SettingError
from ...functional.probability import LOG_2PI
from ...registry import model
from ...train.phase import Batch, Objective, Phase

TINY = 1e-12


class HiddenDirections(Objective):
    """x = mean + W z + noise, z standard normal: N(mean, W W' + diag(noise)), learned from sums of x and x x'.

    All in float64; rows may come in any number of batches.
    """

    full_batch = True
    epochs = 1

    def __init__(self, in_features: int, n_components: int) -> None:
        super().__init__()
        if not 1 <= n_components <= in_features:
            raise SettingError(f"n_components lies in 1 to {in_features}, the features; got {n_components}")
        self.n_components = n_components
        zeros = torch.zeros(in_features, dtype=torch.float64)
        self.register_buffer("mean", zeros.clone())
        self.register_buffer("shift", zeros.clone())
        self.register_buffer("loadings", torch.zeros(in_features, n_components, dtype=torch.float64))
        self.register_buffer("noise", torch.ones(in_features, dtype=torch.float64))
        self._sums: list[Tensor] | None = None

    mean: Tensor
    shift: Tensor
    loadings: Tensor
    noise: Tensor

    @property
    def n_parameters(self) -> int:
        """How many free numbers there are: a rotation of the hidden directions changes nothing."""
        d, k = self.loadings.shape
        return d + d * k - k * (k - 1) // 2 + self.n_noises

    @property
    def n_noises(self) -> int:
        """How many variances of noise are free."""
        return len(self.noise)

    def solve(self, covariance: Tensor, n: float) -> None:
        """Loadings and noise from the rows' covariance over n."""
        raise NotImplementedError

    def begin(self, batch: Batch) -> None:
        self.shift.copy_(batch["x"].double().mean(0))

    def phases(self) -> Sequence[Phase]:
        return [Phase("solve", self.add, after=self.finish)]

    def add(self, batch: Batch) -> Tensor:
        """Minus the mean log-density of the model so far; adds the rows to the sums."""
        weight = batch["weight"].double() if "weight" in batch else None
        x = batch["x"].double() - self.shift
        share = x.new_ones(len(x)) if weight is None else weight
        parts = [share.sum(), share @ x, (share[:, None] * x).T @ x]
        self._sums = parts if self._sums is None else [a + b for a, b in zip(self._sums, parts, strict=True)]
        return self.evaluate(batch)["loss"]

    def finish(self) -> None:
        """The model of the sums, which are then forgotten."""
        assert self._sums is not None
        n, x, xx = self._sums
        self._sums = None
        if n < 2:
            raise DataError("a covariance needs 2 rows or more; got 1")
        mean = x / n
        self.mean.copy_(mean + self.shift)
        self.solve(xx / n - mean[:, None] * mean, float(n))

    def _inner(self) -> tuple[Tensor, Tensor]:
        """W' / noise (k, d), and the Cholesky factor of I + W' W / noise: k by k, however wide the rows are."""
        scaled = self.loadings.T / self.noise
        eye = torch.eye(self.n_components, dtype=scaled.dtype, device=scaled.device)
        return scaled, torch.linalg.cholesky(eye + scaled @ self.loadings)

    def log_density(self, batch: Batch) -> Tensor:
        """ln p(x) (n,), float64, by the matrix inversion lemma."""
        scaled, factor = self._inner()
        gaps = batch["x"].double() - self.mean
        pulled = torch.linalg.solve_triangular(factor, scaled @ gaps.T, upper=False)
        distance = (gaps.square() / self.noise).sum(1) - pulled.square().sum(0)
        log_det = self.noise.log().sum() + 2 * factor.diagonal().log().sum()
        return -0.5 * (gaps.shape[1] * LOG_2PI + log_det + distance)

    def project(self, batch: Batch) -> Tensor:
        """The expected hidden values of rows (n, n_components), float64."""
        scaled, factor = self._inner()
        return torch.cholesky_solve(scaled @ (batch["x"].double() - self.mean).T, factor).T

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Rows drawn from the density (n, d), and the hidden values of each, float64 on the CPU."""
        z = torch.randn(n, self.n_components, dtype=torch.float64, generator=generator)
        noise = torch.randn(n, len(self.mean), dtype=torch.float64, generator=generator) * self.noise.cpu().sqrt()
        return self.mean.cpu() + z @ self.loadings.cpu().T + noise, z

    def outputs(self, batch: Batch) -> Tensor:
        return self.log_density(batch)[:, None]

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        found, weight = self.log_density(batch), batch.get("weight")
        return {"loss": -found.mean() if weight is None else -(found * weight).sum() / weight.sum()}


class ProbabilisticPCA(HiddenDirections):
    """Noise alike in every column: W = Q (lambda - noise)^(1/2), the noise the mean of the variances left out.

    The covariance is that over n - 1, as in scikit-learn's PCA. Source: Tipping and Bishop 1999.
    """

    n_noises = 1

    def solve(self, covariance: Tensor, n: float) -> None:
        values, vectors = torch.linalg.eigh(covariance * (n / (n - 1)))
        values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
        k = self.n_components
        left = values[k:]
        noise = max(float(left.mean()) if len(left) else 0.0, TINY * float(values[0]))
        self.noise.fill_(noise)
        self.loadings.copy_(vectors[:, :k] * (values[:k] - noise).clamp(min=0).sqrt())


class FactorAnalysis(HiddenDirections):
    """Noise of its own in every column, found by iterating on the eigenvectors of the covariance scaled by it.

    It ends when the log-likelihood of all rows gains less than `tol`. Source: Barber 2012, section 21.2.
    """

    def __init__(self, in_features: int, n_components: int, *, tol: float = 1e-2, max_iter: int = 1000) -> None:
        super().__init__(in_features, n_components)
        self.tol, self.max_iter = tol, max_iter

    def solve(self, covariance: Tensor, n: float) -> None:
        variance = covariance.diagonal()
        noise, k, before = torch.ones_like(variance), self.n_components, -math.inf
        for _ in range(self.max_iter):
            root = noise.sqrt() + TINY
            values, vectors = torch.linalg.eigh(covariance / (root[:, None] * root))
            values, vectors = values.flip(0)[:k].clamp(min=0), vectors.flip(1)[:, :k]
            rest = (variance / root.square()).sum() - values.sum()
            loadings = vectors * (values - 1).clamp(min=0).sqrt() * root[:, None]
            log_p = len(root) * LOG_2PI + k + values.log().sum() + rest + noise.log().sum()
            found = float(-0.5 * n * log_p)
            self.loadings.copy_(loadings)
            self.noise.copy_(noise)
            if found - before < self.tol:
                break
            before = found
            noise = (variance - loadings.square().sum(1)).clamp(min=TINY)
        self.noise.copy_(noise)


@model.register("density")
def ppca(*, in_features: int, n_components: int = 2) -> ProbabilisticPCA:
    """Probabilistic PCA: a Gaussian whose covariance is a few directions and noise alike in every column."""
    return ProbabilisticPCA(in_features, n_components)


@model.register("density")
def factor_analysis(
    *, in_features: int, n_components: int = 2, tol: float = 1e-2, max_iter: int = 1000
) -> FactorAnalysis:
    """Factor analysis: a Gaussian whose covariance is a few directions and noise of its own in every column."""
    if not tol >= 0 or max_iter < 1:
        raise SettingError(f"model 'factor_analysis': tol is 0 or more, max_iter 1 or more; got {tol!r} and {max_iter}")
    return FactorAnalysis(in_features, n_components, tol=tol, max_iter=max_iter)
