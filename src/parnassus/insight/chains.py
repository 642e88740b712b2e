"""Plots of chains: traces with densities, ranks, autocorrelations and pairs."""

from typing import TYPE_CHECKING

import numpy as np

from ..errors import SettingError, did_you_mean
from ..sampling import Chains, autocorrelation
from .style import BLUE, INK, MUTED, SERIES, VERMILION, canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("trace", "rank", "autocorrelation", "pairs")
MOST = 10  # numbers that one figure shows


@styled
def plot_chains(chains: Chains, kind: str = "trace", *, names: list[str] | None = None) -> "Figure":
    """A plot of some numbers of a sampler's draws, ten at most (five for "pairs").

    "trace" shows the draws in order beside their density, a colour a chain; "rank" how often each chain gives every
    rank, level where chains agree; "autocorrelation" the correlation by steps apart; "pairs" draws against draws, with
    those whose path diverged marked.

    Systems: mcmc-diagnostics
    """
    columns = chains.columns()
    chosen = names or list(columns)[: 5 if kind == "pairs" else MOST]
    for name in chosen:
        if name not in columns:
            raise SettingError(f"no number {name!r} was drawn; {did_you_mean(name, columns)}")
    draws = {name: columns[name] for name in chosen}
    if kind == "trace":
        return _traces(draws)
    if kind == "rank":
        return _ranks(draws)
    if kind == "autocorrelation":
        return _autocorrelations(draws)
    if kind == "pairs":
        return _pairs(draws, chains.divergent)
    raise SettingError(f"kind is one of {', '.join(KINDS)}; {did_you_mean(kind, KINDS)}")


def _traces(draws: dict[str, np.ndarray]) -> "Figure":
    figure, axes = canvas(
        len(draws), 2, width=9, height=1.7 * len(draws) + 0.4, label="Draws by step, and their density",
        width_ratios=(1, 3),
    )  # fmt: skip
    for (name, values), left, right in zip(draws.items(), axes[::2], axes[1::2], strict=True):
        edges = np.histogram_bin_edges(values, bins=40)
        for i, chain in enumerate(values):
            color = SERIES[i % len(SERIES)]
            left.stairs(np.histogram(chain, edges, density=True)[0], edges, color=color, linewidth=1)
            right.plot(chain, color=color, linewidth=0.5, alpha=0.8)
        left.set(title=name, yticks=[])
        right.set_xlabel("draw" if right is axes[-1] else "")
    return figure


def _ranks(draws: dict[str, np.ndarray]) -> "Figure":
    from scipy.stats import rankdata

    figure, axes = canvas(1, len(draws), width=3.2 * len(draws), height=3, label="Ranks of the draws by chain")
    for (name, values), ax in zip(draws.items(), axes, strict=True):
        ranks = rankdata(values).reshape(values.shape)
        edges = np.linspace(0, values.size, 21)
        level = values.shape[1] / 20
        for i, chain in enumerate(ranks):
            ax.stairs(np.histogram(chain, edges)[0], edges, color=SERIES[i % len(SERIES)], label=f"chain {i}")
        ax.axhline(level, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        ax.set(title=name, xlabel="rank over all chains", ylim=(0, None))
    axes[-1].legend(fontsize=7)
    return figure


def _autocorrelations(draws: dict[str, np.ndarray]) -> "Figure":
    figure, axes = canvas(1, len(draws), width=3.2 * len(draws), height=2.8, label="Autocorrelation by steps apart")
    for (name, values), ax in zip(draws.items(), axes, strict=True):
        lags = min(60, values.shape[1] - 1)
        for i, row in enumerate(autocorrelation(values)):
            ax.plot(row[: lags + 1], color=SERIES[i % len(SERIES)], linewidth=1)
        ax.axhline(0, color=INK, linewidth=0.8)
        ax.set(title=name, xlabel="steps apart", ylim=(-0.3, 1.05))
    return figure


def _pairs(draws: dict[str, np.ndarray], divergent: np.ndarray) -> "Figure":
    n = len(draws)
    figure, axes = canvas(n, n, width=1.9 * n + 0.6, height=1.8 * n + 0.4, label="Draws of every two numbers")
    lost = divergent.ravel()
    flat = {name: values.ravel() for name, values in draws.items()}
    for i, (below, y) in enumerate(flat.items()):
        for j, (across, x) in enumerate(flat.items()):
            ax = axes[i * n + j]
            if j > i:
                ax.set_axis_off()
                continue
            if i == j:
                ax.hist(x, bins=40, color=BLUE)
                ax.set_yticks([])
            else:
                ax.plot(x[~lost], y[~lost], ".", color=BLUE, markersize=1.5, alpha=0.4, rasterized=True)
                ax.plot(x[lost], y[lost], ".", color=VERMILION, markersize=4)
            ax.set_xlabel(across if i == n - 1 else "")
            ax.set_ylabel(below if j == 0 and i else "")
    return figure
