"""The log evidence of a Gaussian process, its slope by the kernel's table, and the climb to where it is largest."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError
from ..probability import LOG_2PI
from .kernel_sums import KernelSum, Setting
from .processes import process_factor

Climbed = Callable[[Tensor], tuple[float, Tensor]]
TableEvidence = Callable[[Tensor, Tensor], tuple[float, Tensor, Tensor]]
NOISE = Setting("noise", 0.1, (1e-3, 1.0), (1e-6, 10.0))
START_ROWS = 400  # that searches from several starts look at
SCATTERED = 8  # points that are looked at for each that a search starts from
PERIODS = 48


class ProcessEvidence(NamedTuple):
    """ln p(y) summed over the columns of y, its slope by the table K + noise, and what predictions need.

    slope (n, n) : (a a' - outputs (K + noise)^-1) / 2, whose diagonal is the slope by each row's noise.
    weights (n, outputs) : a = (K + noise)^-1 y. factor (n, n) : lower, with L L' = K + noise.
    """

    value: float
    slope: Tensor
    weights: Tensor
    factor: Tensor


def process_evidence(within: Tensor, y: Tensor, *, noise: Tensor) -> ProcessEvidence:
    """The evidence of columns y (n, outputs) that share a process with table K (n, n) and variances noise (n,).

        ln p(y) = sum_outputs -y' (K + N)^-1 y / 2  - outputs (ln |K + N| + n ln 2 pi) / 2

    Source: Rasmussen and Williams 2006, eqs 2.30 and 5.9.

    >>> found = process_evidence(torch.eye(1), torch.zeros(1, 1), noise=torch.ones(1))
    >>> round(found.value, 4), round(-0.5 * math.log(2 * math.pi * 2), 4)
    (-1.2655, -1.2655)
    """
    n, outputs = y.shape
    factor = process_factor(within + noise.diag())
    weights = torch.cholesky_solve(y, factor)
    value = -0.5 * (y * weights).sum() - outputs * (factor.diagonal().log().sum() + n / 2 * LOG_2PI)
    slope = 0.5 * (weights @ weights.T - outputs * torch.cholesky_inverse(factor))
    return ProcessEvidence(float(value), slope, weights, factor)


def repeated_rows(noise: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """What rows that count `weight` times (n,) are to a process: their variances (n,), and what is added to ln p(y).

    A row seen w times is one with the noise over w; N(y; f, s)^w = N(y; f, s / w) (2 pi s)^((1 - w) / 2) w^(-1/2).
    """
    return noise / weight, (0.5 * (1 - weight) * (noise.log() + LOG_2PI) - 0.5 * weight.log()).sum()


def climb(function: Climbed, starts: Tensor, bounds: Tensor, *, max_iterations: int = 200) -> tuple[Tensor, float]:
    """The best point (p,) that L-BFGS finds from `starts` (runs, p) within bounds (p, 2), and the value there.

    `function` gives a value and its slope (p,) at a point; where it raises DataError no climb goes. Refused where every
    start is such a place.
    """
    from scipy.optimize import minimize

    def fallen(at: np.ndarray) -> tuple[float, np.ndarray]:
        try:
            value, slope = function(torch.from_numpy(at.copy()))
        except DataError as error:  # a wall a little above the highest place, so that steps are cut back from it
            refusals.append(error)
            return max(seen, default=0.0) + 1 + abs(max(seen, default=0.0)), np.zeros(len(at))
        seen.append(-value)
        return -value, -slope.detach().cpu().double().numpy()

    seen: list[float] = []
    refusals: list[DataError] = []
    best, highest = starts[0], -math.inf
    for start in starts:
        seen.clear()
        found = minimize(
            fallen, start.cpu().numpy(), jac=True, method="L-BFGS-B", bounds=bounds.tolist(),
            options={"maxiter": max_iterations},
        )  # fmt: skip
        if found.fun in seen and -found.fun > highest:
            best, highest = torch.from_numpy(found.x), -float(found.fun)
    if not math.isfinite(highest):
        raise refusals[0] if refusals else DataError("the evidence is not finite anywhere; look at the rows' sizes")
    return best, highest


def scattered(start: Tensor, tried: Tensor, n: int) -> Tensor:
    """n points spread over the box from tried[:, 0] to tried[:, 1], (n, p), like `start` (p,); none is drawn."""
    unit = torch.quasirandom.SobolEngine(len(start)).fast_forward(1).draw(n, dtype=start.dtype)
    return tried[:, 0] + unit * (tried[:, 1] - tried[:, 0])


def likely_starts(function: Climbed, settings: Sequence[Setting], n: int) -> Tensor:
    """Where the settings begin, and the n likeliest of points around it, as logarithms (n + 1, p).

    Around it are points all over the box that is tried, and for a period, whose evidence has many peaks, a ladder.
    """
    start = torch.tensor([s.start for s in settings], dtype=torch.float64).log()
    if not n:
        return start[None]
    tried = torch.tensor([s.tried for s in settings], dtype=torch.float64).log()
    points = [scattered(start, tried, SCATTERED * n)]
    for i, setting in enumerate(settings):
        if setting.name.split()[1:] == ["period"]:
            ladder = start.repeat(PERIODS, 1)
            low, high = tried[i].tolist()
            ladder[:, i] = torch.linspace(low, high, PERIODS, dtype=start.dtype)
            points.append(ladder)
    every = torch.cat(points)
    values = torch.tensor([_or_least(function, point) for point in every])
    return torch.cat([start[None], every[values.topk(n).indices]])


def _or_least(function: Climbed, at: Tensor) -> float:
    try:
        return function(at)[0]
    except DataError:
        return -math.inf


def by_settings(kernel: KernelSum, x: Tensor, evidence: TableEvidence) -> Climbed:
    """The evidence as a function of logarithms: first the kernel's settings, then what else `evidence` takes.

    `evidence(table, others)` gives a value, its slope by the table (n, n), and by the logarithms that are left.
    """
    n = len(kernel.settings)

    def function(logs: Tensor) -> tuple[float, Tensor]:
        logs = logs.to(x)
        with torch.enable_grad():
            own = logs[:n].clone().requires_grad_()
            table = kernel(own.exp(), x, x)
            value, slope, others = evidence(table.detach(), logs[n:])
            (first,) = torch.autograd.grad((table * slope).sum(), own)
        return value, torch.cat([first, others])

    return function


def noisy_evidence(y: Tensor, weight: Tensor) -> TableEvidence:
    """The evidence of y (n, outputs) by a table and the logarithm of a noise variance, rows counting `weight` (n,)."""

    def evidence(table: Tensor, others: Tensor) -> tuple[float, Tensor, Tensor]:
        noise, more = repeated_rows(others.exp(), weight)
        found = process_evidence(table, y, noise=noise)
        slope = (found.slope.diagonal() * noise).sum() + 0.5 * y.shape[1] * (1 - weight).sum()
        return found.value + y.shape[1] * float(more), found.slope, slope[None]

    return evidence


def learn_process(
    x: Tensor, y: Tensor, *, kernel: KernelSum, weight: Tensor | None = None, n_restarts: int = 4
) -> tuple[Tensor, float]:
    """The logarithms (p + 1,) of the kernel's settings and of the noise variance that make y likeliest; the evidence.

    x (n, d) and y (n, outputs) are best standardised: searches begin at variances of 1 and a noise of 0.1. The restarts
    look at `START_ROWS` rows at most, and the best of them goes on with all.

    Systems: gaussian-process
    Source: Rasmussen and Williams 2006, section 5.4.1; Byrd, Lu, Nocedal and Zhu 1995 for the climb.
    """
    weight = torch.ones_like(x[:, 0]) if weight is None else weight

    def of_rows(rows: Tensor) -> Climbed:
        return by_settings(kernel, x[rows], noisy_evidence(y[rows], weight[rows]))

    return learn_settings(of_rows, [*kernel.settings, NOISE], x, n_restarts=n_restarts, start_rows=START_ROWS)


def learn_settings(
    of_rows: Callable[[Tensor], Climbed], settings: Sequence[Setting], x: Tensor, *, n_restarts: int, start_rows: int
) -> tuple[Tensor, float]:
    """The best settings (p,), as logarithms, that climbs find, and the evidence there; `of_rows(index)` is some rows'.

    Climbs from several starts look at `start_rows` rows at most; the best of them goes on with all rows of x.
    """
    bounds = torch.tensor([s.bounds for s in settings], dtype=torch.float64).log()
    some = every = torch.arange(len(x), device=x.device)
    if len(x) > start_rows:
        some = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:start_rows].to(x.device)
    function = of_rows(some)
    best = climb(function, likely_starts(function, settings, n_restarts), bounds)
    if some is every:
        return best
    tried = torch.tensor([s.tried for s in settings], dtype=torch.float64).log()
    near = best[0].clamp(tried[:, 0] - 1, tried[:, 1] + 1)  # at a scale of 1e5 there is no slope to come back by
    return climb(of_rows(every), near[None], bounds)
