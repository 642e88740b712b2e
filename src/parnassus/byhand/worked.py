"""Worked steps: what every by-hand derivation can show, as text with aligned numbers and as a picture."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .diagram import Diagram

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Section:
    """A heading and the numbers below it, by name, in the order of the calculation."""

    title: str
    numbers: Mapping[str, Array | float]


class Worked(ABC):
    """One step of learning with everything in it: `print` shows every number, `draw` the net."""

    @abstractmethod
    def sections(self) -> list[Section]:
        """What is printed, in order."""

    @abstractmethod
    def diagram(self) -> Diagram:
        """What is drawn."""

    def __str__(self) -> str:
        return written(self.sections())

    def draw(self) -> Any:
        """A matplotlib Figure of the net, with the numbers of the first row."""
        return self.diagram().draw()


def written(sections: list[Section], *, digits: int = 6) -> str:
    """The sections as text: names in one column, arrays aligned by their decimal points; large ones are shortened.

    >>> print(written([Section("dense 2 -> 1", {"z": np.array([[0.5, -2.0]]), "loss": 1.25})], digits=2))
    dense 2 -> 1
      z     [[ 0.50 -2.00]]
      loss   1.25
    """
    width = max((len(name) for section in sections for name in section.numbers), default=0) + 2
    lines = []
    for section in sections:
        lines.append(section.title)
        for name, value in section.numbers.items():
            head = f"  {name:<{width}}"
            text = f" {value:.{digits}f}" if isinstance(value, float) else _array(value, head, digits)
            lines.append(f"{head}{text}")
    return "\n".join(lines)


def _array(value: Array, head: str, digits: int) -> str:
    return np.array2string(
        np.asarray(value, dtype=float),
        precision=digits,
        floatmode="fixed",
        suppress_small=True,
        sign=" ",
        prefix=head,
        max_line_width=110,
        threshold=160,
        edgeitems=3,
    )
