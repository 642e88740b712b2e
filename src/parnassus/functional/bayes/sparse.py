"""Gaussian processes through a few inducing points: bounds on the evidence, and the posterior at new points."""

import torch
from torch import Tensor

from ...errors import DataError
from ..probability import LOG_2PI, cholesky
from .processes import GaussianProcess, Kernel

N_POINTS = 161


def sparse_process(
    x: Tensor, y: Tensor, new: Tensor, *, inducing: Tensor, kernel: Kernel, noise: Tensor | float
) -> GaussianProcess:
    """`gaussian_process` through m inducing points (m, d), best for them; its log evidence is a lower bound.

        bound = ln N(y; 0, Q + noise I) - tr(K - Q) / (2 noise),   Q = K_fu K_uu^-1 K_uf

    Costs n m^2. With the rows of x as inducing points it is the exact process; with fewer the bound is lower, so that
    the points themselves may be learned by raising it.

    Source: Titsias 2009, eqs 6 and 9.

    >>> from .processes import gaussian_process, rbf_kernel
    >>> x, y = torch.tensor([[0.0], [1.0]]).double(), torch.tensor([0.0, 1.0]).double()
    >>> exact = gaussian_process(x, y, x, kernel=rbf_kernel, noise=0.1)
    >>> sparse = sparse_process(x, y, x, inducing=x, kernel=rbf_kernel, noise=0.1)
    >>> bool((exact.mean - sparse.mean).abs().max() < 1e-5)
    True
    """
    bound, factor, inner, weights = solved(x, y, inducing, kernel, noise)
    first = torch.linalg.solve_triangular(factor, kernel(inducing, new), upper=False)
    second = torch.linalg.solve_triangular(inner, first, upper=False)
    covariance = kernel(new, new) - first.T @ first + second.T @ second
    return GaussianProcess((second.T @ weights)[:, 0], covariance, float(bound.detach()))


def collapsed_bound(
    x: Tensor, y: Tensor, inducing: Tensor, *, kernel: Kernel, noise: Tensor | float, prior: Tensor | None = None
) -> Tensor:
    """The bound of `sparse_process`, (), with slopes for points, kernel and noise.

    noise : (), or (n,), each row's; prior : k(x_i, x_i) (n,), where it is known.
    """
    return solved(x, y, inducing, kernel, noise, prior)[0]


def solved(
    x: Tensor, y: Tensor, inducing: Tensor, kernel: Kernel, noise: Tensor | float, prior: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The bound (), the factor of K_uu and that of I + A A' (m, m), and weights (m, 1), A = L^-1 K_uf / sqrt(noise).

    With h = L^-1 k(u, new) and g = (its factor)^-1 h, new means are g' weights and variances k - h'h + g'g.
    """
    if x.ndim != 2 or inducing.ndim != 2 or y.shape != x.shape[:1] or inducing.shape[1] != x.shape[1] or not len(y):
        raise DataError(
            f"x, y and inducing have shapes {tuple(x.shape)}, {tuple(y.shape)} and {tuple(inducing.shape)}; "
            f"expected (n, d), (n,) and (m, d)"
        )
    variance = torch.as_tensor(noise, dtype=x.dtype, device=x.device)
    if not bool((variance.detach() > 0).all()):
        raise DataError(f"noise is a variance above 0; got {float(variance.detach().min())}")
    n = len(y)
    factor, across = inducing_factor(kernel, inducing), kernel(inducing, x)
    a = torch.linalg.solve_triangular(factor, across, upper=False) / variance.sqrt()
    inner = torch.linalg.cholesky(a @ a.T + torch.eye(len(inducing), dtype=x.dtype, device=x.device))
    weights = torch.linalg.solve_triangular(inner, a @ (y / variance.sqrt())[:, None], upper=False)
    fit = -0.5 * (n * LOG_2PI + variance.log().expand(n).sum()) - inner.diagonal().log().sum()
    squares = 0.5 * (weights.square().sum() - (y.square() / variance).sum())
    lost = 0.5 * (((diagonal(kernel, x) if prior is None else prior) / variance).sum() - a.square().sum())
    return fit + squares - lost, factor, inner, weights


def diagonal(kernel: Kernel, x: Tensor) -> Tensor:
    """k(x_i, x_i) of every row, (n,), without the rest of the table."""
    return torch.cat([kernel(part, part).diagonal() for part in x.split(64)])


def inducing_factor(kernel: Kernel, inducing: Tensor) -> Tensor:
    """The lower factor (m, m) of K_uu of inducing points (m, d), whose diagonal is raised by a hundred-millionth."""
    whole = kernel(inducing, inducing)
    jitter = 1e-8 * whole.diagonal().mean().detach() * torch.eye(len(whole), dtype=whole.dtype, device=whole.device)
    return cholesky((whole + jitter)[None])[0]


def expected_sigmoid(mean: Tensor, variance: Tensor) -> Tensor:
    """E sigmoid(f) with f ~ N(mean, variance), elementwise: how probable the class is.

    By the trapezoid rule, whose error falls as exp(-20 pi^2 / deviation): below 1e-8 up to deviations of 10.

    >>> expected_sigmoid(torch.zeros(1), torch.tensor([4.0]))
    tensor([0.5000])
    """
    nodes = torch.linspace(-8, 8, N_POINTS, dtype=mean.dtype, device=mean.device)
    weights = (-0.5 * nodes.square()).softmax(0)
    return (torch.sigmoid(mean[..., None] + variance.sqrt()[..., None] * nodes) * weights).sum(-1)
