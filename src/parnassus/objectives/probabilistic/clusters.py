"""k-means: Lloyd's iterations over all rows, and steps of small batches."""

import warnings
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from ...errors import DataError, DataWarning, SettingError
from ...functional.mixtures import assign, seed_centers
from ...functional.nearest import lloyd_round
from ...train.phase import Batch, Objective, Phase
from .em import EM

Init = Literal["k-means++", "random"]


def first_centers(x: Tensor, weight: Tensor, n_clusters: int, *, init: str, generator: torch.Generator) -> Tensor:
    """Rows drawn as centers (n_clusters, d)."""
    if init == "random":
        replacement = int((weight > 0).sum()) < n_clusters
        return x[torch.multinomial(weight, n_clusters, replacement=replacement, generator=generator)]
    return seed_centers(x, n_clusters, weight, generator=generator)


def given_centers(given: Sequence[Sequence[float]], n_clusters: int, d: int) -> Tensor:
    """The centers that a setting holds, (n_clusters, d)."""
    centers = torch.tensor(given, dtype=torch.float64)
    if centers.shape != (n_clusters, d):
        raise SettingError(f"centers is (n_clusters, features) {(n_clusters, d)}; got {tuple(centers.shape)}")
    return centers


def pad(part: Tensor, n: int) -> Tensor:
    """Rows (m, ...) as (n, ...), with zeros behind them."""
    return torch.cat([part, part.new_zeros(n - len(part), *part.shape[1:])])


class Lloyd(EM):
    """k-means by Lloyd's iterations, `n_runs` starts side by side, in float64.

    Minimises J = sum |x_n - nearest center|^2. A run ends when its centers move by no more than `tol` times the mean
    variance of the columns (sum of squared moves), or not at all. A center that is nearest to no row is set on the row
    that lies farthest from its own center, as scikit-learn does. The loss is the mean squared distance.

    Systems: kmeans
    Source: Lloyd 1957 (1982); Hifny A13.12 and A13.13, Baker A205, Martinez-Ramon 3.4 and 3.5.5.
    """

    epochs = 300

    def __init__(
        self,
        in_features: int,
        n_clusters: int,
        *,
        n_runs: int = 1,
        tol: float = 1e-4,
        init: Init = "k-means++",
        centers: Sequence[Sequence[float]] = (),
    ) -> None:
        super().__init__(n_runs, tol=tol)
        self.init, self.given = init, centers
        self.register_buffer("centers", torch.zeros(n_runs, n_clusters, in_features, dtype=torch.float64))
        self.register_buffer("shift", torch.zeros(in_features, dtype=torch.float64))
        self.register_buffer("limit", torch.zeros((), dtype=torch.float64))
        self._far: list[tuple[Tensor, Tensor, Tensor, Tensor] | None] = [None] * n_runs

    centers: Tensor
    shift: Tensor
    limit: Tensor

    def origin(self) -> Tensor:
        return self.shift

    def start(self, batch: Batch, n_rows: int) -> None:
        n_runs, k, d = self.centers.shape
        if n_rows < k:
            raise DataError(f"{n_rows} rows cannot hold {k} clusters; lower n_clusters, or give more rows")
        weight = self.shares(batch)[:, 0]
        x = batch["x"].double()
        self.shift.copy_(weight @ x / weight.sum())
        x = x - self.shift
        self.limit.copy_(self.tol * (weight @ x.square() / weight.sum()).mean())
        generator = torch.Generator(x.device).manual_seed(int(torch.randint(2**31, ())))
        for run in range(n_runs):
            if self.given:
                self.centers[run] = given_centers(self.given, k, d).to(x.device) - self.shift
            else:
                self.centers[run] = first_centers(x, weight, k, init=self.init, generator=generator)

    def add(self, batch: Batch) -> Tensor:
        found = self._by_kernel(batch)
        return super().add(batch) if found is None else self.book(found)

    def _by_kernel(self, batch: Batch) -> list[Tensor] | None:
        """The sums of all rows at once, where there is a kernel."""
        x, weight = batch["x"], batch["weight"].double() if "weight" in batch else None
        rounds = []
        for run, centers in enumerate(self.centers):
            found = lloyd_round(x, self.shift, weight, centers, told=False)
            if found is None:
                return None
            if not bool(found.counts.all()):  # where every cluster has rows, none will ask for the farthest
                self._note_rows(run, x, weight)
            rounds.append(found)
        counted = centers.new_tensor(len(x)) if weight is None else weight.sum()
        parts = [[-r.inertia for r in rounds], [r.counts for r in rounds], [r.sums for r in rounds]]
        return [counted.expand(len(rounds)), *(torch.stack(part) for part in parts)]

    def _note_rows(self, run: int, x: Tensor, weight: Tensor | None) -> None:
        """Keep the farthest of rows that a run has left a cluster without."""
        found = lloyd_round(x, self.shift, weight, self.centers[run])
        assert found is not None
        own = found.distance.new_ones(len(x)) if weight is None else weight
        self._note_far(run, x.double() - self.shift, found.labels, found.distance.where(own > 0, -1.0), own)

    def gather(self, x: Tensor, share: Tensor) -> list[Tensor]:
        k = self.centers.shape[1]
        inertia, counts, sums = [], [], []
        squares = x.square().sum(1)
        for run, centers in enumerate(self.centers):
            # |x - c|^2 - |x|^2, a row a center: minima down columns are far faster than along rows
            nearest = torch.addmm(centers.square().sum(1, keepdim=True), centers, x.T, alpha=-2).min(0)
            labels, distance, own = nearest.indices, (nearest.values + squares).clamp_(min=0), share[:, run]
            inertia.append(-(distance @ own))
            counts.append(x.new_zeros(k).index_add_(0, labels, own))
            sums.append(x.new_zeros(k, x.shape[1]).index_add_(0, labels, x * own[:, None]))
            self._note_far(run, x, labels, distance.where(own > 0, -1.0), own)
        return [torch.stack(inertia), torch.stack(counts), torch.stack(sums)]

    def _note_far(self, run: int, x: Tensor, labels: Tensor, distance: Tensor, share: Tensor) -> None:
        """Keep the rows farthest from their centers, one a cluster, for clusters that turn out empty."""
        k, held = self.centers.shape[1], self._far[run]
        if held is not None and len(held[0]) >= k and not distance.max() > held[0][-1]:
            return
        far = distance.topk(min(k, len(x))).indices
        new = distance[far], x[far], labels[far], share[far]
        if held is not None:
            both = [torch.cat([a, b]) for a, b in zip(held, new, strict=True)]
            order = both[0].argsort(descending=True, stable=True)[:k]
            new = both[0][order], both[1][order], both[2][order], both[3][order]
        self._far[run] = new

    def advance(self) -> None:
        assert self._sums is not None
        weight, inertia, counts, sums = self._sums
        self._sums, kept = None, self.converged.clone()
        for run in range(len(self.centers)):
            if not kept[run]:
                self._relocate(run, counts[run], sums[run])
                old = self.centers[run]
                new = torch.where(counts[run][:, None] > 0, sums[run] / counts[run].clamp(min=1e-290)[:, None], old)
                self.converged[run] = (new - old).square().sum() <= self.limit
                self.log_likelihood[run] = inertia[run] / weight[run]
                self.centers[run] = new
        self._far = [None] * len(self._far)
        self.n_iter.add_(1)

    def _farthest(self, run: int) -> list[Tensor]:
        """Distances, rows, clusters and weights of the rows noted for a run, farthest first, of all ranks' rows."""
        held = self._far[run]
        assert held is not None
        if not self._divided:
            return list(held)
        k, n = self.centers.shape[1], len(held[0])
        padded = [torch.cat([held[0], held[0].new_full((k - n,), -1.0)]), *(pad(part, k) for part in held[1:])]
        every = [self.ranks.gathered(part).flatten(0, 1) for part in padded]
        order = every[0].argsort(descending=True, stable=True)[:k]
        return [part[order] for part in every]

    def _relocate(self, run: int, counts: Tensor, sums: Tensor) -> None:
        """Empty clusters take the farthest rows, which leave the means they were in."""
        empty = (counts == 0).nonzero()[:, 0].tolist()
        if not empty:
            return
        held = self._farthest(run)
        for cluster, distance, row, label, share in zip(empty, *held, strict=False):
            if distance > 0:
                counts[label] -= share
                sums[label] -= share * row
                counts[cluster], sums[cluster] = share, share * row
        if int(self.n_iter) > 0:
            warnings.warn(
                f"clusters {empty} were left without rows in iteration {int(self.n_iter)} and were set on the rows "
                f"farthest from their centers; lower n_clusters where this repeats",
                DataWarning,
                stacklevel=2,
            )

    # --- what the leading run says ----------------------------------------------------------------

    @property
    def leading(self) -> Tensor:
        """The centers (k, d) of the run with the least inertia."""
        return self.centers[self.leader] + self.shift

    def labels(self, batch: Batch) -> Tensor:
        """The nearest center of each row (n,)."""
        return self.nearest(batch)[0]

    def nearest(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The nearest center of each row (n,), and its squared distance (n,) float64."""
        x, centers = batch["x"], self.centers[self.leader]
        found = lloyd_round(x, self.shift, None, centers)
        return assign(x.double() - self.shift, centers) if found is None else (found.labels, found.distance)

    def distances(self, batch: Batch) -> Tensor:
        """The distance of each row to each center (n, k)."""
        return torch.cdist(batch["x"].double(), self.leading, compute_mode="donot_use_mm_for_euclid_dist")

    def inertia(self, batch: Batch) -> Tensor:
        """The squared distance of each row to its nearest center (n,)."""
        return self.nearest(batch)[1]

    def outputs(self, batch: Batch) -> Tensor:
        return -self.distances(batch)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        found, weight = self.inertia(batch), batch.get("weight")
        return {"loss": found.mean() if weight is None else (found * weight).sum() / weight.sum()}


class MiniBatchKMeans(Objective):
    """k-means by small batches: each center is the mean of all rows it was ever the nearest to.

    A step assigns a batch to the present centers and moves each by (mean of its rows - center) times their share of
    all rows that it has had. One pass is often enough. The loss is the mean squared distance before the step.

    Systems: kmeans
    Source: Sculley 2010.
    """

    epochs = 5

    def __init__(
        self,
        in_features: int,
        n_clusters: int,
        *,
        init: Init = "k-means++",
        centers: Sequence[Sequence[float]] = (),
    ) -> None:
        super().__init__()
        self.init, self.given = init, centers
        self.register_buffer("begun", torch.tensor(False))
        self.register_buffer("centers", torch.zeros(n_clusters, in_features, dtype=torch.float64))
        self.register_buffer("counts", torch.zeros(n_clusters, dtype=torch.float64))

    begun: Tensor
    centers: Tensor
    counts: Tensor

    def begin(self, batch: Batch) -> None:
        self.begin_from(batch, len(batch["x"]))

    def begin_from(self, batch: Batch, n_rows: int) -> None:
        """Start once, from some rows of n_rows."""
        k, d = self.centers.shape
        if n_rows < k:
            raise DataError(f"{n_rows} rows cannot hold {k} clusters; lower n_clusters, or give more rows")
        if self.begun:
            return
        x = batch["x"].double()
        generator = torch.Generator(x.device).manual_seed(int(torch.randint(2**31, ())))
        weight = batch["weight"].double() if "weight" in batch else x.new_ones(len(x))
        given = given_centers(self.given, k, d).to(x.device) if self.given else None
        drawn = first_centers(x, weight, k, init=self.init, generator=generator) if given is None else given
        self.centers.copy_(drawn)
        self.begun.fill_(True)

    def phases(self) -> Sequence[Phase]:
        return [Phase("step", self.step)]

    def step(self, batch: Batch) -> Tensor:
        """The mean squared distance of the rows; moves the centers towards them."""
        x = batch["x"].double()
        share = batch["weight"].double() if "weight" in batch else x.new_ones(len(x))
        labels, distance = assign(x, self.centers)
        taken = torch.nn.functional.one_hot(labels, len(self.centers)).double() * share[:, None]
        new = taken.sum(0)
        self.counts.add_(new)
        moved = (taken.T @ x - new[:, None] * self.centers) / self.counts.clamp(min=1e-290)[:, None]
        self.centers.add_(moved)
        return (distance * share).sum() / share.sum()

    @property
    def leading(self) -> Tensor:
        """The centers (k, d)."""
        return self.centers

    def labels(self, batch: Batch) -> Tensor:
        """The nearest center of each row (n,)."""
        return self.nearest(batch)[0]

    def nearest(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The nearest center of each row (n,), and its squared distance (n,) float64."""
        return assign(batch["x"].double(), self.centers)

    def inertia(self, batch: Batch) -> Tensor:
        """The squared distance of each row to its nearest center (n,)."""
        return self.nearest(batch)[1]

    def distances(self, batch: Batch) -> Tensor:
        """The distance of each row to each center (n, k)."""
        return torch.cdist(batch["x"].double(), self.centers, compute_mode="donot_use_mm_for_euclid_dist")

    def outputs(self, batch: Batch) -> Tensor:
        return -self.distances(batch)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        found, weight = self.inertia(batch), batch.get("weight")
        return {"loss": found.mean() if weight is None else (found * weight).sum() / weight.sum()}
