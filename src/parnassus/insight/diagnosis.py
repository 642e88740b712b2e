"""A training's diagnosis: the verdict, the layers in numbers, remedies in order, and pictures of all of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import BLUE, MUTED, RULE, VERMILION, canvas, styled
from .verdicts import Advice, Fit
from .vitals import Vitals

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = {
    "name": "layer",
    "kind": "kind",
    "n_units": "units",
    "mean": "mean",
    "spread": "spread",
    "gradient": "gradient",
    "zeros": "zeros",
    "dead": "dead",
    "saturated": "saturated",
    "weights": "weights",
    "step": "step / weight",
}
NAMED = 12  # layers up to which an axis has room for their names
SMALLEST = 1e-15  # what a logarithmic axis shows of 0
SHARES = ("zeros", "dead", "saturated")


@dataclass(frozen=True)
class ByHeart:
    """Whether a fresh net learns a handful of rows by heart: one that cannot has a fault no data will mend."""

    n_rows: int
    first_loss: float
    last_loss: float
    learned: bool

    def __str__(self) -> str:
        can = "can" if self.learned else "CANNOT"
        return (
            f"a fresh net {can} learn {self.n_rows} rows by heart: loss {self.first_loss:.3g} to {self.last_loss:.3g}"
        )


@dataclass(frozen=True)
class Diagnosis:
    """What `estimator.diagnose()` finds; printed, it is prose with numbers.

    Attributes
    ----------
    fit : "fits", "underfits", "overfits", "still learning" or "unknown".
    layers : one `Vitals` a layer, in the order of the forward pass.
    advice : findings with their remedies, the most pressing first.
    by_heart : the check on a handful of rows; None where it was left out.
    history : the epochs' means.
    """

    model: str
    fit: Fit
    layers: Sequence[Vitals]
    advice: Sequence[Advice]
    history: Sequence[Mapping[str, float]] = field(repr=False)
    n_rows: int = 0
    by_heart: ByHeart | None = None

    def __str__(self) -> str:
        lines = [f"{self.model}: {self.fit}", ""]
        lines += [str(advice) for advice in self.advice] or ["nothing to mend was found"]
        lines += ["", str(self.by_heart)] if self.by_heart else []
        return "\n".join([*lines, "", f"layers on {self.n_rows:,} rows", self.table()])

    def table(self) -> str:
        """The layers in numbers."""
        rows = [self.headings, *self.rows()]
        widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
        sides = "<<" + ">" * (len(COLUMNS) - 2)
        lines = (
            "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True))
            for row in rows
        )
        return "\n".join(line.rstrip() for line in lines)

    @property
    def headings(self) -> list[str]:
        """The table's columns."""
        return list(COLUMNS.values())

    @property
    def words(self) -> str:
        """The verdict within a sentence that begins with "it"."""
        words = {"still learning": "was still learning", "unknown": "was watched on its own rows alone"}
        return words.get(self.fit, self.fit)

    def rows(self) -> list[list[str]]:
        """The table's cells."""
        return [[_cell(key, getattr(v, key)) for key in COLUMNS] for v in self.layers]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        layers = [{k: v for k, v in asdict(layer).items() if k != "correlation"} for layer in self.layers]
        advice = [asdict(one) | {"remedies": list(one.remedies)} for one in self.advice]
        told = {"model": self.model, "fit": self.fit, "n_rows": self.n_rows, "layers": layers, "advice": advice}
        return told | {"by_heart": asdict(self.by_heart) if self.by_heart else None}

    def plot(self) -> "Figure":
        """Sizes of outputs and gradients by layer, dead and saturated shares, and how hidden units go together."""
        return draw_diagnosis(self)


def _cell(key: str, value: Any) -> str:
    if value is None:
        return ""
    if key in SHARES:
        return f"{value:.0%}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@styled
def draw_diagnosis(diagnosis: Diagnosis) -> "Figure":
    """Three panels: scale by layer, shares by layer, correlations of the last hidden layer's units."""
    layers = diagnosis.layers
    mapped = [v for v in layers if v.correlation is not None and v.n_units > 1]
    figure, axes = canvas(1, 3 if mapped else 2, width=15.0 if mapped else 10.0, height=3.4, label="The net by layer")
    names = [f"{v.name} {v.kind}" for v in layers]
    at = np.arange(len(layers))
    for key, color, label in (
        ("spread", BLUE, "outputs, standard deviation"),
        ("gradient", VERMILION, "gradient by outputs, RMS"),
    ):
        values = [max(getattr(v, key), SMALLEST) for v in layers]
        axes[0].plot(at, values, color=color, marker="o", markersize=4, label=label)
    axes[0].set_yscale("log")
    axes[0].set_title("Sizes by layer")
    axes[0].legend()
    shares = [("dead", VERMILION), ("saturated", BLUE), ("zeros", MUTED)]
    for i, (key, color) in enumerate(shares):
        values = [getattr(v, key) or 0.0 for v in layers]
        axes[1].bar(at + (i - 1) * 0.27, values, width=0.25, color=color, label=key)
    axes[1].set_ylim(0, 1)
    axes[1].set_title("Share of units dead, of outputs saturated or zero")
    axes[1].legend()
    for ax in axes[:2]:
        if len(layers) <= NAMED:
            ax.set_xticks(at, names, rotation=30, ha="right")
        else:
            ax.set_xlabel("layer, in the order of the table")
    if mapped:
        last = mapped[-1]
        drawn = axes[2].imshow(np.asarray(last.correlation), cmap="RdBu_r", vmin=-1, vmax=1)
        axes[2].set_title(f"Correlation of the units of {last.name} {last.kind}")
        axes[2].grid(False)
        axes[2].set_facecolor(RULE)
        if np.isnan(np.asarray(last.correlation)).any():
            axes[2].set_xlabel("grey: units that never change")
        figure.colorbar(drawn, ax=axes[2], shrink=0.85)
    return figure
