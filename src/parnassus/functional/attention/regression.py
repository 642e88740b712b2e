"""Kernel regression: attention to data, with weights that only distances decide."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...errors import DataError, SettingError, did_you_mean

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
    return in_floats(y).mean(0).expand(n_queries, *y.shape[1:])


def kernel_weights(queries: Tensor, x: Tensor, *, bandwidth: float, kernel: str = "gaussian") -> Tensor:
    """K(|q - x_i| / h) over their sum: (n_queries, n), rows sum to 1.

    queries (n_queries, width) or (n_queries,), x (n, width) or (n,). A query that a kernel of finite reach does not
    connect with any row takes the nearest, as the Gaussian does when its bandwidth falls.

    Systems: nadaraya-watson
    Source: Nadaraya 1964, Watson 1964; Martinez-Ramon eqs. 6.2 and 6.3, whose kernel exp(|.| / h) lacks its minus sign
    and its square: weights would grow with distance.
    """
    check_kernel(kernel, bandwidth)
    queries, x = (in_floats(a[:, None] if a.ndim == 1 else a) for a in (queries, x))
    kind = torch.promote_types(queries.dtype, x.dtype)
    if queries.ndim != 2 or x.ndim != 2 or queries.shape[1] != x.shape[1] or not len(x):
        raise DataError(
            f"queries {tuple(queries.shape)} and x {tuple(x.shape)} are rows of one width, and x has one at least"
        )
    distance = torch.cdist(queries.to(kind), x.to(kind), compute_mode="donot_use_mm_for_euclid_dist")
    return by_distance(distance, bandwidth, kernel)


def by_distance(distance: Tensor, bandwidth: float, kernel: str) -> Tensor:
    """The weights of rows at these distances (n_queries, n), rows sum to 1."""
    logs = KERNELS[kernel](distance / bandwidth)
    nearest = torch.where(distance == distance.amin(1, keepdim=True), 0.0, -math.inf).to(logs)
    reached = logs.isfinite().any(1, keepdim=True)
    return torch.where(reached, logs, nearest).softmax(1)


def check_kernel(kernel: str, bandwidth: float) -> None:
    """Refuse kernels that are unknown, and bandwidths that are not above 0."""
    if kernel not in KERNELS:
        raise SettingError(f"kernel={kernel!r}; {did_you_mean(kernel, KERNELS)}")
    if not bandwidth > 0:
        raise SettingError(f"bandwidth is above 0; got {bandwidth}")


def in_floats(a: Tensor) -> Tensor:
    """Whole numbers and half precision, of which there are no distances, in single precision; others as they are."""
    return a if a.dtype in (torch.float32, torch.float64) else a.float()


def nadaraya_watson(queries: Tensor, x: Tensor, y: Tensor, *, bandwidth: float, kernel: str = "gaussian") -> Tensor:
    """sum_i alpha_i(q) y_i with the weights of `kernel_weights`: (n_queries,) or (n_queries, n_outputs) as y is.

    A small bandwidth interpolates the noise, a large one returns the mean.

    Systems: nadaraya-watson
    Source: as `kernel_weights`.

    >>> x = torch.tensor([0.0, 1, 2])
    >>> nadaraya_watson(torch.tensor([1.0]), x, x**2, bandwidth=0.5).tolist()
    [1.213013...]
    """
    weights, y = kernel_weights(queries, x, bandwidth=bandwidth, kernel=kernel), in_floats(y)
    if len(y) != weights.shape[1]:
        raise DataError(f"x has {weights.shape[1]} rows and y {len(y)}; each needs one")
    kind = torch.promote_types(weights.dtype, y.dtype)
    return weights.to(kind) @ y.to(kind)


def best_bandwidth(x: Tensor, y: Tensor, candidates: Sequence[float], *, kernel: str = "gaussian") -> float:
    """The bandwidth with the least squared error when each row is predicted from all others.

    Source: Stone 1974; the sweep over h is Martinez-Ramon's problem 6.1.
    """
    if len(x) < 2:
        raise SettingError(f"rows are predicted from the others: give two or more; got {len(x)}")

    if not len(candidates):
        raise SettingError("there are no candidates; give bandwidths to choose from")
    for h in candidates:
        check_kernel(kernel, h)
    rows, y = in_floats(x[:, None] if x.ndim == 1 else x).double(), y.double()
    distance = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist").fill_diagonal_(math.inf)

    def error(h: float) -> float:
        return float((by_distance(distance, h, kernel) @ y - y).square().mean())

    return min(candidates, key=error)
