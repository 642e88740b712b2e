"""Maps of data in a few dimensions: which rows lie near each other."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.answers import answer_array
from ..data.codec import Codec, codec_for
from ..data.draws import seeded_globally
from ..data.vectors import vectors
from ..errors import DataError, SettingError, did_you_mean
from ..imports import imported
from .plots import shortened
from .style import BLUE, SERIES, canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METHODS = ("pca", "isomap", "tsne")


@dataclass(frozen=True)
class Projection:
    """Rows as points (rows, dimensions), and how they were found.

    `ratio` is the share of the variance that each direction of "pca" holds, and `components` are the directions; None
    for the others, whose axes mean nothing.
    """

    method: str
    points: np.ndarray
    ratio: np.ndarray | None = None
    components: np.ndarray | None = None
    mean: np.ndarray | None = None

    def inverse(self, points: Any = None) -> np.ndarray:
        """Vectors (rows, features) at points (those of the rows, unless given): mean + points @ components."""
        if self.components is None:
            raise SettingError(f"{self.method!r} has no way back from points to vectors; 'pca' has")
        return self.mean + np.asarray(self.points if points is None else points) @ self.components

    def plot(self, y: Any = None) -> "Figure":
        """The first two dimensions, coloured by class or by number where y is given."""
        return map_plot(self, y)


def project(
    X: Any,
    *,
    method: str = "pca",
    n_dimensions: int = 2,
    codec: Codec | None = None,
    n_neighbors: int = 10,
    perplexity: float = 30.0,
    seed: int = 0,
) -> Projection:
    """Rows of a table, texts or pictures as points in a plane.

    Parameters
    ----------
    method : "pca" turns the axes to the directions of largest variance; "isomap" keeps distances along the
        neighbourhoods' graph; "tsne" keeps neighbours together, and nothing else: neither sizes of groups nor distances
        between them mean anything.
    n_dimensions : how many coordinates.
    codec : how X becomes vectors; one that is fitted is used as it is, None learns it from X. A table is standardised.
    n_neighbors : of a row, for "isomap".
    perplexity : about how many neighbours "tsne" keeps; below the number of rows.
    seed : of what is drawn: first places, or first vectors of an approximation.

    Systems: pca, isomap, tsne
    Source: Martinez-Ramon 3.5.1, 3.5.5 and 7.1; Baker 7.2 (A169); Keras course 5.2.1. scikit-learn does the work.
    """
    if method not in METHODS:
        raise SettingError(f"no method {method!r} to draw a map by; {did_you_mean(method, METHODS)}")
    codec = codec_for(X) if codec is None else codec
    ready = codec if _is_fitted(codec) else copy.deepcopy(codec).fit(X)
    x = vectors(ready, X)
    x = np.asarray(x.todense() if hasattr(x, "todense") else x, dtype=np.float64)
    least = {"pca": n_dimensions, "isomap": n_neighbors + 1, "tsne": int(perplexity) + 1}[method]
    if len(x) < least or n_dimensions > x.shape[1]:
        raise DataError(
            f"a map of {n_dimensions} dimensions by {method!r} needs {least} rows and {n_dimensions} features or more; "
            f"X has {len(x)} and {x.shape[1]}"
        )
    if method == "pca":
        return _principal(x, n_dimensions, seed)
    imported("sklearn.manifold")
    from sklearn.manifold import TSNE, Isomap

    if method == "isomap":
        with seeded_globally(seed):  # its eigenvectors start from a random one
            return Projection(method, Isomap(n_components=n_dimensions, n_neighbors=n_neighbors).fit_transform(x))
    made = TSNE(n_components=n_dimensions, perplexity=perplexity, init="pca", random_state=seed)
    return Projection(method, made.fit_transform(x).astype(np.float64))


def _is_fitted(codec: Codec) -> bool:
    try:
        return bool(codec.views())
    except AttributeError:
        return False


def _principal(x: np.ndarray, n_dimensions: int, seed: int) -> Projection:
    imported("sklearn.decomposition")
    from sklearn.decomposition import PCA

    made = PCA(n_dimensions, random_state=seed)
    points = made.fit_transform(x)
    return Projection("pca", points, made.explained_variance_ratio_, made.components_, made.mean_)


@styled
def map_plot(projection: Projection, y: Any = None) -> "Figure":
    """The first two dimensions of a map, coloured by class or by number."""
    points = projection.points
    answers = None if y is None else answer_array(y)
    if answers is not None and len(answers) != len(points):
        raise DataError(f"the map has {len(points)} rows and y {len(answers)} colours; give one for each row")
    across, up = points[:, 0], points[:, 1] if points.shape[1] > 1 else np.zeros(len(points))
    figure, (ax,) = canvas(width=5.6, height=4.4, label=f"Map of {len(points)} rows by {projection.method}")
    if answers is None:
        ax.scatter(across, up, s=12, color=BLUE, alpha=0.6, linewidths=0)
    elif answers.dtype.kind == "f" and len(np.unique(answers)) > len(SERIES):
        drawn = ax.scatter(across, up, s=12, c=answers, cmap="viridis", linewidths=0)
        figure.colorbar(drawn, ax=ax)
    else:
        _by_class(ax, across, up, answers)
    names: Sequence[str] = ("first direction", "second direction")
    if projection.ratio is not None:
        names = [f"{n}, {r:.0%} of the variance" for n, r in zip(names, projection.ratio, strict=False)]
    ax.set(xlabel=names[0], ylabel=names[1] if points.shape[1] > 1 else "")
    return figure


def _by_class(ax: Any, across: np.ndarray, up: np.ndarray, answers: np.ndarray) -> None:
    marks = "os^vDPX"
    for i, name in enumerate(np.unique(answers).tolist()):
        here = answers == name
        look = {"color": SERIES[i % len(SERIES)], "marker": marks[i // len(SERIES) % len(marks)]}
        ax.scatter(across[here], up[here], s=14, alpha=0.7, linewidths=0, label=shortened(name), **look)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
