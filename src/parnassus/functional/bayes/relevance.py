"""Relevance vector machines: of many columns the few that the evidence keeps, each with its own prior precision."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ...errors import DataError
from ..probability import LOG_2PI
from .linear import refuse_gaps
from .logistic import logistic_posterior

MOST_STEPS = 2_000
# noises to start from, as shares of y's power, and steps at which they stay: columns that only several together explain
# are found from a small one
STARTS = ((0.1, 0), (0.01, 60))
LEAST_GAIN = 1e-4  # of the log evidence by a step
LEAST_OF_CLASSES = 1e-3
LEAST_NOISE = 1e-6  # as a share of the power of y
SPANNED = 1e-8  # of a column's length that is left beside those kept, below which it is taken to be one of them
WIDEST = (1e-10, 1e10)  # precisions of what is kept
REFUSALS = 10  # columns in a row whose step did not raise the evidence of classes, after which none is tried


class RelevanceVectors(NamedTuple):
    """What is kept of M columns: their places (m,), weights N(mean (m,), covariance (m, m)), precisions (m,).

    noise : the variance of numbers; 0 for classes. course : the log evidence after each step, never falling.
    """

    kept: Tensor
    mean: Tensor
    covariance: Tensor
    precision: Tensor
    noise: float
    course: list[float]

    @property
    def log_evidence(self) -> float:
        """The last of the course."""
        return self.course[-1]


class Steps(NamedTuple):
    """The best next step for each column: its new precision (infinite: leave out), and what the log evidence gains."""

    precision: Tensor
    gain: Tensor


def best_steps(sparsity: Tensor, quality: Tensor, precision: Tensor) -> Steps:
    """What each column's precision (M,) is best changed to, all else as it is; infinite ones are not in the model.

        s = a S / (a - S),  q = a Q / (a - S)    (S and Q themselves where a is infinite)
        q^2 > s: a = s^2 / (q^2 - s);  else the column is left out

    sparsity, quality : S = phi' C^-1 phi and Q = phi' C^-1 y (M,) with the covariance C of y under the model.

    Source: Tipping and Faul 2003, eqs 20, 23, 25, 27, 32 and 37.
    """
    inside = precision.isfinite()
    left = torch.where(inside, precision - sparsity, torch.ones_like(precision))
    s = torch.where(inside, precision * sparsity / left, sparsity)
    q = torch.where(inside, precision * quality / left, quality)
    wanted = q.square() > s
    best = torch.where(wanted, s.square() / (q.square() - s).clamp(min=1e-300), math.inf).clamp(min=WIDEST[0])
    best = torch.where(best > WIDEST[1], math.inf, best)
    # the log evidence by one precision, but for what does not depend on it; 0 where the column is left out
    now, then = (0.5 * (torch.log(a / (a + s)) + q.square() / (a + s)) for a in (precision, best))
    now, then = (torch.where(a.isfinite(), value, 0.0) for a, value in ((precision, now), (best, then)))
    return Steps(best, torch.where(inside | best.isfinite(), then - now, 0.0))


def relevance_regression(basis: Tensor, y: Tensor, *, weight: Tensor | None = None) -> RelevanceVectors:
    """The columns of `basis` (n, M) that explain y (n,), by raising the evidence one column at a time.

        y ~ N(0, C),   C = noise I + sum_m phi_m phi_m' / precision_m

    Each step adds, changes or leaves out the column by which ln p(y) rises most; the noise follows MacKay's re-estimate
    where that raises ln p(y) too, and EM's elsewhere. Two starts are tried, as ln p(y) has several peaks. `weight` (n,)
    is how often each row counts.

    Source: Tipping 2001; Tipping and Faul 2003.

    >>> x = torch.linspace(-1, 1, 9, dtype=torch.float64)
    >>> found = relevance_regression(torch.stack([x, x**2, x**3], 1), 2 * x**2 + 0.01 * torch.cos(40 * x))
    >>> found.kept, found.mean.round(decimals=1)
    (tensor([1]), tensor([2.], dtype=torch.float64))
    """
    _check(basis, y)
    held = torch.ones_like(y) if weight is None else weight
    phi, t, n = held.sqrt()[:, None] * basis, held.sqrt() * y, float(held.sum())
    if not bool((t != 0).any()):
        raise DataError("y is 0 in every row; there is nothing to explain")
    products = phi.T @ phi, phi.T @ t, float(t @ t), n
    search = max((_searched(*products, *start) for start in STARTS), key=lambda one: one.course[-1])
    return RelevanceVectors(*search.solved[:3], search.precision[search.solved[0]], search.noise, search.course)


def _searched(gram: Tensor, pull: Tensor, power: float, n: float, share: float, n_first: int) -> "_Numbers":
    """A search from a noise of `share` of y's power, which stays for the first steps."""
    search = _Numbers(gram, pull, power, n, share)
    for _ in range(n_first):
        if not search.step():
            break
    for _ in range(MOST_STEPS):
        before = search.course[-1]
        moved = search.step()
        search.settle_noise()
        if not moved and search.course[-1] - before < LEAST_GAIN:
            break
    return search


class _Numbers:
    """The state of a search: precisions of all columns, the noise, and what they make of products of the columns."""

    def __init__(self, gram: Tensor, pull: Tensor, power: float, n: float, share: float) -> None:
        self.gram, self.pull, self.power, self.n = gram, pull, power, n
        self.precision = torch.full_like(pull, math.inf)
        self.noise = share * power / n
        self.least = LEAST_NOISE * power / n
        self.solved = self._solve(self.precision, self.noise)
        self.course = [self.solved[3]]

    def _solve(self, precision: Tensor, noise: float) -> tuple[Tensor, Tensor, Tensor, float]:
        """Places, mean and covariance of the columns kept, and the log evidence."""
        kept = precision.isfinite().nonzero()[:, 0]
        own = precision[kept]
        factor = torch.linalg.cholesky(self.gram[kept][:, kept] / noise + own.diag())
        mean = torch.cholesky_solve(self.pull[kept, None], factor)[:, 0] / noise
        fit = (self.power - float(self.pull[kept] @ mean)) / noise
        logs = self.n * (LOG_2PI + math.log(noise)) + float(2 * factor.diagonal().log().sum() - own.log().sum())
        return kept, mean, torch.cholesky_inverse(factor), -0.5 * (logs + fit)

    def step(self) -> bool:
        """The step that raises the evidence most, where one does."""
        kept, mean, covariance, _ = self.solved
        across = self.gram[:, kept]
        sparsity = (self.gram.diagonal() - ((across @ covariance) * across).sum(1) / self.noise) / self.noise
        quality = (self.pull - across @ mean) / self.noise
        steps = best_steps(sparsity.clamp(min=1e-300), quality, self.precision)
        spanned = ~self.precision.isfinite() & (sparsity * self.noise < SPANNED * self.gram.diagonal())
        gain = steps.gain.masked_fill(spanned, 0.0)
        at = int(gain.argmax())
        if not float(gain[at]) > LEAST_GAIN:
            return False
        precision = self.precision.clone()
        precision[at] = steps.precision[at]
        return self._take(precision, self.noise)

    def settle_noise(self) -> None:
        """MacKay's re-estimate of the noise; where it overshoots that of EM, which never does."""
        kept, mean, covariance, _ = self.solved
        residue = self.power - 2 * float(self.pull[kept] @ mean) + float(mean @ self.gram[kept][:, kept] @ mean)
        known = float((1 - self.precision[kept] * covariance.diagonal()).sum())
        if not self._take(self.precision, max(residue / max(self.n - known, 1e-8), self.least)):
            self._take(self.precision, max((residue + self.noise * known) / self.n, self.least))

    def _take(self, precision: Tensor, noise: float) -> bool:
        found = self._solve(precision, noise)
        if not found[3] >= self.course[-1]:
            return False
        self.precision, self.noise, self.solved = precision, noise, found
        self.course.append(found[3])
        return True


def relevance_classification(basis: Tensor, y: Tensor, *, weight: Tensor | None = None) -> RelevanceVectors:
    """The columns of `basis` (n, M) that tell y (n,), 0 or 1, by p = sigmoid(basis w), with Laplace's approximation.

    Steps are those of `relevance_regression` for the numbers that Newton's step is a regression on, with variances
    1 / (weight p (1 - p)); each is kept only where the approximate evidence rises.

    Source: Tipping and Faul 2003, section 4; Tipping 2001, section 3.
    """
    _check(basis, y)
    held = torch.ones_like(y) if weight is None else weight
    share = float(held @ y / held.sum())
    if not 0 < share < 1:
        raise DataError("y is the same in every row; two classes are told apart by rows of both")
    precision = torch.full_like(basis[0], math.inf)
    kept, mean = torch.zeros(0, dtype=torch.int64, device=y.device), basis.new_zeros(0, 1)
    covariance, course = basis.new_zeros(0, 0), [-math.log(2) * float(held.sum())]
    refused: list[int] = []
    for _ in range(MOST_STEPS):
        p = (basis[:, kept] @ mean[:, 0]).sigmoid()
        bends, errors = held * p * (1 - p), held * (y - p)
        across = basis.T @ (bends[:, None] * basis[:, kept])
        own = bends @ basis.square()
        sparsity = own - ((across @ covariance) * across).sum(1)
        steps = best_steps(sparsity.clamp(min=1e-300), basis.T @ errors, precision)
        gain = steps.gain.masked_fill(~precision.isfinite() & (sparsity < SPANNED * own), 0.0)
        gain[refused] = 0.0
        at = int(gain.argmax())
        if not float(gain[at]) > LEAST_OF_CLASSES or len(refused) == REFUSALS:
            break
        tried = precision.clone()
        tried[at] = steps.precision[at]
        places = tried.isfinite().nonzero()[:, 0]
        start = torch.zeros_like(precision).index_put((kept,), mean[:, 0])[places, None]
        found = logistic_posterior(basis[:, places], y, precision=tried[places], weight=held, start=start)
        if found.log_evidence <= course[-1]:
            refused.append(at)
            continue
        refused.clear()
        precision, kept, mean, covariance = tried, places, found.mean, found.covariance
        course.append(found.log_evidence)
    return RelevanceVectors(kept, mean[:, 0], covariance, precision[kept], 0.0, course)


def _check(basis: Tensor, y: Tensor) -> None:
    if basis.ndim != 2 or y.shape != basis.shape[:1] or not len(y):
        raise DataError(
            f"basis has shape {tuple(basis.shape)} and y {tuple(y.shape)}; expected (n, columns) and (n,), n above 0"
        )
    refuse_gaps(basis, y)
