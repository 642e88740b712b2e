"""Sparse coding among the autoencoders."""

from ...objectives.generative.sparse_coding import SparseCoding
from ...registry import model


@model.register("autoencoder")
def sparse_coding(*, in_features: int, n_latent: int = 64, alpha: float = 1.0, tol: float = 1e-4) -> SparseCoding:
    """Rows as sums of few of many atoms: no encoder, each code is sought.

    Parameters
    ----------
    n_latent : atoms; there may be more of them than columns.
    alpha : what the sizes of codes are charged, beside half the squared error of a row.
    tol : learning ends when an epoch lowers the cost by less than this share of it.
    """
    return SparseCoding(in_features, n_latent, alpha=alpha, tol=tol)
