"""Distributions of single parameters side by side: gammas of positive ones, Dirichlets of shares, betas, normals."""

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Beta, Dirichlet, Gamma, Normal

from ..errors import DataError, SettingError, did_you_mean
from .density import Density

KINDS = ("normal", "gamma", "beta", "dirichlet")
AT_START = 4.0  # concentration of a gamma at the start, and of a share: wide, and with a mode inside
TINY = 1e-290


class Factor:
    """q of one parameter, of `shape` entries: its learned tensors, all logarithms but a normal's mean.

    A gamma's are its concentration and its mean, which do not pull on each other as concentration and rate do.

    `noise` is standard normal, or standard gamma of the concentrations as they are; `points` turns it into values whose
    slope by the concentrations is that at fixed probability (implicit reparameterisation).

    Source: Figurnov, Mohamed and Mnih 2018; Roeder, Wu and Duvenaud 2017 for `free_entropy`.
    """

    def __init__(self, kind: str, start: Tensor) -> None:
        self.kind, self.shape = kind, start.shape
        if kind == "normal":
            self.values = [start.clone(), torch.full_like(start, -1.0)]
        elif kind == "gamma":
            self.values = [torch.full_like(start, math.log(AT_START)), start.log()]
        elif kind == "beta":
            self.values = [(2 * AT_START * torch.stack((start, 1 - start), -1)).log()]
        else:
            self.values = [(AT_START * start.shape[-1] * start).log()]

    def noise(self, n: int, generator: torch.Generator) -> Tensor:
        """(n, ...) of the first learned tensor's shape."""
        first = self.values[0].detach()
        if self.kind == "normal":
            return torch.randn(n, *first.shape, generator=generator, dtype=first.dtype)
        return torch._standard_gamma(first.exp().expand(n, *first.shape), generator=generator).clamp(min=TINY)

    def points(self, noise: Tensor) -> Tensor:
        """Values (n, *shape)."""
        if self.kind == "normal":
            return self.values[0] + noise * self.values[1].exp()
        concentration = self.values[0].exp()
        held = concentration.detach().expand_as(noise)
        gammas = noise + torch._standard_gamma_grad(held, noise) * (concentration - concentration.detach())
        if self.kind == "gamma":
            return gammas * (self.values[1] - self.values[0]).exp()
        shares = gammas / gammas.sum(-1, keepdim=True)
        return shares[..., 0] if self.kind == "beta" else shares

    def law(self, *, held: bool = False) -> torch.distributions.Distribution:
        """As torch's distribution; `held` where no slope goes to what is learned."""
        values = [v.detach() if held else v for v in self.values]
        if self.kind == "normal":
            return Normal(values[0], values[1].exp(), validate_args=False)
        first = values[0].exp()
        if self.kind == "gamma":
            return Gamma(first, (values[0] - values[1]).exp(), validate_args=False)
        if self.kind == "beta":
            return Beta(first[..., 0], first[..., 1], validate_args=False)
        return Dirichlet(first, validate_args=False)

    def log_density(self, points: Tensor, *, held: bool = False) -> Tensor:
        """ln q (n,) of values (n, *shape); of shares with respect to all but the last of them."""
        found = self.law(held=held).log_prob(points)
        return found.reshape(len(points), -1).sum(1)

    def described(self) -> dict[str, np.ndarray]:
        """What was learned, by the distribution's own names."""
        law = self.law()
        names = {"normal": ("loc", "scale"), "gamma": ("concentration", "rate"), "dirichlet": ("concentration",)}
        names["beta"] = ("concentration1", "concentration0")
        return {name: getattr(law, name).numpy().copy() for name in names[self.kind]}

    def covariance(self) -> Tensor:
        """(entries, entries), of the flat values."""
        law = self.law()
        if not isinstance(law, Dirichlet):
            return torch.diag(law.variance.flatten())
        mean = law.mean.reshape(-1, law.mean.shape[-1])
        total = law.concentration.reshape(mean.shape).sum(-1) + 1
        return torch.block_diag(*((m.diag() - torch.outer(m, m)) / t for m, t in zip(mean, total, strict=True)))


class Factors:
    """q as a product of one `Factor` a parameter."""

    def __init__(self, density: Density, kinds: Mapping[str, str]) -> None:
        starts = density.sites(density.start)
        self.factors = {name: Factor(kinds[name], _checked(name, kinds[name], starts[name])) for name in density.shapes}

    def parameters(self) -> list[Tensor]:
        """What is learned."""
        return [value for factor in self.factors.values() for value in factor.values]

    def noise(self, n: int, generator: torch.Generator) -> Tensor:
        """What `draw` takes, (n, numbers)."""
        return torch.cat([f.noise(n, generator).reshape(n, -1) for f in self.factors.values()], 1)

    def draw(self, noise: Tensor) -> Tensor:
        """Points (n, d)."""
        sizes = [f.values[0].numel() for f in self.factors.values()]
        parts = zip(self.factors.values(), noise.split(sizes, 1), strict=True)
        return torch.cat([f.points(z.reshape(-1, *f.values[0].shape)).reshape(len(noise), -1) for f, z in parts], 1)

    def _logs(self, points: Tensor, *, held: bool) -> Tensor:
        parts = points.split([math.prod(f.shape) for f in self.factors.values()], 1)
        each = zip(self.factors.values(), parts, strict=True)
        return torch.stack([f.log_density(part.reshape(-1, *f.shape), held=held) for f, part in each]).sum(0)

    def draw_with_entropy(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Points, and the entropy of q by them, whose slope goes through the points alone: at q = p it has no noise."""
        points = self.draw(noise)
        return points, -self._logs(points, held=True).mean()

    def draw_with_density(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Points and ln q of them (n,)."""
        points = self.draw(noise)
        return points, self._logs(points, held=True)

    def moments(self) -> tuple[Tensor, Tensor]:
        """The mean (d,), and a factor (d, d) of the covariance, which that of shares is not of full rank."""
        mean = torch.cat([f.law().mean.flatten() for f in self.factors.values()])
        values, ways = torch.linalg.eigh(torch.block_diag(*(f.covariance() for f in self.factors.values())))
        return mean, ways * values.clamp(min=0).sqrt()


def kinds_of(family: str | Mapping[str, str], density: Density) -> dict[str, str]:
    """The distribution of each parameter; those that a mapping leaves out are normal."""
    given = dict.fromkeys(density.shapes, family) if isinstance(family, str) else dict(family)
    for name, kind in given.items():
        if name not in density.shapes:
            raise SettingError(f"family names {name!r}; {did_you_mean(name, density.shapes)}")
        if kind not in KINDS:
            raise SettingError(f"no distribution {kind!r} for {name!r}; {did_you_mean(kind, KINDS)}")
    return {name: given.get(name, "normal") for name in density.shapes}


def _checked(name: str, kind: str, start: Tensor) -> Tensor:
    rules: dict[str, tuple[Callable[[Tensor], bool], str]] = {
        "normal": (lambda x: True, ""),
        "gamma": (lambda x: bool((x > 0).all()), "numbers above 0"),
        "beta": (lambda x: bool(((x > 0) & (x < 1)).all()), "numbers between 0 and 1"),
        "dirichlet": (_are_shares, "two shares or more along its last axis, above 0 and 1 in sum"),
    }
    holds, words = rules[kind]
    if not holds(start):
        raise DataError(
            f"the start of {name!r} is {start.flatten().tolist()[:5]}, and its {kind} distribution is of {words}"
        )
    return start


def _are_shares(x: Tensor) -> bool:
    if x.ndim < 1 or x.shape[-1] < 2:
        return False
    return bool((x > 0).all()) and torch.allclose(x.sum(-1), torch.ones((), dtype=x.dtype), atol=1e-6)
