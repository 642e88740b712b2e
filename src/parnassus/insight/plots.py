"""Plots of training and of predictions: plain arrays in, a matplotlib Figure out. Nothing global is touched."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from .style import BLUE, GREEN, INK, MUTED, PAPER, RULE, SERIES, VERMILION, canvas, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NO_CURVE = {"epoch", "step", "steps", "seconds", "time", "rows", "best"}
SHORT = 24  # characters of a class name that fit beside an axis


class MetricLike(Protocol):
    """What a forest plot reads of a metric."""

    name: str
    value: float
    low: float | None
    high: float | None
    baseline: float | None
    higher_is_better: bool

    @property
    def of_doubt(self) -> bool:
        """Whether it tells how sure a model is, and not how good its answers are."""

    @property
    def title(self) -> str:
        """The name as a reader sees it."""

    def text(self, value: float | None) -> str:
        """A value as a table shows it."""


@styled
def learning_curves(
    history: Sequence[Mapping[str, Any]], *, best_epoch: int | None = None, names: Sequence[str] = ()
) -> "Figure":
    """Training against validation by epoch, one panel a quantity.

    `history` holds a record an epoch, such as {"epoch": 0, "loss": .., "validation_loss": .., "lr": ..}; a quantity and
    its `validation_` twin share a panel. `best_epoch` (that with the least validation loss when not given) is marked.
    `names` picks panels among `curve_names(history)`; all are drawn when none is given.

    Source: Martinez-Ramon et al., section 1.5.4; the Keras course book, section 3.8.1 (4:K58).

    Systems: training-curves
    """
    if not history:
        raise DataError("the history is empty; train for one epoch at least before drawing its curves")
    epochs = [record.get("epoch", i) + 1 for i, record in enumerate(history)]
    panels = {k: v for k, v in _panels(history).items() if not names or k in names}
    validation = _column(history, "validation_loss")
    if best_epoch is None and np.isfinite(validation).any():
        best_epoch = epochs[int(np.nanargmin(validation))] - 1
    n_columns = min(2, len(panels))
    n_rows = math.ceil(len(panels) / n_columns)
    figure, axes = canvas(
        n_rows, n_columns, width=5.2 * n_columns, height=3.0 * n_rows, label="Training and validation curves by epoch"
    )
    for ax, (name, keys) in zip(axes, panels.items(), strict=False):
        for key in keys:
            held_out = key.startswith("validation_")
            color, label = (VERMILION, "validation") if held_out else (BLUE, "training")
            marker = "o" if len(history) == 1 else None
            ax.plot(epochs, _column(history, key), color=color, marker=marker, label=label if len(keys) > 1 else None)
        _learning_axis(ax, name, [_column(history, k) for k in keys])
        if best_epoch is not None and any(k.startswith("validation_") for k in keys):
            best = best_epoch + 1
            ax.axvline(best, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), label=f"best epoch, {best}")
        if ax.get_legend_handles_labels()[0]:
            ax.legend()
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    return figure


def curve_names(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """The quantities of a history that make a curve, each with its validation twin."""
    return list(_panels(history))


def _panels(history: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key in dict.fromkeys(key for record in history for key in record):
        name, values = key.removeprefix("validation_"), {record.get(key) for record in history}
        numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        if name in NO_CURVE or not numbers or not all(v is None or v in numbers for v in values):
            continue
        if name in ("lr", "rate") and len(values) == 1:
            continue  # a rate that never changes is no curve
        found.setdefault(name, []).append(key)
    return found


def _column(history: Sequence[Mapping[str, Any]], key: str) -> np.ndarray:
    return np.array([math.nan if record.get(key) is None else record[key] for record in history], dtype=np.float64)


def _learning_axis(ax: "Axes", name: str, columns: list[np.ndarray]) -> None:
    from matplotlib.ticker import MaxNLocator, NullFormatter, StrMethodFormatter

    values = np.concatenate(columns)
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() > 50 * values.min() and name == "loss":
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_title({"lr": "Learning rate"}.get(name, name.replace("_", " ").capitalize()))
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))


@styled
def confusion(matrix: ArrayLike, classes: Sequence) -> "Figure":
    """Counts in cells shaded by their share of the row (the true class)."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    counts = np.asarray(matrix, dtype=np.float64)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1e-300)
    n_classes = len(counts)
    size = float(np.clip(1.7 + 0.33 * n_classes, 3.2, 8.5))
    figure, (ax,) = canvas(width=size + 0.9, height=size, label="Confusion matrix, rows true, columns predicted")
    # From clear to blue, so that empty cells show the page, light or dark.
    shades = LinearSegmentedColormap.from_list("blues", [(*to_rgb(BLUE), a) for a in (0.0, 0.95)])
    ax.pcolormesh(share, cmap=shades, vmin=0, vmax=1, edgecolors=RULE, linewidth=0.4 if n_classes <= 30 else 0)
    ax.set(aspect="equal", xlabel="predicted", ylabel="true")
    ax.invert_yaxis()
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    places = list(range(0, n_classes, max(1, math.ceil(n_classes / 40))))
    names = [shortened(classes[i]) for i in places]
    upright = max(map(len, names)) <= 3 or (n_classes <= 4 and max(map(len, names)) <= 10)
    ax.set_xticks(
        [p + 0.5 for p in places],
        names,
        rotation=0 if upright else 45,
        ha="center" if upright else "right",
        rotation_mode=None if upright else "anchor",
    )
    ax.set_yticks([p + 0.5 for p in places], names)
    if n_classes <= 20:
        size = 9 if n_classes <= 12 else 7
        for (row, column), value in np.ndenumerate(counts):
            if value:
                color = PAPER if share[row, column] > 0.55 else INK
                ax.text(
                    column + 0.5, row + 0.5, count_cell(value), ha="center", va="center", color=color, fontsize=size
                )
    return figure


def count_cell(value: float) -> str:
    """A count in few characters: pixels come by the million.

    >>> [count_cell(n) for n in (7, 9_999, 38_617, 999_900, 2.5e6)]
    ['7', '9,999', '38.6k', '1M', '2.5M']
    """
    for least, unit, letter in ((999.5e6, 1e9, "G"), (999.5e3, 1e6, "M"), (9999.5, 1e3, "k")):
        if value >= least:
            return f"{value / unit:.3g}{letter}"
    return f"{value:,.4g}"


def shortened(name: object, length: int = SHORT) -> str:
    """A name cut to what fits beside an axis."""
    text = " ".join(str(name).split())
    return text if len(text) <= length else text[: length - 3] + "..."


def _unit_square(ax: "Axes", x: str, y: str) -> None:
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02), xlabel=x, ylabel=y)


@styled
def roc(fpr: ArrayLike, tpr: ArrayLike, *, auc: float | None = None) -> "Figure":
    """The ROC curve above the diagonal of chance."""
    figure, (ax,) = canvas(label="ROC curve")
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="chance")
    ax.plot(fpr, tpr, color=BLUE, label="model" if auc is None else f"model, area {auc:.3f}")
    ax.fill_between(np.asarray(fpr), np.asarray(tpr), color=BLUE, alpha=0.08, linewidth=0)
    _unit_square(ax, "false positive rate", "true positive rate")
    ax.set_title("ROC curve")
    ax.legend(loc="lower right")
    return figure


@styled
def precision_recall(
    precision: ArrayLike, recall: ArrayLike, *, prevalence: float | None = None, area: float | None = None
) -> "Figure":
    """The precision-recall curve, as steps, above the share of positives that no information reaches."""
    figure, (ax,) = canvas(label="Precision-recall curve")
    if prevalence is not None:
        ax.axhline(prevalence, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label=f"chance, {prevalence:.3f}")
    label = "model" if area is None else f"model, average precision {area:.3f}"
    ax.step(recall, precision, where="post", color=BLUE, label=label)
    _unit_square(ax, "recall", "precision")
    ax.set_title("Precision and recall")
    ax.legend(loc="lower left")
    return figure


@styled
def calibration(
    probability: ArrayLike,
    frequency: ArrayLike,
    weight: ArrayLike,
    *,
    histogram: tuple[ArrayLike, ArrayLike] | None = None,
) -> "Figure":
    """How often it happened against how probable it was said to be, above a histogram of what was said.

    `histogram` is (edges, weights) of all probabilities; the bins' own weights are shown without it.
    """
    from matplotlib.ticker import MaxNLocator

    figure, (ax, below) = canvas(
        2, 1, height=3.9, sharex=True, height_ratios=(3, 1), label="Calibration: said against observed frequency"
    )
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="perfect")
    mass = np.asarray(weight, dtype=np.float64)
    ax.plot(probability, frequency, color=BLUE, linewidth=1, alpha=0.6)
    ax.scatter(probability, frequency, s=15 + 65 * mass / mass.max(), color=BLUE, zorder=3, label="model, by rows")
    _unit_square(ax, "", "share that happened")
    ax.set_title("Calibration")
    ax.legend(loc="upper left")
    if histogram is None:
        below.bar(np.asarray(probability), mass, width=0.06, color=BLUE, alpha=0.55)
    else:
        edges, heights = (np.asarray(a, dtype=np.float64) for a in histogram)
        below.bar(edges[:-1], heights, width=np.diff(edges) * 0.92, align="edge", color=BLUE, alpha=0.55)
    below.set(xlabel="probability said", ylabel="rows")
    below.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    return figure


@styled
def threshold_curve(
    threshold: ArrayLike, precision: ArrayLike, recall: ArrayLike, f1: ArrayLike, *, chosen: float | None = None
) -> "Figure":
    """Precision, recall and F1 against the threshold, with the one in use."""
    figure, (ax,) = canvas(label="Precision, recall and F1 by threshold")
    for values, color, label in ((precision, GREEN, "precision"), (recall, VERMILION, "recall"), (f1, BLUE, "F1")):
        ax.plot(threshold, values, color=color, label=label, linewidth=2.2 if label == "F1" else 1.4)
    if chosen is not None:
        ax.axvline(chosen, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label=f"in use, {chosen:.3g}")
    low, high = float(np.min(threshold)), float(np.max(threshold))
    _unit_square(ax, "threshold", "")
    if low < -0.01 or high > 1.01:
        ax.set_xlim(low, high)
    ax.set_title("Precision, recall and F1 by threshold")
    ax.legend(loc="best", ncols=2)
    return figure


@styled
def metric_intervals(metrics: Sequence[MetricLike]) -> "Figure":
    """Every metric with its interval beside the baseline.

    Metrics of one scale, 0 to 1, stand as they are. Where there are none (regression), errors are shown as a share of
    the baseline's error.
    """
    metrics = [m for m in metrics if not m.of_doubt]
    shares = [m for m in metrics if not _is_error(m)]
    relative = not [m for m in shares if m.name != "r2"]
    rows = [m for m in metrics if _is_error(m) and m.baseline] if relative else shares
    figure, (ax,) = canvas(height=0.9 + 0.34 * len(rows), label="Metrics with intervals against the baseline")
    first = next((m for m in rows if m.baseline is not None), None)
    for place, m in enumerate(reversed(rows)):
        unit = m.baseline if relative and m.baseline else 1.0
        if m.low is not None and m.high is not None:
            ax.plot([m.low / unit, m.high / unit], [place, place], color=BLUE, linewidth=2.2)
        ax.plot(m.value / unit, place, "o", color=BLUE, markersize=6, label="model" if place == 0 else None)
        if m.baseline is not None:
            ax.plot(
                m.baseline / unit,
                place,
                "D",
                color=VERMILION,
                markersize=5,
                markerfacecolor="none",
                markeredgewidth=1.4,
                label="baseline" if m is first else None,
            )
    stars = ["" if relative or m.higher_is_better else " *" for m in rows]
    ax.set_yticks(range(len(rows)), [m.title + star for m, star in zip(rows, stars, strict=True)][::-1])
    ax.tick_params(axis="y", length=0, labelcolor=INK)
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.grid(False, axis="y")
    ax.set_xlim(left=min(0.0, ax.get_xlim()[0]), right=max(1.03, ax.get_xlim()[1]))
    ax.set_xlabel("error, as a share of the baseline's" if relative else "* less is better" if any(stars) else "")
    figure.legend(loc="outside upper right", ncols=2)
    return figure


def _is_error(metric: MetricLike) -> bool:
    return metric.name in ("log_loss", "mae", "mape", "mse", "msle", "pinball", "rmse")


@styled
def predicted_vs_true(y_true: ArrayLike, y_pred: ArrayLike, *, name: str = "") -> "Figure":
    """Predictions against truth, around the diagonal of a perfect model."""
    true, pred = np.asarray(y_true, dtype=np.float64), np.asarray(y_pred, dtype=np.float64)
    figure, (ax,) = canvas(height=3.9, label=f"Predicted against true {name}".strip())
    low, high = min(true.min(), pred.min()), max(true.max(), pred.max())
    ax.plot([low, high], [low, high], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="perfect")
    ax.plot(true, pred, "o", color=BLUE, markersize=4, alpha=_fade(len(true)), markeredgewidth=0)
    ax.set(xlabel=f"true {name}".strip(), ylabel=f"predicted {name}".strip())
    ax.set_title("Predicted against true")
    ax.legend(loc="upper left")
    return figure


@styled
def residuals(y_true: ArrayLike, y_pred: ArrayLike, *, name: str = "") -> "Figure":
    """True minus predicted against predicted, with the spread of the residuals beside it."""
    from matplotlib.ticker import MaxNLocator

    true, pred = np.asarray(y_true, dtype=np.float64), np.asarray(y_pred, dtype=np.float64)
    figure, (ax, beside) = canvas(1, 2, height=3.9, sharey=True, width_ratios=(4, 1), label=f"Residuals {name}".strip())
    ax.axhline(0, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    ax.plot(pred, true - pred, "o", color=BLUE, markersize=4, alpha=_fade(len(true)), markeredgewidth=0)
    ax.set(xlabel=f"predicted {name}".strip(), ylabel="true minus predicted")
    ax.set_title("Residuals")
    beside.hist(true - pred, bins=_n_bins(len(true)), orientation="horizontal", color=BLUE, alpha=0.55)
    beside.set_xlabel("rows")
    beside.xaxis.set_major_locator(MaxNLocator(nbins=2, integer=True))
    return figure


def _fade(n_points: int) -> float:
    return float(np.clip(12 / math.sqrt(max(n_points, 1)), 0.15, 0.8))


def _n_bins(n_values: int) -> int:
    return int(np.clip(math.sqrt(n_values), 5, 40))


@styled
def image_grid(pictures: Sequence[ArrayLike], titles: Sequence[str] = (), *, n_columns: int = 6) -> "Figure":
    """Pictures (h, w) or (h, w, channels) in a grid, with a title each."""
    n_columns = min(n_columns, len(pictures))
    n_rows = math.ceil(len(pictures) / n_columns)
    height = 1.45 if len(titles) else 1.15
    figure, axes = canvas(n_rows, n_columns, width=1.15 * n_columns, height=height * n_rows, label="Pictures")
    for ax in axes:
        ax.set_axis_off()
    for ax, picture in zip(axes, pictures, strict=False):
        pixels = np.asarray(picture)
        pixels = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
        low, high = min(0.0, float(pixels.min())), max(1.0, float(pixels.max()))
        high = 255.0 if pixels.dtype == np.uint8 else high
        ax.imshow(pixels, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    for ax, title in zip(axes, titles, strict=False):
        ax.set_title(shortened(title), fontsize=8.5, loc="center", pad=3, fontweight="normal")
    return figure


@styled
def histogram(values: ArrayLike | Mapping[str, ArrayLike], *, name: str = "") -> "Figure":
    """How values are spread; several groups, given by name, share the bins."""
    groups = values if isinstance(values, Mapping) else {"": values}
    arrays = {k: np.asarray(v, dtype=np.float64).ravel() for k, v in groups.items()}
    everything = np.concatenate(list(arrays.values()))
    edges = np.histogram_bin_edges(everything, bins=_n_bins(len(everything)))
    figure, (ax,) = canvas(height=2.8, label=f"Histogram of {name}".strip())
    for i, (group, array) in enumerate(arrays.items()):
        ax.hist(
            array,
            bins=edges.tolist(),
            color=SERIES[i % len(SERIES)],
            alpha=0.6 if len(arrays) > 1 else 0.8,
            label=group or None,
        )
    ax.set(xlabel=name, ylabel="rows")
    if len(arrays) > 1:
        ax.legend()
    return figure
