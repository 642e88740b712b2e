"""Links of a chain that work on sequences: rows of a table by number, cells over time, the last step."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .chain import Layer
from .recurrence import Bidirectional, Cell, GRUResetAfter, Slopes

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Lookup(Layer):
    """An embedding: ids (n, time) become the rows of w (ids, width)."""

    name: str
    w: Array

    @property
    def title(self) -> str:  # type: ignore[override]
        """Ids and width."""
        return f"embedding {len(self.w)} -> {self.w.shape[1]}"

    @property
    def weights(self) -> dict[str, Array]:
        """The table."""
        return {f"{self.name}.weight": self.w}

    def forward(self, x: Array) -> Array:
        """(n, time, width)."""
        return self.w[x.astype(np.int64)]

    def backward(self, delta: Array, x: Array, h: Array) -> tuple[Array, dict[str, Array]]:
        """Each id's row gathers the deltas of the places where it stood; ids have no slope."""
        by_w = np.zeros_like(self.w)
        np.add.at(by_w, x.astype(np.int64), delta)
        return np.zeros_like(x), {f"{self.name}.weight": by_w}


@dataclass(frozen=True)
class Named:
    """A cell with the names that torch gives its weights, each with the part of the cell's gradient that is its own."""

    name: str
    cell: Cell
    given: dict[str, Array]

    def gradients(self, slopes: Slopes) -> dict[str, Array]:
        """The slope by each of torch's weights: matrices turned, biases that add up get the same slope each."""
        g = slopes.by_weight
        by_bias = g["b"]
        if isinstance(self.cell, GRUResetAfter):  # the candidate's recurrent bias stands inside the reset gate
            by_bias = np.concatenate([g["b"][: -len(g["b_h"])], g["b_h"]])
        turned = {"weight_ih_l0": g["w_x"].T, "weight_hh_l0": g["w_h"].T, "bias_ih_l0": g["b"], "bias_hh_l0": by_bias}
        split = {"of_x.weight": g["w_x"].T, "of_x.bias": g["b"]}
        n = self.cell.w_h.shape[0]
        split |= {"of_h.weight": g["w_h"].T[: 2 * n], "of_reset.weight": g["w_h"].T[2 * n :]}
        known = {f"{self.name}.inner.{key}": value for key, value in turned.items()}
        known |= {f"{self.name}.{key}": value for key, value in split.items()}
        return {name: known[name] for name in self.given}


@dataclass(frozen=True)
class OverTime(Layer):
    """A cell over sequences (n, time, d), in one direction or in two: states (n, time, width)."""

    onward: Named
    back: Named | None = None
    merge: str = "concat"

    @property
    def title(self) -> str:  # type: ignore[override]
        """The cell and its widths."""
        d, n = self.onward.cell.w_x.shape[0], self.onward.cell.w_h.shape[0]
        kind = {"Elman": "Elman net", "LSTM": "LSTM"}.get(type(self.onward.cell).__name__, "GRU")
        return f"{kind} {d} -> {n}" + (", both directions" if self.back else "")

    @property
    def weights(self) -> dict[str, Array]:
        """Of both directions."""
        return self.onward.given | (self.back.given if self.back else {})

    def forward(self, x: Array) -> Array:
        """The states of every step."""
        if self.back is None:
            return self.onward.cell.forward(x).h[:, 1:]
        side_by_side = Bidirectional(self.onward.cell, self.back.cell).forward(x)[0]
        if self.merge == "concat":
            return side_by_side
        ahead, back = np.split(side_by_side, 2, axis=2)
        return ahead + back if self.merge == "sum" else (ahead + back) / 2

    def backward(self, delta: Array, x: Array, h: Array) -> tuple[Array, dict[str, Array]]:
        """Backpropagation through time, of each direction for itself."""
        if self.back is None:
            slopes = self.onward.cell.backward(self.onward.cell.forward(x), delta)
            return slopes.by_x, self.onward.gradients(slopes)
        if self.merge != "concat":
            share = delta if self.merge == "sum" else delta / 2
            delta = np.concatenate([share, share], axis=2)
        both = Bidirectional(self.onward.cell, self.back.cell)
        _, first, second = both.forward(x)
        by_x, ahead, back = both.backward((first, second), delta)
        return by_x, self.onward.gradients(ahead) | self.back.gradients(back)


@dataclass(frozen=True)
class Summary(Layer):
    """States of every step (n, time, width) as one vector a row: the "last" step, the "mean", or the "max".

    In two directions the last step of the second one is the first of the row: `n_back` of the width come from there.
    """

    how: str
    n_back: int = 0

    @property
    def title(self) -> str:  # type: ignore[override]
        """What is taken."""
        return {"last": "last step", "mean": "mean over time", "max": "maximum over time"}[self.how]

    def forward(self, x: Array) -> Array:
        """(n, width)."""
        if self.how != "last":
            return x.mean(1) if self.how == "mean" else x.max(1)
        n = x.shape[2] - self.n_back
        return np.concatenate([x[:, -1, :n], x[:, 0, n:]], axis=1)

    def backward(self, delta: Array, x: Array, h: Array) -> tuple[Array, dict[str, Array]]:
        """To the steps that were taken; of equal maxima to the first."""
        by_x = np.zeros_like(x)
        if self.how == "mean":
            by_x += delta[:, None] / x.shape[1]
        elif self.how == "max":
            np.put_along_axis(by_x, x.argmax(1)[:, None], delta[:, None], 1)
        else:
            n = x.shape[2] - self.n_back
            by_x[:, -1, :n], by_x[:, 0, n:] = delta[:, :n], delta[:, n:]
        return by_x, {}
