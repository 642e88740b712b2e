"""Points that stand for a normal distribution, where a mean over it has no closed form."""

import math
from functools import cache

import numpy as np
import torch
from torch import Tensor

N_NODES = 20  # of Gauss and Hermite's rule
N_POINTS = 512  # of several scores


def normal_nodes(like: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes and weights (20,) of Gauss and Hermite's rule: sums of weights f(nodes) are means over N(0, 1)."""
    nodes, weights = np.polynomial.hermite.hermgauss(N_NODES)
    return torch.from_numpy(math.sqrt(2) * nodes).to(like), torch.from_numpy(weights / math.sqrt(math.pi)).to(like)


@cache
def normal_points(n_scores: int, n_points: int = N_POINTS) -> Tensor:
    """About `n_points` points (points, n_scores) that stand for N(0, I): quantiles of an evenly filled cube, not drawn.

    Every point comes with its cyclic shifts, so that scores which know nothing of each other are taken alike; their
    mean is 0 and their covariance I.
    """
    cube = torch.quasirandom.SobolEngine(n_scores, scramble=True, seed=0)
    unit = cube.draw(max(1, n_points // n_scores), dtype=torch.float64)
    each = torch.special.ndtri(unit.clamp(1e-6, 1 - 1e-6))
    points = torch.cat([each.roll(shift, 1) for shift in range(n_scores)])
    points = points - points.mean(0)
    values, vectors = torch.linalg.eigh(points.T @ points / len(points))
    return points @ (vectors / values.sqrt()) @ vectors.T
