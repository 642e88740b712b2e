"""Forecasts as pictures: the fan of what may come, what residuals still hold, correlation with the past."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from ..functional.forecasting import autocorrelation, partial_autocorrelation
from .style import BLUE, MUTED, VERMILION, canvas, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def forecast_fan(
    y: ArrayLike,
    mean: ArrayLike,
    *,
    times: Any = None,
    times_ahead: Any = None,
    quantiles: ArrayLike | None = None,
    levels: Sequence[float] = (),
    true: ArrayLike | None = None,
    name: str = "",
) -> "Figure":
    """A series, its forecast, and bands between the quantiles of equal shares on both sides; darker is likelier.

    quantiles: (horizon, levels). `true` is what came, where it is known.
    """
    past, ahead = np.asarray(y, dtype=float), np.asarray(mean, dtype=float)
    before = np.arange(len(past)) if times is None else times
    after = np.arange(len(past), len(past) + len(ahead)) if times_ahead is None else times_ahead
    figure, (axes,) = canvas(1, 1, width=6.6, height=3.1, label=f"Forecast of {name}" if name else "Forecast")
    axes.plot(before, past, color=MUTED, linewidth=1.3, label="series")
    if quantiles is not None:
        q = np.asarray(quantiles, dtype=float)
        if q.shape != (len(ahead), len(levels)):
            raise DataError(f"quantiles are {(len(ahead), len(levels))}; got {q.shape}")
        for j in range(len(levels) // 2):
            share = levels[-1 - j] - levels[j]
            axes.fill_between(
                after, q[:, j], q[:, -1 - j], color=BLUE, alpha=0.18, linewidth=0, label=f"{100 * share:.0f} %"
            )
    axes.plot(after, ahead, color=BLUE, linewidth=1.6, label="forecast")
    if true is not None:
        axes.plot(after, np.asarray(true, dtype=float), color=VERMILION, linewidth=1.2, label="what came")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4)  # above the plot, where no series is
    if name:
        axes.set_title(name)
    figure.autofmt_xdate() if hasattr(before, "dtype") and np.asarray(before).dtype.kind == "M" else None
    return figure


@styled
def forecast_components(parts: ArrayLike, names: Sequence[str], *, times: Any = None, name: str = "") -> "Figure":
    """The parts (horizon, parts) that a forecast is made of, one below the other on an axis of its own."""
    found = np.asarray(parts, dtype=float)
    if found.ndim != 2 or found.shape[1] != len(names):
        raise DataError(f"parts are (horizon, {len(names)}), a column a name; got shape {found.shape}")
    after = np.arange(len(found)) if times is None else times
    figure, panels = canvas(
        len(names), 1, width=8.4, height=1.7 * len(names), label=f"Parts of the forecast {name}".strip()
    )
    for axes, what, part in zip(panels, names, found.T, strict=True):
        axes.plot(after, part, color=BLUE, linewidth=1.4, marker=".")
        axes.set_ylabel(what)
    panels[0].set_title(name)
    figure.autofmt_xdate() if np.asarray(after).dtype.kind == "M" else None
    return figure


@styled
def residual_diagnostics(residuals: ArrayLike, *, season: int = 1, n_lags: int | None = None) -> "Figure":
    """Residuals in order, their histogram, and their autocorrelation: a good model leaves noise without memory."""
    e = np.asarray(residuals, dtype=float)
    if e.ndim != 1 or len(e) < 3 or not np.isfinite(e).all():
        raise DataError(f"residuals are three finite numbers or more (n,); got shape {e.shape}")
    figure, (course, shape, memory) = canvas(1, 3, width=11.0, height=3.2, label="Residuals of one-step forecasts")
    course.plot(e, color=BLUE, linewidth=0.9)
    course.axhline(0, color=MUTED, linewidth=0.8)
    course.set(title="In order", xlabel="step")
    shape.hist(e, bins=min(30, max(5, len(e) // 8)), color=BLUE, alpha=0.7)
    shape.set(title="How large", xlabel="residual")
    _bars(memory, autocorrelation, e, _lags(len(e), season, n_lags), "Autocorrelation")
    return figure


@styled
def correlogram(y: ArrayLike, *, season: int = 1, n_lags: int | None = None) -> "Figure":
    """Autocorrelation and partial autocorrelation with the bounds within which noise stays in 95 of 100 lags."""
    values = np.asarray(y, dtype=float)
    figure, (whole, partial) = canvas(1, 2, width=9.6, height=3.2, label="Correlation with the past")
    lags = _lags(len(values), season, n_lags)
    _bars(whole, autocorrelation, values, lags, "Autocorrelation")
    _bars(partial, partial_autocorrelation, values, lags, "Partial autocorrelation")
    return figure


def _lags(n: int, season: int, given: int | None) -> int:
    return min(n - 1, given or max(12, 3 * season)) if n > 1 else 0


def _bars(axes: "Axes", measure: Any, values: np.ndarray, n_lags: int, title: str) -> None:
    if values.min() == values.max():
        axes.text(0.5, 0.5, "never varies", ha="center", transform=axes.transAxes, color=MUTED)
        axes.set(title=title)
        return
    r = measure(values, n_lags)
    bound = 1.96 / np.sqrt(len(values))
    axes.vlines(np.arange(1, n_lags + 1), 0, r[1:], color=BLUE, linewidth=2.2)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.axhspan(-bound, bound, color=MUTED, alpha=0.15, linewidth=0)
    axes.set(title=title, xlabel="lag")
