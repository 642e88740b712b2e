"""What the next evaluation of a function is worth, by a process's mean and deviation there."""

import math

import torch
from torch import Tensor


def expected_improvement(mean: Tensor, std: Tensor, best: Tensor | float) -> Tensor:
    """E max(best - f, 0) with f ~ N(mean, std^2), elementwise: how far below the best a point is expected to come.

        (best - mean) Phi(z) + std phi(z),   z = (best - mean) / std

    Source: Mockus 1975; Jones, Schonlau and Welch 1998.

    >>> round(float(expected_improvement(torch.zeros(()), torch.ones(()), 0.0)), 4)
    0.3989
    """
    std = std.clamp(min=1e-12)
    z = (best - mean) / std
    density = (-0.5 * z.square()).exp() / math.sqrt(2 * math.pi)
    return (best - mean) * torch.special.ndtr(z) + std * density
