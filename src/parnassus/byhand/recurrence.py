"""Recurrent cells and their backpropagation through time: sequences x are (n, time, n_inputs), states (n, n_units).

Weights are w_x (n_inputs, gates x n_units), w_h (n_units, gates x n_units) and b (gates x n_units), the gates side by
side in torch's order; torch holds them transposed.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Run:
    """A cell over time: its inputs, the states h (n, time + 1, n_units) from the start on, and all else by name."""

    x: Array
    h: Array
    inner: Mapping[str, Array]


@dataclass(frozen=True)
class Slopes:
    """The loss's slopes: by inputs, by start states, by weight, and by each step's h and pre-activations."""

    by_x: Array
    by_start: Mapping[str, Array]
    by_weight: Mapping[str, Array]
    by_h: Array
    deltas: Array


class Cell(ABC):
    """A recurrent layer with its weights."""

    w_x: Array
    w_h: Array
    b: Array

    @abstractmethod
    def forward(self, x: ArrayLike, **start: Array) -> Run:
        """The run over sequences x from start states, which are zero where not given."""

    @abstractmethod
    def backward(self, run: Run, by_h: ArrayLike, **by_last: Array) -> Slopes:
        """The slopes of a loss whose direct slope by h_1 to h_T is `by_h` (n, time, n_units)."""

    def _begin(self, x: ArrayLike) -> tuple[Array, Array]:
        x = np.asarray(x, dtype=float)
        return x, np.zeros((len(x), x.shape[1] + 1, len(self.w_h)))


@dataclass(frozen=True)
class Elman(Cell):
    """h_t = tanh(x_t w_x + h_(t-1) w_h + b).

    Source: Elman 1990; Hifny eq. 10.1, Baker A138, Martinez-Ramon eq. 5.1, Jaiswal J97.
    """

    w_x: Array
    w_h: Array
    b: Array

    def forward(self, x: ArrayLike, **start: Array) -> Run:
        """The run; `h` may be given as start state."""
        x, h = self._begin(x)
        h[:, 0] = start.get("h", 0)
        for t in range(x.shape[1]):
            h[:, t + 1] = np.tanh(x[:, t] @ self.w_x + h[:, t] @ self.w_h + self.b)
        return Run(x, h, {})

    def backward(self, run: Run, by_h: ArrayLike, **by_last: Array) -> Slopes:
        """dE/dh_t = by_h_t + delta_(t+1) w_h',  delta_t = dE/dh_t (1 - h_t^2), from the last step to the first.

        by_w_h = sum over t of h_(t-1)' delta_t, by_w_x = sum of x_t' delta_t, by_b = sum of delta_t: all taken before
        any weight moves.

        Systems: bptt
        Source: Werbos 1990; Hifny eqs. 10.8 to 10.24, Baker A141 (whose printed sum needs outputs of step 2 T),
        Martinez-Ramon eqs. 5.18 to 5.23 (which move w_ho before they use it), Jaiswal J109.
        """
        by_h = np.asarray(by_h, dtype=float)
        total, deltas = np.zeros_like(by_h), np.zeros_like(by_h)
        carried = by_last.get("h", np.zeros_like(by_h[:, 0]))
        for t in reversed(range(by_h.shape[1])):
            total[:, t] = by_h[:, t] + carried
            deltas[:, t] = total[:, t] * (1 - run.h[:, t + 1] ** 2)
            carried = deltas[:, t] @ self.w_h.T
        return Slopes(deltas @ self.w_x.T, {"h": carried}, _by_weights(run.x, run.h, deltas), total, deltas)


@dataclass(frozen=True)
class LSTM(Cell):
    """i, f, o = sigmoid(.), g = tanh(.) of x_t w_x + h_(t-1) w_h + b; c_t = f c_(t-1) + i g; h_t = o tanh(c_t).

    Gates lie side by side as i, f, g, o. No peepholes.

    Source: Hochreiter and Schmidhuber 1997 with the forget gate of Gers 2000; Hifny eqs. 10.34 to 10.39, Baker A143,
    Martinez-Ramon eqs. 5.32 to 5.35, Jaiswal J115.
    """

    w_x: Array
    w_h: Array
    b: Array

    def forward(self, x: ArrayLike, **start: Array) -> Run:
        """The run; `h` and `c` may be given. Inner: i, f, g, o (n, time, n_units) and c from the start on."""
        x, h = self._begin(x)
        c, gates = np.zeros_like(h), np.zeros((4, len(x), x.shape[1], len(self.w_h)))
        h[:, 0], c[:, 0] = start.get("h", 0), start.get("c", 0)
        for t in range(x.shape[1]):
            z_i, z_f, z_g, z_o = np.split(x[:, t] @ self.w_x + h[:, t] @ self.w_h + self.b, 4, axis=1)
            i, f, g, o = sigmoid(z_i), sigmoid(z_f), np.tanh(z_g), sigmoid(z_o)
            c[:, t + 1] = f * c[:, t] + i * g
            h[:, t + 1] = o * np.tanh(c[:, t + 1])
            gates[:, :, t] = i, f, g, o
        return Run(x, h, dict(zip("ifgo", gates, strict=True)) | {"c": c})

    def backward(self, run: Run, by_h: ArrayLike, **by_last: Array) -> Slopes:
        """dc_t = dc_(t+1) f_(t+1) + dh_t o_t (1 - tanh^2 c_t), and from it each gate's delta.

        delta_o = dh tanh(c) o (1 - o), delta_f = dc c_(t-1) f (1 - f), delta_i = dc g i (1 - i),
        delta_g = dc i (1 - g^2); dh_(t-1) gains the deltas times w_h'.

        Systems: lstm-bptt
        Source: Graves 2013; Hifny A10.5, Martinez-Ramon eqs. 5.36 to 5.46, whose forget gate, candidate and eq. 5.42
        are wrong: dh o tanh'(c_(t-1)) stands where dc c_(t-1) belongs.
        """
        by_h, inner = np.asarray(by_h, dtype=float), run.inner
        c, squashed = inner["c"], np.tanh(inner["c"])
        total, deltas = np.zeros_like(by_h), np.zeros((*by_h.shape[:2], 4 * by_h.shape[2]))
        nothing = np.zeros_like(by_h[:, 0])
        carried, by_c = by_last.get("h", nothing), by_last.get("c", nothing)
        for t in reversed(range(by_h.shape[1])):
            i, f, g, o = (inner[name][:, t] for name in "ifgo")
            dh = total[:, t] = by_h[:, t] + carried
            dc = by_c + dh * o * (1 - squashed[:, t + 1] ** 2)
            parts = [dc * g * i * (1 - i), dc * c[:, t] * f * (1 - f), dc * i * (1 - g**2)]
            deltas[:, t] = np.concatenate([*parts, dh * squashed[:, t + 1] * o * (1 - o)], axis=1)
            carried, by_c = deltas[:, t] @ self.w_h.T, dc * f
        start = {"h": carried, "c": by_c}
        return Slopes(deltas @ self.w_x.T, start, _by_weights(run.x, run.h, deltas), total, deltas)

    def cell_jacobian(self, run: Run, t: int) -> Array:
        """dc_t / dc_(t-1) (n, n_units, n_units) for t from 2: diag(f_t) and the ways through h_(t-1) and the gates.

        The first term alone is the constant error carousel; h_(t-1) = o_(t-1) tanh(c_(t-1)) adds the other three.

        Systems: lstm-bptt
        Source: Hifny eq. 10.45 with the factors o (1 - tanh^2 c) and tanh' (the book prints o tanh(c) and sigma').
        """
        inner, step = run.inner, t - 1
        i, f, g, _ = (inner[name][:, step] for name in "ifgo")
        c_before = inner["c"][:, step]
        w_i, w_f, w_g, _ = np.split(self.w_h, 4, axis=1)
        h_by_c = inner["o"][:, step - 1] * (1 - np.tanh(c_before) ** 2)
        c_by_h = (
            (g * i * (1 - i))[:, :, None] * w_i.T
            + (c_before * f * (1 - f))[:, :, None] * w_f.T
            + (i * (1 - g**2))[:, :, None] * w_g.T
        )
        return f[:, :, None] * np.eye(f.shape[1]) + c_by_h * h_by_c[:, None, :]


@dataclass(frozen=True)
class GRUResetBefore(Cell):
    """r, z = sigmoid(.); candidate n = tanh(x w_xn + (r h) w_hn + b_n); h_t = z h_(t-1) + (1 - z) n.

    The reset gate works before the product, as in the first paper and in the books; z keeps the old state. Gates lie
    side by side as r, z, n.

    Source: Cho et al. 2014; Hifny eqs. 10.40 to 10.43 (10.42 prints h_t where h_(t-1) belongs), Martinez-Ramon
    eqs. 5.48 to 5.50, Baker A144 (whose z keeps the new state: swap z and 1 - z).
    """

    w_x: Array
    w_h: Array
    b: Array

    def forward(self, x: ArrayLike, **start: Array) -> Run:
        """The run; `h` may be given. Inner: r, z, n (n, time, n_units)."""
        x, h = self._begin(x)
        size, gates = len(self.w_h), np.zeros((3, len(x), x.shape[1], len(self.w_h)))
        h[:, 0] = start.get("h", 0)
        for t in range(x.shape[1]):
            a = x[:, t] @ self.w_x + self.b
            r, z = np.split(sigmoid(a[:, : 2 * size] + h[:, t] @ self.w_h[:, : 2 * size]), 2, axis=1)
            n = np.tanh(a[:, 2 * size :] + (r * h[:, t]) @ self.w_h[:, 2 * size :])
            h[:, t + 1] = z * h[:, t] + (1 - z) * n
            gates[:, :, t] = r, z, n
        return Run(x, h, dict(zip("rzn", gates, strict=True)))

    def backward(self, run: Run, by_h: ArrayLike, **by_last: Array) -> Slopes:
        """delta_n = dh (1 - z) (1 - n^2), delta_z = dh (h - n) z (1 - z), delta_r = (delta_n w_hn') h r (1 - r)."""
        by_h, (w_gates, w_n) = np.asarray(by_h, dtype=float), np.split(self.w_h, [2 * len(self.w_h)], axis=1)
        total, deltas = np.zeros_like(by_h), np.zeros((*by_h.shape[:2], 3 * by_h.shape[2]))
        carried = by_last.get("h", np.zeros_like(by_h[:, 0]))
        for t in reversed(range(by_h.shape[1])):
            r, z, n = (run.inner[name][:, t] for name in "rzn")
            before = run.h[:, t]
            dh = total[:, t] = by_h[:, t] + carried
            delta_n = dh * (1 - z) * (1 - n**2)
            by_reset = delta_n @ w_n.T  # by r h
            delta_rz = np.concatenate([by_reset * before * r * (1 - r), dh * (before - n) * z * (1 - z)], axis=1)
            deltas[:, t] = np.concatenate([delta_rz, delta_n], axis=1)
            carried = dh * z + by_reset * r + delta_rz @ w_gates.T
        by_weight = _by_weights(run.x, run.h, deltas)
        reset = run.inner["r"] * run.h[:, :-1]
        by_weight["w_h"][:, w_gates.shape[1] :] = np.einsum("nth,ntk->hk", reset, deltas[..., w_gates.shape[1] :])
        return Slopes(deltas @ self.w_x.T, {"h": carried}, by_weight, total, deltas)


@dataclass(frozen=True)
class GRUResetAfter(Cell):
    """r, z = sigmoid(.); candidate n = tanh(x w_xn + b_n + r (h w_hn + b_h)); h_t = z h_(t-1) + (1 - z) n.

    The reset gate works after the product, as in torch and in Keras by default; its numbers are others than those of
    the reset before. b_h (n_units) is the candidate's recurrent bias; torch's other recurrent biases add to b.

    Source: torch.nn.GRU; Martinez-Ramon B23, Jaiswal B30.
    """

    w_x: Array
    w_h: Array
    b: Array
    b_h: Array

    def forward(self, x: ArrayLike, **start: Array) -> Run:
        """The run; `h` may be given. Inner: r, z, n and the candidate's recurrent part m = h w_hn + b_h."""
        x, h = self._begin(x)
        size, gates = len(self.w_h), np.zeros((4, len(x), x.shape[1], len(self.w_h)))
        h[:, 0] = start.get("h", 0)
        for t in range(x.shape[1]):
            a, u = x[:, t] @ self.w_x + self.b, h[:, t] @ self.w_h
            r, z = np.split(sigmoid(a[:, : 2 * size] + u[:, : 2 * size]), 2, axis=1)
            m = u[:, 2 * size :] + self.b_h
            n = np.tanh(a[:, 2 * size :] + r * m)
            h[:, t + 1] = z * h[:, t] + (1 - z) * n
            gates[:, :, t] = r, z, n, m
        return Run(x, h, dict(zip("rznm", gates, strict=True)))

    def backward(self, run: Run, by_h: ArrayLike, **by_last: Array) -> Slopes:
        """delta_n and delta_z as with the reset before; delta_r = delta_n m r (1 - r); by m = delta_n r."""
        by_h, size = np.asarray(by_h, dtype=float), len(self.w_h)
        total, deltas = np.zeros_like(by_h), np.zeros((*by_h.shape[:2], 3 * size))
        recurrent = np.zeros_like(deltas)  # the slopes by h w_h, which differ from deltas in the candidate's part
        carried = by_last.get("h", np.zeros_like(by_h[:, 0]))
        for t in reversed(range(by_h.shape[1])):
            r, z, n, m = (run.inner[name][:, t] for name in "rznm")
            dh = total[:, t] = by_h[:, t] + carried
            delta_n = dh * (1 - z) * (1 - n**2)
            delta_r, delta_z = delta_n * m * r * (1 - r), dh * (run.h[:, t] - n) * z * (1 - z)
            deltas[:, t] = np.concatenate([delta_r, delta_z, delta_n], axis=1)
            recurrent[:, t] = np.concatenate([delta_r, delta_z, delta_n * r], axis=1)
            carried = dh * z + recurrent[:, t] @ self.w_h.T
        by_weight = _by_weights(run.x, run.h, deltas)
        by_weight["w_h"] = np.einsum("nth,ntk->hk", run.h[:, :-1], recurrent)
        by_weight["b_h"] = recurrent[..., 2 * size :].sum((0, 1))
        return Slopes(deltas @ self.w_x.T, {"h": carried}, by_weight, total, deltas)


@dataclass(frozen=True)
class Bidirectional:
    """Two cells of one kind over one sequence, the second from its end; outputs are their states side by side.

    Source: Schuster and Paliwal 1997; Hifny eqs. 10.51 to 10.54, Martinez-Ramon eqs. 5.30 and 5.31.
    """

    onward: Cell
    backward_in_time: Cell

    def forward(self, x: ArrayLike) -> tuple[Array, Run, Run]:
        """Outputs (n, time, 2 n_units), and the two runs; the second one's time runs from the sequence's end."""
        x = np.asarray(x, dtype=float)
        first, second = self.onward.forward(x), self.backward_in_time.forward(x[:, ::-1])
        return np.concatenate([first.h[:, 1:], second.h[:, :0:-1]], axis=2), first, second

    def backward(self, runs: tuple[Run, Run], by_outputs: ArrayLike) -> tuple[Array, Slopes, Slopes]:
        """The slope by x, and the slopes of the two runs: two backpropagations that share by_outputs alone."""
        by_first, by_second = np.split(np.asarray(by_outputs, dtype=float), 2, axis=2)
        first = self.onward.backward(runs[0], by_first)
        second = self.backward_in_time.backward(runs[1], by_second[:, ::-1])
        return first.by_x + second.by_x[:, ::-1], first, second


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^-z), by tanh: no overflow."""
    return (1 + np.tanh(z / 2)) / 2


def _by_weights(x: Array, h: Array, deltas: Array) -> dict[str, Array]:
    return {
        "w_x": np.einsum("ntd,ntk->dk", x, deltas),
        "w_h": np.einsum("nth,ntk->hk", h[:, :-1], deltas),
        "b": deltas.sum((0, 1)),
    }
