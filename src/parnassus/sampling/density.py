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

    def label(self, column: int) -> str:
        """The name of a flat column's number: "b" of a parameter that is one number, "w[0,2]" of one in an array."""
        for name, shape in self.shapes.items():
            size = math.prod(shape)
            if column < size:
                place = np.unravel_index(column, shape) if shape else ()
                return f"{name}[{','.join(map(str, place))}]" if shape else name
            column -= size
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
            value, slope = self._both(self.given(points), points)
            return self._checked(value, points), slope
        with torch.enable_grad():
            moved = points.detach().requires_grad_()
            value = self._checked(self.log_density(self.unflatten(moved)), points)
            if not value.requires_grad:
                raise DataError(
                    f"the log density is {float(value[0]):.4g} and does not depend on its parameters; compute it from "
                    f"them with torch, without numpy, detach() or no_grad()"
                )
            (slope,) = torch.autograd.grad(value.sum(), moved)
        return value.detach(), slope

    @staticmethod
    def _both(got: Any, points: Tensor) -> tuple[Any, Tensor]:
        """What a gradient of the user's own gave, if it is both: the log density, and its slope."""
        if isinstance(got, tuple | list) and len(got) == 2:
            if isinstance(got[1], Tensor) and got[1].shape == points.shape:
                return got[0], got[1]
            got = got[1]
            what = f"a slope of shape {tuple(got.shape)}" if isinstance(got, Tensor) else f"a {type(got).__name__}"
        else:
            what = f"a {type(got).__name__}" + (f" of {len(got)}" if isinstance(got, tuple | list) else " alone")
        n, d = points.shape
        raise DataError(
            f"gradient gave {what} for {n} points of {d} parameters; it returns two tensors, the log density ({n},) "
            f"and its slope ({n}, {d})"
        )

    def _checked(self, value: Any, points: Tensor) -> Tensor:
        if not isinstance(value, Tensor) or value.shape != points.shape[:1]:
            got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise DataError(
                f"the log density gave {got} for {len(points)} points; it takes many points at once, parameters "
                f"(n, ...), and gives one number a point, (n,): sum over the last axes, not over all"
            )
        return value
