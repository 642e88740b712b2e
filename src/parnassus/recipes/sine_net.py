"""A recurrent net that foretells a sine, by its gradient as it is and as a listing has it; several seeds at once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import Size, Table, recipe
from .drawn import curves

Array = NDArray[np.float64]
WAVE = np.sin(0.1 * np.arange(100))


@dataclass
class Nets:
    """Elman nets 1-16-1, one a seed: w_x (seeds, 16), w_h (seeds, 16, 16), w_y (seeds, 16), b_h and b_y."""

    w_x: Array
    w_h: Array
    w_y: Array
    b_h: Array
    b_y: Array

    @classmethod
    def drawn(cls, seeds: range, *, scale: float) -> "Nets":
        """Normal weights in the listing's order, those from and to the state times `scale`; biases of zero."""
        states = [np.random.RandomState(s) for s in seeds]
        first = [(s.randn(16, 1)[:, 0], scale * s.randn(16, 16), scale * s.randn(1, 16)[0]) for s in states]
        parts = [np.stack(part) for part in zip(*first, strict=True)]
        return cls(parts[0], parts[1], parts[2], np.zeros((len(seeds), 16)), np.zeros(len(seeds)))

    def run(self, x: Array) -> tuple[Array, Array]:
        """States (steps + 1, seeds, 16), the first one zero, and outputs (steps, seeds)."""
        h = np.zeros((len(x) + 1, *self.w_x.shape))
        for t, value in enumerate(x):
            h[t + 1] = np.tanh(self.w_x * value + (self.w_h @ h[t][..., None])[..., 0] + self.b_h)
        return h, (h[1:] * self.w_y).sum(-1) + self.b_y


Handed = Callable[[Array], Array]  # from w_h' delta of the step after, (seeds, 16), what the state is told of it


def step(nets: Nets, x: Array, t: Array, *, lr: float, handed: Handed) -> Array:
    """The mean squared error of every net (seeds,); then all weights move along the summed slope."""
    h, y = nets.run(x)
    by_y = 2 * (y - t[:, None])
    deltas, after = np.zeros_like(h[1:]), np.zeros_like(nets.w_x)
    for k in reversed(range(len(x))):
        deltas[k] = (by_y[k][:, None] * nets.w_y + handed(after)) * (1 - h[k + 1] ** 2)
        after = (deltas[k][:, None] @ nets.w_h)[:, 0]
    nets.w_y = nets.w_y - lr * (by_y[..., None] * h[1:]).sum(0)
    nets.b_y = nets.b_y - lr * by_y.sum(0)
    nets.w_x = nets.w_x - lr * (deltas * x[:, None, None]).sum(0)
    nets.w_h = nets.w_h - lr * np.einsum("tsi,tsj->sij", deltas, h[:-1])
    nets.b_h = nets.b_h - lr * deltas.sum(0)
    return np.square(y - t[:, None]).mean(0)


def whole(after: Array) -> Array:
    """Backpropagation through time: each unit is told its own slope."""
    return after


def first_only(after: Array) -> Array:
    """What the listing's shapes come to: every unit is told the slope of the first."""
    return np.broadcast_to(after[:, :1], after.shape)


NOTES = (
    "Mean squared errors on the 99 values of training. A sine that is always answered by its mean has 0.5.",
    "The listing adds a vector to a column, which makes a matrix, and goes on with its first row: all units are told "
    "the slope of the first. Summed over 99 steps, the right slope explodes from its weights too; from a quarter of "
    "them it does not.",
    "Where the listing does not settle, its course is chaotic: sums added up in another order make other seeds "
    "diverge.",
)


@recipe(
    "sine-by-a-recurrent-net",
    source="Hifny listing 10.1, figure 10.5",
    figure="the predicted curve follows the sine",
    experiments="hifny-14",
)
def sine_net(size: Size) -> Table:
    """The next value of a sine by 16 recurrent units, from six seeds: the listing as printed, and put right."""
    n_steps, seeds = (60, range(2)) if size == "tiny" else (10_000, range(6))
    checks = [n for n in (1, 100, 1_000, 3_000) if n < n_steps] + [n_steps]
    x, t = WAVE[:-1], WAVE[1:]
    ways: dict[str, tuple[float, Handed]] = {
        "the listing": (1.0, first_only),
        "the right slope, the listing's weights": (1.0, whole),
        "the right slope, a quarter of them": (0.25, whole),
    }
    rows: list[tuple] = []
    last = {}
    for name, (scale, handed) in ways.items():
        nets = Nets.drawn(seeds, scale=scale)
        errors: list[Array] = []
        with np.errstate(over="ignore", invalid="ignore"):
            while len(errors) < n_steps and (not errors or np.isfinite(errors[-1]).any()):
                errors.append(step(nets, x, t, lr=0.001, handed=handed))
            errors += errors[-1:] * (n_steps - len(errors))
            last[name] = nets.run(x)[1]
        rows += [
            (
                name,
                seed,
                *("diverged" if not np.isfinite(errors[n - 1][k]) else float(errors[n - 1][k]) for n in checks),
            )
            for k, seed in enumerate(seeds)
        ]
    at = np.arange(1, 100)
    shown = {
        "Seed 0 at the end: the listing, the right slope, and the sine.": lambda: curves(
            {
                "listing": (at, last["the listing"][:, 0]),
                "put right": (at, last["the right slope, a quarter of them"][:, 0]),
            },
            across="step",
            up="value",
            points={"sine": (at, t)},
        )
    }
    columns = ("net", "seed", *(f"error at epoch {n}" for n in checks))
    return Table("A sine by a recurrent net", columns, rows, NOTES, {"rate": 0.001, "seed": 0}, pictures=shown)
