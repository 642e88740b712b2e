"""Kernel regression: attention to data, with weights that only distances decide."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...errors import SettingError, did_you_mean

# log K(u) of each kernel, up to a constant, for u >= 0; -inf outside what it reaches
KERNELS: dict[str, Callable[[Tensor], Tensor]] = {
    "gaussian": lambda u: -(u**2) / 2,
    "laplacian": lambda u: -u,
    "epanechnikov": lambda u: (1 - u**2).clamp(min=0).log(),
    "triangular": lambda u: (1 - u).clamp(min=0).log(),
    "uniform": lambda u: torch.where(u <= 1, 0.0, -math.inf).to(u),
}


def average(y: Tensor, n_queries: int) -> Tensor:
    """The mean of y for every query: the regression that attends to all rows alike.

    Source: Martinez-Ramon eq. 6.1, where 1/n is missing.
    """
    return y.mean(0).expand(n_queries, *y.shape[1:])


def kernel_weights(queries: Tensor, x: Tensor, *, bandwidth: float, kernel: str = "gaussian") -> Tensor:
    """K(|q - x_i| / h) over their sum: (n_queries, n), rows sum to 1.

    queries (n_queries, width) or (n_queries,), x (n, width) or (n,). A query that a kernel of finite reach does not
    connect with any row takes the nearest, as the Gaussian does when its bandwidth falls.

    Systems: nadaraya-watson
    Source: Nadaraya 1964, Watson 1964; Martinez-Ramon eqs. 6.2 and 6.3, whose kernel exp(|.| / h) lacks its minus sign
    and its square: weights would grow with distance.
    """
    if kernel not in KERNELS:
        raise SettingError(f"kernel={kernel!r}; {did_you_mean(kernel, KERNELS)}")
    if not bandwidth > 0:
        raise SettingError(f"bandwidth is above 0; got {bandwidth}")
    queries, x = (a[:, None] if a.ndim == 1 else a for a in (queries, x))
    distance = torch.cdist(queries, x, compute_mode="donot_use_mm_for_euclid_dist")
    logs = KERNELS[kernel](distance / bandwidth)
    nearest = torch.where(distance == distance.amin(1, keepdim=True), 0.0, -math.inf).to(logs)
    reached = logs.isfinite().any(1, keepdim=True)
    return torch.where(reached, logs, nearest).softmax(1)


def nadaraya_watson(queries: Tensor, x: Tensor, y: Tensor, *, bandwidth: float, kernel: str = "gaussian") -> Tensor:
    """sum_i alpha_i(q) y_i with the weights of `kernel_weights`: (n_queries,) or (n_queries, n_outputs) as y is.

    A small bandwidth interpolates the noise, a large one returns the mean.

    Systems: nadaraya-watson
    Source: as `kernel_weights`.

    >>> x = torch.tensor([0.0, 1, 2])
    >>> nadaraya_watson(torch.tensor([1.0]), x, x**2, bandwidth=0.5).tolist()
    [1.213013...]
    """
    return kernel_weights(queries, x, bandwidth=bandwidth, kernel=kernel) @ y


def best_bandwidth(x: Tensor, y: Tensor, candidates: Sequence[float], *, kernel: str = "gaussian") -> float:
    """The bandwidth with the least squared error when each row is predicted from all others.

    Source: Stone 1974; the sweep over h is Martinez-Ramon's problem 6.1.
    """
    if len(x) < 2:
        raise SettingError(f"rows are predicted from the others: give two or more; got {len(x)}")

    def error(h: float) -> float:
        x_ = x[:, None] if x.ndim == 1 else x
        distance = torch.cdist(x_, x_, compute_mode="donot_use_mm_for_euclid_dist").fill_diagonal_(math.inf)
        logs = KERNELS[kernel](distance / h)
        nearest = torch.where(distance == distance.amin(1, keepdim=True), 0.0, -math.inf).to(logs)
        weights = torch.where(logs.isfinite().any(1, keepdim=True), logs, nearest).softmax(1)
        return float((weights @ y - y).square().mean())

    return min(candidates, key=error)
