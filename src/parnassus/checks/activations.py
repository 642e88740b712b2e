"""Activations against torch's, and what torch has not against closed forms."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..functional import activations
from . import check, gap

Z = torch.linspace(-30, 30, 241, dtype=torch.float64)


@check(
    "sigmoid", "tanh", "relu", "leaky-relu", "softplus", "gelu", "silu", "hard-tanh", oracle="torch", tolerance=1e-12
)
def activations_against_torch() -> float:
    """Eight activations from -30 to 30, where a careless sigmoid or softplus overflows or loses its digits."""
    pairs = (
        (activations.sigmoid, torch.sigmoid),
        (activations.tanh, torch.tanh),
        (activations.relu, torch.relu),
        (activations.leaky_relu, F.leaky_relu),
        (activations.softplus, lambda z: F.softplus(z, threshold=1e9)),
        (activations.gelu, F.gelu),
        (activations.silu, F.silu),
        (activations.hard_tanh, F.hardtanh),
    )
    return max(gap(ours(Z), theirs(Z)) for ours, theirs in pairs)


@check("prelu", "softmax", oracle="torch", tolerance=1e-12)
def slopes_that_are_learned_and_shares() -> float:
    """PReLU with a slope a channel, and softmax of logits near 1,000 with its Jacobian by autograd."""
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 3)))
    slope = torch.tensor([0.1, 0.3, -0.2], dtype=torch.float64)
    logits = x[0] + 1000
    wanted = torch.autograd.functional.jacobian(lambda z: torch.softmax(z, -1), logits)
    return max(
        gap(activations.prelu(x, slope), F.prelu(x, slope)),
        gap(activations.softmax(logits), torch.softmax(logits, -1)),
        gap(activations.softmax_jacobian(logits), wanted),
    )


@check("step-activation", "identity-activation", oracle="torch", tolerance=0)
def steps_and_the_identity() -> float:
    """Heaviside's step with its value at 0, the sign, and the identity."""
    half = torch.tensor(0.5, dtype=torch.float64)
    return max(
        gap(activations.heaviside(Z, at_zero=0.5), torch.heaviside(Z, half)),
        gap(activations.sign(Z, at_zero=0.0), torch.sign(Z)),
        gap(activations.identity(Z), nn.Identity()(Z)),
    )


@check("maxout", "rbf-unit", oracle="(closed form)", tolerance=1e-6)
def units_of_pieces_and_of_places() -> float:
    """|x| as the largest of x and -x, and a bump of width s that has fallen to 1/e at distance s."""
    x = Z[:, None]
    pieces = torch.tensor([1.0, -1.0], dtype=torch.float64).view(2, 1, 1)
    bump = activations.rbf(torch.tensor([[0.0, 3.0]]), torch.tensor([[0.0, 0.0]]), width=3.0)
    return max(
        gap(activations.maxout(x, pieces, torch.zeros(2, 1, dtype=torch.float64)), x.abs()),
        gap(bump, math.exp(-1)),
    )
