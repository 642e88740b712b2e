"""What is looked at before anything is drawn: numbers at the start, and densities that fall nowhere."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import DataError
from .density import Density

OUT = 1e6  # how far from a start one parameter is moved, from where on no proper density is level
FARTHER = (1e12, 1e9)  # where it is to have fallen
FARTHEST = (1e15, 1e20, 1e30, 1e60, 1e100)  # and here at last, if its spread is far beyond that of the start
MOST = 200  # parameters that are each moved; of more, only what a result says of its chains tells
AT_ONCE = 64  # points that are asked for together
MOVED = 0.7  # along a parameter whose gradient is 0


def check_start(
    density: Density, points: Tensor, *, gradient: bool, of: str = "chain", drawn_from: bool = True
) -> None:
    """Refuse points (n, d) where the density, or its gradient, is no number, and a density without a finite integral.

    Gradients that are 0 where the density changes are refused too. `drawn_from` is False where it is only told.
    """
    value, slope = density.with_gradient(points) if gradient else (density.value(points), None)
    _finite(density, points, value, slope, of)
    if drawn_from:
        check_integral(density, points, value)
    if slope is not None:
        _bends(density, points, value, slope)


def _finite(density: Density, points: Tensor, value: Tensor, slope: Tensor | None, of: str) -> None:
    bad = ~value.isfinite()
    if bool(bad.any()):
        first = int(bad.nonzero()[0])
        where = ", ".join(f"{k}={_shown(v)}" for k, v in density.sites(points[first]).items())
        everywhere = f", and at the starts of all {len(points)}" if len(points) > 1 and bool(bad.all()) else ""
        raise DataError(
            f"the log density is {float(value[first])} at the start of {of} {first} ({where}){everywhere}; start where "
            f"it is finite, or sample a transformed parameter such as the logarithm of a scale"
        )
    if slope is not None and not bool(slope.isfinite().all()):
        row, column = (~slope.isfinite()).nonzero()[0].tolist()
        raise DataError(
            f"the gradient for {density.label(column)!r} is {float(slope[row, column])} at the start of {of} {row}, "
            f"where the density itself is finite; start elsewhere, or write it without roots of 0 and the like"
        )


def check_integral(density: Density, points: Tensor, value: Tensor) -> None:
    """Refuse a density that along a parameter falls nowhere from far out on, seen from each of the points.

    `value` is the density at the points. What has a finite integral falls by more than the logarithm of the distance,
    once it is beyond its own spread: one that is level or rises from 1e6 to 1e100 has none.
    """
    d = density.size
    if d > MOST:
        return
    ways = torch.cat((torch.eye(d, dtype=points.dtype), -torch.eye(d, dtype=points.dtype)))
    level = value
    for row in range(len(points)):
        level = _guarded(density, points[row] + OUT * ways, row)
        for far in (*FARTHER, *FARTHEST):
            there = _guarded(density, points[row] + far * ways, row)
            kept = there >= level - (1e-6 * (1 + level.abs())).clamp(max=1.0)  # a NaN is no sign of anything
            kept = (kept | there.isnan() & (far in FARTHEST)) & (level > -torch.inf)
            ways, level = ways[kept], level[kept]
            if not len(ways):
                return
    flat = {int(way.abs().argmax()) for way in ways}
    most = int(level.argmax())
    column = int(ways[most].abs().argmax())
    name, first, beyond = density.label(column), float(value[0]) + 0.0, float(level[most]) + 0.0
    grows = "grows" if float(ways[most, column]) > 0 else "falls"
    every = f" (and so of {len(flat) - 1} more)" if len(flat) > 1 else ""
    raise DataError(
        f"the log density is {first:.4g} at the start, {beyond:.4g} at a distance of {OUT:.0e}, and nowhere "
        f"less as {name!r} {grows}, up to {max(FARTHEST):.0e}{every}: its integral is infinite and there is "
        f"nothing to draw from; give {name!r} a prior, add the Jacobian of a transformed parameter, or leave out what "
        f"the density does not depend on"
    )


def _guarded(density: Density, points: Tensor, row: int) -> Tensor:
    """Values at points far out; NaN where the density cannot be asked, as by the checks of torch.distributions."""

    def asked(some: Tensor) -> Tensor:
        return density.value(some, chains=torch.full((len(some),), row))

    found = []
    for some in points.split(AT_ONCE):
        try:
            found.append(asked(some))
        except (ValueError, ArithmeticError, RuntimeError):  # of the user's own code, at one point or more
            found += [_or_nan(asked, one[None]) for one in some]
    return torch.cat(found)


def _or_nan(asked: Callable[[Tensor], Tensor], point: Tensor) -> Tensor:
    try:
        return asked(point)
    except (ValueError, ArithmeticError, RuntimeError):
        return torch.full((1,), torch.nan, dtype=point.dtype)


def _bends(density: Density, points: Tensor, value: Tensor, slope: Tensor) -> None:
    """Refuse a gradient that is 0 for a parameter by which the density changes, as rounding and detach make it."""
    dead = (slope == 0).all(0)
    if not bool(dead.any()):
        return
    together = density.with_gradient(points + MOVED * dead)[1]
    for column in (dead & (together == 0).all(0)).nonzero()[:, 0].tolist():
        there = points.clone()
        there[:, column] += MOVED
        moved, bent = density.with_gradient(there)
        still = (bent[:, column] == 0) & moved.isfinite()
        if bool(still.all()) and not torch.allclose(moved, value, rtol=1e-6, atol=1e-6):
            name = density.label(column)
            raise DataError(
                f"the gradient for {name!r} is 0 at every start, and the log density changes with it (from "
                f"{float(value[0]):.6g} to {float(moved[0]):.6g}); compute it without rounding, comparing or detach(), "
                f"or take a method without a gradient, such as method='mh'"
            )


def _shown(value: Tensor) -> str:
    numbers = value.flatten().tolist()
    text = ", ".join(f"{v:.4g}" for v in numbers[:3])
    return f"[{text}, ...]" if len(numbers) > 3 else (text if value.ndim == 0 else f"[{text}]")
