"""Linear models in closed form, and what can be said of a separating plane: margins, bounds, certificates, distances.

Weights are as torch.nn.Linear keeps them: `weight` (n_outputs, in_features) and `bias` (n_outputs,); a single plane is
`weight` (in_features,) and a number. Rules that learn row by row are in `online`.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError

# --- Least squares ---------------------------------------------------------------------------------------------------


def normal_equation(x: Tensor, t: Tensor, *, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The weights (n_outputs, in_features) and bias (n_outputs,) of least squares: of all minima, the smallest weights.

    theta = (X'X)^-1 X't with a column of ones in X, for x (n, in_features) and t (n, n_outputs); `weight` (n,) counts
    rows. Solved on centred columns by an orthogonal factorisation in float64, never by an inverse: columns that
    depend on each other, or more columns than rows, are no obstacle (the bias is left out of "smallest").

    Systems: normal-equation, linear-regression
    Source: Gauss 1809; Hifny A4.3 eqs. 4.6 to 4.11 (theta's first row is the bias), Jaiswal J8.

    >>> normal_equation(torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[1.0], [3.0], [5.0]]))
    (tensor([[2.]]), tensor([1.]))
    """
    return ridge(x, t, l2=0.0, weight=weight)


def ridge(x: Tensor, t: Tensor, *, l2: float, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The weights and bias that minimise sum_i |x_i w + b - t_i|^2 + l2 |w|^2; the bias is free.

    The sum of squares, not its mean or half: l2 is scikit-learn's alpha. For (1/2) sum + (lam/2) |w|^2 it is lam, for
    the mean of squares + lam |w|^2 it is n lam. `weight` (n,) multiplies the rows' squares.

    Systems: ridge-regression
    Source: Hoerl and Kennard 1970; Hifny A14.5, Baker A209, Martinez-Ramon 3.5.5 and 3.9, Jaiswal J43.
    """
    rows, targets = x.double(), t.double()
    share = torch.ones(len(x), dtype=torch.float64, device=x.device) if weight is None else weight.double()
    x_mean, t_mean = share @ rows / share.sum(), share @ targets / share.sum()
    root = share.sqrt()[:, None]
    u, s, vh = torch.linalg.svd((rows - x_mean) * root, full_matrices=False)
    kept = s > s.amax() * max(x.shape) * torch.finfo(torch.float64).eps if len(s) else s > 0
    gain = torch.where(kept, s / (s.square() + l2).where(kept, torch.ones_like(s)), 0.0)
    w = vh.T @ (gain[:, None] * (u.T @ ((targets - t_mean) * root)))
    return w.T.to(x.dtype), (t_mean - x_mean @ w).to(x.dtype)


def solve_moments(xx: Tensor, xt: Tensor, *, l2: float = 0.0) -> Tensor:
    """w (in_features, n_outputs) of (xx + l2 I) w = xt for centred sums xx = X'X and xt = X't, the smallest if many.

    What data too large for memory come to: the sums are added up over batches. Squaring the data squares their
    condition number, so directions below about 1e-7 of the largest are taken for dependent and left out.
    """
    values, vectors = torch.linalg.eigh(xx)
    kept = values > values.amax() * len(xx) * torch.finfo(xx.dtype).eps
    gain = torch.where(kept, 1 / (values + l2).where(kept, torch.ones_like(values)), 0.0)
    return vectors @ (gain[:, None] * (vectors.T @ xt))


# --- Two classes and a plane -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Separation:
    """Whether a plane separates two classes, with the proof.

    Where it does, `weight` and `bias` are a plane with y (w.x + b) >= 1 in every row. Where it does not, `mixture` (n,)
    holds shares of the rows, summing to 1 within each class, whose mixtures of the two classes are one and the same
    point: no plane has it on both sides.
    """

    separable: bool
    weight: Tensor | None = None
    bias: float | None = None
    mixture: Tensor | None = None


def separation(x: Tensor, y: Tensor) -> Separation:
    """Whether the rows with y > 0 and the others can be separated by a plane, decided by linear programming.

    Systems: linear-separability-test
    Source: Minsky and Papert 1969 (XOR); Hifny A8.3, Baker A028, Jaiswal J1, Keras course K13. The certificate is
    Farkas's alternative.

    >>> corners = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> separation(corners, torch.tensor([0, 1, 1, 0])).mixture
    tensor([0.5000, 0.5000, 0.5000, 0.5000])
    """
    from scipy.optimize import linprog

    rows = x.double().cpu().numpy()
    positive = (y > 0).cpu().numpy()
    signed = np.where(positive, 1.0, -1.0)[:, None] * np.column_stack([rows, np.ones(len(rows))])
    plane = linprog(np.zeros(signed.shape[1]), A_ub=-signed, b_ub=-np.ones(len(rows)), bounds=(None, None))
    if plane.status == 0:
        w = torch.from_numpy(plane.x).to(x.dtype)
        return Separation(True, weight=w[:-1], bias=float(w[-1]))
    balance = np.vstack([signed[:, :-1].T, positive, ~positive])
    target = np.concatenate([np.zeros(rows.shape[1]), [1.0, 1.0]])
    mixture = linprog(np.zeros(len(rows)), A_eq=balance, b_eq=target, bounds=(0, None))
    if mixture.status != 0:
        raise DataError(
            "rows are too close to the border between separable and not for linear programming to decide; "
            "scale the columns to similar sizes"
        )
    return Separation(False, mixture=torch.from_numpy(mixture.x).to(x.dtype))


@dataclass(frozen=True)
class NovikoffBound:
    """Rows lie within `radius`; a plane of |w|^2 + b^2 = 1 keeps them `margin` away; so changes < `n_changes`."""

    radius: float
    margin: float
    n_changes: float


def novikoff_bound(x: Tensor, y: Tensor, *, weight: Tensor | None = None, bias: float = 0.0) -> NovikoffBound:
    """How many changes the perceptron rule can need from zeros: fewer than (R^2 + 1) / margin^2.

    R is the longest row. The margin is that of the plane given, min y (w.x + b) / sqrt(|w|^2 + b^2), or without one
    the largest there is: the distance of 0 from the convex hull of the rows y (x, 1). Refused for data that no plane
    separates, for which there is no bound.

    Systems: novikoff-bound
    Source: Novikoff 1962; Martinez-Ramon theorem 1.2.1 and eq. 1.13, which divides by the margin instead of its
    square: the two rows x = 0.1, y = -1 and x = 0.2, y = 1 take 103 changes, where the book's formula allows 21.

    >>> round(novikoff_bound(torch.tensor([[1.0], [2.0]]), torch.tensor([-1, 1])).n_changes, 6)
    65.0
    """
    rows = x.double().cpu()
    signs = (y > 0).double().cpu() * 2 - 1
    signed = torch.cat([rows, torch.ones(len(rows), 1, dtype=torch.float64)], 1) * signs[:, None]
    if weight is None:
        margin = _distance_from_hull(signed)
    else:
        plane = torch.cat([weight.double().cpu(), torch.tensor([float(bias)], dtype=torch.float64)])
        margin = float((signed @ plane).amin() / plane.norm())
    if margin <= 0:
        raise DataError("the plane does not separate the classes, so the perceptron's changes have no bound")
    radius = float(rows.norm(dim=1).amax())
    return NovikoffBound(radius, margin, (radius**2 + 1) / margin**2)


def _distance_from_hull(points: Tensor) -> float:
    """The distance of 0 from the convex hull of the rows; 0 where it lies inside."""
    from scipy.optimize import nnls

    # min |P'a|^2 + (1 - sum a)^2 over a >= 0: scaled to sum 1, its solution is the hull's nearest point
    system = np.vstack([points.numpy().T, np.ones(len(points))])
    target = np.zeros(len(system))
    target[-1] = 1.0
    shares, _ = nnls(system, target)
    nearest = system[:-1] @ (shares / shares.sum())
    distance = float(np.linalg.norm(nearest))
    return distance if (points.numpy() @ nearest).min() > 0.5 * distance**2 else 0.0


def boundary_distance(x: Tensor, *, weight: Tensor, bias: float | Tensor) -> Tensor:
    """(w.x + b) / |w| for each row: how far it is from the plane, positive on the side that w points to.

    Systems: decision-boundary
    Source: Hifny A5.6, Baker A028, Martinez-Ramon 1.2.1 eqs. 1.1 and 1.2, Keras course K6.

    >>> boundary_distance(torch.tensor([[3.0, 4.0]]), weight=torch.tensor([0.6, 0.8]), bias=-1.0)
    tensor([4.])
    """
    return (x @ weight + bias) / weight.norm()


def boundary_line(weight: Tensor, bias: float | Tensor) -> tuple[float, float]:
    """(slope, intercept) of the line x2 = slope x1 + intercept where w.x + b = 0, for two features.

    Source: Hifny A5.6. A line with w2 = 0 stands upright and has no slope: use `boundary_distance`.

    >>> boundary_line(torch.tensor([2.0, 1.0]), -3.0)
    (-2.0, 3.0)
    """
    w1, w2 = (float(w) for w in weight)
    if w2 == 0:
        raise DataError(f"the boundary stands upright, at x1 = {-float(bias) / w1}: it has no slope")
    return -w1 / w2, -float(bias) / w2


def pairwise_boundary(weight: Tensor, bias: Tensor, first: int, second: int) -> tuple[Tensor, Tensor]:
    """The plane on which classes `first` and `second` score alike: (w_first - w_second, b_first - b_second).

    Source: Hifny A6.8.
    """
    return weight[first] - weight[second], bias[first] - bias[second]


@dataclass(frozen=True)
class BayesBoundary:
    """The plane w.x + b = 0 of least error, w pointing to the second class, and that error."""

    weight: Tensor
    bias: float
    error: float


def bayes_boundary(mean_0: Tensor, mean_1: Tensor, *, std: float) -> BayesBoundary:
    """The best boundary between two equally frequent Gaussians N(mean, std^2 I): half-way, across the line of means.

    Its error is Q(d / (2 std)) with d the distance of the means and Q the standard normal's upper tail.

    Systems: bayes-boundary
    Source: Martinez-Ramon 2.2.

    >>> round(bayes_boundary(torch.tensor([-1.0, 0.0]), torch.tensor([1.0, 0.0]), std=0.5).error, 5)
    0.02275
    """
    weight = mean_1 - mean_0
    bias = -float(weight @ (mean_0 + mean_1)) / 2
    return BayesBoundary(weight, bias, 0.5 * math.erfc(float(weight.norm()) / (2 * std) / math.sqrt(2)))


# --- Decisions -------------------------------------------------------------------------------------------------------


def decide(p: Tensor, *, threshold: float = 0.5) -> Tensor:
    """1 where p >= threshold, else 0, as int64: a tie says 1.

    Rounding sends 0.5 to 0 instead, and a step unit says 0 at z = 0, which is p = 0.5: three rules that differ on ties
    only. Of class scores (n, n_classes), `scores.argmax(1)` decides.

    Systems: decision-rules
    Source: Hifny A5.5, Keras course K16 and K49.

    >>> decide(torch.tensor([0.2, 0.5, 0.9]))
    tensor([0, 1, 1])
    """
    return (p >= threshold).long()


def as_signs(y: Tensor, *, n_outputs: int) -> Tensor:
    """+1 for yes and -1 for no, (n, n_outputs): of y (n, n_outputs) in {0, 1}, or one against the rest of labels (n,).

    >>> as_signs(torch.tensor([0, 2]), n_outputs=3)
    tensor([[ 1., -1., -1.],
            [-1., -1.,  1.]])
    """
    yes = y if y.is_floating_point() else torch.nn.functional.one_hot(y, n_outputs)
    return 2.0 * yes - 1.0


def one_vs_one_vote(scores: Tensor, pairs: list[tuple[int, int]], *, n_classes: int) -> Tensor:
    """The class with most won duels, from scores (n, n_pairs) that are positive for the first class of their pair.

    Of classes with equally many, the one whose duels' scores add up highest, as scikit-learn breaks ties.

    Source: Jaiswal J3 (K (K - 1) / 2 scorers).
    """
    votes, sums = scores.new_zeros(2, len(scores), n_classes)
    for column, (first, second) in enumerate(pairs):
        score = scores[:, column]
        votes[:, first] += score > 0
        votes[:, second] += score <= 0
        sums[:, first] += score
        sums[:, second] -= score
    return (votes + sums / (3 * (sums.abs() + 1))).argmax(1)  # the second part is below 1/3: it orders equals only
