"""Figures that several recipes draw: regions of a plane by class, and curves."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..insight.style import MUTED, SERIES, canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Curve = tuple[ArrayLike, ArrayLike]


@styled
def regions(
    decide: Callable[[np.ndarray], np.ndarray], x: np.ndarray, y: ArrayLike, *, n_points: int = 160
) -> "Figure":
    """The plane around rows x (n, 2), shaded by the class 0, 1, ... that `decide` gives to points (m, 2)."""
    from matplotlib.colors import ListedColormap

    classes = np.asarray(y).astype(int)
    reach = 0.15 * (x.max(0) - x.min(0)) + 1e-9
    low, high = x.min(0) - reach, x.max(0) + reach
    across, up = np.meshgrid(*(np.linspace(a, b, n_points) for a, b in zip(low, high, strict=True)))
    found = np.asarray(decide(np.stack([across.ravel(), up.ravel()], 1))).reshape(across.shape)
    figure, (ax,) = canvas(width=4.6, height=4.0, label="Regions of the plane by class")
    n_classes = max(int(found.max()), int(classes.max())) + 1
    shades = ListedColormap(SERIES[:n_classes])
    ax.pcolormesh(across, up, found, cmap=shades, vmin=-0.5, vmax=n_classes - 0.5, alpha=0.25, linewidth=0)
    for k in np.unique(classes):
        ax.scatter(x[classes == k, 0], x[classes == k, 1], s=18, color=SERIES[k], label=str(k))
    ax.legend(title="class")
    ax.grid(False)
    return figure


@styled
def curves(
    lines: Mapping[str, Curve],
    *,
    across: str = "",
    up: str = "",
    log: str = "",
    points: Mapping[str, Curve] | None = None,
) -> "Figure":
    """Lines by name over one pair of axes; `log` names the axes with logarithmic scales; `points` are marked."""
    figure, (ax,) = canvas(width=5.6, height=3.4, label=f"{up} by {across}")
    for i, (name, (x, y)) in enumerate(lines.items()):
        ax.plot(x, y, color=SERIES[i % len(SERIES)], linestyle="-" if i < len(SERIES) else "--", label=name)
    for name, (x, y) in (points or {}).items():
        ax.scatter(x, y, s=10, color=MUTED, label=name)
    ax.set(xlabel=across, ylabel=up)
    ax.set_xscale("log" if "x" in log else "linear")
    ax.set_yscale("log" if "y" in log else "linear")
    ax.legend()
    return figure
