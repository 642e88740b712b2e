"""Plots of choosing: scores by fold, scores by number of rows or by setting, several models side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from .plots import shortened
from .style import BLUE, INK, MUTED, VERMILION, canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class MeanLike(Protocol):
    """What a plot reads of a mean over folds; low and high are None where there is no interval."""

    @property
    def mean(self) -> float: ...

    @property
    def low(self) -> float | None: ...

    @property
    def high(self) -> float | None: ...


@styled
def fold_scores(test: ArrayLike, train: ArrayLike, found: MeanLike, *, title: str = "Score") -> "Figure":
    """Each fold's score on held-out and on training rows, with the mean over folds and its interval."""
    from matplotlib.ticker import MaxNLocator

    held, seen = np.asarray(test, dtype=np.float64), np.asarray(train, dtype=np.float64)
    places = np.arange(1, len(held) + 1)
    figure, (ax,) = canvas(label=f"{title} by fold, held out and on training rows")
    if found.low is not None and found.high is not None:
        ax.axhspan(found.low, found.high, color=VERMILION, alpha=0.12, linewidth=0)
    ax.axhline(found.mean, color=VERMILION, linewidth=1.2, label="mean and its interval")
    ax.plot(places, held, "o", color=VERMILION, label="held out")
    ax.plot(places, seen, "o", color=BLUE, markerfacecolor="none", label="training")
    ax.set(xlabel="fold", title=title)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend()
    return figure


@styled
def score_curve(
    values: Sequence[Any], test: Sequence[MeanLike], train: ArrayLike, *, name: str = "rows", title: str = "Score"
) -> "Figure":
    """Held-out scores with their interval, and training scores, by value; numbers that grow by factors on a log axis.

    Systems: learning-curve-n, capacity-curve
    Source: Martinez-Ramon 2.2, figure 2.2; Hifny 14.1, figure 14.1.
    """
    numbers = all(isinstance(v, int | float | np.number) and not isinstance(v, bool) for v in values)
    x = np.asarray(values, dtype=np.float64) if numbers else np.arange(len(values), dtype=np.float64)
    figure, (ax,) = canvas(label=f"{title} by {name}, held out and on training rows")
    mean = np.array([t.mean for t in test])
    low = np.array([np.nan if t.low is None else t.low for t in test])
    high = np.array([np.nan if t.high is None else t.high for t in test])
    ax.fill_between(x, low, high, color=VERMILION, alpha=0.15, linewidth=0)
    ax.plot(x, np.asarray(train), "o-", color=BLUE, label="training")
    ax.plot(x, mean, "o-", color=VERMILION, label="held out, with its interval")
    if not numbers:
        ax.set_xticks(x, [shortened(v) for v in values])
    elif len(x) > 2 and x.min() > 0 and x.max() >= 8 * x.min():
        ax.set_xscale("log")
        ax.set_xticks(x, [f"{v:g}" for v in values])
        ax.minorticks_off()
    ax.set(xlabel=name, title=title)
    ax.legend()
    return figure


@styled
def contest(names: Sequence[str], found: Sequence[MeanLike], *, title: str = "Score") -> "Figure":
    """Several models' scores with their intervals, in the order given, the best first."""
    figure, (ax,) = canvas(height=1.3 + 0.34 * len(names), label=f"{title} of {len(names)} models")
    for place, one in enumerate(reversed(list(found))):
        if one.low is not None and one.high is not None:
            ax.plot([one.low, one.high], [place, place], color=BLUE, linewidth=2.2)
        ax.plot(one.mean, place, "o", color=BLUE, markersize=6, label="mean and its interval" if place == 0 else None)
    ax.axvline(found[0].mean, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="the best model's mean")
    ax.set_yticks(range(len(names)), [shortened(n) for n in names][::-1])
    ax.tick_params(axis="y", length=0, labelcolor=INK)
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.grid(False, axis="y")
    ax.set_title(title)
    figure.legend(loc="outside lower right", ncols=2)
    return figure
