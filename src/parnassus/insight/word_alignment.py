"""Which units of a source were looked at for each unit that was written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .attention import heat_maps

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class WordAlignment:
    """Weights (len(targets), len(sources)) of the source's units for each unit written; rows sum to 1."""

    sources: Sequence[str]
    targets: Sequence[str]
    weights: np.ndarray

    def links(self) -> list[tuple[str, str]]:
        """Each unit written, beside the unit of the source that had most weight."""
        best = self.weights.argmax(1).tolist()
        return [(target, self.sources[i]) for target, i in zip(self.targets, best, strict=True)]

    def table(self, *, least: float = 0.1) -> str:
        """The weights as text, sources across; those below `least` are left out."""
        width = max(5, *(len(name) + 1 for name in self.sources))
        side = max(len(name) for name in self.targets)
        lines = [" " * side + "".join(f"{name:>{width}}" for name in self.sources)]
        for name, row in zip(self.targets, self.weights, strict=True):
            shown = (f"{w:.2f}" if w >= least else "." for w in row)
            lines.append(f"{name:<{side}}" + "".join(f"{w:>{width}}" for w in shown))
        return "\n".join(lines)

    def plot(self) -> "Figure":
        """A heat map, sources across and what was written downwards."""
        return heat_maps(self.weights, keys=self.sources, queries=self.targets, title="alignment")
