"""Normalising flows against torch's distributions and Jacobians, and flow matching against Gaussians."""

import torch

from ..functional.diffusion.flow import carried, gaussian_velocity
from ..functional.flows import couple, flow_log_density, written_out_log_det
from ..models.generative.flows import RealNVP
from ..train.randomness import kept_random
from . import check, gap


@check(oracle="torch", tolerance=1e-10)
def realnvp_volumes_against_jacobians() -> float:
    """ln |det| of a flow of four couplings against autograd's Jacobian, and rows led there and back."""
    with kept_random(torch.device("cpu"), 0), torch.no_grad():
        net = RealNVP(5, 4, (16,)).double()
        for p in net.parameters():
            p.add_(0.3 * torch.randn_like(p))
        x = torch.randn(8, 5, dtype=torch.float64)
        z, log_det = net(x)
        back = net.back(z)
    theirs = written_out_log_det(lambda r: net(r)[0], x)
    return max(gap(log_det, theirs), gap(back, x))


@check(oracle="torch", tolerance=1e-12)
def affine_flow_against_transformed_distributions() -> float:
    """The log-density under one scale and shift against torch.distributions.TransformedDistribution."""
    g = torch.Generator().manual_seed(0)
    x, s, t = (torch.randn(*size, generator=g, dtype=torch.float64) for size in ((7, 3), (3,), (3,)))
    ours = flow_log_density(*couple(x, torch.zeros_like(s), s.expand(7, 3), t.expand(7, 3)))
    base = torch.distributions.Normal(torch.zeros_like(s), torch.ones_like(s))
    back = torch.distributions.AffineTransform(t, s.exp()).inv
    theirs = torch.distributions.TransformedDistribution(base, [back]).log_prob(x).sum(1)
    return gap(ours, theirs)


@check(oracle="(closed form)", tolerance=1e-4)
def noise_carried_to_a_gaussian() -> float:
    """Where noise arrives along the best field of rows N(1.5, 0.4^2), against 1.5 + 0.4 noise."""
    noise = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
    field = lambda x, t: gaussian_velocity(x, t, mean=1.5, std=0.4)  # noqa: E731
    return gap(carried(field, noise, n_steps=200), 1.5 + 0.4 * noise)
