"""Gaussian mixtures learned by EM, several starts or classes side by side."""

import warnings
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from ...errors import DataError, DataWarning, SettingError
from ...functional.covariances import Scores, shape_of
from ...functional.diagonals import expected
from ...functional.mixtures import assign, seed_centers
from ...train.phase import Batch
from .em import BLOCK, EM, lowest_of, shares_of

Init = Literal["kmeans", "k-means++", "random_from_data"]
NOTHING = 1e-10  # of the rows' weight: a component with less has no data
ROUNDS = 20  # of k-means on the rows that a start is made from


class GaussianMixtureEM(EM):
    """Mixtures of Gaussians, `n_runs` of them side by side, in float64.

    ln p(x) = ln sum_k c_k N(x; mean_k, covariance_k). `reg_covar` is added to the diagonal of every covariance, in the
    columns' squared units: it is the floor that keeps components from shrinking onto a row. A component left without
    rows is set on the row that the mixture explains worst, with the mean covariance, and a warning says so.

    Attributes: `weights` (runs, k), `means` (runs, k, d), `covariances` (runs, ...), `log_likelihood` (runs,) a row.

    Systems: gmm
    Source: Hifny A13.9 and A13.10 eqs. 13.54 to 13.61, algorithm 13.1.
    """

    def __init__(
        self,
        in_features: int,
        n_components: int,
        *,
        n_runs: int = 1,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        init: Init = "kmeans",
        means: Sequence[Sequence[float]] = (),
    ) -> None:
        super().__init__(n_runs, tol=tol)
        self.covariance_type, self.reg_covar, self.init = covariance_type, reg_covar, init
        self.shape = shape_of(covariance_type)
        self.given = means
        k, d = n_components, in_features
        eye = {1: torch.ones(k), 2: torch.ones(k, d)}.get(len(self.shape.size(k, d)), torch.eye(d).expand(k, d, d))
        eye = torch.eye(d) if covariance_type == "tied" else eye
        self.register_buffer("weights", torch.full((n_runs, k), 1 / k, dtype=torch.float64))
        self.register_buffer("means", torch.zeros(n_runs, k, d, dtype=torch.float64))
        self.register_buffer("covariances", eye.double().expand(n_runs, *eye.shape).clone())
        self.register_buffer("shift", torch.zeros(d, dtype=torch.float64))
        self.register_buffer("n_repaired", torch.tensor(0))
        self._worst: tuple[Tensor, Tensor] | None = None
        self._scores: Scores | None = None

    weights: Tensor
    means: Tensor
    covariances: Tensor
    shift: Tensor
    n_repaired: Tensor

    @property
    def n_parameters(self) -> int:
        """How many free numbers one mixture has, for BIC and AIC."""
        k, d = self.means.shape[1:]
        return self.shape.n_parameters(k, d) + k * d + k - 1

    @property
    def block(self) -> int:
        k, d = self.means[0].numel(), self.means.shape[2]
        width = d * d if self.covariance_type == "full" else 2 * d
        return max(16, min(BLOCK, (1 << 22) // max(width, len(self.means) * k)))

    def origin(self) -> Tensor:
        return self.shift

    # --- start ------------------------------------------------------------------------------------

    def start(self, batch: Batch, n_rows: int) -> None:
        """Hard shares by k-means on some rows, a start of its own for each run, and the model that they make."""
        share = self.shares(batch)
        x = batch["x"].double()
        total = share.sum(1)
        self.shift.copy_(total @ x / total.sum())
        x = x - self.shift
        generator = torch.Generator(x.device).manual_seed(int(torch.randint(2**31, ())))
        n_components = self.means.shape[1]
        for run in range(len(self.means)):
            weight = share[:, run]
            if not (weight > 0).any():  # none of this class's rows are among those seen: those of the others will do
                weight = total
            self._start_run(run, x, weight, generator)
        if n_rows < n_components:
            raise DataError(f"{n_rows} rows cannot hold {n_components} components; lower n_components, or give more")

    def _start_run(self, run: int, x: Tensor, weight: Tensor, generator: torch.Generator) -> None:
        k = self.means.shape[1]
        if self.given:
            given = torch.tensor(self.given, dtype=torch.float64, device=x.device)
            if given.shape != self.means.shape[1:]:
                due = tuple(self.means.shape[1:])
                raise SettingError(f"means is (n_components, features) {due}; got {tuple(given.shape)}")
            self.covariances[run] = self._fit_pooled(x, weight).expand_as(self.covariances[run])
            self.means[run], self.weights[run] = given - self.shift, 1 / k
            return
        centers = seed_centers(x, k, weight, generator=generator)
        if self.init == "random_from_data":
            centers = x[torch.multinomial(weight, k, replacement=int((weight > 0).sum()) < k, generator=generator)]
        for _ in range(ROUNDS if self.init == "kmeans" else 0):
            taken = torch.nn.functional.one_hot(assign(x, centers)[0], k).double() * weight[:, None]
            counts = taken.sum(0)[:, None]
            centers = torch.where(counts > 0, taken.T @ x / counts.clamp(min=1e-300), centers)
        taken = torch.nn.functional.one_hot(assign(x, centers)[0], k).double()
        self._fit_run(run, taken, x, weight)
        empty = (taken * weight[:, None]).sum(0) == 0
        self.means[run] = torch.where(empty[:, None], centers, self.means[run])

    def _fit_pooled(self, x: Tensor, weight: Tensor) -> Tensor:
        """The covariance of all rows as one component of this shape (broadcasts over components)."""
        counts, sums, extra = self._moments(x, weight[:, None], x.new_ones(len(x), 1))
        return self.shape.covariances(counts, sums, extra, self.reg_covar)[0]

    def _fit_run(self, run: int, gamma: Tensor, x: Tensor, weight: Tensor) -> None:
        """The model of one run that given shares (n, k) of rows make."""
        counts, sums, extra = self._moments(x, weight[:, None], gamma)
        counts = counts.clamp(min=1e-10)
        self.weights[run] = (counts / counts.sum())[0]
        self.means[run] = (sums[..., : x.shape[1]] / counts[..., None])[0]
        found = self.shape.covariances(counts, sums, extra, self.reg_covar)[0]
        empty = counts[0] <= 1e-9
        if empty.any() and self.covariance_type != "tied":
            pooled = self._fit_pooled(x, weight).expand_as(found)
            found = torch.where(empty.view(-1, *[1] * (found.ndim - 1)), pooled, found)
        self.covariances[run] = found

    def _moments(self, x: Tensor, share: Tensor, gamma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Counts (1, k), sums of features (1, k, f) and what else the shape adds up, of rows a block at a time."""
        parts = [
            (held.sum(0), held.T @ self.shape.features(rows), self.shape.extra(rows, own))
            for rows, own, held in zip(
                x.split(self.block), share.split(self.block), (gamma * share).split(self.block), strict=True
            )
        ]
        counts, sums, extra = (torch.stack(p).sum(0) for p in zip(*parts, strict=True))
        return counts[None], sums[None], extra

    def scored_weights(self) -> Tensor:
        """What rows' shares weigh the components' densities by (runs, k); a posterior's need not sum to one."""
        return self.weights

    # --- E step and M step ------------------------------------------------------------------------

    def add(self, batch: Batch) -> Tensor:
        found = self._by_kernel(batch)
        if found is not None:
            return self.book(found)
        if self._sums is None:
            self._scores = self.shape.scores(self.scored_weights(), self.means, self.covariances)
        return super().add(batch)

    def _by_kernel(self, batch: Batch) -> list[Tensor] | None:
        """The sums of all rows at once, where covariances are diagonal and there is a kernel."""
        if self.covariance_type not in ("diag", "spherical"):
            return None
        variances = self.covariances if self.covariance_type == "diag" else self.covariances[..., None]
        x, share = batch["x"], self.shares(batch)
        found = expected(x, self.shift, share, self.scored_weights(), self.means, variances.expand_as(self.means))
        if found is None:
            return None
        self._keep_worst(found.worst, x[found.rows].double() - self.shift)
        counts, sums, squares = found.moments
        extra = x.new_zeros(share.shape[1], dtype=torch.float64)
        return [share.sum(0), found.log_likelihood, counts, torch.cat([sums, squares], 1), extra]

    def gather(self, x: Tensor, share: Tensor) -> list[Tensor]:
        assert self._scores is not None
        features = self.shape.features(x)
        gamma, log_p = shares_of(self._scores(x, features), share)
        lowest = log_p.where(share > 0, torch.inf).min(0)
        self._keep_worst(lowest.values, x[lowest.indices])
        return [(log_p * share).sum(0), gamma.sum(0), gamma.T @ features, self.shape.extra(x, share)]

    def _keep_worst(self, worst: Tensor, rows: Tensor) -> None:
        """The row (runs, d) that each run explains least (runs,) of all it was shown since the last M step."""
        before, held = self._worst or (worst, rows)
        self._worst = torch.minimum(worst, before), torch.where((worst < before)[:, None], rows, held)

    def allowance(self, sums: list[Tensor]) -> Tensor:
        """The floor is no part of the M step: it can cost reg_covar / 2 sum_k c_k tr(1 / old covariance_k) a row."""
        k, d = self.means.shape[1:]
        counts = sums[0].view(self.weights.shape)
        share = counts / counts.sum(1, keepdim=True)
        return self.reg_covar / 2 * (share * self.shape.precision_traces(self.covariances, k, d)).sum(1)

    def maximise(self, sums: list[Tensor], kept: Tensor) -> Tensor:
        runs, k, d = self.means.shape
        counts, moments, extra = sums[0].view(self.weights.shape), sums[1].view(runs, k, -1), sums[2]
        total = counts.sum(1, keepdim=True)
        empty = (counts <= NOTHING * total) & ~kept[:, None]
        safe = counts.clamp(min=1e-290)
        covariances = self.shape.covariances(safe, moments, extra, self.reg_covar)
        means, weights = moments[..., :d] / safe[..., None], counts / total
        for run, component in empty.nonzero().tolist():
            weights, covariances = self._repair(run, component, means, weights, covariances, empty)
        held = {"weights": weights, "means": means, "covariances": covariances}
        for name, new in held.items():
            old = getattr(self, name)
            old.copy_(torch.where(kept.view(-1, *[1] * (old.ndim - 1)), old, new))
        self._worst = self._scores = None
        return empty.any(1)

    def _repair(
        self, run: int, component: int, means: Tensor, weights: Tensor, covariances: Tensor, empty: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Set a component without rows on the row explained worst; the mean covariance is its own."""
        assert self._worst is not None
        warnings.warn(
            f"component {component} (run {run}) was left without rows in EM iteration {int(self.n_iter)} and was set "
            f"on the row explained worst; lower n_components where this repeats",
            DataWarning,
            stacklevel=2,
        )
        means[run, component] = lowest_of(self.ranks, self._worst[0][run], self._worst[1][run])
        if self.covariance_type != "tied":
            alive = torch.where(empty[run], 0, weights[run])
            mean = torch.einsum(
                "k,k...->...",
                alive / alive.sum(),
                covariances[run].where(~empty[run].view(-1, *[1] * (covariances.ndim - 2)), 0.0),
            )
            covariances[run, component] = mean
        weights[run, component] = 1 / (1 + weights.shape[1]) ** 2
        weights[run] /= weights[run].sum()
        self.n_repaired.add_(1)
        return weights, covariances

    # --- what the leading run says ----------------------------------------------------------------

    def log_joint(self, x: Tensor) -> Tensor:
        """ln c_k N_k(x) (n, k) of the leading run, float64."""
        run = slice(self.leader, self.leader + 1)
        score = self.shape.scores(self.weights[run], self.means[run], self.covariances[run])
        parts = [score(part, self.shape.features(part)) for part in (x.double() - self.shift).split(self.block)]
        return torch.cat(parts)

    def log_density(self, batch: Batch) -> Tensor:
        """ln p(x) (n,), float64."""
        return self.log_joint(batch["x"]).logsumexp(1)

    def responsibilities(self, batch: Batch) -> Tensor:
        """Each component's share of each row (n, k), float64."""
        return self.log_joint(batch["x"]).softmax(1)

    @property
    def leading(self) -> Tensor:
        """The means (k, d) of the leading run, in the rows' own place."""
        return self.means[self.leader] + self.shift

    def outputs(self, batch: Batch) -> Tensor:
        return self.log_joint(batch["x"])

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        found, weight = self.log_density(batch), batch.get("weight")
        return {"loss": -found.mean() if weight is None else -(found * weight).sum() / weight.sum()}

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Rows drawn from the leading run (n, d), and which component each is of (n,), float64 on the CPU."""
        run = self.leader
        k, d = self.means.shape[1:]
        at = torch.multinomial(self.weights[run].cpu(), n, replacement=True, generator=generator)
        noise = torch.randn(n, d, dtype=torch.float64, generator=generator)
        factors = self.shape.factors(self.covariances[run], k, d).cpu()
        x = self.means[run].cpu()[at]
        for component in range(k):
            x[at == component] += noise[at == component] @ factors[component].T
        return x + self.shift.cpu(), at
