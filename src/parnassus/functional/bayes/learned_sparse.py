"""A Gaussian process of many rows: settings and inducing points of the largest bound on the evidence."""

import math

import torch
from torch import Tensor

from .kernel_sums import KernelSum
from .process_evidence import NOISE, START_ROWS, Climbed, climb, learn_process, repeated_rows
from .sparse import collapsed_bound

STEPS = 100  # of the climb in settings and points together


def sparse_bound(x: Tensor, y: Tensor, *, kernel: KernelSum, weight: Tensor) -> Climbed:
    """The bound as a function of logarithms (p + 1,), noise last, and behind them the inducing points, one by one."""
    n = len(kernel.settings)

    def function(at: Tensor) -> tuple[float, Tensor]:
        with torch.enable_grad():
            own = at.to(x).requires_grad_()
            settings, points = own[:n].exp(), own[n + 1 :].view(-1, x.shape[1])
            noise, more = repeated_rows(own[n].exp(), weight)
            prior = kernel.diagonal(settings, x).expand(len(x))
            bounds = [
                collapsed_bound(x, column, points, kernel=lambda a, b: kernel(settings, a, b), noise=noise, prior=prior)
                for column in y.T
            ]
            total = torch.stack(bounds).sum() + y.shape[1] * more
            (slope,) = torch.autograd.grad(total, own)
        return float(total.detach()), slope

    return function


def learn_sparse_process(
    x: Tensor, y: Tensor, *, kernel: KernelSum, n_inducing: int, weight: Tensor | None = None, n_restarts: int = 4
) -> tuple[Tensor, Tensor, float]:
    """Logarithms (p + 1,) of the kernel's settings and the noise, inducing points (m, d), the bound on the evidence.

    x (n, d) and y (n, outputs) are best standardised. The settings begin where `learn_process` finds them on some rows,
    the points at rows; then both climb together, at a cost of n m^2 a step.

    Source: Titsias 2009.
    """
    weight = torch.ones_like(x[:, 0]) if weight is None else weight
    some, points = some_points(x, n_inducing)
    logs, _ = learn_process(x[some], y[some], kernel=kernel, weight=weight[some], n_restarts=n_restarts)
    ends = torch.tensor([s.bounds for s in [*kernel.settings, NOISE]], dtype=torch.float64).log()
    anywhere = torch.tensor([[-math.inf, math.inf]], dtype=torch.float64).expand(points.numel(), 2)
    start = torch.cat([logs.cpu(), points.flatten()])
    function = sparse_bound(x, y, kernel=kernel, weight=weight)
    best, value = climb(function, start[None], torch.cat([ends, anywhere]), max_iterations=STEPS)
    return best[: len(logs)], best[len(logs) :].view(-1, x.shape[1]), value


def some_points(x: Tensor, n_inducing: int) -> tuple[Tensor, Tensor]:
    """Where learning begins: numbers of at most `START_ROWS` rows of x (n, d), and points (m, d), rows that differ."""
    generator = torch.Generator().manual_seed(0)
    some = torch.randperm(len(x), generator=generator)[:START_ROWS].to(x.device)
    distinct = torch.unique(x, dim=0).cpu()
    return some, distinct[torch.randperm(len(distinct), generator=generator)[:n_inducing]]
