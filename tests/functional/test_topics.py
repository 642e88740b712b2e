"""Latent Dirichlet allocation beside scikit-learn's."""

import numpy as np
import torch
from sklearn.decomposition import LatentDirichletAllocation

from parnassus.functional.topics import document_topics
from parnassus.functional.word_vectors import Counts


def bags() -> tuple[np.ndarray, Counts]:
    rng = np.random.default_rng(0)
    dense = rng.poisson(0.6, (15, 11)).astype(float)
    dense[3] = 0  # a text without words
    rows, columns = dense.nonzero()
    return dense, Counts(
        torch.from_numpy(rows), torch.from_numpy(columns), torch.from_numpy(dense[rows, columns]), (15, 11)
    )


def test_the_e_step_is_scikit_learns():
    dense, counts = bags()
    theirs = LatentDirichletAllocation(4, max_iter=3, random_state=0, doc_topic_prior=0.3, mean_change_tol=1e-9,
                                       max_doc_update_iter=500).fit(dense)  # fmt: skip
    topics = torch.from_numpy(theirs.components_)
    found = document_topics(counts, topics, prior=0.3, tol=1e-9, n_steps=500)
    share = (found.gamma / found.gamma.sum(1, keepdim=True)).numpy()
    np.testing.assert_allclose(share, theirs.transform(dense), atol=1e-7)
    _, sums = theirs._e_step(dense, cal_sstats=True, random_init=False)
    np.testing.assert_allclose(found.sums, sums, rtol=1e-6, atol=1e-9)


def test_the_likelihood_is_that_of_the_mixture_written_out():
    dense, counts = bags()
    topics = torch.rand(3, 11, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.1
    found = document_topics(counts, topics, prior=0.5)
    p = (found.gamma / found.gamma.sum(1, keepdim=True)) @ (topics / topics.sum(1, keepdim=True))
    torch.testing.assert_close(found.log_p, (torch.from_numpy(dense) * p.log()).sum(1))


def test_sums_hold_every_word_once():
    dense, counts = bags()
    found = document_topics(counts, torch.ones(3, 11).double() + torch.eye(3, 11).double(), prior=0.5)
    np.testing.assert_allclose(found.sums.sum(0), dense.sum(0), rtol=1e-9)
