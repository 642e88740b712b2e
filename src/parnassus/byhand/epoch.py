"""A dense classifier trained in NumPy, fast: every product and every moment of Adam goes into memory made once."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]
BLOCK = 16_384  # numbers of the flat weights that Adam takes at a time, so that they stay in the cache


class DenseTrainer:
    """ReLU layers and a softmax, learnt by Adam on mini-batches, with no graph and no new memory in a step.

    `weights` (n_inputs, n_units) and `biases` are views of one flat block, `flat`. A step computes what
    `mlp.MLP.trace` does, with the mean over the batch; the output layer lies class by class in memory, where a
    softmax over few classes runs along vectors.

    Parameters
    ----------
    widths : inputs, hidden layers, classes.
    lr, betas, eps : Adam's; eps is added before the bias correction, as in scikit-learn.
    batch_size : rows a step; the last step of an epoch takes what is left.
    seed : of the weights (Glorot's uniform) and of the order of rows.
    """

    def __init__(
        self,
        widths: Sequence[int],
        *,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        batch_size: int = 200,
        seed: int = 0,
    ) -> None:
        self.widths, self.lr, self.betas, self.eps, self.batch_size = tuple(widths), lr, betas, eps, batch_size
        self.rng, self.n_steps = np.random.default_rng(seed), 0
        shapes = [s for n_in, n_out in pairwise(self.widths) for s in ((n_in, n_out), (n_out,))]
        size = sum(int(np.prod(s)) for s in shapes)
        self.flat, self.slopes, self.first, self.second = (np.zeros(size, dtype=np.float32) for _ in range(4))
        self._scratch = np.empty(min(BLOCK, size), dtype=np.float32)
        self.weights, self.biases = _views(self.flat, shapes)
        self.by_weights, self.by_biases = _views(self.slopes, shapes)
        for w in self.weights:
            limit = np.sqrt(6 / sum(w.shape))
            w[:] = self.rng.uniform(-limit, limit, w.shape)
        self._memory: dict[int, list[Floats]] = {}
        self._masks: dict[int, list[NDArray[np.bool_]]] = {}
        self._shuffled = np.empty((0, self.widths[0]), dtype=np.float32)

    def epoch(self, x: Floats, y: NDArray[np.int64], *, order: NDArray[np.intp] | None = None) -> float:
        """The mean loss over one pass through rows x (float32) with class numbers y, in a drawn order or in `order`."""
        order = self.rng.permutation(len(x)) if order is None else order
        if self._shuffled.shape != x.shape:
            self._shuffled = np.empty_like(x)
        np.take(x, order, axis=0, out=self._shuffled, mode="clip")
        y, total = y[order], 0.0
        for start in range(0, len(x), self.batch_size):
            stop = min(start + self.batch_size, len(x))
            total += self.gradient(self._shuffled[start:stop], y[start:stop]) * (stop - start)
            self.step()
        return total / len(x)

    def gradient(self, x: Floats, y: NDArray[np.int64]) -> float:
        """The mean loss of a batch; overwrites `slopes`."""
        outputs, slopes, log_p, ones = self._buffers(len(x))
        h, kept = x, [x]
        for w, b, out in zip(self.weights[:-1], self.biases[:-1], outputs, strict=True):
            np.matmul(h, w, out=out)
            out += b
            np.maximum(out, 0, out=out)
            kept.append(out)
            h = out
        np.matmul(self.weights[-1].T, h.T, out=log_p)
        log_p += self.biases[-1][:, None]
        loss = _softmax_slope(log_p, y)
        delta = log_p.T
        for i in reversed(range(len(self.weights))):
            np.matmul(kept[i].T, delta, out=self.by_weights[i])
            np.matmul(ones, delta, out=self.by_biases[i])
            if i:
                dead = np.less_equal(kept[i], 0, out=self._masks[len(x)][i - 1])
                delta = np.matmul(delta, self.weights[i].T, out=slopes[i - 1])
                np.copyto(delta, 0, where=dead)
        return loss

    def step(self) -> None:
        """Adam along `slopes`, block by block."""
        self.n_steps += 1
        beta, gamma = self.betas
        rate = self.lr * np.sqrt(1 - gamma**self.n_steps) / (1 - beta**self.n_steps)
        for start in range(0, len(self.flat), BLOCK):
            part = slice(start, start + BLOCK)
            p, g, m, v = self.flat[part], self.slopes[part], self.first[part], self.second[part]
            s = self._scratch[: len(p)]
            m *= np.float32(beta)
            np.multiply(g, np.float32(1 - beta), out=s)
            m += s
            v *= np.float32(gamma)
            np.multiply(g, g, out=s)
            s *= np.float32(1 - gamma)
            v += s
            np.sqrt(v, out=s)
            s += np.float32(self.eps)
            np.divide(m, s, out=s)
            s *= np.float32(rate)
            p -= s

    def scores(self, x: ArrayLike) -> Floats:
        """The outputs before the softmax, (n, classes)."""
        h = np.asarray(x, dtype=np.float32)
        for w, b in zip(self.weights[:-1], self.biases[:-1], strict=True):
            h = np.maximum(h @ w + b, 0)
        return h @ self.weights[-1] + self.biases[-1]

    def _buffers(self, n: int) -> tuple[list[Floats], list[Floats], Floats, Floats]:
        hidden = self.widths[1:-1]
        if n not in self._memory:
            made: list[Floats] = [np.empty((n, width), dtype=np.float32) for width in (*hidden, *hidden)]
            made += [np.empty((self.widths[-1], n), dtype=np.float32), np.ones(n, dtype=np.float32)]
            self._memory[n] = made
            self._masks[n] = [np.empty((n, width), dtype=bool) for width in hidden]
        made = self._memory[n]
        return made[: len(hidden)], made[len(hidden) : 2 * len(hidden)], made[-2], made[-1]


def _views(flat: Floats, shapes: Sequence[tuple[int, ...]]) -> tuple[list[Floats], list[Floats]]:
    parts, start = [], 0
    for shape in shapes:
        size = int(np.prod(shape))
        parts.append(flat[start : start + size].reshape(shape))
        start += size
    return parts[::2], parts[1::2]


def _softmax_slope(z: Floats, y: NDArray[np.int64]) -> float:
    """The mean cross-entropy of scores z (classes, n); z becomes its slope (softmax - onehot) / n."""
    columns = np.arange(len(y))
    z -= z.max(0)
    right = z[y, columns]
    np.exp(z, out=z)
    total = z.sum(0)
    loss = float((np.log(total) - right).mean())
    z /= total * np.float32(len(y))
    z[y, columns] -= np.float32(1 / len(y))
    return loss
