"""Sparse codes against scikit-learn's."""

import numpy as np
import torch

from ..functional.sparse_coding import sparse_codes
from . import check, gap


@check("sparse-coding", oracle="scikit-learn", tolerance=1e-4)
def sparse_codes_over_given_atoms() -> float:
    """Codes of 40 rows over 15 atoms against sklearn.decomposition.sparse_encode by least angles."""
    from sklearn.decomposition import sparse_encode

    rng = np.random.default_rng(0)
    x, atoms = rng.normal(size=(40, 10)), rng.normal(size=(15, 10))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    theirs = sparse_encode(x, atoms, algorithm="lasso_lars", alpha=0.2)
    ours = sparse_codes(torch.from_numpy(x), torch.from_numpy(atoms), alpha=0.2, n_steps=5000, tol=1e-10)
    return gap(ours, theirs)
