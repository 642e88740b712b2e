"""Random convolutions of series and least squares on what they find."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ...train.phase import Batch
from ..rules import LeastSquares, Targets

LENGTHS = (7, 9, 11)
BLOCK = 64  # rows that are convolved at once


class RandomConvolutions(LeastSquares):
    """Ridge regression on two features of each of many random convolutions: the largest value, and the share above 0.

    Each kernel has a length of 7, 9 or 11, weights of N(0, 1) less their mean, a bias of U(-1, 1), a dilation of 2^a
    with a of U(0, log2((max_length - 1) / (length - 1))), and with one chance in two zeros around the series. A kernel
    that is longer than a row is padded, and with several columns each kernel sees them all.

    Systems: sequence-classification
    Source: Dempster, Petitjean and Webb 2020 (ROCKET); Baker 6.2.2. Two changes: kernels see all columns of several,
    and the penalty is given, for features of variance 1, and not searched for.
    """

    def __init__(
        self, step_features: int, n_outputs: int, max_length: int, *, n_kernels: int, l2: float, targets: Targets
    ) -> None:
        super().__init__(2 * n_kernels, n_outputs, l2=l2, targets=targets)
        length = torch.tensor(LENGTHS)[torch.randint(len(LENGTHS), (n_kernels,))]
        most = torch.log2(((max_length - 1) / (length - 1)).clamp(min=1))
        dilation = torch.exp2(torch.rand(n_kernels) * most).long()
        padded = torch.rand(n_kernels) < 0.5
        weight = torch.randn(n_kernels, step_features, max(LENGTHS))
        weight *= torch.arange(max(LENGTHS)) < length[:, None, None]
        mean = weight.sum((1, 2)) / (length * step_features)
        weight -= mean[:, None, None] * (torch.arange(max(LENGTHS)) < length[:, None, None])
        self.register_buffer("kernels", weight)
        self.register_buffer("biases", torch.rand(n_kernels) * 2 - 1)
        self.register_buffer("kinds", torch.stack([length, dilation, padded.long()], 1))

    kernels: Tensor
    biases: Tensor
    kinds: Tensor

    def inputs(self, batch: Batch) -> Tensor:
        """(batch, 2 n_kernels) float32: the largest value of every kernel, then the shares above 0."""
        x = batch["x"].float()
        lengths = batch["lengths"] if "lengths" in batch else torch.full((len(x),), x.shape[1], device=x.device)
        made = x.new_empty(len(x), 2 * len(self.kernels))
        for n in lengths.unique().tolist():
            rows = (lengths == n).nonzero()[:, 0]
            for some in rows.split(BLOCK):
                made[some] = self._of_one_length(x[some, :n].mT)
        return made

    def _of_one_length(self, x: Tensor) -> Tensor:
        found = x.new_empty(2, len(x), len(self.kernels))
        for length, dilation, padded in self.kinds.unique(dim=0).tolist():
            own = (self.kinds == self.kinds.new_tensor([length, dilation, padded])).all(1).nonzero()[:, 0]
            span = (length - 1) * dilation + 1
            short = max(0, span - x.shape[2])  # zeros that make room for at least one place
            around = span // 2 if padded else -(-short // 2)
            kernel = self.kernels[own, :, :length]
            h = F.conv1d(x, kernel, self.biases[own], padding=around, dilation=dilation)
            found[0][:, own], found[1][:, own] = h.amax(2), (h > 0).float().mean(2)
        return found.permute(1, 0, 2).flatten(1)

    def begin(self, batch: Batch) -> None:
        """Nothing: features need no shift."""

    def solve(self) -> None:
        """The weights, every feature having the same variance while they are charged."""
        assert self._sums is not None
        n, x, t, xx, xt = self._sums
        self._sums = None
        x_mean, t_mean = x / n, t / n
        spread = (xx - n * x_mean[:, None] * x_mean).diagonal().clamp(min=0).div(n).sqrt()
        gain = torch.where(spread > 1e-6, 1 / spread, 0.0)  # what never varies says nothing
        inner = (xx - n * x_mean[:, None] * x_mean) * gain[:, None] * gain
        inner.diagonal().add_(self.l2 * float(n) * len(self.kernels))
        outer = (xt - n * x_mean[:, None] * t_mean) * gain[:, None]
        w = torch.cholesky_solve(outer, torch.linalg.cholesky(inner)) * gain[:, None]
        self.w[:, :-1] = w.T
        self.w[:, -1] = t_mean - x_mean @ w
