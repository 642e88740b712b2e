"""Any function minimised by any of the optimizers that train models, and the path that it took."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import Diverged, SettingError
from ...registry import Spec
from ...registry import optimizer as optimizers
from ...registry import schedule as schedules
from ...train.blocks import Block
from ...train.closure import PointClosure, value_at
from ...train.schedules import Schedule
from ...train.timetable import Timetable
from ...train.trainer import refuse_idle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

StopOn = Literal["gradient", "change", "step"]


@dataclass(frozen=True)
class Path:
    """Where an optimizer went: points (steps + 1, n), the function's values there, and the lengths of its gradients."""

    points: np.ndarray
    values: np.ndarray
    gradients: np.ndarray
    converged: bool
    reason: str
    name: str
    function: Callable[[Tensor], Tensor] = field(repr=False)

    @property
    def point(self) -> np.ndarray:
        """The last point."""
        return self.points[-1]

    @property
    def value(self) -> float:
        """The value at the last point."""
        return float(self.values[-1])

    @property
    def angles(self) -> np.ndarray:
        """Degrees between each step and the next: near 180 where the path zigzags, near 0 where it is straight."""
        steps = np.diff(self.points, axis=0)
        lengths = np.linalg.norm(steps, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            cosines = (steps[1:] * steps[:-1]).sum(1) / (lengths[1:] * lengths[:-1])
        return np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))

    def plot(
        self, *others: "Path", low: tuple[float, ...] | None = None, high: tuple[float, ...] | None = None
    ) -> "Figure":
        """This path and others on the function's contours, beside their values by step.

        `low` and `high` bound what is drawn; by default it is what the paths need. Functions of one variable are drawn
        as curves, those of more than two by their values alone.
        """
        from ...insight.trajectories import trajectories

        paths = {p.name: (p.points, p.values) for p in named_apart([self, *others])}
        return trajectories(self.function, paths, low=low, high=high)


def optimize(
    function: Callable[[Tensor], Tensor],
    start: Any,
    optimizer: str | Spec = "sgd",
    *,
    steps: int = 100,
    schedule: str | Spec | None = None,
    tolerance: float | None = None,
    stop_on: StopOn = "gradient",
) -> Path:
    """The path of an optimizer on a function, in float64; `parnassus.optimizer.names()` lists what may be chosen.

    Parameters
    ----------
    function : takes a point (n,) as a tensor and returns its value, a tensor without axes.
    start : the first point: n numbers, or one.
    optimizer : a name, or a spec such as `pn.optimizer("adam", lr=0.3)`.
    steps : how many steps are taken at most.
    schedule : how the rate changes over the steps; an epoch is a step.
    tolerance : the path ends where what `stop_on` names falls to this; None takes all steps.
    stop_on : "gradient" (its length), "change" (of the value) or "step" (its length).

    Raises
    ------
    Diverged : the value or a slope is not finite; the message names the step and the point.

    Systems: gradient-descent
    Source: Hifny A2.4 and A2.5, Jaiswal J16: the three stopping rules.
    """
    if stop_on not in ("gradient", "change", "step") or steps < 1:
        raise SettingError(
            f"stop_on is 'gradient', 'change' or 'step', and steps at least 1; got {stop_on!r} and {steps}"
        )
    try:
        point = torch.as_tensor(start, dtype=torch.float64).detach().clone().reshape(-1)
    except (TypeError, ValueError, RuntimeError) as error:
        raise SettingError(f"start is a point: one number or several, such as (1.0, 2.0); got {start!r}") from error
    block = Block([nn.Parameter(x.clone().reshape(1)) for x in point], decays=True)
    spec, plan = spec_of(optimizers, optimizer), spec_of(schedules, schedule or "constant")
    mover, factor = spec.make([block]), plan.make()
    refuse_idle(plan, {"point": mover})
    factor.begin(Timetable(1, steps, [(0, 1)]))
    seen = [_looked(function, block, 0)]
    reason = f"all {steps} steps were taken"
    with torch.no_grad():
        for k in range(steps):
            mover.step(PointClosure(function, block, step=k, steps=steps), factor(k / steps))
            seen.append(_looked(function, block, k + 1))
            _watch(factor, seen)
            if tolerance is not None and (met := _met(seen, tolerance, stop_on)):
                reason = met
                break
    points, values, slopes = zip(*seen, strict=True)
    done = not reason.startswith("all")
    return Path(np.stack(points), np.array(values), np.array(slopes), done, reason, spec.name, function)


def spec_of(registry: Any, given: str | Spec) -> Spec:
    """A name or a spec as a spec of this registry."""
    if isinstance(given, Spec) and given.registry is registry:
        return given
    if isinstance(given, str):
        return registry(given)
    raise SettingError(f"{registry.kind} is a name or pn.{registry.kind}(name, ...); got {given!r}")


def _looked(function: Callable[[Tensor], Tensor], block: Block, step: int) -> tuple[np.ndarray, float, float]:
    """The point, its value and the length of its gradient (NaN where the function has none)."""
    point = block.values.detach().clone().requires_grad_()
    with torch.enable_grad():
        value = value_at(function, point)
        if not isinstance(value, Tensor) or value.numel() != 1:
            came = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise SettingError(f"the function to minimise returns one number as a tensor; it returned {came}")
        slopes = torch.autograd.grad(value.sum(), point)[0] if value.requires_grad else point.new_tensor([float("nan")])
    finite = value.isfinite().all() and point.isfinite().all()
    if not finite or (value.requires_grad and not slopes.isfinite().all()):
        what = "its gradient" if finite else "the function"
        raise Diverged(
            f"{what} is not finite at step {step}, point {[float(f'{x:.6g}') for x in point]}; try a lower lr, "
            f"another optimizer, or another start"
        )
    return point.detach().numpy(), float(value.detach()), float(slopes.norm())


def _watch(factor: Schedule, seen: list[tuple[np.ndarray, float, float]]) -> None:
    if type(factor).observe is not Schedule.observe:
        factor.observe([{"loss": value} for _, value, _ in seen[1:]])


def _met(seen: list[tuple[np.ndarray, float, float]], tolerance: float, stop_on: StopOn) -> str:
    """Why the path ends here, or nothing."""
    (before, f_before, _), (now, f_now, slope) = seen[-2:]
    sizes = {
        "gradient": (slope, "the gradient's length"),
        "change": (abs(f_now - f_before), "the value's change"),
        "step": (float(np.linalg.norm(now - before)), "the step's length"),
    }
    size, words = sizes[stop_on]
    return f"{words} fell to {size:.3g} at step {len(seen) - 1}" if size <= tolerance else ""


def named_apart(paths: list[Path]) -> list[Path]:
    """The paths under names that differ: a second "adam" becomes "adam 2"."""
    counts: dict[str, int] = {}
    named = []
    for path in paths:
        counts[path.name] = counts.get(path.name, 0) + 1
        n = counts[path.name]
        named.append(path if n == 1 else Path(**vars(path) | {"name": f"{path.name} {n}"}))
    return named
