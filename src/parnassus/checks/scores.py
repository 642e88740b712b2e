"""Score matching and learning without Z, against integrals and laws that are written out."""

import numpy as np
import torch

from ..functional.energy import boltzmann_law
from ..functional.energy.unnormalised import probability_flow, unit_log_likelihood
from ..functional.score_matching import implicit_score_loss, sliced_score_loss
from . import check, gap


@check("score-based-kin", oracle="numpy", tolerance=1e-9)
def implicit_score_matching_by_quadrature() -> float:
    """The implicit loss under N(0, 2) against half the squared gap to the true score, by Gauss and Hermite."""
    at, weight = np.polynomial.hermite_e.hermegauss(40)
    x, share = torch.from_numpy(at * 2**0.5)[:, None], torch.from_numpy(weight / weight.sum())

    def score(x: torch.Tensor) -> torch.Tensor:
        return -x - 0.1 * x**3 + 0.3 * x.sin()

    apart = 0.5 * ((score(x) + x / 2).square() - (x / 2).square()).sum(1)
    found = implicit_score_loss(score, x)
    sliced = sliced_score_loss(score, x, -torch.ones_like(x))  # of one column every direction of length 1 is the whole
    return max(gap((share * found).sum(), (share * apart).sum()), gap(found, sliced))


@check("score-based-kin", oracle="(closed form)", tolerance=1e-9)
def slopes_without_z_vanish_at_the_truth() -> float:
    """Slopes of pseudo-likelihood and probability flow, over a machine's own law, at its own weights: 0."""
    g = torch.Generator().manual_seed(0)
    upper = torch.randn(5, 5, generator=g, dtype=torch.float64).triu(1)
    w, b = (upper + upper.T).requires_grad_(), torch.randn(5, generator=g, dtype=torch.float64).requires_grad_()
    states, law = boltzmann_law(w.detach(), b.detach())
    worst = 0.0
    for loss in (unit_log_likelihood, probability_flow):
        by_w, by_b = torch.autograd.grad((law * loss(states, w, b)).sum(), (w, b))
        slopes = (by_w + by_w.T).fill_diagonal_(0)
        worst = max(worst, gap(slopes, 0), gap(by_b, 0))
    return worst
