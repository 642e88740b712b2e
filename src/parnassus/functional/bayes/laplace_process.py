"""Gaussian processes of classes by Laplace's approximation: the mode, the evidence and its slope, and new scores."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .kernel_sums import KernelSum, Setting
from .process_evidence import Climbed, by_settings, learn_settings
from .processes import process_factor

Likelihood = Callable[[Tensor], Tensor]
MAX_NEWTON = 50
MOST_VARIANCE = 100.0
START_ROWS = 200  # that searches from several starts look at
CLOSE = 1e-9  # how near the slope of the likelihood and K^-1 f are at the mode


class Mode(NamedTuple):
    """Where the posterior of the scores is highest, and a normal distribution around it.

    scores (n, k) : f; two classes have k = 1, the second's log-odds. pull (n, k) : weight (y - p), which is K^-1 f.
    value : the log evidence. slope (n, n) : its slope by the table K. p (n, k) : probabilities at the mode.
    """

    scores: Tensor
    pull: Tensor
    value: float
    slope: Tensor
    p: Tensor


# --- two classes ------------------------------------------------------------------------------------


def binary_mode(within: Tensor, y: Tensor, *, weight: Tensor, start: Tensor | None = None) -> Mode:
    """Laplace's approximation for y (n,) of 0 and 1 with p = sigmoid(f), f ~ N(0, K), K = `within` (n, n).

        ln q(y) = -f' K^-1 f / 2 + sum_i w_i ln p(y_i | f_i) - ln |I + W^(1/2) K W^(1/2)| / 2,   W = w p (1 - p)

    `weight` (n,) is how often each row counts, above 0; `start` (n, 1) are scores to begin at.

    The mode moves with K, which the slope minds: ln |B| changes with f by the trace of (K^-1 + W)^-1 times the slope of
    W, w p (1 - p)(1 - 2 p).

    Source: Rasmussen and Williams 2006, algorithms 3.1 and 5.1.

    >>> found = binary_mode(torch.eye(1).double(), torch.ones(1).double(), weight=torch.ones(1).double())
    >>> bool((found.pull - found.scores).abs().max() < 1e-8)  # K^-1 f with K = I
    True
    """
    a, f, highest = torch.zeros_like(y), torch.zeros_like(y) if start is None else start[:, 0], None
    for _ in range(MAX_NEWTON):
        p = f.sigmoid()
        root, pull = (weight * p * (1 - p)).sqrt(), weight * (y - p)
        if highest is not None and float((a - pull).abs().max()) < CLOSE * float(weight.max()):
            break
        b = root.square() * f + pull
        factor = binary_factor(within, root)
        new = b - root * torch.cholesky_solve((root * (within @ b))[:, None], factor)[:, 0]
        a, f, highest = _climbed(within, a[:, None], new[:, None], highest, _binary_likelihood(y, weight))
        a, f = a[:, 0], f[:, 0]
    p = f.sigmoid()
    return _binary_slope(within, f, weight * (y - p), p, weight, float(highest))  # type: ignore[arg-type]


def binary_factor(within: Tensor, root: Tensor) -> Tensor:
    """The lower factor of I + W^(1/2) K W^(1/2), with W^(1/2) = diag(root)."""
    return process_factor(root[:, None] * within * root + torch.eye(len(root), dtype=root.dtype, device=root.device))


def binary_scores(
    across: Tensor, prior: Tensor, *, pull: Tensor, root: Tensor, factor: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean and variance (m,) of new scores, with covariances `across` (n, m) and prior variances (m,).

    Source: Rasmussen and Williams 2006, algorithm 3.2.
    """
    half = torch.linalg.solve_triangular(factor, root[:, None] * across, upper=False)
    return across.T @ pull, (prior - half.square().sum(0)).clamp(min=0)


def _binary_likelihood(y: Tensor, weight: Tensor) -> Likelihood:
    return lambda f: (weight * F.logsigmoid((2 * y - 1) * f[:, 0])).sum()


def _binary_slope(within: Tensor, f: Tensor, pull: Tensor, p: Tensor, weight: Tensor, highest: float) -> Mode:
    root = (weight * p * (1 - p)).sqrt()
    factor = binary_factor(within, root)
    inner = root[:, None] * torch.cholesky_inverse(factor) * root  # (K + W^-1)^-1
    half = torch.linalg.solve_triangular(factor, root[:, None] * within, upper=False)
    bends = root.square() * (1 - 2 * p)
    moved = -0.5 * (within.diagonal() - half.square().sum(0)) * bends
    v = moved - inner @ (within @ moved)
    slope = 0.5 * (pull[:, None] * pull - inner) + _symmetric(v[:, None], pull[:, None])
    value = highest - float(factor.diagonal().log().sum())
    return Mode(f[:, None], pull[:, None], value, slope, p[:, None])


# --- several classes --------------------------------------------------------------------------------


class SoftmaxParts(NamedTuple):
    """Of W = D - P P' at the probabilities p (n, k): E_c = D_c^(1/2) B_c^-1 D_c^(1/2), and the factor of their sum.

    factors (k, n, n) of B_c = I + D_c^(1/2) K D_c^(1/2), blocks (k, n, n) of E_c, whole (n, n).
    """

    factors: Tensor
    blocks: Tensor
    whole: Tensor

    def times(self, v: Tensor) -> Tensor:
        """(K + W^-1)^-1 v of v (k, n, m): E v - E R (R' E R)^-1 R' E v."""
        own = self.blocks @ v
        return own - self.blocks @ torch.cholesky_solve(own.sum(0), self.whole)


def softmax_parts(within: Tensor, p: Tensor, *, weight: Tensor) -> SoftmaxParts:
    """What Newton's step, the evidence and new scores need of the curvature at probabilities p (n, k)."""
    roots = (weight[:, None] * p).sqrt().T.contiguous()
    factors = torch.stack([binary_factor(within, root) for root in roots])
    inverses = [torch.cholesky_inverse(factor) for factor in factors]
    blocks = roots[:, :, None] * torch.stack(inverses) * roots[:, None]
    return SoftmaxParts(factors, blocks, process_factor(blocks.sum(0)))


def softmax_mode(within: Tensor, y: Tensor, *, weight: Tensor, start: Tensor | None = None) -> Mode:
    """Laplace's approximation for one-hot y (n, k) with p = softmax(f), every column of f ~ N(0, K) for itself.

        ln q(y) = -f' K^-1 f / 2 + sum_i w_i ln p(y_i | f_i) - ln |I + K W| / 2,   W = w (diag(p) - p p'),
        ln |I + K W| = sum_c ln |B_c| + ln |sum_c E_c| - sum_i ln w_i

    Source: Rasmussen and Williams 2006, algorithm 3.3 and eq. 3.44; the slope is as for two classes.

    >>> y = torch.eye(3).double()
    >>> found = softmax_mode(torch.eye(3).double(), y, weight=torch.ones(3).double())
    >>> bool((found.pull - found.scores).abs().max() < 1e-8)
    True
    """
    a, f, highest = torch.zeros_like(y), torch.zeros_like(y) if start is None else start, None
    for _ in range(MAX_NEWTON):
        p = f.softmax(1)
        pull = weight[:, None] * (y - p)
        if highest is not None and float((a - pull).abs().max()) < CLOSE * float(weight.max()):
            break
        b = weight[:, None] * p * (f - (p * f).sum(1, keepdim=True)) + pull
        inner = softmax_parts(within, p, weight=weight).times((within @ b).T[:, :, None])[:, :, 0].T
        a, f, highest = _climbed(within, a, b - inner, highest, _softmax_likelihood(y, weight))
    p = f.softmax(1)
    parts = softmax_parts(within, p, weight=weight)
    logs = parts.factors.diagonal(dim1=1, dim2=2).log().sum() + parts.whole.diagonal().log().sum()
    value = float(highest - logs + 0.5 * weight.log().sum())  # type: ignore[operator]
    pull = weight[:, None] * (y - p)
    return Mode(f, pull, value, _softmax_slope(within, pull, p, weight, parts), p)


def softmax_scores(
    across: Tensor, prior: Tensor, *, pull: Tensor, blocks: Tensor, whole: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean (m, k) and covariance (m, k, k) of new scores, with covariances `across` (n, m) and prior variances (m,).

    blocks (k, n, n) and whole (n, n) are those of `softmax_parts`.

    Source: Rasmussen and Williams 2006, algorithm 3.4.
    """
    own = blocks @ across  # (k, n, m)
    half = torch.linalg.solve_triangular(whole, own, upper=False)
    covariance = torch.einsum("cnm,dnm->mcd", half, half)
    spare = prior[:, None] - torch.einsum("nm,cnm->mc", across, own)
    return across.T @ pull, covariance + torch.diag_embed(spare)


def _softmax_likelihood(y: Tensor, weight: Tensor) -> Likelihood:
    return lambda f: (weight * (y * f.log_softmax(1)).sum(1)).sum()


def _softmax_slope(within: Tensor, pull: Tensor, p: Tensor, weight: Tensor, parts: SoftmaxParts) -> Tensor:
    """The slope by K, whose path through the mode goes by the diagonal blocks S (n, k, k) of (K^-1 + W)^-1."""
    across = parts.blocks @ within
    half = torch.linalg.solve_triangular(parts.whole, across, upper=False)
    s = torch.einsum("cin,din->ncd", half, half)
    s += torch.diag_embed(within.diagonal()[:, None] - torch.einsum("in,cin->nc", within, across))
    said = torch.einsum("ncd,nd->nc", s, p)
    spread = torch.einsum("ncc,nc->n", s, p)[:, None]
    whole = (p * said).sum(1, keepdim=True)
    bends = p * (s.diagonal(dim1=1, dim2=2) - spread) - 2 * p * (said - whole)
    moved = -0.5 * weight[:, None] * bends
    v = moved - parts.times((within @ moved).T[:, :, None])[:, :, 0].T
    summed = parts.blocks.sum(0)
    inner = summed - torch.stack([e @ torch.cholesky_solve(e, parts.whole) for e in parts.blocks]).sum(0)
    return 0.5 * (pull @ pull.T - inner) + _symmetric(v, pull)


# --- the settings -----------------------------------------------------------------------------------


def learn_classes(
    x: Tensor, y: Tensor, *, kernel: KernelSum, weight: Tensor | None = None, n_restarts: int = 4
) -> tuple[Tensor, float]:
    """The logarithms (p,) of the kernel's settings that make classes y likeliest by Laplace's approximation; ln q(y).

    x (n, d) is best standardised; y is 0 or 1 (n,), or one-hot (n, k). Variances end at 100: above that ln q(y) hardly
    changes, while probabilities averaged over the approximation fall back to one half. Each step of a search goes on
    from the last mode.

    Source: Rasmussen and Williams 2006, section 5.5.1.
    """
    weight = torch.ones_like(x[:, 0]) if weight is None else weight
    mode = binary_mode if y.ndim == 1 else softmax_mode

    def of_rows(rows: Tensor) -> Climbed:
        last: list[Tensor] = []

        def evidence(table: Tensor, others: Tensor) -> tuple[float, Tensor, Tensor]:
            found = mode(table, y[rows], weight=weight[rows], start=last[-1] if last else None)
            last[:] = [found.scores]
            return found.value, found.slope, others

        return by_settings(kernel, x[rows], evidence)

    return learn_settings(of_rows, class_settings(kernel), x, n_restarts=n_restarts, start_rows=START_ROWS)


def class_settings(kernel: KernelSum) -> list[Setting]:
    """A kernel's settings with variances that end where classes do not tell larger ones apart."""
    return [
        s._replace(bounds=(s.bounds[0], MOST_VARIANCE)) if s.name.endswith(" variance") else s for s in kernel.settings
    ]


# --- both -------------------------------------------------------------------------------------------


def _climbed(
    within: Tensor, a: Tensor, new: Tensor, highest: float | None, likelihood: Likelihood
) -> tuple[Tensor, Tensor, float]:
    """A step from a to `new` (n, k), halved until it climbs: a = K^-1 f, f, and the log posterior there."""
    share = 1.0
    while True:
        tried = a + share * (new - a)
        f = within @ tried
        value = float(likelihood(f) - 0.5 * (tried * f).sum())
        if highest is None or value >= highest - 1e-12 * abs(highest) or share < 1e-6:
            return tried, f, value
        share /= 2


def _symmetric(a: Tensor, b: Tensor) -> Tensor:
    product = a @ b.T
    return 0.5 * (product + product.T)
