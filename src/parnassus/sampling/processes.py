"""Gaussian processes for many rows: regression and two classes through inducing points that are learned."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError, Diverged, SettingError, did_you_mean
from ..functional.bayes import matern_kernel, rbf_kernel
from ..functional.bayes.sparse import (
    collapsed_bound,
    expected_log_sigmoid,
    expected_sigmoid,
    sparse_process,
    whitened_kl,
    whitened_marginals,
)

KERNELS = {"rbf": rbf_kernel, "matern": matern_kernel}
LIKELIHOODS = ("normal", "bernoulli")


class SparseProcess:
    """A Gaussian process through `n_inducing` points, by variational inference; costs rows x n_inducing^2 a step.

    Scales (one a column), variance, noise and the points themselves are learned by raising the evidence lower bound.

    Parameters
    ----------
    likelihood : "normal" (numbers) or "bernoulli" (two classes, by their logits).
    kernel : "rbf" or "matern" (of smoothness 2.5).
    n_steps, lr : steps of Adam and its rate.
    batch_size : rows a step, for "bernoulli"; all where it is None.

    Attributes (after fit)
    ----------
    elbo_ : the bound at each step; bound_ the last, over all rows, in the standardised numbers.

    Source: Titsias 2009; Hensman, Matthews and Ghahramani 2015.
    """

    def __init__(
        self,
        *,
        likelihood: str = "normal",
        kernel: str = "rbf",
        n_inducing: int = 50,
        n_steps: int = 300,
        lr: float = 0.05,
        batch_size: int | None = None,
        seed: int = 0,
    ) -> None:
        if likelihood not in LIKELIHOODS:
            raise SettingError(f"no likelihood {likelihood!r}; {did_you_mean(likelihood, LIKELIHOODS)}")
        if kernel not in KERNELS:
            raise SettingError(f"no kernel {kernel!r}; {did_you_mean(kernel, KERNELS)}")
        if n_inducing < 1 or n_steps < 1 or not lr > 0 or (batch_size is not None and batch_size < 1):
            raise SettingError(
                f"n_inducing, n_steps and batch_size are 1 or more and lr above 0; got {n_inducing}, {n_steps}, "
                f"{batch_size} and {lr}"
            )
        if batch_size is not None and likelihood == "normal":
            raise SettingError("batch_size is for likelihood='bernoulli'; with numbers each step takes all rows")
        self.likelihood, self.kernel, self.n_inducing, self.n_steps = likelihood, kernel, n_inducing, n_steps
        self.lr, self.batch_size, self.seed = lr, batch_size, seed

    # --- learning ---------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any) -> "SparseProcess":
        """Learn from rows X (n, d) and numbers y (n,), or two classes."""
        rows = _table(X)
        self._centre, self._width = rows.mean(0), rows.std(0, correction=0).clamp(min=1e-12)
        x, target = (rows - self._centre) / self._width, self._target(y, len(rows))
        generator = torch.Generator().manual_seed(self.seed)
        distinct = torch.unique(x, dim=0)
        n = min(self.n_inducing, len(distinct))
        self._points = distinct[torch.randperm(len(distinct), generator=generator)[:n]].clone()
        self._logs = torch.zeros(x.shape[1] + 2, dtype=torch.float64)
        self._logs[:-2] = 0.5 * math.log(x.shape[1])
        self._logs[-1] = math.log(0.1)
        self._mean = torch.zeros(n, dtype=torch.float64)
        self._factor = torch.eye(n, dtype=torch.float64)
        learned = [self._logs, self._points]
        if self.likelihood == "bernoulli":
            learned += [self._mean, self._factor]
        self._climb(learned, x, target, generator)
        self._seen = x, target
        with torch.no_grad():
            self.bound_ = float(self._bound(x, target, len(x)))
        return self

    def _climb(self, learned: list[Tensor], x: Tensor, y: Tensor, generator: torch.Generator) -> None:
        for value in learned:
            value.requires_grad_()
        optimizer = torch.optim.Adam(learned, lr=self.lr)
        history = []
        for step in range(self.n_steps):
            some = slice(None)
            if self.batch_size is not None and self.batch_size < len(x):
                some = torch.randperm(len(x), generator=generator)[: self.batch_size]  # type: ignore[assignment]
            bound = self._bound(x[some], y[some], len(x))
            history.append(float(bound.detach()))
            if not math.isfinite(history[-1]):
                raise Diverged(f"the evidence lower bound is {history[-1]} at step {step}; give a smaller lr")
            optimizer.zero_grad()
            (-bound / len(x)).backward()
            optimizer.step()
            fallen = 0.5 * (1 + math.cos(math.pi * step / self.n_steps))
            optimizer.param_groups[0]["lr"] = self.lr * (0.02 + 0.98 * fallen)
        for value in learned:
            value.requires_grad_(False)
        self.elbo_ = np.array(history)

    def _bound(self, x: Tensor, y: Tensor, n: int) -> Tensor:
        if self.likelihood == "normal":
            return collapsed_bound(x, y, self._points, kernel=self._kernel, noise=self._noise)
        mean, variance = whitened_marginals(x, self._points, self._mean, self._factor, kernel=self._kernel)
        likely = expected_log_sigmoid(y * mean, variance).sum()
        return n / len(x) * likely - whitened_kl(self._mean, self._factor)

    def _kernel(self, a: Tensor, b: Tensor) -> Tensor:
        scale, variance = self._logs[:-2].exp().clamp(min=1e-3), self._logs[-2].exp()
        return variance * KERNELS[self.kernel](a, b, scale=scale)

    @property
    def _noise(self) -> Tensor:
        return self._logs[-1].exp() + 1e-6

    def _target(self, y: Any, n: int) -> Tensor:
        values = np.asarray(y)
        if values.shape != (n,):
            raise DataError(f"y has shape {values.shape}; expected ({n},), one for each row")
        if self.likelihood == "bernoulli":
            self.classes_ = np.unique(values)
            if len(self.classes_) != 2:
                raise DataError(f"y has {len(self.classes_)} classes; likelihood='bernoulli' takes two")
            return torch.from_numpy(np.where(values == self.classes_[1], 1.0, -1.0))
        numbers = _numbers(values, "y")
        self._level, self._size = float(numbers.mean()), float(numbers.std(correction=0)) or 1.0
        return (numbers - self._level) / self._size

    # --- answers ----------------------------------------------------------------------------------

    def predict(self, X: Any, *, return_std: bool = False) -> Any:
        """Numbers (n,), with `return_std` also the standard deviation of a new one, noise included; or classes."""
        if self.likelihood == "bernoulli":
            if return_std:
                raise SettingError("classes have no standard deviation; call predict_proba")
            return self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(int)]
        new = self._rows(X)
        x, y = self._seen
        means, variances = [], []
        for part in new.split(256):
            found = sparse_process(x, y, part, inducing=self._points, kernel=self._kernel, noise=self._noise)
            means.append(found.mean)
            variances.append(found.covariance.diagonal().clamp(min=0))
        mean = self._level + self._size * torch.cat(means).numpy()
        if not return_std:
            return mean
        return mean, self._size * (torch.cat(variances) + self._noise).sqrt().numpy()

    def predict_proba(self, X: Any) -> np.ndarray:
        """How probable both classes are, (n, 2), in the order of `classes_`."""
        if self.likelihood != "bernoulli":
            raise SettingError("numbers have no classes; call predict, or give likelihood='bernoulli'")
        mean, variance = whitened_marginals(
            self._rows(X), self._points, self._mean, self._factor, kernel=self._kernel
        )  # fmt: skip
        p = expected_sigmoid(mean, variance).numpy()
        return np.stack([1 - p, p], 1)

    def _rows(self, X: Any) -> Tensor:
        if not hasattr(self, "_points"):
            raise SettingError("the process has seen no data yet; call fit")
        rows = _table(X)
        if rows.shape[1] != self._points.shape[1]:
            raise DataError(f"X has {rows.shape[1]} columns; fit saw {self._points.shape[1]}")
        return (rows - self._centre) / self._width


def _table(X: Any) -> Tensor:
    values = _numbers(np.asarray(X), "X")
    if values.ndim != 2 or not values.numel():
        raise DataError(f"X has shape {tuple(values.shape)}; expected (rows, columns), one of each at least")
    return values


def _numbers(values: np.ndarray, name: str) -> Tensor:
    try:
        found = values.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name} holds what is no number; a process takes numbers") from None
    bad = np.argwhere(~np.isfinite(found))
    if len(bad):
        value = found[tuple(bad[0])]
        raise DataError(f"{name} holds {value} in row {bad[0][0]}; fill such values or leave the rows out")
    return torch.from_numpy(found)
