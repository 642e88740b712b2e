"""Functions to try optimizers on, and what their shape says: critical points, convexity, the quadratic model.

A surface takes a point (..., n) and gives a value (...), so a grid is one call; autograd gives its slopes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]


def parabola(x: Tensor, *, centre: float = 1.0) -> Tensor:
    """The sum of (x_i - centre)^2: least at the centre, 0. Source: Hifny A2.3 and listing 2.1."""
    return (x - centre).square().sum(-1)


def quadratic(x: Tensor, *, curvatures: tuple[float, ...] = (1.0, 10.0), centre: tuple[float, ...] = ()) -> Tensor:
    """Half the sum of c_i (x_i - centre_i)^2; gradient c (x - centre), Hessian diag(c).

    Hifny's (x1 - 2)^2 + 10 (x2 + 3)^2 has curvatures (2, 20) and centre (2, -3); Martinez-Ramon's optimizer example is
    the default.
    """
    c = torch.tensor(curvatures, dtype=x.dtype, device=x.device)
    middle = torch.tensor(centre or (0.0,), dtype=x.dtype, device=x.device)
    return (c * (x - middle).square()).sum(-1) / 2


def beale(x: Tensor, *, c: float = 2.625) -> Tensor:
    """(1.5 - a + a b)^2 + (2.25 - a + a b^2)^2 + (c - a + a b^3)^2 at x = (a, b).

    With the standard c = 2.625 the least value is 0, at (3, 0.5). Martinez-Ramon 2.25 prints c = 2.2625, whose least
    value is 0.0237097 at (2.4507381, 0.3631139); the (2.5, 1.5) given there is no minimum of either (erratum 24).
    """
    a, b = x[..., 0], x[..., 1]
    return (1.5 - a + a * b).square() + (2.25 - a + a * b**2).square() + (c - a + a * b**3).square()


def rosenbrock(x: Tensor, *, steepness: float = 100.0) -> Tensor:
    """The sum of steepness (x_(i+1) - x_i^2)^2 + (1 - x_i)^2: a bent valley, least at (1, ..., 1), 0."""
    head, tail = x[..., :-1], x[..., 1:]
    return (steepness * (tail - head.square()).square() + (1 - head).square()).sum(-1)


def saddle(x: Tensor) -> Tensor:
    """a^2 - b^2 at x = (a, b): flat at 0, which is no minimum."""
    return x[..., 0].square() - x[..., 1].square()


def double_well(x: Tensor) -> Tensor:
    """The sum of x^4 - 4 x^2 + 3: minima -1 at x = +-sqrt(2), a maximum 3 at 0; not convex. Source: Hifny A2.1."""
    return (x**4 - 4 * x**2 + 3).sum(-1)


def shoulder(x: Tensor) -> Tensor:
    """The sum of x^4 + 4 x^3: a minimum -27 at -3, and an inflection at 0. Source: Jaiswal J32."""
    return (x**4 + 4 * x**3).sum(-1)


def himmelblau(x: Tensor) -> Tensor:
    """(a^2 + b - 11)^2 + (a + b^2 - 7)^2 at x = (a, b): four minima of value 0, one of them (3, 2)."""
    a, b = x[..., 0], x[..., 1]
    return (a.square() + b - 11).square() + (a + b.square() - 7).square()


def rastrigin(x: Tensor) -> Tensor:
    """The sum of 10 + x^2 - 10 cos(2 pi x): least at 0, with a minimum near every whole number."""
    return (10 + x.square() - 10 * torch.cos(2 * torch.pi * x)).sum(-1)


@dataclass(frozen=True)
class Surface:
    """A function with its name, where it is least, and the box in which it is worth drawing.

    Systems: optimiser-test-functions
    Source: Martinez-Ramon 2.25, Hifny A2.5 and A2.8.
    """

    name: str
    function: Function
    minimum: tuple[float, ...] | None
    low: tuple[float, float]
    high: tuple[float, float]


SURFACES = {
    s.name: s
    for s in (
        Surface("quadratic", quadratic, (0.0, 0.0), (-2.0, -1.5), (2.0, 1.5)),
        Surface("beale", beale, (3.0, 0.5), (-1.0, -1.5), (4.5, 1.5)),
        Surface("rosenbrock", rosenbrock, (1.0, 1.0), (-1.8, -0.8), (1.8, 2.5)),
        Surface("saddle", saddle, None, (-2.0, -2.0), (2.0, 2.0)),
        Surface("himmelblau", himmelblau, (3.0, 2.0), (-5.0, -5.0), (5.0, 5.0)),
        Surface("rastrigin", rastrigin, (0.0, 0.0), (-3.0, -3.0), (3.0, 3.0)),
        Surface("double_well", double_well, (2**0.5, 2**0.5), (-2.2, -2.2), (2.2, 2.2)),
    )
}


def gradient(function: Function, x: Tensor) -> Tensor:
    """The slopes of a function at x (n,)."""
    return torch.autograd.functional.jacobian(function, x)


def hessian(function: Function, x: Tensor) -> Tensor:
    """The second derivatives (n, n) at x (n,), symmetric. Source: Hifny 2.13, whose numerator must be d^2 f."""
    return torch.autograd.functional.hessian(function, x)


def taylor(function: Function, at: Tensor, *, order: Literal[1, 2] = 2) -> Function:
    """The model f + g.d + d H d / 2 of a function around `at`, d = x - at; order 1 leaves the curvature out.

    >>> float(taylor(rosenbrock, torch.zeros(2))(torch.tensor([1.0, 1.0])))
    100.0

    Systems: hessian-taylor-model
    Source: Hifny 2.12 to 2.15, Jaiswal J34.
    """
    value, slope = function(at), gradient(function, at)
    bend = hessian(function, at) if order == 2 else torch.zeros(len(at), len(at), dtype=at.dtype)

    def model(x: Tensor) -> Tensor:
        d = x - at
        return value + d @ slope + ((d @ bend) * d).sum(-1) / 2

    return model


@dataclass(frozen=True)
class CriticalPoint:
    """Where all slopes vanish, and what that is: a minimum, a maximum, a saddle, or flat (the test cannot say)."""

    point: Tensor
    value: float
    eigenvalues: Tensor
    kind: Literal["minimum", "maximum", "saddle", "flat"]


def critical_point(function: Function, start: Tensor, *, steps: int = 100, tolerance: float = 1e-10) -> CriticalPoint:
    """The point that Newton's method on the slopes finds from a start (n,), judged by the Hessian's eigenvalues.

    All above 0 is a minimum, all below a maximum, both signs a saddle. With an eigenvalue of 0 and no two signs it is
    "flat": x^4 has a minimum at 0 and x^3 has none, with the same second derivative. Jaiswal's rule that 0 means an
    inflection is wrong (J32).

    Systems: critical-point-classifier
    Source: Hifny A2.3, Jaiswal J32.
    """
    x = start.detach().clone().double()
    for _ in range(steps):
        slope = gradient(function, x)
        if slope.norm() <= tolerance:
            break
        x = x - torch.linalg.lstsq(hessian(function, x), slope[:, None], driver="gelsd").solution[:, 0]
    return CriticalPoint(x, float(function(x)), *_judged(hessian(function, x)))


def _judged(bend: Tensor) -> tuple[Tensor, Literal["minimum", "maximum", "saddle", "flat"]]:
    eigenvalues = torch.linalg.eigvalsh(bend)
    small = 1e-6 * max(float(eigenvalues.abs().max()), 1.0)
    up, down = bool((eigenvalues > small).any()), bool((eigenvalues < -small).any())
    if up and down:
        return eigenvalues, "saddle"
    if bool((eigenvalues.abs() <= small).any()):
        return eigenvalues, "flat"
    return eigenvalues, "minimum" if up else "maximum"


@dataclass(frozen=True)
class Convexity:
    """Whether every chord of a grid lies above the graph; if not, the chord that cuts deepest below it."""

    convex: bool
    chord: tuple[float, float] | None
    at: float | None
    depth: float


def convexity(function: Function, low: float, high: float, *, points: int = 61) -> Convexity:
    """The test f(s a + (1 - s) b) <= s f(a) + (1 - s) f(b) on all chords between points of a grid on [low, high].

    A violation proves that the function is not convex there; none within the grid is evidence that it is. `function`
    takes points (..., 1).

    >>> convexity(double_well, -2.0, 2.0).convex, convexity(parabola, -2.0, 2.0).convex
    (False, True)

    Systems: convexity-test
    Source: Hifny A2.1, Jaiswal J20.
    """
    x = torch.linspace(low, high, points, dtype=torch.float64)
    f = function(x[:, None])
    shares = torch.linspace(0, 1, 21, dtype=torch.float64)[1:-1]
    a, b, s = x[:, None, None], x[None, :, None], shares
    chord = s * f[:, None, None] + (1 - s) * f[None, :, None]
    inside = s * a + (1 - s) * b
    depth = function(inside[..., None]) - chord
    worst = int(depth.argmax())
    deepest = float(depth.flatten()[worst])
    if deepest <= 1e-9 * float(f.abs().max() + 1):
        return Convexity(True, None, None, 0.0)
    i, rest = divmod(worst, points * len(shares))
    ends = sorted((float(x[i]), float(x[rest // len(shares)])))
    return Convexity(False, (ends[0], ends[1]), float(inside.flatten()[worst]), deepest)
