"""Paths of optimizers on contours, and the loss by learning rate."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from .style import INK, MUTED, SERIES, VERMILION, canvas, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GRID = 160  # points a side of the contours
LEVELS = 18
LONGEST_SIDE = 4  # over the shortest: beyond it, equal units would leave a strip

Paths = Mapping[str, tuple[np.ndarray, np.ndarray]]  # name -> points (steps + 1, n), values (steps + 1,)


@styled
def trajectories(
    function: Callable[[Tensor], Tensor],
    paths: Paths,
    *,
    low: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
) -> "Figure":
    """Paths on the contours of a function of two variables (or on its curve, of one), and their values by step.

    The gradient stands at right angles on the contours, so a path that crosses them so descends as fast as it can, and
    one that zigzags between them wastes its steps.

    Systems: contour-trajectory-plot
    Source: Hifny A2.8, Martinez-Ramon figs. 2.7 and 2.8, Jaiswal figs. 2.6 and 2.7.
    """
    n = next(iter(paths.values()))[0].shape[1]
    label = f"Paths of {', '.join(paths)} and their values by step"
    figure, axes = canvas(1, 2 if n <= 2 else 1, width=10.0 if n <= 2 else 5.2, height=4.2, label=label)
    if n <= 2:
        box = bounds([points for points, _ in paths.values()], low, high)
        (_on_contours if n == 2 else _on_curve)(axes[0], function, paths, *box)
    for (name, (_, values)), color in zip(paths.items(), _colors(), strict=False):
        axes[-1].plot(values, color=color, label=name)
    every = np.concatenate([values for _, values in paths.values()])
    if every.min() > 0 and every.max() > 50 * every.min():
        axes[-1].set_yscale("log")
    axes[-1].set_title("Value by step")
    axes[-1].set_xlabel("step")
    axes[-1].legend()
    return figure


def bounds(
    points: Sequence[np.ndarray], low: Sequence[float] | None = None, high: Sequence[float] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The box (n,), (n,) that holds all points with a margin of a fifth, or what is given of it."""
    every = np.concatenate(points)
    least, most = every.min(0), every.max(0)
    margin = np.maximum(0.2 * (most - least), 0.2 * np.abs(most - least).max() + 1e-3)
    return (
        least - margin if low is None else np.asarray(low, dtype=float),
        most + margin if high is None else np.asarray(high, dtype=float),
    )


def _on_contours(
    ax: "Axes", function: Callable[[Tensor], Tensor], paths: Paths, low: np.ndarray, high: np.ndarray
) -> None:
    x, y = (np.linspace(a, b, GRID) for a, b in zip(low, high, strict=True))
    places = torch.from_numpy(np.stack(np.meshgrid(x, y), axis=-1))
    heights = values_at(function, places)
    floor = heights.min()
    # levels thin out with height, as slopes do: a bowl's contours are then evenly apart
    levels = floor + (heights.max() - floor) * np.linspace(0, 1, LEVELS + 1)[1:] ** 3
    ax.contour(x, y, heights, levels=np.unique(levels), colors=MUTED, linewidths=0.6, alpha=0.7)
    for (name, (points, _)), color in zip(paths.items(), _colors(), strict=False):
        ax.plot(points[:, 0], points[:, 1], color=color, linewidth=1.4, marker="o", markersize=2.2, label=name)
    starts = {tuple(points[0]) for points, _ in paths.values()}
    for start in starts:
        ax.plot(*start, color=INK, marker="s", markersize=5)
    ax.set_xlim(low[0], high[0])
    ax.set_ylim(low[1], high[1])
    ax.set_title("Paths")
    sides = (high - low).max() / (high - low).min()
    if sides <= LONGEST_SIDE:
        ax.set_aspect("equal")  # else the gradient would not stand at right angles on the contours
    ax.legend(loc="best")


def _on_curve(
    ax: "Axes", function: Callable[[Tensor], Tensor], paths: Paths, low: np.ndarray, high: np.ndarray
) -> None:
    x = np.linspace(low[0], high[0], GRID)
    ax.plot(x, values_at(function, torch.from_numpy(x[:, None])), color=MUTED)
    for (name, (points, values)), color in zip(paths.items(), _colors(), strict=False):
        ax.plot(points[:, 0], values, color=color, linewidth=0.8, marker="o", markersize=3, label=name)
    ax.set_title("Paths")
    ax.legend()


def values_at(function: Callable[[Tensor], Tensor], places: Tensor) -> np.ndarray:
    """The function's values at places (..., n), one by one where it takes single points only."""
    with torch.no_grad():
        try:
            values = function(places)
        except (RuntimeError, IndexError, ValueError, TypeError):
            values = torch.zeros(0)
        if values.shape != places.shape[:-1]:
            flat = places.reshape(-1, places.shape[-1])
            values = torch.stack([function(p).reshape(()) for p in flat]).reshape(places.shape[:-1])
    return np.nan_to_num(values.numpy(), posinf=np.finfo(float).max, neginf=np.finfo(float).min)


def _colors() -> list[str]:
    return list(SERIES) * 4


@styled
def rate_curve(rates: np.ndarray, losses: np.ndarray, suggestion: float) -> "Figure":
    """The averaged loss by learning rate, and the rate where it falls fastest."""
    figure, (ax,) = canvas(label="Loss by learning rate")
    ax.plot(rates, losses, color=SERIES[0])
    ax.set_xscale("log")
    ax.axvline(suggestion, color=VERMILION, linewidth=0.9, linestyle=(0, (4, 3)), label=f"suggested, {suggestion:.2g}")
    ax.set_title("Loss by learning rate")
    ax.set_xlabel("learning rate")
    ax.legend()
    return figure
