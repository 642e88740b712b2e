"""Sparse coding: rows as sums of few of many atoms, and atoms that make this cheap."""

import torch
from torch import Tensor

from .threads import one_thread

CHECKED = 20  # steps between looks at whether codes still move


def shrunk(x: Tensor, by: Tensor | float) -> Tensor:
    """x moved towards 0 by so much, and no further: argmin_c (c - x)^2 / 2 + by |c|.

    >>> shrunk(torch.tensor([3.0, 0.5, -2.0]), 1.0).tolist()
    [2.0, 0.0, -1.0]
    """
    return x.sign() * (x.abs() - by).clamp(min=0)


def sparse_cost(x: Tensor, codes: Tensor, atoms: Tensor, *, alpha: float, observed: Tensor | None = None) -> Tensor:
    """|x - c D|^2 / 2 + alpha |c|_1 of rows (n, d) with codes (n, k) over atoms D (k, d), (n,); holes cost nothing.

    Systems: sparse-coding
    Source: Olshausen and Field 1997, eq. 6 with |.|; scikit-learn's `sparse_encode`. Named in Martinez-Ramon 7.1.

    >>> sparse_cost(torch.ones(1, 2), torch.tensor([[1.0]]), torch.tensor([[1.0, 0.0]]), alpha=0.1).tolist()
    [0.6000000238418579]
    """
    gap = x - codes @ atoms
    gap = gap if observed is None else gap * observed
    return 0.5 * gap.square().sum(1) + alpha * codes.abs().sum(1)


@one_thread()
def sparse_codes(
    x: Tensor, atoms: Tensor, *, alpha: float, observed: Tensor | None = None, n_steps: int = 1000, tol: float = 1e-7
) -> Tensor:
    """The codes (n, k) of least `sparse_cost`, by FISTA; it ends when no number moves by more than tol of the largest.

        c <- shrunk(y - (y D - x) D' / L, alpha / L),   y the last two c carried on,   L the largest eigenvalue of D D'

    A row whose cost would rise begins its run-up anew.

    Systems: sparse-coding
    Source: Beck and Teboulle 2009, eqs 4.1 to 4.3; O'Donoghue and Candes 2015 for the new run-up.

    >>> sparse_codes(torch.tensor([[3.0, 0.2]]), torch.eye(2), alpha=0.5).tolist()
    [[2.5, 0.0]]
    """
    bound = torch.linalg.matrix_norm(atoms, 2).square().clamp(min=torch.finfo(atoms.dtype).tiny)
    codes = x.new_zeros(len(x), len(atoms))
    ahead, t = codes, x.new_ones(len(x), 1)
    tol = max(tol, 16 * torch.finfo(x.dtype).eps)
    pulled, alike = x @ atoms.T, atoms @ atoms.T
    small = observed is None and len(atoms) <= 2 * x.shape[1]  # one product a step in place of two
    for step in range(n_steps):
        if small:
            slope = ahead @ alike - pulled
        else:
            gap = ahead @ atoms - x
            slope = (gap if observed is None else gap * observed) @ atoms.T
        fresh = shrunk(ahead - slope / bound, alpha / bound)
        turned = ((ahead - fresh) * (fresh - codes)).sum(1, keepdim=True) > 0
        t = torch.where(turned, 1.0, t)
        later = (1 + (1 + 4 * t.square()).sqrt()) / 2
        moved = fresh - codes
        ahead = torch.where(turned, fresh, fresh + (t - 1) / later * moved)
        codes, t = fresh, later
        if step % CHECKED == CHECKED - 1 and bool(moved.abs().max() <= tol * codes.abs().max()):
            break
    return codes


def better_atoms(atoms: Tensor, codes_codes: Tensor, codes_rows: Tensor) -> Tensor:
    """Atoms (k, d), each in turn the best of length 1 at most given the others, for rows whose sums these are.

    codes_codes A = C' C (k, k) and codes_rows B = C' X (k, d):  u = D_j + (B_j - A_j D) / A_jj,  D_j = u / max(|u|, 1).
    Atoms that no code uses stay as they are.

    Systems: sparse-coding
    Source: Mairal, Bach, Ponce and Sapiro 2010, algorithm 2.

    >>> better_atoms(torch.tensor([[1.0, 0.0]]), torch.tensor([[4.0]]), torch.tensor([[0.0, 2.0]])).tolist()
    [[0.0, 0.5]]
    """
    atoms = atoms.clone()
    used = codes_codes.diagonal()
    for j in range(len(atoms)):
        if used[j] > 1e-10 * used.max():
            found = atoms[j] + (codes_rows[j] - codes_codes[j] @ atoms) / used[j]
            atoms[j] = found / found.norm().clamp(min=1)
    return atoms
