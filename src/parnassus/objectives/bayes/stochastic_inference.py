"""Draws of weights by steps on some rows at a time: SWAG, stochastic Langevin and Hamiltonian dynamics."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ...errors import SettingError
from ...functional.quantities import normal_parameters
from ...registry import inference
from ...train.phase import Batch
from ..supervised import Supervised
from .posterior import Batches, Kept, Posterior, whole_batch


class Stepped(Kept):
    """What the three share: windows of rows in a drawn order, and gradients of the log posterior of all by them.

    lr : the step on the log posterior a row, of numbers in units of the least noise's variance: the size it has in
        training by squared errors, however steep a small noise makes the posterior.
    rows : rows a step.
    """

    def __init__(self, inner: Supervised, *, lr: float, rows: int, n_steps: int, **common: Any) -> None:
        if not lr > 0 or rows < 1 or n_steps < 1:
            raise SettingError(
                f"inference={self.called!r}: lr is above 0, rows and n_steps at least 1; got {lr}, {rows}, {n_steps}"
            )
        super().__init__(inner, n_kept=common["n_draws"], **common)
        self.lr, self.rows, self.n_steps = lr, rows, n_steps

    def gradients(self, batches: Batches) -> "Gradients":
        """Gradients over windows, from the weights as training left them."""
        self.eval()
        return Gradients(self, *whole_batch(batches))

    def pace(self, theta: Tensor, batch: Batch) -> Tensor:
        """What multiplies the step of each place of theta (size,): constant, so that the draws' law stays."""
        pace = torch.ones_like(theta)
        if self.kind == "numbers":
            pace[: self.size] = (2 * self.log_noise.detach().min()).exp()
        if self.kind == "gaussians":
            deviations = normal_parameters(self.said(self.unflat(theta), batch).detach())[1]
            pace[:] = 1 / deviations.square().reciprocal().mean(0).max()
        return pace


class Gradients:
    """Gradients of the log posterior at a point, each by the next window of rows; an epoch has a new order."""

    def __init__(self, engine: Stepped, batch: Batch, n: float) -> None:
        self.engine, self.batch, self.n = engine, batch, n
        self.generator = torch.Generator().manual_seed(engine.seed)
        self.windows = self._windows(len(batch["y"]))

    def _windows(self, n: int) -> Iterator[Tensor]:
        while True:
            order = torch.randperm(n, generator=self.generator)
            yield from order.split(min(self.engine.rows, n))

    def apart(self, rows: int) -> None:
        """From now on windows of so many rows drawn from all, so that their gradients are independent of each other."""
        n = len(self.batch["y"])
        self.windows = (torch.randint(n, (rows,), generator=self.generator) for _ in itertools.count())

    def at(self, theta: Tensor) -> Tensor:
        """The gradient of the log posterior of all rows, estimated from some."""
        window = next(self.windows).to(theta.device)
        some = {k: v[window] for k, v in self.batch.items()}
        point = theta.detach().requires_grad_()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(self.engine.log_density(point, some, self.n), point)
        return slope

    def noise(self, theta: Tensor) -> Tensor:
        """Standard normal numbers of theta's shape."""
        return torch.randn(theta.shape, generator=self.generator).to(theta)


class SWAG(Stepped):
    """Stochastic weight averaging as a normal: the mean of the weights that SGD passes, and how they spread.

        theta = mean + diag^(1/2) z1 / sqrt(2) + D z2 / sqrt(2 (K - 1))

    where diag is the variance of each weight over the snapshots, one an epoch, and D holds the last K snapshots' ways
    from the mean of the snapshots until then.

    What spreads them is the noise of the gradients of B of n rows, so that B is at most n / 4, and the step at most
    2 B (1 - momentum) / n: by it SGD keeps the spread of the posterior where the curvature of a row is 1.

    Source: Maddox et al. 2019; the step Mandt, Hoffman and Blei 2017, section 4.
    """

    called = "swag"

    def __init__(self, inner: Supervised, *, rank: int, momentum: float, **common: Any) -> None:
        if rank < 2 or not 0 <= momentum < 1:
            raise SettingError(f"inference='swag': rank is at least 2, momentum in [0, 1); got {rank} and {momentum}")
        super().__init__(inner, **common)
        self.rank, self.momentum = rank, momentum

    def conclude(self, batches: Batches) -> None:
        slopes, theta = self.gradients(batches), self.start()
        speed, mean, squares = torch.zeros_like(theta), torch.zeros_like(theta), torch.zeros_like(theta)
        n = len(slopes.batch["y"])
        rows = min(self.rows, max(1, n // 4))
        slopes.apart(rows)
        every = math.ceil(n / rows)
        pace = min(self.lr, 2 * rows * (1 - self.momentum) / n) * self.pace(theta, slopes.batch)
        pace[self.size :] = 0  # noises stay as training left them
        ways: list[Tensor] = []
        n_snapshots = max(self.rank, self.n_steps // every)
        for count in range(1, n_snapshots + 1):
            for _ in range(every):
                speed = self.momentum * speed + slopes.at(theta) / slopes.n
                theta = theta + pace * speed
            mean += (theta - mean) / count
            squares += (theta.square() - squares) / count
            ways = [*ways[-(self.rank - 1) :], theta - mean]
        spread = (squares - mean.square()).clamp(min=1e-30).sqrt()
        self.keep(torch.stack([swag_draw(mean, spread, torch.stack(ways), slopes.generator) for _ in self.kept]))


def swag_draw(mean: Tensor, spread: Tensor, ways: Tensor, generator: torch.Generator) -> Tensor:
    """One draw (size,) of SWAG's normal: mean (size,), deviations (size,), ways from the mean (K, size)."""
    first = torch.randn(mean.shape, generator=generator).to(mean)
    second = torch.randn(len(ways), generator=generator).to(mean)
    return mean + spread * first / math.sqrt(2) + second @ ways / math.sqrt(2 * (len(ways) - 1))


class Langevin(Stepped):
    """Stochastic gradient Langevin dynamics: half a step up the log posterior, and as much noise as a step has.

        theta <- theta + (e_t / 2) g(theta) + N(0, e_t),   e_t = pace lr / n (1 + t / n_steps)^(-1/3)

    Without a test whether a move is accepted: the draws are of the posterior as the steps go to nothing.

    Source: Welling and Teh 2011.
    """

    called = "sgld"

    def conclude(self, batches: Batches) -> None:
        slopes, theta = self.gradients(batches), self.start()
        found, pace = [], self.pace(theta, slopes.batch)
        for t in range(2 * self.n_steps):
            step = pace * self.lr / slopes.n * (1 + t / self.n_steps) ** (-1 / 3)
            theta = theta + 0.5 * step * slopes.at(theta) + step.sqrt() * slopes.noise(theta)
            found += [theta] if kept_at(t - self.n_steps, self.n_steps, len(self.kept)) else []
        self.keep(torch.stack(found))


class Hamiltonian(Stepped):
    """Stochastic gradient Hamiltonian dynamics: a speed that friction slows as much as its noise quickens it.

        v <- (1 - a) v + e g(theta) + N(0, 2 a e),   theta <- theta + v,   e = pace lr / n

    The gradient's own noise is taken to be nothing beside the one that is added.

    Source: Chen, Fox and Guestrin 2014, equation 15 with beta = 0.
    """

    called = "sghmc"

    def __init__(self, inner: Supervised, *, friction: float, **common: Any) -> None:
        if not 0 < friction <= 1:
            raise SettingError(f"inference='sghmc': friction is a share in (0, 1]; got {friction}")
        super().__init__(inner, **common)
        self.friction = friction

    def conclude(self, batches: Batches) -> None:
        slopes, theta = self.gradients(batches), self.start()
        speed, found = torch.zeros_like(theta), []
        step = self.pace(theta, slopes.batch) * self.lr / slopes.n
        for t in range(2 * self.n_steps):
            push = step * slopes.at(theta) + (2 * self.friction * step).sqrt() * slopes.noise(theta)
            speed = (1 - self.friction) * speed + push
            theta = theta + speed
            found += [theta] if kept_at(t - self.n_steps, self.n_steps, len(self.kept)) else []
        self.keep(torch.stack(found))


def kept_at(t: int, n_steps: int, n_kept: int) -> bool:
    """Whether step t of n_steps is one of n_kept that lie evenly, the last among them; none before step 0."""
    return t >= 0 and (t + 1) * n_kept // n_steps > t * n_kept // n_steps


def _check(name: str, n_draws: int, n_steps: int) -> None:
    if n_draws > n_steps:
        raise SettingError(f"inference={name!r}: {n_draws} draws want at least as many steps; got n_steps={n_steps}")


@inference.register("classifier", "regressor", "forecaster", name="swag")
def swag_inference(
    inner: Supervised,
    seed: int,
    *,
    prior_std: float = 1.0,
    noise: float | None = None,
    n_draws: int = 50,
    lr: float = 0.05,
    momentum: float = 0.9,
    rows: int = 64,
    n_steps: int = 2000,
    rank: int = 20,
) -> Posterior:
    """SWAG: after training, SGD at a constant rate; the weights that it passes, once an epoch, become a normal.

    lr, rows : at most; few rows, and many, have smaller ones, by which the spread is about that of the posterior.
    """
    common = {"prior_std": prior_std, "noise": noise, "n_draws": n_draws, "seed": seed}
    return SWAG(inner, rank=rank, momentum=momentum, lr=lr, rows=rows, n_steps=n_steps, **common)


@inference.register("classifier", "regressor", "forecaster", name="sgld")
def langevin_inference(
    inner: Supervised,
    seed: int,
    *,
    prior_std: float = 1.0,
    noise: float | None = None,
    n_draws: int = 100,
    lr: float = 0.02,
    rows: int = 64,
    n_steps: int = 3000,
) -> Posterior:
    """Stochastic gradient Langevin dynamics from the trained weights: `n_steps` of warm-up, and as many kept."""
    _check("sgld", n_draws, n_steps)
    common = {"prior_std": prior_std, "noise": noise, "n_draws": n_draws, "seed": seed}
    return Langevin(inner, lr=lr, rows=rows, n_steps=n_steps, **common)


@inference.register("classifier", "regressor", "forecaster", name="sghmc")
def stochastic_hamiltonian_inference(
    inner: Supervised,
    seed: int,
    *,
    prior_std: float = 1.0,
    noise: float | None = None,
    n_draws: int = 100,
    lr: float = 0.002,
    friction: float = 0.1,
    rows: int = 64,
    n_steps: int = 3000,
) -> Posterior:
    """Stochastic gradient Hamiltonian dynamics from the trained weights: `n_steps` of warm-up, and as many kept."""
    _check("sghmc", n_draws, n_steps)
    common = {"prior_std": prior_std, "noise": noise, "n_draws": n_draws, "seed": seed}
    return Hamiltonian(inner, friction=friction, lr=lr, rows=rows, n_steps=n_steps, **common)
