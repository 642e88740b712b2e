"""Plots of what was found in series: matches, motifs, pieces and groups."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from .style import BLUE, INK, MUTED, SERIES, VERMILION, canvas, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 50  # stretches that are laid over each other


def _shape(values: np.ndarray) -> np.ndarray:
    spread = values.std()
    return (values - values.mean()) / spread if spread > 0 else values * 0.0


def _spans(axes: "Axes", times: np.ndarray, places: Sequence[int], window: int, colour: str, label: str) -> None:
    for k, place in enumerate(places):
        end = times[min(place + window - 1, len(times) - 1)]
        axes.axvspan(times[place], end, color=colour, alpha=0.25, linewidth=0, label=label if k == 0 else None)
        axes.axvline(times[place], color=colour, linewidth=0.8)


def _overlay(axes: "Axes", series: np.ndarray, places: Sequence[int], window: int, colour: str, title: str) -> None:
    for place in places[:MOST]:
        axes.plot(_shape(series[place : place + window]), color=colour, linewidth=0.9, alpha=0.7)
    axes.set(title=title, xlabel="steps", yticks=[])


@styled
def matches_on_series(
    series: ArrayLike, times: ArrayLike, places: Sequence[int], query: ArrayLike, *, distances: ArrayLike = ()
) -> "Figure":
    """A series with the stretches that match a query, and these, z-normalised, over it."""
    y, t, q = np.asarray(series), np.asarray(times), np.asarray(query)
    figure, (whole, part) = canvas(1, 2, width=9.6, height=3.2, label="Matches", width_ratios=[3, 1.2])
    _spans(whole, t, places, len(q), BLUE, "match")
    whole.plot(t, y, color=INK, linewidth=0.9)
    whole.set_title(f"{len(places)} stretches like the query")
    _overlay(part, y, places, len(q), BLUE, "over the query")
    part.plot(_shape(q), color=VERMILION, linewidth=2.2, label="query")
    part.legend(loc="upper right")
    return figure


@styled
def motifs_on_series(
    series: ArrayLike,
    times: ArrayLike,
    profile: ArrayLike,
    motifs: Sequence[Sequence[int]],
    discords: Sequence[int],
    window: int,
) -> "Figure":
    """A series with its motifs and discords; the distance of every stretch to its nearest; each motif's stretches."""
    y, t, p = np.asarray(series), np.asarray(times), np.asarray(profile)
    shown = list(motifs)[: len(SERIES) - 1]
    colours = [c for c in SERIES if c != VERMILION]
    figure, axes = canvas(2, 1, width=9.6, height=4.6, label="Motifs and discords", sharex=True)
    for k, places in enumerate(shown):
        _spans(axes[0], t, places, window, colours[k], f"motif {k}")
    _spans(axes[0], t, list(discords), window, VERMILION, "discord")
    axes[0].plot(t, y, color=INK, linewidth=0.9)
    axes[0].legend(loc="upper left", ncols=len(shown) + 1)
    axes[0].set_title("series")
    axes[1].plot(t[: len(p)], p, color=BLUE, linewidth=1.0)
    axes[1].plot(t[list(discords)], p[list(discords)], "v", color=VERMILION)
    axes[1].set_title("distance of the stretch that starts here to its nearest neighbour")
    return figure


@styled
def pieces_of_series(
    series: ArrayLike, times: ArrayLike, cuts: Sequence[int], means: ArrayLike, deviations: ArrayLike
) -> "Figure":
    """A series in pieces: the mean of each, one deviation around it, and a line where it ends."""
    y, t = np.asarray(series), np.asarray(times)
    edges = [0, *[int(c) for c in cuts], len(y)]
    figure, (axes,) = canvas(width=8.4, height=3.2, label="Pieces of a series")
    axes.plot(t, y, color=MUTED, linewidth=0.9)
    pieces = zip(edges[:-1], edges[1:], np.asarray(means), np.asarray(deviations), strict=True)
    for begin, end, mean, deviation in pieces:
        span = t[begin : min(end + 1, len(t))]
        axes.fill_between(span, mean - deviation, mean + deviation, color=BLUE, alpha=0.18, linewidth=0)
        axes.plot(span, np.full(len(span), mean), color=BLUE)
    for cut in edges[1:-1]:
        axes.axvline(t[cut], color=VERMILION, linewidth=0.9, linestyle="--")
    axes.set_title(f"{len(edges) - 1} pieces")
    return figure


@styled
def groups_of_series(series: Sequence[ArrayLike], labels: ArrayLike, centres: ArrayLike) -> "Figure":
    """Groups side by side: the series of each, and its centre over them."""
    label, middle = np.asarray(labels), np.asarray(centres)
    if len(series) != len(label):
        raise DataError(f"{len(series)} series and {len(label)} labels; give one label a series")
    n_columns = min(4, len(middle))
    n_rows = -(-len(middle) // n_columns)
    figure, axes = canvas(n_rows, n_columns, width=2.6 * n_columns + 0.6, height=2.2 * n_rows + 0.4, label="Groups")
    for k, ax in enumerate(axes):
        ax.set(yticks=[])
        if k >= len(middle):
            ax.set_axis_off()
            continue
        own = np.flatnonzero(label == k)
        for i in own[:MOST]:
            y = np.asarray(series[i])
            ax.plot(np.linspace(0, middle.shape[1] - 1, len(y)), y, color=MUTED, linewidth=0.6, alpha=0.6)
        ax.plot(middle[k], color=BLUE)
        ax.set_title(f"{k}: {len(own)} series")
    return figure


@styled
def anomalies_on_series(
    series: ArrayLike, times: ArrayLike, scores: ArrayLike, odd: ArrayLike, threshold: float
) -> "Figure":
    """A series with its odd steps marked, and below it the score of every step beside the threshold."""
    y, t, score, bad = np.asarray(series), np.asarray(times), np.asarray(scores), np.asarray(odd, dtype=bool)
    figure, (above, below) = canvas(2, 1, width=9.6, height=4.4, label="Anomalies", sharex=True)
    above.plot(t, y, color=INK, linewidth=0.9)
    above.plot(t[bad], y[bad], ".", color=VERMILION, markersize=5, label="odd")
    above.set_title(f"{int(bad.sum())} odd steps of {len(y):,}")
    below.plot(t, score, color=BLUE, linewidth=1.0)
    below.axhline(threshold, color=VERMILION, linestyle="--", linewidth=0.9, label="threshold")
    below.set_title("score")
    below.legend(loc="upper left")
    return figure
