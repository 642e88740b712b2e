"""Vectors of words and topics against gensim, scikit-learn and the books."""

import importlib
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..functional.topics import document_topics
from ..functional.word_vectors import (
    Counts,
    Learner,
    analogy_scores,
    cooccurrence,
    glove_weight,
    hierarchical_log_softmax,
    huffman_paths,
    lsa,
    negative_sampling_step,
    noise_distribution,
    noise_table,
    ppmi,
    softmax_step,
    term_document,
    truncated_svd,
)
from ..insight.word_maps import map_words
from . import check, gap, relative_gap

V, U = torch.tensor([0.5, -0.5]).double(), torch.tensor([[0.1, 0.2], [0.3, -0.1], [-0.2, 0.4]]).double()


def drawn(*shape: int) -> Tensor:
    """Normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def sparse(dense: np.ndarray) -> Counts:
    """The entries that are not 0."""
    rows, columns = dense.nonzero()
    at, to, n = (torch.from_numpy(part) for part in (rows, columns, dense[rows, columns]))
    return Counts(at, to, n, (len(dense), dense.shape[1]))


@check("skip-gram-softmax", "negative-sampling", oracle="(book)", tolerance=6e-7)
def steps_of_the_book() -> float:
    """Baker B55 and B56, Jaiswal B36: losses and gradients of one pair."""
    whole, few = softmax_step(V, U, 1), negative_sampling_step(V, U[1], U[[0, 2]])
    return max(
        gap(whole.loss, 0.869338),
        gap(whole.of_input, [-0.192437, 0.225086]),
        gap(few.loss, 1.820954),
        gap(few.of_input, [-0.171411, 0.312740]),
    )


@check("glove", oracle="(book)", tolerance=6e-8)
def weights_of_glove() -> float:
    """Baker B65: f(1), f(50) and f(100)."""
    return gap(glove_weight(torch.tensor([1.0, 50.0, 100.0]).double()), [0.0316228, 0.5946036, 1.0])


@check("cooccurrence-matrix", "ppmi", oracle="(book)", tolerance=5e-5)
def the_table_of_ppmi() -> float:
    """Jaiswal B33: "the cat sat / the dog sat / the dog ran", a window of 1."""
    ids, lengths = torch.tensor([4, 0, 3, 4, 1, 3, 4, 1, 2]), torch.tensor([3, 3, 3])
    found = ppmi(cooccurrence(ids, lengths, n_words=5, window=1)).dense()
    return gap(found[:2], [[0, 0, 0, 1.0986, 0.6931], [0, 0, 1.0986, 0.4055, 0.6931]])


@check("lsa", oracle="(book)", tolerance=1e-6)
def the_singular_values_of_the_book() -> float:
    """Jaiswal B34: "a b a", "b c", "a c c"."""
    counts = term_document(torch.tensor([0, 1, 0, 1, 2, 0, 2, 2]), torch.tensor([3, 2, 3]), n_words=3)
    return gap(lsa(counts, 3).values, [1.131770, 0.726305, 0.405465])


@check("lsa", oracle="scikit-learn", tolerance=1e-9)
def directions_against_scikit_learn() -> float:
    """The strongest four directions of a sparse matrix, by Lanczos' method on both sides."""
    from scipy.sparse import csr_array
    from sklearn.decomposition import TruncatedSVD

    dense = np.random.default_rng(0).poisson(0.05, (700, 540)).astype(float)
    counts = sparse(dense)
    theirs = TruncatedSVD(4, algorithm="arpack", random_state=0).fit(csr_array(dense))
    found = truncated_svd(counts, 4)
    return relative_gap(found.values, theirs.singular_values_)


@check("hierarchical-softmax", oracle="(closed form)", tolerance=1e-12)
def probabilities_along_a_tree_sum_to_one() -> float:
    """Nine words of unlike counts."""
    paths = huffman_paths([9, 7, 4, 4, 2, 1, 1, 1, 1])
    return gap(hierarchical_log_softmax(drawn(5), drawn(8, 5), paths).exp().sum(), 1)


@check("negative-sampling", "cbow", oracle="(closed form)", tolerance=1e-5)
def a_small_step_is_the_gradient() -> float:
    """What one pass moves a word by, over a step of a millionth, against the equation."""
    rows = drawn(9, 4)
    learner = Learner(
        rows.clone(), drawn(9, 4) + 1, torch.ones(9).double(), noise_table(noise_distribution(torch.ones(9))),
        mode="cbow", window=1, shrink=False, n_negative=1,
    )  # fmt: skip
    u = learner.outputs.clone()
    learner.learn(torch.tensor([3, 4]).int(), torch.tensor([2]), torch.tensor([1]), rates=(1e-6, 1e-6))
    moved = (rows[4] - learner.inputs[4]) / 1e-6  # 4 stands around 3
    steps = [negative_sampling_step(rows[4], u[3], u[k : k + 1]).of_input for k in range(9) if k != 3]
    alone = [negative_sampling_step(rows[4], u[3], u[:0]).of_input]  # where the noise was the word itself
    return min(gap(moved, one) for one in steps + alone)


@check("word-analogy", oracle="gensim", tolerance=1e-5)
def answers_against_gensim() -> float:
    """Scores of "like two words and unlike a third"."""
    module: Any = importlib.import_module("gensim.models")
    rows = drawn(12, 5).float()
    theirs = module.KeyedVectors(5)
    theirs.add_vectors([str(i) for i in range(12)], rows.numpy())
    ours = analogy_scores(rows, [3, 4], [7])
    return max(gap(ours[int(w)], s) for w, s in theirs.most_similar(["3", "4"], ["7"], topn=6))


@check("topic-modelling", oracle="scikit-learn", tolerance=1e-6)
def topics_against_scikit_learn() -> float:
    """Shares of four topics in fifteen documents, from the same topics."""
    from sklearn.decomposition import LatentDirichletAllocation

    dense = np.random.default_rng(0).poisson(0.6, (15, 11)).astype(float)
    settings: dict[str, Any] = {"doc_topic_prior": 0.3, "mean_change_tol": 1e-9, "max_doc_update_iter": 500}
    theirs = LatentDirichletAllocation(4, max_iter=3, random_state=0, **settings).fit(dense)
    counts = sparse(dense)
    gamma = document_topics(counts, torch.from_numpy(theirs.components_), prior=0.3, tol=1e-9, n_steps=500).gamma
    return gap(gamma / gamma.sum(1, keepdim=True), theirs.transform(dense))


@check("embedding-map", oracle="scikit-learn", tolerance=1e-6)
def words_in_the_plane_of_most_variance() -> float:
    """Points of 12 words by their vectors' two principal components, up to the axes' signs, and their shares."""
    from sklearn.decomposition import PCA

    vectors = drawn(12, 5).numpy()
    theirs = PCA(2).fit(vectors)
    found = map_words([str(i) for i in range(12)], vectors)
    assert found.ratio is not None
    at = gap(np.abs(found.points), np.abs(theirs.transform(vectors)))
    return max(at, gap(found.ratio, theirs.explained_variance_ratio_))
