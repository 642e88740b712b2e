"""What an autoencoder's code says: rows decoded from a plane of codes, or as one number of a code moves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import norm

from ..data.images.image import Image
from ..errors import SettingError
from ..objectives.generative.vae import Variational
from .generated import tiled
from .plots import shortened
from .style import MUTED, SERIES, canvas, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REACH = 3.0  # standard deviations of a normal prior on either side
MOST = 6  # panels of columns, or lines in one
KEPT = 0.95  # the share of the codes' range that is walked where there is no prior


@dataclass(frozen=True)
class Manifold:
    """Rows decoded from an even grid of codes, and how to draw them.

    `numbers` are the two of the code that vary, `values` (2, n) what they take, `codes` (n * n, n_code), and `rows`
    what they decode to, in the user's terms: the first number grows along a line of the grid, the second upwards.
    `spread` are the standard deviations of a table's columns of numbers over X as the model rebuilds it; pictures have
    none.
    """

    numbers: tuple[int, int]
    values: np.ndarray
    codes: np.ndarray
    rows: Any
    spread: dict[str, float]

    def plot(self) -> "Figure":
        """Pictures on their grid; of a table one map for each of the columns of numbers that change most."""
        return _manifold_plot(self)


@dataclass(frozen=True)
class Traverse:
    """One row, each number of whose code moves while the others stay, and how to draw that.

    `numbers` are those that move, `values` (numbers, steps) what they take, `codes` (numbers * steps, n_code), `rows`
    what they decode to, number by number; `spread` is as a manifold has it.
    """

    numbers: tuple[int, ...]
    values: np.ndarray
    codes: np.ndarray
    rows: Any
    spread: dict[str, float]

    def plot(self) -> "Figure":
        """A line of pictures for each number; of tables a panel with lines."""
        return _traverse_plot(self)


def manifold(model: Any, X: Any, *, n: int = 12, numbers: Sequence[int] | None = None) -> Manifold:
    """Rows decoded from an n x n grid over two numbers of the code, the others at their mean over X.

    Parameters
    ----------
    model : a fitted Autoencoder.
    X : rows whose codes say which numbers vary most, where the others stay, and, for a model without a prior, how far
        they reach. A VAE's numbers take the quantiles of its N(0, 1) prior at (i + 1/2) / n.
    numbers : which two of the code; None takes those whose means vary most over X.

    Raises
    ------
    SettingError : a code of fewer than two numbers; other `numbers`; rows that are no pictures and no table of numbers.
    DataError : codes of whole numbers, between which there is nothing to decode.

    Source: Kingma and Welling 2014, figure 4.
    """
    found = _codes(model, X)
    _several("n", n)
    if found.shape[1] < 2:
        raise SettingError("a manifold lies over two numbers of a code, and this code has one; draw a traverse")
    pair = _chosen(found, numbers, 2)
    if len(pair) != 2:
        raise SettingError(f"a manifold lies over two numbers of a code; got numbers={numbers}")
    shares = (np.arange(n) + 0.5) / n
    values = np.stack([norm.ppf(shares) if _has_prior(model) else _range(found[:, i], n) for i in pair])
    codes = np.repeat(found.mean(0, keepdims=True), n * n, axis=0)
    codes[:, pair[0]] = np.tile(values[0], n)
    codes[:, pair[1]] = np.repeat(values[1][::-1], n)
    return Manifold((pair[0], pair[1]), values, codes, model.decode(codes), _spread(model, found, X))


def traverse(model: Any, X: Any, *, row: int = 0, n: int = 9, numbers: Sequence[int] | None = None) -> Traverse:
    """What becomes of a row as one number of its code moves, for several numbers.

    Parameters
    ----------
    model : a fitted Autoencoder.
    X : rows whose codes say which numbers vary most and, for a model without a prior, how far they reach. A VAE's
        numbers go from -3 to 3.
    row : which of them is decoded.
    n : steps of each number.
    numbers : which numbers of the code; None takes the six whose means vary most over X.

    Raises
    ------
    SettingError : a number that the code does not have; a row that X lacks; rows that are neither pictures nor a
        table of numbers.
    DataError : codes of whole numbers, between which there is nothing to decode.

    Source: Higgins et al. 2017, figure 7.
    """
    found = _codes(model, X)
    _several("n", n)
    if not _is_whole(row) or not -len(found) <= row < len(found):
        raise SettingError(f"row={row!r} is none of the {len(found)} rows of X; give its number, from 0")
    chosen = _chosen(found, numbers, MOST)
    even = np.linspace(-REACH, REACH, n)
    values = np.stack([even if _has_prior(model) else _range(found[:, i], n) for i in chosen])
    codes = np.repeat(found[row][None], len(chosen) * n, axis=0)
    for k, number in enumerate(chosen):
        codes[k * n : (k + 1) * n, number] = values[k]
    return Traverse(tuple(chosen), values, codes, model.decode(codes), _spread(model, found, X))


# --- codes ----------------------------------------------------------------------------------------


def _codes(model: Any, X: Any) -> np.ndarray:
    return np.asarray(model.encode(X), dtype=np.float64)


def _is_whole(n: Any) -> bool:
    return isinstance(n, int | np.integer) and not isinstance(n, bool)


def _several(name: str, n: int) -> None:
    if not _is_whole(n) or n < 2:
        raise SettingError(f"{name} is a whole number of steps, 2 or more; got {n!r}")


def _chosen(codes: np.ndarray, numbers: Sequence[int] | None, most: int) -> list[int]:
    """The numbers asked for, else the `most` whose codes vary most, in their order."""
    if numbers is None:
        return sorted(np.argsort(-codes.var(0), kind="stable")[:most].tolist())
    given = list(numbers) if np.iterable(numbers) else []
    wrong = [i for i in given if not _is_whole(i) or not 0 <= i < codes.shape[1]]
    if wrong or not given or len(set(given)) < len(given):
        raise SettingError(f"numbers are a list of different ones of 0 to {codes.shape[1] - 1}; got {numbers!r}")
    return [int(i) for i in given]


def _has_prior(model: Any) -> bool:
    return isinstance(model.objective_, Variational)


def _range(codes: np.ndarray, n: int) -> np.ndarray:
    edge = (1 - KEPT) / 2
    return np.linspace(np.quantile(codes, edge), np.quantile(codes, 1 - edge), n)


def _spread(model: Any, codes: np.ndarray, X: Any) -> dict[str, float]:
    """The standard deviation of each column of numbers over rows as they are rebuilt; {} for pictures."""
    if isinstance(model.codec_, Image):
        return {}
    rows = model.decode(codes)
    if hasattr(rows, "select_dtypes"):
        found = {str(name): float(column.std(ddof=0)) for name, column in rows.select_dtypes("number").items()}
        if not found:
            raise SettingError("a walk shows columns of numbers, and this table has none; decode codes of your own")
        return found
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.dtype.kind not in "fiub":
        raise SettingError("codes of pictures and of tables of numbers can be walked through; decode others")
    names = getattr(X, "columns", [f"column {i}" for i in range(rows.shape[1])])
    return dict(zip(map(str, names), rows.std(0, dtype=np.float64).tolist(), strict=True))


# --- drawings -------------------------------------------------------------------------------------


def _moved(found: Manifold | Traverse) -> dict[str, np.ndarray]:
    """The columns of numbers that change most, in standard deviations of theirs, most first."""
    frame = hasattr(found.rows, "columns")
    columns = {
        name: np.asarray(found.rows[name] if frame else found.rows[:, i], dtype=np.float64)
        for i, name in enumerate(found.spread)
    }
    reach = {name: float(np.ptp(column)) / (found.spread[name] or 1.0) for name, column in columns.items()}
    return {name: columns[name] for name in sorted(columns, key=lambda name: -reach[name])[:MOST]}


@styled
def _manifold_plot(found: Manifold) -> "Figure":
    n = found.values.shape[1]
    across, up = (f"number {i} of the code" for i in found.numbers)
    if not found.spread:
        label = f"pictures decoded from a grid of codes, {n} by {n}"
        figure, (ax,) = canvas(width=5.6, height=5.6, label=label)
        ax.grid(visible=False)
        ax.imshow(tiled(np.asarray(found.rows), n_columns=n), cmap="gray", vmin=0, vmax=255, extent=(0, n, 0, n))
        _ticks(ax, found.values)
        ax.set(xlabel=across, ylabel=up)
        return figure
    columns = _moved(found)
    wide = min(3, len(columns))
    high = -(-len(columns) // wide)
    label = f"columns decoded from a grid of codes, {n} by {n}"
    figure, axes = canvas(high, wide, width=2.9 * wide, height=2.7 * high, label=label)
    for ax in axes[len(columns) :]:
        ax.set_axis_off()
    for k, (name, column) in enumerate(columns.items()):
        axes[k].grid(visible=False)
        drawn = axes[k].imshow(column.reshape(n, n), cmap="viridis", extent=(0, n, 0, n))
        figure.colorbar(drawn, ax=axes[k], shrink=0.8)
        _ticks(axes[k], found.values)
        lowest = k >= len(columns) - wide
        axes[k].set(title=shortened(name), xlabel=across if lowest else "", ylabel="" if k % wide else up)
    return figure


def _ticks(ax: "Axes", values: np.ndarray) -> None:
    """First, middle and last values in the middle of their cells."""
    n = values.shape[1]
    shown = sorted({0, n // 2, n - 1})
    ax.set_xticks([i + 0.5 for i in shown], [f"{values[0, i]:.2g}" for i in shown])
    ax.set_yticks([i + 0.5 for i in shown], [f"{values[1, i]:.2g}" for i in shown])


@styled
def _traverse_plot(found: Traverse) -> "Figure":
    if not found.spread:
        return _picture_lines(found)
    n = found.values.shape[1]
    wide = min(3, len(found.numbers))
    high = -(-len(found.numbers) // wide)
    label = "columns decoded as one number of a code moves"
    figure, axes = canvas(high, wide, width=2.9 * wide + 1.2, height=2.4 * high, label=label, sharey=True)
    for ax in axes[len(found.numbers) :]:
        ax.set_axis_off()
    columns = _moved(found)
    for k, number in enumerate(found.numbers):
        for (name, column), colour in zip(columns.items(), SERIES, strict=False):
            moved = (column[k * n : (k + 1) * n] - column[k * n : (k + 1) * n].mean()) / (found.spread[name] or 1.0)
            axes[k].plot(found.values[k], moved, color=colour, label=shortened(name))
        axes[k].set(xlabel=f"number {number}", ylabel="" if k % wide else "deviations")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper")
    return figure


def _picture_lines(found: Traverse) -> "Figure":
    high, n = found.values.shape
    pictures = np.asarray(found.rows)
    label = "pictures decoded as one number of a code moves, a line for each number"
    figure, axes = canvas(high, n, width=0.8 * n + 0.8, height=0.9 * high + 0.3, label=label)
    for i, ax in enumerate(axes):
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set_visible(False)
        ax.imshow(pictures[i], cmap="gray", vmin=0, vmax=255)
        value = f"{found.values.ravel()[i]:.2g}"
        ax.set_title(value, fontsize=7, color=MUTED, fontweight="normal", loc="center", pad=2)
    for k, number in enumerate(found.numbers):
        axes[k * n].set_ylabel(f"number {number}", rotation=0, ha="right", va="center")
    return figure
