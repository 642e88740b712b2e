"""Contacts of a folded chain: maps of them, scores for pairs of residues, and coordinates from distances and back.

Coordinates are those of the C-alpha atoms, a residue a row, in angstrom.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import DataError, SettingError

CUTOFF, NEAREST = 8.0, 6  # angstrom; the least separation along the chain that is judged
STEP, TOUCH = 3.8, 6.0  # angstrom between neighbours of a chain, and between residues in contact


def contact_map(x: Tensor, *, cutoff: float = CUTOFF) -> Tensor:
    """Which residues of coordinates x (n, 3) are in contact: (n, n), bool, symmetric, true on the diagonal.

        C_ij = 1 where |x_i - x_j| < cutoff

    Source: the measure of CASP, with 8 angstrom between C-beta atoms (here C-alpha atoms, of which every file has one).

    >>> contact_map(torch.tensor([[0.0, 0, 0], [5, 0, 0], [10, 0, 0]])).int().tolist()
    [[1, 1, 0], [1, 1, 1], [0, 1, 1]]
    """
    if cutoff <= 0:
        raise SettingError(f"cutoff is a distance in angstrom above 0; got {cutoff}")
    _check_coordinates(x)
    return torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist") < cutoff


def product_corrected(maps: Tensor) -> Tensor:
    """Maps (..., n, n) made symmetric, less what their rows and columns lead one to expect.

        S = F + F^T,    G_ij = S_ij - S_i. S_.j / S_..      with sums over the index that a point stands for

    Dunn et al. write means over the pairs of a residue with all others; with sums that hold the diagonal, as here and
    in Rao et al., the counts cancel. Rows and columns of 0, as of padding, stay 0 and change nothing.

    >>> product_corrected(torch.tensor([[1.0, 2.0], [4.0, 8.0]]))  # S = (2, 6; 6, 16)
    tensor([[-0.1333,  0.1333],
            [ 0.1333, -0.1333]])

    Source: Dunn, Wahl and Gloor 2008; on attention maps Rao et al. 2020.
    """
    both = maps + maps.mT
    down, across, whole = both.sum(-1, keepdim=True), both.sum(-2, keepdim=True), both.sum((-2, -1), keepdim=True)
    return both - down * across / torch.where(whole == 0, 1.0, whole)


def separated(n: int, least: int = NEAREST, *, device: torch.device | None = None) -> Tensor:
    """The pairs (2, pairs) of places i < j of a chain of n residues with j - i of at least `least`.

    >>> separated(4, 2).tolist()
    [[0, 0, 1], [2, 3, 3]]
    """
    if least < 1:
        raise SettingError(f"the least separation is at least 1; got {least}")
    return torch.triu_indices(n, n, offset=least, device=device)


def separation_scores(n: int, shares: Tensor) -> Tensor:
    """What separation alone says of a chain of n residues: shares (m,) of contacts at |i - j| = 0, 1, ... -> (n, n).

    Separations of m and more get 0.

    >>> separation_scores(3, torch.tensor([1.0, 0.5])).tolist()
    [[1.0, 0.5, 0.0], [0.5, 1.0, 0.5], [0.0, 0.5, 1.0]]
    """
    places = torch.arange(n, device=shares.device)
    apart = (places[:, None] - places).abs()
    longest = torch.nn.functional.pad(shares, (0, max(n - len(shares), 0)))
    return longest[apart]


def top_precision(scores: Tensor, contacts: Tensor, *, n_top: int, least: int = NEAREST) -> float:
    """The share of true contacts among the n_top pairs of highest score: scores (n, n), contacts (n, n) bool.

        P = |{contacts among the n_top best pairs i < j, j - i >= least}| / n_top

    Pairs whose scores tie at the border count by the share of contacts among them, so that the order in which pairs
    are held says nothing. Where a chain has fewer pairs than n_top, all are taken.

    >>> s = torch.tensor([[0, 0.9, 0.2], [0.9, 0, 0.8], [0.2, 0.8, 0]])
    >>> top_precision(s, torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]]).bool(), n_top=2, least=1)
    0.5

    Source: CASP: n_top = L, L/2, L/5 of a chain of L residues; separations of 6, 12 and 24 begin the short, the medium
    and the long range.
    """
    if n_top < 1:
        raise SettingError(f"n_top is at least 1; got {n_top}")
    if scores.shape != contacts.shape or scores.ndim != 2 or len(scores) != scores.shape[1]:
        raise DataError(f"scores {tuple(scores.shape)} and contacts {tuple(contacts.shape)} are (n, n) both")
    i, j = separated(len(scores), least, device=scores.device)
    if not len(i):
        raise DataError(f"a chain of {len(scores)} residues has no pair {least} apart; leave it out, or lower `least`")
    said, due = scores[i, j], contacts[i, j].double()
    n_top = min(n_top, len(said))
    border = said.topk(n_top).values[-1]
    above, level = said > border, said == border
    hits = due[above].sum() + (n_top - above.sum()) * due[level].mean()
    return float(hits / n_top)


def coordinates_from_distances(d: Tensor, *, n_dimensions: int = 3) -> Tensor:
    """Points (n, n_dimensions) whose distances are d (n, n), or come near them, about their centre.

        B = -1/2 J D J,  D_ij = d_ij^2,  J = I - 1 1^T / n;    x = V sqrt(lambda) of B's largest eigenvalues

    Exact where d are distances of points in so few dimensions. Distances do not tell a structure from its mirror image,
    so either may come back.

    >>> x = coordinates_from_distances(torch.tensor([[0.0, 3, 5], [3, 0, 4], [5, 4, 0]]), n_dimensions=2)
    >>> torch.cdist(x, x).round(decimals=4).tolist()
    [[0.0, 3.0, 5.0], [3.0, 0.0, 4.0], [5.0, 4.0, 0.0]]

    Source: classical multidimensional scaling, Torgerson 1952.
    """
    if d.ndim != 2 or len(d) != d.shape[1] or len(d) < n_dimensions:
        raise DataError(f"distances are (n, n) with n of at least {n_dimensions}; got {tuple(d.shape)}")
    if not d.isfinite().all() or (d < 0).any() or not torch.allclose(d, d.mT, atol=1e-4):
        raise DataError("distances are finite, not negative, and the same both ways; look for NaN and for holes")
    square = d.square()
    centred = square - square.mean(0) - square.mean(1, keepdim=True) + square.mean()
    values, vectors = torch.linalg.eigh(-centred / 2)
    return vectors[:, -n_dimensions:].flip(1) * values[-n_dimensions:].flip(0).clamp(min=0).sqrt()


def distances_from_contacts(contacts: Tensor, *, step: float = STEP, touch: float = TOUCH) -> Tensor:
    """The shortest ways (n, n) along a chain and across its contacts (n, n), bool: distances to make a structure from.

        d_ij = the least sum of lengths from i to j:  `step` between neighbours, `touch` between residues in contact

    Where contacts are right these lie near the distances of a structure and above those of a stretch without any; the
    structure made of them has the fold's shape, and no atom's true place.

    >>> bent = torch.zeros(4, 4, dtype=torch.bool)
    >>> bent[0, 3] = bent[3, 0] = True
    >>> distances_from_contacts(bent)[0].tolist()
    [0.0, 3.799999952316284, 7.599999904632568, 6.0]

    Source: shortest ways over a graph of neighbours, as in Tenenbaum, de Silva and Langford 2000 and, for contacts of
    chromosomes, Lesne et al. 2014; Floyd 1962.
    """
    if contacts.ndim != 2 or len(contacts) != contacts.shape[1]:
        raise DataError(f"contacts are (n, n); got {tuple(contacts.shape)}")
    n = len(contacts)
    d = torch.full((n, n), torch.inf, device=contacts.device)
    d[contacts.bool() | contacts.bool().mT] = touch
    place = torch.arange(n, device=d.device)
    d[place[1:], place[:-1]] = d[place[:-1], place[1:]] = step
    d.fill_diagonal_(0)
    for k in range(n):
        torch.minimum(d, d[:, k, None] + d[k], out=d)
    return d


class Superposed(NamedTuple):
    """The first structure laid over the second (n, 3), and the root mean squared deviation left, in angstrom."""

    x: Tensor
    rmsd: float


def superpose(x: Tensor, y: Tensor, *, mirrored: bool = False) -> Superposed:
    """Structure x (n, 3) moved and turned so that it lies nearest to y (n, 3).

        H = (x - mean x)^T (y - mean y) = U S V^T,   R = U diag(1, 1, det(U V^T)) V^T,
        rmsd = sqrt(sum |(x_i - mean x) R - (y_i - mean y)|^2 / n)

    Parameters
    ----------
    mirrored : whether x may be reflected too (then the determinant is left out), as what was made of distances needs.

    >>> x = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]])
    >>> turn = torch.tensor([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    >>> round(superpose(x, x @ turn + 5).rmsd, 4)
    0.0

    Source: Kabsch 1976, 1978.
    """
    for name, given in (("x", x), ("y", y)):
        _check_coordinates(given, name)
    if x.shape != y.shape:
        raise DataError(f"x holds {len(x)} residues and y {len(y)}; give the same residues of both")
    a, b = x - x.mean(0), y - y.mean(0)
    u, _, v = torch.linalg.svd(a.mT @ b)
    sign = torch.ones(3, dtype=x.dtype, device=x.device)
    if not mirrored:
        sign[-1] = torch.det(u @ v).sign()
    laid = a @ (u * sign) @ v
    return Superposed(laid + y.mean(0), float((laid - b).square().sum(1).mean().sqrt()))


def _check_coordinates(x: Tensor, name: str = "x") -> None:
    if x.ndim != 2 or x.shape[1] != 3 or not len(x):
        raise DataError(f"{name} holds coordinates (residues, 3); got {tuple(x.shape)}")
    if not x.isfinite().all():
        row = int((~x.isfinite()).any(1).nonzero()[0])
        raise DataError(f"residue {row} of {name} has a coordinate that is no finite number; leave the residue out")
