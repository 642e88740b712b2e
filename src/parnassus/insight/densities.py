"""Gaussians seen from above: contours of one and two standard deviations."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from ..errors import DataError
from ..functional.probability import ellipse_axes
from .style import MUTED, SERIES, canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AROUND = np.linspace(0, 2 * np.pi, 121)


def ellipse(mean: np.ndarray, covariance: np.ndarray, *, n_deviations: float = 1.0) -> np.ndarray:
    """Points (121, 2) on the contour of a Gaussian so many standard deviations out."""
    lengths, directions = ellipse_axes(torch.from_numpy(np.asarray(covariance)), n_deviations=n_deviations)
    circle = np.stack([np.cos(AROUND), np.sin(AROUND)], 1)
    return np.asarray(mean) + (circle * lengths.numpy()) @ directions.numpy().T


@styled
def plot_ellipses(
    means: np.ndarray,
    covariances: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    points: np.ndarray | None = None,
) -> "Figure":
    """Ellipses of Gaussians in a plane, one and two deviations out, over points: means (k, 2), covariances (k, 2, 2).

    Systems: multivariate-gaussian
    """
    means, covariances = np.asarray(means), np.asarray(covariances)
    if means.ndim != 2 or means.shape[1] != 2:
        raise DataError(f"ellipses are drawn of two columns; got means of shape {means.shape}: fit on two columns")
    figure, (axes,) = canvas(width=5.0, height=4.2, label="Ellipses of Gaussians")
    if points is not None:
        across, up = np.asarray(points).T
        axes.scatter(across, up, s=6, color=MUTED, alpha=0.4, linewidths=0)
    for i, (mean, covariance) in enumerate(zip(means, covariances, strict=True)):
        colour = SERIES[i % len(SERIES)]
        for n_deviations in (1.0, 2.0):
            axes.plot(*ellipse(mean, covariance, n_deviations=n_deviations).T, color=colour, lw=1.8 / n_deviations)
        label = f"{i}" if weights is None else f"{i}: {weights[i]:.2f}"
        axes.scatter(*mean, marker="+", color=colour, label=label)
    axes.legend(title="component: weight" if weights is not None else "component")
    axes.set_aspect("equal", adjustable="datalim")
    return figure
