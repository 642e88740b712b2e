"""Hidden states as pictures: which were likely at each step of a sequence, and how they follow one another."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from .style import BLUE, MUTED, RULE, SERIES, canvas, styled, svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES, STEPS = 4, 400  # features, and steps from the first on, that are drawn


@styled
def plot_states(x: Any, posterior: ArrayLike) -> "Figure":
    """A sequence above, the probability of each state at its steps below, stacked.

    x : frames (time, features), of which the first four are drawn, or symbols (time,). posterior : (time, states).

    >>> plot_states(["a", "b", "a"], [[1, 0], [0.2, 0.8], [1, 0]]).axes[1].get_ylabel()
    'probability'
    """
    p = np.asarray(posterior, dtype=np.float64)
    values = np.asarray(x)
    if p.ndim != 2 or len(p) != len(values):
        raise DataError(f"posterior is (time, states) of the {len(values)} steps of x; got shape {p.shape}")
    p, values = p[:STEPS], values[:STEPS]
    figure, (above, below) = canvas(2, 1, width=7.4, height=3.9, sharex=True, label="A sequence and its hidden states")
    steps = np.arange(len(p))
    if values.ndim == 1:
        names, values = np.unique(values, return_inverse=True)
        above.plot(steps, values, ".", color=BLUE)
        above.set_yticks(range(len(names))[:20], [str(name) for name in names.tolist()][:20])
    else:
        for j in range(min(values.shape[1], LINES)):
            above.plot(steps, values[:, j], color=SERIES[j % len(SERIES)], linewidth=1.1)
    shades = [SERIES[k % len(SERIES)] for k in range(p.shape[1])]
    below.stackplot(steps, p.T, colors=shades, alpha=0.75, labels=[f"state {k}" for k in range(p.shape[1])])
    below.set(xlabel="step", ylabel="probability", ylim=(0, 1))
    if p.shape[1] <= 2 * len(SERIES):
        below.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


@styled
def plot_transitions(transitions: ArrayLike) -> "Figure":
    """How probable each state is after each other one (from, to), in cells.

    >>> plot_transitions([[0.9, 0.1], [0.2, 0.8]]).axes[0].get_ylabel()
    'from state'
    """
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    p = np.asarray(transitions, dtype=np.float64)
    if p.ndim != 2 or p.shape[0] != p.shape[1]:
        raise DataError(f"transitions are (states, states); got shape {p.shape}")
    figure, (ax,) = canvas(width=4.2, height=3.9, label="Probabilities of transitions, rows from, columns to")
    shades = LinearSegmentedColormap.from_list("blues", [(*to_rgb(BLUE), a) for a in (0.0, 0.95)])
    ax.pcolormesh(p, cmap=shades, vmin=0, vmax=1, edgecolors=RULE, linewidth=0.4 if len(p) <= 30 else 0)
    ax.set(aspect="equal", xlabel="to state", ylabel="from state")
    ax.invert_yaxis()
    ax.grid(False)
    shown = range(0, len(p), max(1, len(p) // 10))
    ax.set_xticks([k + 0.5 for k in shown], [str(k) for k in shown])
    ax.set_yticks([k + 0.5 for k in shown], [str(k) for k in shown])
    if len(p) <= 10:
        for (i, j), value in np.ndenumerate(p):
            if value >= 0.005:
                color = "white" if value > 0.55 else MUTED
                ax.text(j + 0.5, i + 0.5, f"{value:.2f}", ha="center", va="center", color=color, fontsize=8)
    return figure


def state_figures(x: Any, posterior: ArrayLike, transitions: ArrayLike) -> dict[str, str]:
    """Both as a report shows them: caption -> SVG."""
    return {
        "The first sequence, and how probable each state is at its steps.": svg(plot_states(x, posterior)),
        "How probable a state is after each other one.": svg(plot_transitions(transitions)),
    }
