"""Latent Dirichlet allocation by variational Bayes: documents as mixtures of topics, topics as words' shares."""

from typing import NamedTuple

import torch
from torch import Tensor

from .word_vectors.counts import Counts

TINY = torch.finfo(torch.float64).eps


def expected_logs(x: Tensor) -> Tensor:
    """E ln p of Dirichlet distributions with parameters in rows: psi(x) - psi(sum x).

    >>> expected_logs(torch.ones(1, 2)).round(decimals=4).tolist()
    [[-1.0, -1.0]]
    """
    return torch.digamma(x) - torch.digamma(x.sum(-1, keepdim=True))


class DocumentTopics(NamedTuple):
    """gamma (documents, k): Dirichlet parameters of documents' topics; sums (k, n_words): what words add to topics.

    `log_p` (documents,) is ln p of each document's words under the means of both.
    """

    gamma: Tensor
    sums: Tensor
    log_p: Tensor


def document_topics(
    counts: Counts, topics: Tensor, *, prior: float, n_steps: int = 100, tol: float = 1e-3
) -> DocumentTopics:
    """What documents say of their topics, and of the topics' words: the E step.

        gamma_dk = prior + sum_w n_dw phi_dwk,   phi_dwk ~ exp(E ln theta_dk + E ln beta_kw)

    counts (documents, n_words) are sparse, topics (k, n_words) Dirichlet parameters; float64. A document is done when
    its gamma moves by less than `tol` in the mean. The sums and the prior of the words are the next topics.

    Source: Blei, Ng and Jordan 2003; Hoffman, Blei and Bach 2010, algorithm 1.

    >>> one = Counts(torch.tensor([0]), torch.tensor([1]), torch.tensor([4.0]).double(), (1, 2))
    >>> document_topics(one, torch.ones(1, 2).double(), prior=0.5).gamma.round(decimals=6).tolist()
    [[4.5]]
    """
    beta = expected_logs(topics).exp().mT.contiguous()  # (n_words, k)
    gamma = torch.ones(counts.shape[0], len(topics), dtype=topics.dtype)
    rows, words, n = counts.rows, beta[counts.columns], counts.values
    open_ = torch.ones(counts.shape[0], dtype=torch.bool)
    for _ in range(n_steps):
        theta = expected_logs(gamma).exp()
        share = n / ((theta[rows] * words).sum(1) + TINY)
        new = prior + theta * torch.zeros_like(gamma).index_add_(0, rows, share[:, None] * words)
        moved = (new - gamma).abs().mean(1)
        gamma = torch.where(open_[:, None], new, gamma)
        open_ &= moved >= tol
        if not bool(open_.any()):
            break
        kept = open_[rows]
        rows, words, n = rows[kept], words[kept], n[kept]
    theta = expected_logs(gamma).exp()[counts.rows]
    share = counts.values / ((theta * beta[counts.columns]).sum(1) + TINY)
    sums = torch.zeros_like(beta).index_add_(0, counts.columns, share[:, None] * theta) * beta
    p = (gamma / gamma.sum(1, keepdim=True))[counts.rows] * (topics / topics.sum(1, keepdim=True)).mT[counts.columns]
    log_p = torch.zeros(len(gamma), dtype=topics.dtype).index_add_(
        0, counts.rows, counts.values * (p.sum(1) + TINY).log()
    )
    return DocumentTopics(gamma, sums.mT, log_p)
