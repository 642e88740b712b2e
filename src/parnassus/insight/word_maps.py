"""Words as points in a plane, with names that do not lie over each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, SettingError, did_you_mean
from ..imports import imported
from .plots import shortened
from .style import BLUE, INK, canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METHODS = ("pca", "tsne")
PLACES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))  # of a name beside its point
GAP = 4.0  # pixels between a point and its name


@dataclass(frozen=True)
class WordMap:
    """Words at points (n, 2), and how they were found; `ratio` is each axis's share of the variance, of "pca" alone."""

    words: list[str]
    points: np.ndarray
    method: str
    ratio: np.ndarray | None = None

    def plot(self) -> "Figure":
        """The points with their names; where there is no room for a name the title says how many are left out."""
        return word_map_plot(self)


def map_words(words: Sequence[str], vectors: np.ndarray, *, method: str = "pca", seed: int = 0) -> WordMap:
    """Words (or texts by any names) as points of a plane.

    "pca" turns the axes to the directions of largest variance; "tsne" keeps neighbours together, and neither distances
    between groups nor their sizes mean anything.

    Systems: embedding-map
    Source: Baker A169 and its figures; scikit-learn does the work.
    """
    if method not in METHODS:
        raise SettingError(f"no method {method!r} to draw a map by; {did_you_mean(method, METHODS)}")
    x = np.asarray(vectors, dtype=np.float64)
    if len(x) < 3 or x.shape[1] < 2:
        raise DataError(f"a map needs 3 words of 2 numbers or more; got {len(x)} of {x.shape[-1]}")
    if method == "pca":
        imported("sklearn.decomposition")
        from sklearn.decomposition import PCA

        made = PCA(2, random_state=seed)
        return WordMap(list(words), made.fit_transform(x), method, made.explained_variance_ratio_)
    imported("sklearn.manifold")
    from sklearn.manifold import TSNE

    unit = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-300)  # so that cosines decide
    perplexity = min(30.0, (len(x) - 1) / 3)
    points = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(unit)
    return WordMap(list(words), points.astype(np.float64), method)


@styled
def word_map_plot(found: WordMap) -> "Figure":
    """A map of words, each named where there is room."""
    label = f"Map of {len(found.words)} words by {found.method}"
    figure, (ax,) = canvas(width=7.0, height=5.4, label=label)
    ax.scatter(found.points[:, 0], found.points[:, 1], s=10, color=BLUE, alpha=0.7, linewidths=0)
    ax.margins(0.12)
    names = ["first direction", "second direction"]
    if found.ratio is not None:
        names = [f"{name}, {share:.0%} of the variance" for name, share in zip(names, found.ratio, strict=True)]
    ax.set(xlabel=names[0], ylabel=names[1], title=" ")
    n_left_out = _name(figure, ax, found)
    left_out = f"{n_left_out} of {len(found.words)} names left out for want of room"
    ax.set_title(left_out if n_left_out else "")
    return figure


def _name(figure: "Figure", ax: Any, found: WordMap) -> int:
    """Write names beside points, in the order given; how many found no room."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    drawn = FigureCanvasAgg(figure)
    drawn.draw()
    measure = drawn.get_renderer()
    at = ax.transData.transform(found.points)
    taken = [(x - 3, y - 3, x + 3, y + 3) for x, y in at]
    scale, missing = figure.dpi / 72, 0
    for i, (x, y) in enumerate(at):
        text = ax.annotate(
            shortened(found.words[i]), found.points[i], (0, 0), textcoords="offset points", fontsize=8, color=INK,
            ha="center", va="center", annotation_clip=False,
        )  # fmt: skip
        box = text.get_window_extent(measure)
        spot = _room(x, y, box.width / 2, box.height / 2, [b for k, b in enumerate(taken) if k != i])
        if spot is None:
            text.remove()
            missing += 1
            continue
        taken.append(spot)
        text.set_position((((spot[0] + spot[2]) / 2 - x) / scale, ((spot[1] + spot[3]) / 2 - y) / scale))
    return missing


def _room(x: float, y: float, wide: float, high: float, taken: list[Any]) -> tuple[float, float, float, float] | None:
    """The first place for a box of half widths beside a point that overlaps none."""
    for across, up in PLACES:
        dx, dy = across * (wide + GAP), up * (high + GAP)
        spot = (x + dx - wide, y + dy - high, x + dx + wide, y + dy + high)
        if not any(spot[0] < b[2] and b[0] < spot[2] and spot[1] < b[3] and b[1] < spot[3] for b in taken):
            return spot
    return None
