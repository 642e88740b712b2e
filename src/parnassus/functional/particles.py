"""Steps of many points that stand for a density together: Stein's direction, tempering by weights, drawing anew."""

import math

import torch
from torch import Tensor

from ..errors import DataError

MEDIAN_OF = 200  # points whose distances choose the width of a kernel


def stein_direction(points: Tensor, slope: Tensor, *, width: Tensor | float | None = None) -> Tensor:
    """Where each of n points is to go so that all come nearer to a density, (..., n, d).

        phi(x_i) = 1/n sum_j [k(x_j, x_i) grad log p(x_j) + grad_(x_j) k(x_j, x_i)],   k = exp(-|x - x'|^2 / h)

    points and slope = grad log p (..., n, d). The first term pulls to where p is large, the second pushes the points
    apart. h is `width`, or the square of the median distance over ln(n + 1).

    Source: Liu and Wang 2016, algorithm 1.

    >>> x = torch.tensor([[0.0], [1.0]])
    >>> stein_direction(x, -x, width=1.0).flatten()
    tensor([-0.5518, -0.1321])
    """
    squares = torch.cdist(points, points).square()
    if width is None:
        some = squares[..., :MEDIAN_OF, :MEDIAN_OF].flatten(-2)
        width = (some.median(-1).values / math.log(points.shape[-2] + 1)).clamp(min=1e-12)[..., None, None]
    kernel = (-squares / width).exp()
    apart = points * kernel.sum(-1, keepdim=True) - kernel @ points
    return (kernel @ slope + 2 / width * apart) / points.shape[-2]


def effective_size(log_weights: Tensor) -> Tensor:
    """(sum w)^2 / sum w^2 of weights exp(log_weights) (..., n): n where all are equal, 1 where one has all.

    >>> effective_size(torch.log(torch.tensor([0.5, 0.5, 0.0])))
    tensor(2.)
    """
    return (2 * log_weights.logsumexp(-1) - (2 * log_weights).logsumexp(-1)).exp()


def next_power(power: Tensor, log_ratio: Tensor, *, keep: float = 0.5) -> Tensor:
    """The next power (runs,), 1 at most, at which the weights still are worth `keep` n points, by bisection.

    Points at power b weigh exp((b' - b) log_ratio) at power b', log_ratio (runs, n) = log p - log of the reference.

    Source: Jasra et al. 2011; Del Moral, Doucet and Jasra 2006 for the sampler.
    """
    least, low, high = keep * log_ratio.shape[-1], power.clone(), torch.ones_like(power)
    whole = effective_size((high - power)[:, None] * log_ratio) >= least
    for _ in range(50):
        middle = (low + high) / 2
        enough = effective_size((middle - power)[:, None] * log_ratio) >= least
        low, high = torch.where(enough, middle, low), torch.where(enough, high, middle)
    return torch.where(whole, torch.ones_like(power), low)


def systematic_indices(log_weights: Tensor, uniform: Tensor) -> Tensor:
    """Which points are drawn, (runs, n), by n teeth of one comb that starts at `uniform` (runs,) in [0, 1).

    A point of weight w (of weights that sum to one) is drawn n w times, rounded up or down.

    Source: Kitagawa 1996.

    >>> systematic_indices(torch.log(torch.tensor([[0.5, 0.25, 0.25, 0.0]])), torch.tensor([0.5])).tolist()
    [[0, 0, 1, 2]]
    """
    if log_weights.ndim != 2 or uniform.shape != log_weights.shape[:1]:
        raise DataError(
            f"log_weights and uniform have shapes {tuple(log_weights.shape)} and {tuple(uniform.shape)}; "
            f"expected (runs, n) and (runs,)"
        )
    n = log_weights.shape[1]
    edges = log_weights.softmax(1).cumsum(1)
    teeth = (torch.arange(n, dtype=edges.dtype, device=edges.device) + uniform[:, None]) / n
    return torch.searchsorted(edges, teeth, right=True).clamp(max=n - 1)
