"""Linear and quadratic discriminant analysis: a Gaussian a class, with one covariance for all or one each."""

import torch
from torch import Tensor

from ...errors import SettingError
from ...functional.probability import LOG_2PI
from ...objectives.probabilistic.generative import ClassConditional
from ...registry import model

FLOOR = 1e-10  # of a column's variance, and of the largest direction's: what one without spread is taken to have


class Discriminant(ClassConditional):
    """What both add up: each class's sums of x and of x x'."""

    def __init__(self, in_features: int, n_outputs: int, n_covariances: int) -> None:
        super().__init__(in_features, n_outputs)
        eye = torch.eye(in_features, dtype=torch.float64)
        self.register_buffer("means", torch.zeros(self.n_classes, in_features, dtype=torch.float64))
        self.register_buffer("whiten", eye.expand(n_covariances, -1, -1).clone())  # (.., d, d): gaps to unit spread
        self.register_buffer("log_root", torch.zeros(n_covariances, dtype=torch.float64))

    means: Tensor
    whiten: Tensor
    log_root: Tensor

    @property
    def block(self) -> int:
        return max(16, min(4096, (1 << 22) // self.means.numel()))

    def gather(self, x: Tensor, share: Tensor) -> list[Tensor]:
        weighted = (share[:, :, None] * x[:, None]).flatten(1)
        return [share.T @ x, (weighted.T @ x).view(self.n_classes, -1, x.shape[1])]

    def scatter(self, counts: Tensor, sums: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Means (classes, d), sums of (x - mean)(x - mean)' in each class (classes, d, d), all rows' variances (d,)."""
        safe = counts.clamp(min=torch.finfo(counts.dtype).tiny)
        means = sums[0] / safe[:, None]
        mean = sums[0].sum(0) / counts.sum()
        total = sums[1].sum(0).diagonal() / counts.sum() - mean.square()
        return means, sums[1] - safe[:, None, None] * means[:, :, None] * means[:, None], total

    def settle(self, means: Tensor, covariances: Tensor, total: Tensor) -> None:
        """Keep the means, and the covariances as what whitens them, directions without spread at the floor.

        Columns are scaled to unit variance first, so that units do not matter; `total` (d,) are variances of all rows.
        """
        variances = covariances.diagonal(dim1=-2, dim2=-1).maximum(FLOOR * total)
        scale = variances.clamp(min=torch.finfo(total.dtype).tiny).sqrt()
        values, vectors = torch.linalg.eigh(covariances / (scale[:, :, None] * scale[:, None]))
        values = values.maximum(FLOOR * values.amax(-1, keepdim=True)).clamp(min=FLOOR)
        self.means.copy_(means)
        self.whiten.copy_(vectors / (values.sqrt()[:, None] * scale[:, :, None]))
        self.log_root.copy_(0.5 * values.log().sum(-1) + scale.log().sum(-1))

    def log_likelihood(self, x: Tensor) -> Tensor:
        columns = []
        for k, mean in enumerate(self.means):
            at = min(k, len(self.whiten) - 1)
            distance = ((x - mean) @ self.whiten[at]).square().sum(1)
            columns.append(-0.5 * distance - self.log_root[at])
        return torch.stack(columns, 1) - 0.5 * x.shape[1] * LOG_2PI


class LDA(Discriminant):
    """One covariance for all classes: scatter within classes over n, shrunk towards its mean variance; planes decide.

    Source: Fisher 1936; Hifny A13.4 and A13.6 for its parts.
    """

    def __init__(self, in_features: int, n_outputs: int, *, shrinkage: float = 0.0) -> None:
        super().__init__(in_features, n_outputs, 1)
        self.shrinkage = shrinkage

    def solve(self, counts: Tensor, sums: list[Tensor]) -> None:
        means, scatter, total = self.scatter(counts, sums)
        covariance = scatter.sum(0) / counts.sum()
        mean_variance = covariance.diagonal().mean()
        eye = torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
        shrunk = (1 - self.shrinkage) * covariance + self.shrinkage * mean_variance * eye
        self.settle(means, shrunk[None], total)


class QDA(Discriminant):
    """A covariance for each class (over n), `reg_param` of it replaced by the unit matrix; quadrics decide."""

    def __init__(self, in_features: int, n_outputs: int, *, reg_param: float = 0.0) -> None:
        super().__init__(in_features, n_outputs, 2 if n_outputs == 1 else n_outputs)
        self.reg_param = reg_param

    def solve(self, counts: Tensor, sums: list[Tensor]) -> None:
        self.need_rows(2, "a covariance needs two")
        means, scatter, total = self.scatter(counts, sums)
        covariances = scatter / counts.clamp(min=torch.finfo(counts.dtype).tiny)[:, None, None]
        eye = torch.eye(means.shape[1], dtype=means.dtype, device=means.device)
        self.settle(means, (1 - self.reg_param) * covariances + self.reg_param * eye, total)


@model.register("classifier")
def lda(*, in_features: int, n_outputs: int, shrinkage: float = 0.0) -> LDA:
    """Linear discriminant analysis: Gaussian classes of one covariance, shrunk by `shrinkage` from 0 to 1."""
    _share("lda", "shrinkage", shrinkage)
    return LDA(in_features, n_outputs, shrinkage=shrinkage)


@model.register("classifier")
def qda(*, in_features: int, n_outputs: int, reg_param: float = 0.0) -> QDA:
    """Quadratic discriminant analysis: a Gaussian of its own for each class, `reg_param` (0 to 1) of it round."""
    _share("qda", "reg_param", reg_param)
    return QDA(in_features, n_outputs, reg_param=reg_param)


def _share(name: str, option: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise SettingError(f"model {name!r}: {option} lies in [0, 1]; got {value!r}")
