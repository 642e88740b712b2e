"""The first machines: McCulloch and Pitts's unit, and Rosenblatt's Mark 1."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .perceptron import perceptron_epochs

Array = NDArray[np.float64]


def mcculloch_pitts(x: ArrayLike, threshold: float, inhibit: ArrayLike = 0) -> Array:
    """Whether a unit fires, 1 or 0: it does where no inhibitory input is on and more than `threshold` others are.

    x : inputs of 0 and 1, (..., d). inhibit : 0 or 1, broadcast over the rows. Nothing in it is learned.

    >>> x = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> mcculloch_pitts(x, 1).tolist(), mcculloch_pitts(x, 0).tolist()  # AND, OR
    ([0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 1.0])
    >>> mcculloch_pitts([[1], [1]], 0, inhibit=[0, 1]).tolist()
    [1.0, 0.0]

    Systems: mcculloch-pitts
    Source: McCulloch and Pitts 1943; Martinez-Ramon 1.2, Keras course 1.2.
    """
    bits = np.asarray(x, dtype=float)
    if not np.isin(bits, (0, 1)).all() or not np.isin(inhibit, (0, 1)).all():
        raise ValueError("inputs of this unit are 0 or 1")
    return ((bits.sum(-1) > threshold) & (np.asarray(inhibit) == 0)).astype(float)


@dataclass(frozen=True)
class Mark1:
    """A retina wired at random to units of 0 and 1, and weights that a perceptron learns on these.

    wiring : (n_units, n_cells) of -1, 0 and 1, fixed; w (n_units,) and b are learned.
    """

    wiring: Array
    w: Array
    b: float
    converged: bool

    def seen(self, x: ArrayLike) -> Array:
        """What the units say of rows x (n, n_cells): 1 where what comes in by their wires is above 0."""
        return (np.asarray(x, dtype=float) @ self.wiring.T > 0).astype(float)

    def output(self, x: ArrayLike) -> Array:
        """+1 or -1 for each row."""
        return np.where(self.seen(x) @ self.w + self.b > 0, 1.0, -1.0)


def mark1(
    x: ArrayLike, y: ArrayLike, *, n_units: int = 512, n_wires: int = 8, n_epochs: int = 100, seed: int = 0
) -> Mark1:
    """The machine after learning rows x (n, n_cells) with answers of +1 and -1.

    Each unit has `n_wires` wires from cells drawn at random, exciting or inhibiting; the machine had 400 cells, and
    motors that turned potentiometers. As its units have thresholds, rows that no plane separates may be learned.

    Systems: rosenblatt-mark1
    Source: Rosenblatt 1958; Martinez-Ramon 1.2.
    """
    rows = np.asarray(x, dtype=float)
    rng = np.random.default_rng(seed)
    wiring = np.zeros((n_units, rows.shape[1]))
    for unit in wiring:
        cells = rng.choice(rows.shape[1], min(n_wires, rows.shape[1]), replace=False)
        unit[cells] = rng.choice((-1.0, 1.0), len(cells))
    first = Mark1(wiring, np.zeros(n_units), 0.0, converged=False)
    run = perceptron_epochs(first.seen(rows), (np.asarray(y) > 0).astype(float), max_epochs=n_epochs)
    return Mark1(wiring, run.w, run.b, run.converged)
