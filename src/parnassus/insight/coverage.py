"""How often intervals hold what they are to hold."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .plots import MetricLike
from .style import BLUE, MUTED, canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def interval_coverage(metrics: Sequence[MetricLike], confidence: float = 0.95) -> "Figure":
    """Metrics named coverage_50 and the like against the percent that they name, with intervals."""
    figure, (ax,) = canvas(height=3.4, label="Share of answers that intervals held, by the share they were to hold")
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="as said")
    for place, m in enumerate(metrics):
        level = int(m.name.split("_")[1]) / 100
        if m.low is not None and m.high is not None:
            ax.plot([level, level], [m.low, m.high], color=BLUE, linewidth=2.2)
        ax.plot(
            level, m.value, "o", color=BLUE, markersize=6, label=None if place else f"seen, {confidence:.0%} interval"
        )
    ax.set(xlabel="share that intervals are to hold", ylabel="share that they held", xlim=(0, 1.02), ylim=(0, 1.02))
    ax.set_title("Coverage of intervals")
    ax.legend(loc="upper left")
    return figure
