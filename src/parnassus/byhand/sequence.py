"""A recurrent net with an output at every step, and its worked step: forward, backward through time, new weights."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .diagram import Diagram, unrolled_diagram
from .mlp import OUTPUTS
from .recurrence import Cell, Run, Slopes
from .worked import Section, Worked

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SequenceTrace(Worked):
    """One step: the cell's run, outputs (n, time, n_outputs), deltas there, and every gradient by name."""

    loss: float
    outputs: Array
    by_outputs: Array
    run: Run
    slopes: Slopes
    gradients: dict[str, Array]
    after: "SequenceNet"

    def sections(self) -> list[Section]:
        """Each time step of the first sequence forward, each backward, then the gradients and new weights."""
        run, slopes, n_steps = self.run, self.slopes, self.outputs.shape[1]
        forward = [
            Section(
                f"t = {t + 1}",
                {"x": run.x[0, t]}
                | {name: v[0, t + v.shape[1] - n_steps] for name, v in run.inner.items()}
                | {"h": run.h[0, t + 1], "y": self.outputs[0, t]},
            )
            for t in range(n_steps)
        ]
        back = [
            Section(
                f"t = {t + 1}, backward",
                {"delta y": self.by_outputs[0, t], "dE/dh": slopes.by_h[0, t], "delta": slopes.deltas[0, t]},
            )
            for t in reversed(range(n_steps))
        ]
        new = self.after.weights()
        last = [Section(name, {"gradient": g, "new": new[name]}) for name, g in self.gradients.items()]
        return [*forward, Section("loss", {"loss": self.loss}), *back, *last]

    def diagram(self) -> Diagram:
        """The first sequence over time."""
        return unrolled_diagram("over time", self.run.x[0], self.run.h[0, 1:], self.outputs[0])


@dataclass(frozen=True)
class SequenceNet:
    """A cell and an output layer at every step: y_t = phi(h_t w_y + b_y), phi and loss by name as in `mlp.OUTPUTS`."""

    cell: Cell
    w_y: Array
    b_y: Array
    output: str = "softmax_cross_entropy"

    def weights(self) -> dict[str, Array]:
        """Every weight by name."""
        own = {name: getattr(self.cell, name) for name in ("w_x", "w_h", "b", "b_h") if hasattr(self.cell, name)}
        return own | {"w_y": self.w_y, "b_y": self.b_y}

    def trace(self, x: ArrayLike, t: ArrayLike, *, lr: float = 0.0) -> SequenceTrace:
        """One step on sequences x (n, time, d) with targets t (n, time, n_outputs); the loss is summed over time.

        Every gradient is taken before any weight moves.

        Systems: bptt
        Source: Hifny eqs. 10.8 to 10.24, Martinez-Ramon eqs. 5.2 to 5.23.
        """
        run, t = self.cell.forward(x), np.asarray(t, dtype=float)
        states = run.h[:, 1:]
        z = states @ self.w_y + self.b_y
        loss, y, delta = OUTPUTS[self.output](z.reshape(-1, z.shape[-1]), t.reshape(-1, z.shape[-1]))
        by_z = delta.reshape(z.shape)
        slopes = self.cell.backward(run, by_z @ self.w_y.T)
        gradients = dict(slopes.by_weight)
        gradients |= {"w_y": np.einsum("nth,nto->ho", states, by_z), "b_y": by_z.sum((0, 1))}
        after = self._moved({name: -lr * g for name, g in gradients.items()})
        return SequenceTrace(loss, y.reshape(z.shape), by_z, run, slopes, gradients, after)

    def _moved(self, change: dict[str, Array]) -> "SequenceNet":
        new = {name: w + change[name] for name, w in self.weights().items()}
        w_y, b_y = new.pop("w_y"), new.pop("b_y")
        return SequenceNet(replace(self.cell, **new), w_y, b_y, self.output)  # type: ignore[type-var]
