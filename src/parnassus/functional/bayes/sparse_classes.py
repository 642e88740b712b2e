"""Gaussian processes of classes through inducing points: the best normal posterior, settings of the largest bound."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..probability import cholesky
from .kernel_sums import KernelSum
from .laplace_process import class_settings, learn_classes
from .learned_sparse import some_points
from .points import normal_nodes, normal_points
from .process_evidence import Climbed, climb
from .sparse import inducing_factor

STEPS = 60  # of the climb in settings and points together
CLIMBING = 4096  # rows that it looks at, which then stand for all
ROUNDS, NEAR = 30, 1e-7  # of the search for the posterior, and the share of the bound below which it ends
BLOCK = 2048  # rows whose scores are averaged at once
N_POINTS = 64  # that stand for the distribution of several scores
LEAST = 1e-10  # variance of a score

Table = Callable[[Tensor, Tensor], Tensor]


class Classes(NamedTuple):
    """q(u_c) = N(L mean_c, L (roots_c roots_c')^-1 L') of the scores c at the inducing points, L L' = K_uu.

    mean (k, m); roots (k, m, m) lower; bound : the evidence lower bound.
    """

    mean: Tensor
    roots: Tensor
    bound: float


class Rows:
    """Rows as the points see them: a (m, n) with a'a = Q, and what of the prior's variance the points leave open (n,).

    y : 0 or 1 (n,), or one-hot (n, k). weight (n,) : how often a row counts.
    """

    def __init__(self, a: Tensor, spare: Tensor, y: Tensor, weight: Tensor) -> None:
        self.a, self.spare, self.weight = a, spare, weight
        self.y = y[:, None] if y.ndim == 1 else y  # (n, scores)

    def blocks(self) -> Iterator["Rows"]:
        """The same, some rows after others."""
        for rows in torch.arange(len(self.weight), device=self.weight.device).split(BLOCK):
            yield Rows(self.a[:, rows], self.spare[rows], self.y[rows], self.weight[rows])

    def scores(self, mean: Tensor, roots: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance (n, k) of the scores."""
        spread = torch.linalg.solve_triangular(roots, self.a.expand(len(roots), -1, -1), upper=False).square().sum(1)
        return self.a.T @ mean.T, (self.spare + spread).T.clamp(min=LEAST)


def nodes_of(n_scores: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Points (s, k) and weights (s,) that stand for N(0, I): Gauss and Hermite's for the log-odds of two classes."""
    if n_scores == 1:
        nodes, weights = normal_nodes(like)
        return nodes[:, None], weights
    points = normal_points(n_scores, N_POINTS).to(like)
    return points, torch.full_like(points[:, 0], 1 / len(points))


def expected_log_likelihood(mean: Tensor, variance: Tensor, y: Tensor) -> Tensor:
    """E ln p(y | f) with f_c ~ N(mean_c, variance_c), (n,); moments (n, k), y one-hot (n, k), or 0 and 1 (n, 1)."""
    nodes, weights = nodes_of(mean.shape[1], mean)
    f = mean + variance.sqrt() * nodes[:, None]
    said = logsigmoid((2 * y - 1) * f).sum(-1) if mean.shape[1] == 1 else (y * f.log_softmax(-1)).sum(-1)
    return weights @ said


class Slopes(NamedTuple):
    """Of `expected_log_likelihood`: by means (n, k); minus the second by them (n, k, k); minus twice by variances."""

    pull: Tensor
    bends: Tensor
    widths: Tensor


def slopes(mean: Tensor, variance: Tensor, y: Tensor) -> Slopes:
    """Of rows' scores with such moments (n, k) and answers y (n, k)."""
    nodes, weights = nodes_of(mean.shape[1], mean)
    f = mean + variance.sqrt() * nodes[:, None]
    p = torch.sigmoid(f) if mean.shape[1] == 1 else f.softmax(-1)
    said = torch.einsum("s,snk->nk", weights, p)
    both = torch.einsum("s,snk,snl->nkl", weights, p, p)
    widths = torch.einsum("sk,snk->nk", weights[:, None] * nodes, p) / variance.sqrt()
    return Slopes(y - said, torch.diag_embed(said) - both, widths.clamp(min=0))


def best_classes(rows: Rows, start: Classes | None = None) -> Classes:
    """The q of the largest bound for points and kernel as they are.

    At the top P_c = I + A diag(w widths_c) A'; each round goes there, and by a Newton step with the means, or part of
    the way where the bound falls.

    Source: Opper and Archambeau 2009, eqs 10 and 11.
    """
    k, m = rows.y.shape[1], len(rows.a)
    own = torch.eye(m, dtype=rows.a.dtype, device=rows.a.device).repeat(k, 1, 1)
    found = Classes(rows.a.new_zeros(k, m), own.clone(), -math.inf)
    if start is not None:
        found, own = start, start.roots @ start.roots.mT
    found = found._replace(bound=bound_of(rows, found.mean, found.roots))
    for _ in range(ROUNDS):
        wanted, step = _aim(rows, found)
        share = 1.0
        while True:
            tried, mean = own + share * (wanted - own), found.mean + share * step
            roots = cholesky(tried)
            risen = bound_of(rows, mean, roots) - found.bound
            if risen >= 0 or share < 1e-3:
                break
            share /= 2
        if risen < 0:
            return found
        found, own = Classes(mean, roots, found.bound + risen), tried
        if risen <= NEAR * abs(found.bound):
            return found
    return found


def _aim(rows: Rows, found: Classes) -> tuple[Tensor, Tensor]:
    """The precisions (k, m, m) that the slopes at `found` ask for, and Newton's step of the means (k, m)."""
    k, m = found.mean.shape
    wanted = torch.eye(m, dtype=rows.a.dtype, device=rows.a.device).repeat(k, 1, 1)
    slope, bent = -found.mean, torch.eye(k * m).to(rows.a).view(k, m, k, m)
    for part in rows.blocks():
        pull, bends, widths = (
            part.weight.view(-1, *[1] * (v.ndim - 1)) * v for v in slopes(*part.scores(*found[:2]), part.y)
        )
        slope = slope + (part.a @ pull).T
        for c in range(k):
            wanted[c] += (part.a * widths[:, c]) @ part.a.T
            for d in range(c + 1):
                block = (part.a * bends[:, c, d]) @ part.a.T
                bent[c, :, d] += block
                if d < c:
                    bent[d, :, c] += block
    step = torch.cholesky_solve(slope.reshape(-1, 1), cholesky(bent.view(k * m, k * m)[None])[0])
    return wanted, step.view(k, m)


def bound_of(rows: Rows, mean: Tensor, roots: Tensor) -> float:
    """sum_i w_i E ln p(y_i | f_i) - sum_c KL(q_c || N(0, I)).

    Source: Hensman, Matthews and Ghahramani 2015, eq. 18, whitened.
    """
    likely = sum(
        float(part.weight @ expected_log_likelihood(*part.scores(mean, roots), part.y)) for part in rows.blocks()
    )
    return likely - divergence(mean, roots)


def divergence(mean: Tensor, roots: Tensor) -> float:
    """KL(N(mean_c, (R_c R_c')^-1) || N(0, I)) summed over c.

    >>> divergence(torch.zeros(2, 3), torch.eye(3).repeat(2, 1, 1))
    0.0
    """
    inverse = torch.linalg.solve_triangular(roots, torch.eye(mean.shape[1]).to(roots).expand_as(roots), upper=False)
    logs = roots.diagonal(dim1=1, dim2=2).log().sum()
    return float(0.5 * (inverse.square().sum() + mean.square().sum() - mean.numel()) + logs)


def seen_by(points: Tensor, x: Tensor, *, kernel: KernelSum, settings: Tensor) -> tuple[Tensor, Tensor]:
    """a (m, n) of `Rows`, and the variance that is left (n,)."""
    factor = inducing_factor(lambda u, v: kernel(settings, u, v), points)
    a = torch.linalg.solve_triangular(factor, kernel(settings, points, x), upper=False)
    return a, kernel.diagonal(settings, x) - a.square().sum(0)


def classes_bound(x: Tensor, y: Tensor, *, kernel: KernelSum, weight: Tensor) -> Climbed:
    """The bound at its best q, as a function of the settings' logarithms (p,) and, behind them, the points one by one.

    As q is the best, the slope is that with q held.
    """
    n, last = len(kernel.settings), list[Classes]()

    def function(at: Tensor) -> tuple[float, Tensor]:
        own = at.to(x)
        points = own[n:].view(-1, x.shape[1])
        rows = Rows(*seen_by(points, x, kernel=kernel, settings=own[:n].exp()), y, weight)
        found = best_classes(rows, last[-1] if last else None)
        last[:] = [found]
        slope = torch.zeros_like(own)
        with torch.enable_grad():
            for some in torch.arange(len(x), device=x.device).split(BLOCK):
                taken = own.detach().requires_grad_()
                a, spare = seen_by(taken[n:].view(-1, x.shape[1]), x[some], kernel=kernel, settings=taken[:n].exp())
                part = Rows(a, spare, y[some], weight[some])
                likely = part.weight @ expected_log_likelihood(*part.scores(found.mean, found.roots), part.y)
                slope += torch.autograd.grad(likely, taken)[0]
        return found.bound, slope

    return function


def learn_sparse_classes(
    x: Tensor, y: Tensor, *, kernel: KernelSum, n_inducing: int, weight: Tensor | None = None, n_restarts: int = 4
) -> tuple[Tensor, Tensor, Classes]:
    """Logarithms (p,) of the kernel's settings, inducing points (m, d), and the posterior of the scores there.

    x (n, d) is best standardised; y is 0 or 1 (n,), or one-hot (n, k). The settings begin where `learn_classes` finds
    them on some rows, the points at rows; then both climb together by the bound of `CLIMBING` rows, each counting for
    as many as it stands for, at a cost of k^2 m^2 for each. The posterior is that of all rows.

    Source: Hensman, Matthews and Ghahramani 2015, with q solved for instead of stepped along.
    """
    weight = torch.ones_like(x[:, 0]) if weight is None else weight
    some, points = some_points(x, n_inducing)
    logs, _ = learn_classes(x[some], y[some], kernel=kernel, weight=weight[some], n_restarts=n_restarts)
    ends = torch.tensor([s.bounds for s in class_settings(kernel)], dtype=torch.float64).log()
    anywhere = torch.tensor([[-math.inf, math.inf]], dtype=torch.float64).expand(points.numel(), 2)
    start = torch.cat([logs.cpu(), points.flatten()])
    few = torch.randperm(len(x), generator=torch.Generator().manual_seed(1))[:CLIMBING].to(x.device)
    counts = weight[few] * (weight.sum() / weight[few].sum())
    function = classes_bound(x[few], y[few], kernel=kernel, weight=counts)
    best, _ = climb(function, start[None], torch.cat([ends, anywhere]), max_iterations=STEPS)
    logs, points = best[: len(logs)].to(x), best[len(logs) :].view(-1, x.shape[1]).to(x)
    rows = Rows(*seen_by(points, x, kernel=kernel, settings=logs.exp()), y, weight)
    return logs, points, best_classes(rows)
