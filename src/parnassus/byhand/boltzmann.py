"""Contrastive divergence by hand for restricted Boltzmann machines of 0 and 1; rows of v (n, n_visible) are samples."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .diagram import Diagram, layered_diagram
from .recurrence import sigmoid
from .worked import Section, Worked

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RBM:
    """Weights w (n_visible, n_hidden), visible biases b, hidden biases c: E(v, h) = -v' w h - b' v - c' h."""

    w: Array
    b: Array
    c: Array

    def hidden(self, v: ArrayLike) -> Array:
        """p(h_j = 1 | v) = sigmoid(v w + c)."""
        return sigmoid(np.asarray(v, dtype=float) @ self.w + self.c)

    def visible(self, h: ArrayLike) -> Array:
        """p(v_i = 1 | h) = sigmoid(h w' + b)."""
        return sigmoid(np.asarray(h, dtype=float) @ self.w.T + self.b)

    def free_energy(self, v: ArrayLike) -> Array:
        """F(v) = -b' v - sum of softplus(v w + c), with p(v) = e^-F(v) / Z."""
        v = np.asarray(v, dtype=float)
        return -v @ self.b - np.logaddexp(0, v @ self.w + self.c).sum(-1)


@dataclass(frozen=True)
class ContrastiveStep(Worked):
    """One step: the data with their hidden units, the reconstruction with its own, the statistics, the new machine."""

    v: Array
    p_h: Array
    h: Array
    p_v: Array
    v_again: Array
    p_h_again: Array
    by_w: Array
    by_b: Array
    by_c: Array
    before: RBM
    after: RBM

    def sections(self) -> list[Section]:
        """Data, reconstruction, changes, new weights."""
        return [
            Section("data", {"v": self.v, "p(h | v)": self.p_h, "h": self.h}),
            Section("reconstruction", {"p(v' | h)": self.p_v, "v'": self.v_again, "p(h' | v')": self.p_h_again}),
            Section("statistics", {"v'h - v''h'": self.by_w, "v - v'": self.by_b, "h - h'": self.by_c}),
            Section("new weights", {"w": self.after.w, "b": self.after.b, "c": self.after.c}),
        ]

    def diagram(self) -> Diagram:
        """The two layers with the first row's values."""
        return layered_diagram("restricted Boltzmann machine", [self.before.w], [self.v[0], self.h[0]])


def contrastive_step(
    rbm: RBM, v: ArrayLike, *, lr: float, rng: np.random.Generator, n_steps: int = 1, start: ArrayLike | None = None
) -> ContrastiveStep:
    """The step of CD-n_steps: w += lr (v' h - v_again' h_again), b += lr sum (v - v_again), c likewise; sums over rows.

    h is drawn from p(h | v), v_again from p(v | h), and so on; the last hidden units are probabilities, as Hinton
    advises. `start` gives the chain another beginning than the data (persistent chains: the last v_again). Divide lr
    by the number of rows for a mean.

    Source: Hinton 2002; Martinez-Ramon eqs. 7.10 to 7.13, whose eq. 7.6 has the sign of the gradient wrong.
    """
    v = np.asarray(v, dtype=float)
    p_h = rbm.hidden(v)
    h = (rng.random(p_h.shape) < p_h).astype(float)
    chain = h
    if start is not None:
        p_chain = rbm.hidden(start)
        chain = (rng.random(p_chain.shape) < p_chain).astype(float)
    for step in range(n_steps):
        p_v = rbm.visible(chain)
        v_again = (rng.random(p_v.shape) < p_v).astype(float)
        p_h_again = rbm.hidden(v_again)
        if step < n_steps - 1:
            chain = (rng.random(p_h_again.shape) < p_h_again).astype(float)
    by_w = v.T @ h - v_again.T @ p_h_again
    by_b, by_c = v.sum(0) - v_again.sum(0), h.sum(0) - p_h_again.sum(0)
    after = RBM(rbm.w + lr * by_w, rbm.b + lr * by_b, rbm.c + lr * by_c)
    return ContrastiveStep(v, p_h, h, p_v, v_again, p_h_again, by_w, by_b, by_c, rbm, after)


def likelihood_gradient(rbm: RBM, v: ArrayLike) -> tuple[Array, Array, Array]:
    """The exact gradient of the mean log-likelihood by w, b and c, over all 2^n_visible states: small machines only.

    E_data[v h'] - E_model[v h'], which contrastive divergence comes to as its chain grows long.

    Source: Martinez-Ramon eq. 7.6 with its sign put right.
    """
    v = np.asarray(v, dtype=float)
    states = (np.arange(2 ** len(rbm.b))[:, None] >> np.arange(len(rbm.b))[::-1] & 1).astype(float)
    p = np.exp(-rbm.free_energy(states) + rbm.free_energy(states).min())
    p = (p / p.sum())[:, None]
    h_data, h_model = rbm.hidden(v), rbm.hidden(states)
    by_w = v.T @ h_data / len(v) - (p * states).T @ h_model
    return by_w, v.mean(0) - (p * states).sum(0), h_data.mean(0) - (p * h_model).sum(0)
