"""Parts of minimisation, as functions: conjugate gradient, secant updates, a line search, searches without slopes."""

import heapq
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import SettingError


def conjugate_gradient(
    product: Callable[[Tensor], Tensor],
    b: Tensor,
    *,
    start: Tensor | None = None,
    damping: float = 0.0,
    steps: int | None = None,
    tolerance: float = 1e-10,
) -> Tensor:
    """The solution x (n,) of (A + damping I) x = b for a symmetric A that is known by its products alone.

    Directions are conjugate, so n steps solve it exactly. Where a direction has no positive curvature the search stops
    with what it has (at the first one with b itself), which is then a direction of descent.

    >>> A = torch.tensor([[4.0, 1.0], [1.0, 3.0]])
    >>> conjugate_gradient(lambda v: A @ v, torch.tensor([1.0, 2.0]))
    tensor([0.0909, 0.6364])

    Systems: conjugate-gradient
    Source: Hestenes and Stiefel 1952; Steihaug 1983 (negative curvature).
    """
    x = torch.zeros_like(b) if start is None else start.clone()
    residual = b - product(x) - damping * x if start is not None else b.clone()
    direction, square = residual.clone(), residual @ residual
    goal = tolerance**2 * (b @ b)
    for i in range(len(b) if steps is None else steps):
        if square <= goal:
            break
        curved = product(direction) + damping * direction
        curvature = direction @ curved
        if curvature <= 0:
            return b.clone() if i == 0 and start is None else x
        along = square / curvature
        x = x + along * direction
        residual = residual - along * curved
        before, square = square, residual @ residual
        direction = residual + (square / before) * direction
    return x


def bfgs_update(inverse: Tensor, step: Tensor, change: Tensor) -> Tensor:
    """The inverse Hessian (n, n) after a step s that changed the gradient by y: it maps y to s, and stays symmetric.

        H' = (I - r s y') H (I - r y s') + r s s',  r = 1 / (y.s)

    Systems: bfgs
    Source: Broyden, Fletcher, Goldfarb and Shanno 1970; Hifny A2.11.
    """
    rho = 1 / (change @ step)
    left = torch.eye(len(step), dtype=step.dtype, device=step.device) - rho * torch.outer(step, change)
    return left @ inverse @ left.T + rho * torch.outer(step, step)


def two_loop(gradient: Tensor, steps: Sequence[Tensor], changes: Sequence[Tensor]) -> Tensor:
    """The inverse Hessian times the gradient (n,) from the last steps and changes, oldest first, without the matrix.

    It equals `bfgs_update` over the pairs, from the identity times s.y / y.y of the last pair.
    Source: Nocedal 1980.
    """
    q, weights = gradient.clone(), []
    for s, y in zip(reversed(steps), reversed(changes), strict=True):
        weights.append((s @ q) / (y @ s))
        q -= weights[-1] * y
    if len(steps):
        q *= (steps[-1] @ changes[-1]) / (changes[-1] @ changes[-1])
    for s, y, weight in zip(steps, changes, reversed(weights), strict=True):
        q += (weight - (y @ q) / (y @ s)) * s
    return q


class _Point(NamedTuple):
    at: float
    value: float
    slope: float


def strong_wolfe(
    evaluate: Callable[[float], tuple[float, float]],
    value: float,
    slope: float,
    *,
    first: float = 1.0,
    decrease: float = 1e-4,
    curvature: float = 0.9,
    evaluations: int = 25,
) -> float:
    """How far to go along a direction: a t whose value fell enough and whose slope has flattened enough; 0 for none.

    `evaluate(t)` gives value and slope there; `value` and `slope` (below 0) are those at 0. Near the least value, where
    rounding hides a decrease, the slope alone decides. Source: Nocedal and Wright 2006, algorithms 3.5 and 3.6; Hager
    and Zhang 2005 for the last.
    """
    origin = _Point(0.0, value, slope)
    slack = 1e-7 * abs(value)

    def good(p: _Point) -> bool:
        enough = p.value <= value + decrease * p.at * slope and abs(p.slope) <= -curvature * slope
        nearly = abs(p.value - value) <= slack and curvature * slope <= p.slope <= (2 * decrease - 1) * slope
        return enough or nearly

    before, t = origin, first
    for used in range(1, evaluations + 1):
        p = _Point(t, *evaluate(t))
        if not (math.isfinite(p.value) and math.isfinite(p.slope)):
            t = before.at + (t - before.at) / 10
            continue
        if good(p):
            return p.at
        if p.value > value + decrease * p.at * slope or (used > 1 and p.value >= before.value):
            return _zoom(evaluate, before, p, origin, good, evaluations - used, decrease)
        if p.slope >= 0:
            return _zoom(evaluate, p, before, origin, good, evaluations - used, decrease)
        before, t = p, p.at * 2.5
    return before.at


def _zoom(
    evaluate: Callable[[float], tuple[float, float]],
    low: _Point,
    high: _Point,
    origin: _Point,
    good: Callable[[_Point], bool],
    evaluations: int,
    decrease: float,
) -> float:
    """Narrow a bracket; `low` is the better end."""
    for _ in range(evaluations):
        t = _cubic_minimum(low, high)
        p = _Point(t, *evaluate(t))
        if good(p):
            return p.at
        fell = p.value <= origin.value + decrease * p.at * origin.slope
        if not fell or p.value >= low.value or not math.isfinite(p.slope):
            high = p
        else:
            if p.slope * (high.at - low.at) >= 0:
                high = low
            low = p
        if abs(high.at - low.at) <= 1e-9 * max(abs(low.at), 1e-3):
            break
    return low.at


def _cubic_minimum(a: _Point, b: _Point) -> float:
    """Where the cubic through both points with their slopes is least, kept off the ends."""
    left, right = min(a.at, b.at), max(a.at, b.at)
    margin = 0.1 * (right - left)
    middle = (left + right) / 2
    if not (math.isfinite(a.value) and math.isfinite(b.value) and math.isfinite(b.slope)):
        return middle
    d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.at - b.at)
    inside = d1**2 - a.slope * b.slope
    if inside < 0:
        return middle
    d2 = math.copysign(math.sqrt(inside), b.at - a.at)
    bottom = b.slope - a.slope + 2 * d2
    at = b.at - (b.at - a.at) * (b.slope + d2 - d1) / bottom if bottom else middle
    return min(max(at, left + margin), right - margin)


def random_search(
    function: Callable[[Tensor], Tensor],
    low: Tensor,
    high: Tensor,
    *,
    levels: int = 8,
    draws: int = 100,
    shrink: float = 0.5,
    seed: int = 0,
) -> tuple[Tensor, float]:
    """The best point (n,) of ever finer searches and its value: each level draws about the best one so far.

    The first level draws from the whole box, each later one from a box `shrink` times as wide about the best point.

    Source: Martinez-Ramon 5.4 (multi-grid random search), Bengio, Simard and Frasconi 1994.
    """
    generator = torch.Generator().manual_seed(seed)
    best, centre, half = math.inf, (low + high) / 2, (high - low) / 2
    for level in range(levels):
        spread = half * shrink**level
        points = centre + spread * (2 * torch.rand(draws, len(low), generator=generator, dtype=low.dtype) - 1)
        points = points.clamp(min=low, max=high)
        values = torch.stack([function(p) for p in points])
        if values.min() < best:
            best, centre = float(values.min()), points[values.argmin()]
    return centre, best


def branch_and_bound(
    function: Callable[[Tensor], Tensor],
    low: Tensor,
    high: Tensor,
    *,
    lipschitz: float,
    tolerance: float = 1e-3,
    boxes: int = 100_000,
) -> tuple[Tensor, float, int]:
    """The least value on a box to within `tolerance`: its point (n,), the value, and how many boxes were looked at.

    No slope of the function may be longer than `lipschitz`: within a box it then falls at most that times half the
    diagonal below the value at the middle. Boxes whose bound is above the best value so far are pruned; the others
    are halved along their longest side, the lowest bound first. The answer is global, at a cost that grows quickly
    with n.

    Source: Land and Doig 1960; Jaiswal J20.
    """

    def bound(a: Tensor, b: Tensor) -> tuple[float, Tensor, float]:
        middle = (a + b) / 2
        value = float(function(middle))
        return value - lipschitz * float((b - a).norm()) / 2, middle, value

    least, best, value = bound(low, high)
    queue, looked = [(least, 0, low, high)], 1
    while queue and queue[0][0] < value - tolerance:
        if looked >= boxes:
            raise SettingError(
                f"branch_and_bound looked at {looked:,} boxes and its least value is known to within "
                f"{value - queue[0][0]:.3g} only; raise tolerance or boxes, or give a smaller box"
            )
        _, _, a, b = heapq.heappop(queue)
        side = int((b - a).argmax())
        for half in range(2):
            left, right = a.clone(), b.clone()
            (right if half == 0 else left)[side] = (a[side] + b[side]) / 2
            least, middle, there = bound(left, right)
            looked += 1
            if there < value:
                best, value = middle, there
            if least < value - tolerance:
                heapq.heappush(queue, (least, looked, left, right))
    return best, value, looked
