"""Few directions that hold most of a matrix: truncated singular values, and documents and words in them."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...errors import SettingError
from .counts import Counts, rarity

SMALL = 512  # the shorter side of a matrix that is taken apart whole


class Factors(NamedTuple):
    """left (rows, k), values (k,) from the largest, right (columns, k): matrix ~ left diag(values) right^T."""

    left: Tensor
    values: Tensor
    right: Tensor


def truncated_svd(counts: Counts, k: int) -> Factors:
    """The k largest singular values of a sparse matrix and their directions, float64.

    The sign of each pair is that its left direction's largest number in size is positive (the first of equal ones), so
    that equal matrices give equal vectors. Large matrices are taken apart by Lanczos' method from a fixed start.

    Source: Eckart and Young 1936; Jaiswal J126; the rule of signs is scikit-learn's.

    >>> whole = Counts(torch.tensor([0, 1]), torch.tensor([0, 1]), torch.tensor([-3.0, 4.0]).double(), (2, 2))
    >>> found = truncated_svd(whole, 1)
    >>> found.values.tolist(), found.left.tolist(), found.right.tolist()
    ([4.0], [[0.0], [1.0]], [[0.0], [1.0]])
    """
    least = min(counts.shape)
    if not 1 <= k <= least:
        raise SettingError(f"a matrix of {counts.shape[0]} by {counts.shape[1]} has 1 to {least} directions; got {k}")
    if least <= SMALL or k > least // 2:
        u, s, vh = torch.linalg.svd(counts.dense(), full_matrices=False)
        left, values, right = u[:, :k], s[:k], vh[:k].mT
    else:
        left, values, right = _lanczos(counts, k)
    at = left.abs().argmax(0)
    sign = torch.where(left.gather(0, at[None]) < 0, -1.0, 1.0).double()
    return Factors(left * sign, values, right * sign)


def _lanczos(counts: Counts, k: int) -> tuple[Tensor, Tensor, Tensor]:
    from scipy.sparse import csr_array
    from scipy.sparse.linalg import svds

    entries = (counts.values.numpy(), (counts.rows.numpy(), counts.columns.numpy()))
    matrix = csr_array(entries, shape=counts.shape)
    start = np.random.default_rng(0).standard_normal(min(counts.shape))
    u, s, vh = svds(matrix, k=k, v0=start)
    return tuple(torch.from_numpy(np.ascontiguousarray(part)) for part in (u[:, ::-1], s[::-1], vh[::-1].T))  # type: ignore[return-value]


def tfidf(counts: Counts, idf: Tensor) -> Counts:
    """N(w, d) times the rarity of w."""
    return counts._replace(values=counts.values * idf[counts.rows])


class LSA(NamedTuple):
    """Words (n_words, k) and documents (documents, k) in the same directions, and what new documents need.

    A document's column x of the weighted matrix stands at x^T left; `values` are the singular values.
    """

    words: Tensor
    documents: Tensor
    left: Tensor
    values: Tensor
    idf: Tensor


def lsa(counts: Counts, k: int) -> LSA:
    """Latent semantic analysis: the term-document matrix, weighted by TF-IDF, in its k strongest directions.

        X(w, d) = N(w, d) ln(|D| / |{d : w in d}|),   X ~ U S V^T,   words U S,   documents V S = X^T U

    Products of documents' rows are those of the matrix of rank k nearest to X. A word that is in every document weighs
    nothing.

    Systems: lsa
    Source: Deerwester et al. 1990; Jaiswal J126 (5.2.2); Baker A188.

    >>> from .counts import term_document
    >>> counts = term_document(torch.tensor([0, 1, 0, 1, 2, 0, 2, 2]), torch.tensor([3, 2, 3]), n_words=3)
    >>> [round(v, 6) for v in lsa(counts, 2).values.tolist()]
    [1.13177, 0.726305]
    """
    idf = rarity(counts)
    found = truncated_svd(tfidf(counts, idf), k)
    return LSA(found.left * found.values, found.right * found.values, found.left, found.values, idf)
