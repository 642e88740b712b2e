"""Plots of a search for settings: trials in order, what mattered, what is traded for what."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .plots import shortened
from .style import BLUE, MUTED, VERMILION, canvas, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def tuning(
    points: Sequence[tuple[int, str, float | None]],
    importance: Mapping[str, float],
    *,
    titles: tuple[str, str] = ("score", ""),
    maximized: bool = False,
    pairs: Sequence[tuple[float, float]] = (),
    front: Sequence[tuple[float, float]] = (),
) -> "Figure":
    """Trials (number, state, value) with the best so far; what mattered; pairs of two measures and their front."""
    n = 1 + bool(importance) + bool(pairs)
    figure, axes = canvas(1, n, width=4.6 * n, height=3.4, label="A search for settings")
    _history(axes[0], points, titles[0], maximized)
    if importance:
        names = list(importance)[:12][::-1]
        axes[1].barh([shortened(name, 28) for name in names], [importance[name] for name in names], color=BLUE)
        axes[1].set(xlabel="share of the differences", title="What mattered")
    if pairs:
        every, edge = np.asarray(pairs, dtype=np.float64), np.asarray(sorted(front), dtype=np.float64)
        axes[-1].plot(every[:, 0], every[:, 1], "o", color=MUTED, alpha=0.6, label="trials")
        axes[-1].plot(edge[:, 0], edge[:, 1], "o-", color=VERMILION, label="front: none is better in both")
        axes[-1].set(xlabel=titles[0], ylabel=titles[1], title="What is traded for what")
        axes[-1].legend()
    return figure


def _history(ax: "Axes", points: Sequence[tuple[int, str, float | None]], title: str, maximized: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    done = [(number, value) for number, state, value in points if state == "complete" and value is not None]
    if done:
        x, y = np.array([n for n, _ in done]), np.array([v for _, v in done])
        best = np.maximum.accumulate(y) if maximized else np.minimum.accumulate(y)
        ax.plot(x, y, "o", color=BLUE, label="trials")
        ax.step(x, best, where="post", color=VERMILION, label="best so far")
        outer = np.percentile(y, 5 if maximized else 95)  # one wild trial must not press the others into a line
        span = abs(best[-1] - outer) or abs(best[-1]) or 1.0
        ax.set_ylim(
            *((outer - span / 4, best[-1] + span / 8) if maximized else (best[-1] - span / 8, outer + span / 4))
        )
    floor = ax.get_ylim()[0]
    for state, mark in (("pruned", "|"), ("failed", "x")):
        at = [number for number, s, _ in points if s == state]
        if at:
            ax.plot(at, [floor] * len(at), mark, color=MUTED, clip_on=False, label=state, markersize=8)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="trial", ylabel=title, title="The search")
    ax.legend()
