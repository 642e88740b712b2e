"""Posteriors that samplers are judged by: eight schools and the funnel, with their moments."""

import torch
from torch import Tensor

EFFECTS = torch.tensor([28.0, 8, -3, 7, -1, 1, 18, 12], dtype=torch.float64)
ERRORS = torch.tensor([15.0, 10, 16, 11, 9, 11, 10, 18], dtype=torch.float64)
# Means and standard deviations of posteriordb's reference draws (eight_schools-eight_schools_noncentered).
SCHOOLS = {"mu": (4.4, 3.3), "tau": (3.6, 3.2)}


def eight_schools(p: dict[str, Tensor]) -> Tensor:
    """Effects mu + tau eta of coaching in eight schools: mu ~ N(0, 5), tau ~ half-Cauchy(5), eta ~ N(0, 1), (n,).

    Parameters are mu (n,), log_tau (n,) and eta (n, 8), so that the density has no funnel.

    Source: Rubin 1981; Gelman et al. 2013, section 5.5.
    """
    tau = p["log_tau"].exp()
    effect = p["mu"][:, None] + tau[:, None] * p["eta"]
    prior = -0.5 * (p["mu"] / 5).square() - torch.log1p((tau / 5).square()) + p["log_tau"]
    return prior - 0.5 * p["eta"].square().sum(-1) - 0.5 * ((EFFECTS - effect) / ERRORS).square().sum(-1)


def schools_start() -> dict[str, Tensor]:
    """Where chains of `eight_schools` begin."""
    return {"mu": torch.tensor(0.0), "log_tau": torch.tensor(0.0), "eta": torch.zeros(8)}


def funnel(p: dict[str, Tensor]) -> Tensor:
    """v ~ N(0, 3^2), x ~ N(0, exp(v)) of nine entries: (n,), v (n,) and x (n, 9). Source: Neal 2003, section 8."""
    v, x = p["v"], p["x"]
    return -v.square() / 18 - 0.5 * x.square().sum(-1) * (-v).exp() - 0.5 * x.shape[-1] * v


def funnel_without_centre(p: dict[str, Tensor]) -> Tensor:
    """The same with x = exp(v / 2) z: v ~ N(0, 3^2) and z ~ N(0, 1), which nothing ties together, (n,)."""
    return -p["v"].square() / 18 - 0.5 * p["z"].square().sum(-1)
