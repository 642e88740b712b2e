"""A log density over named parameters, asked for many points at once, with its gradient."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError, SettingError

Point = Tensor | dict[str, Tensor]


class Density:
    """log p at points (n, d), flat; knows how parameters are named and shaped in them.

    Parameters
    ----------
    log_density : takes points, a tensor (n, d) or a dict of tensors (n, *shape) as `start` is, and gives (n,).
    start : one point: a tensor (d,), or a dict from name to tensor.
    gradient : takes a tensor (n, d) and gives (log p (n,), its gradient (n, d)); left out, it is the method `gradient`
        of a log_density that has one, whose `leapfrog` follows whole paths then, and autograd of any other.
    """

    def __init__(
        self, log_density: Callable[[Any], Tensor], start: Any, *, gradient: Callable[[Tensor], Any] | None = None
    ) -> None:
        self.log_density = log_density
        self.given = getattr(log_density, "gradient", None) if gradient is None else gradient
        self.follow = getattr(log_density, "leapfrog", None) if gradient is None else None
        self.named = isinstance(start, Mapping)
        sites = dict(start) if self.named else {"theta": start}
        self.shapes: dict[str, tuple[int, ...]] = {}
        parts = []
        for name, value in sites.items():
            given = value.detach() if isinstance(value, Tensor) else np.asarray(value)
            if not isinstance(given, Tensor) and given.dtype.kind not in "biuf":
                raise SettingError(f"the start of {name!r} is {value!r}; give numbers, as a tensor or an array")
            flat = torch.as_tensor(given).double()
            if not bool(flat.isfinite().all()):
                raise DataError(f"the start of {name!r} holds {flat.flatten().tolist()[:5]}; give finite numbers")
            self.shapes[name] = tuple(flat.shape)
            parts.append(flat.flatten())
        if not self.named and len(self.shapes["theta"]) != 1:
            raise SettingError(
                f"start has shape {self.shapes['theta']}; give one point (d,), or a dict of named parameters"
            )
        if self.given is not None and self.named:
            raise SettingError("a gradient of one's own is of a flat tensor; give start as a tensor (d,)")
        self.asked: Tensor | None = None
        self.start = torch.cat(parts)
        self.size = len(self.start)
        if not self.size:
            raise SettingError("start holds no parameter")

    def unflatten(self, points: Tensor) -> Point:
        """Flat points (..., d) as the user's density takes them."""
        if not self.named:
            return points
        return self.sites(points)

    def sites(self, points: Tensor) -> dict[str, Tensor]:
        """Flat points (..., d) by name, (..., *shape)."""
        sizes = [math.prod(shape) for shape in self.shapes.values()]
        parts = points.split(sizes, dim=-1)
        return {
            name: part.reshape((*points.shape[:-1], *shape))
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def site_of(self, column: int) -> str:
        """The name of the parameter that a flat column belongs to."""
        for name, shape in self.shapes.items():
            column -= math.prod(shape)
            if column < 0:
                return name
        raise IndexError(column)

    def value(self, points: Tensor, chains: Tensor | None = None) -> Tensor:
        """log p at points (n, d): (n,); `chains` says whose points they are, where not all are asked for."""
        self.asked = chains
        with torch.no_grad():
            return self._checked(self.log_density(self.unflatten(points)), points).detach()

    def with_gradient(self, points: Tensor, chains: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """log p (n,) and its gradient (n, d); `chains` as in `value`."""
        self.asked = chains
        if self.given is not None:
            value, slope = self.given(points)
            return self._checked(value, points), slope
        with torch.enable_grad():
            moved = points.detach().requires_grad_()
            value = self._checked(self.log_density(self.unflatten(moved)), points)
            if not value.requires_grad:
                raise DataError("the log density does not depend on its parameters; compute it from them with torch")
            (slope,) = torch.autograd.grad(value.sum(), moved)
        return value.detach(), slope

    def _checked(self, value: Any, points: Tensor) -> Tensor:
        if not isinstance(value, Tensor) or value.shape != points.shape[:1]:
            got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise DataError(
                f"the log density gave {got} for {len(points)} points; it takes many points at once, parameters "
                f"(n, ...), and gives one number a point, (n,): sum over the last axes, not over all"
            )
        return value

    def check_start(self, points: Tensor) -> None:
        """Refuse points where the density or its gradient is no number, by the parameter's name."""
        value, slope = self.with_gradient(points)
        bad = ~value.isfinite()
        if bool(bad.any()):
            first = int(bad.nonzero()[0])
            raise DataError(
                f"the log density is {float(value[first])} at the start of chain {first} "
                f"({', '.join(f'{k}={_shown(v)}' for k, v in self.sites(points[first]).items())}); "
                f"start where it is finite, or sample a transformed parameter such as the logarithm of a scale"
            )
        lost = ~slope.isfinite()
        if bool(lost.any()):
            at = lost.nonzero()[0].tolist()
            site, slope_there = self.site_of(at[1]), float(slope[at[0], at[1]])
            raise DataError(f"the gradient for {site!r} is {slope_there} at the start of chain {at[0]}")


def _shown(value: Tensor) -> str:
    numbers = value.flatten().tolist()
    text = ", ".join(f"{v:.4g}" for v in numbers[:3])
    return f"[{text}, ...]" if len(numbers) > 3 else (text if value.ndim == 0 else f"[{text}]")
