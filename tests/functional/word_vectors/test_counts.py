"""Counts of neighbours, what they say beyond chance, and their strongest directions."""

import math

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD
from torch import Tensor

from parnassus.errors import DataError, SettingError
from parnassus.functional.word_vectors import (
    Counts,
    analogy_scores,
    cooccurrence,
    keep_probability,
    lsa,
    nearest,
    noise_distribution,
    ppmi,
    similarities,
    term_document,
    tfidf,
    truncated_svd,
    window_pairs,
)


def texts(*rows: str) -> tuple[list[str], Tensor, Tensor]:
    words = sorted({w for row in rows for w in row.split()})
    ids = torch.tensor([words.index(w) for row in rows for w in row.split()])
    return words, ids, torch.tensor([len(row.split()) for row in rows])


def slow(rows: list[list[int]], n: int, window: int, inverse: bool) -> np.ndarray:
    found = np.zeros((n, n))
    for row in rows:
        for i, w in enumerate(row):
            for j in range(max(i - window, 0), min(i + window + 1, len(row))):
                if j != i:
                    found[w, row[j]] += 1 / abs(i - j) if inverse else 1
    return found


def entries(matrix: Tensor) -> Counts:
    rows, columns = matrix.nonzero(as_tuple=True)
    return Counts(rows, columns, matrix[rows, columns].double(), tuple(matrix.shape))


def test_baker_b54_a_sentence_of_nine_words_has_thirty_pairs_of_a_window_of_two():
    _, ids, lengths = texts("the quick brown fox jumps over the lazy dog")
    pairs = window_pairs(ids, lengths, window=2)
    assert len(pairs.centers) == 30
    first = window_pairs(torch.arange(9), lengths, window=2)
    assert [int((first.centers == i).sum()) for i in range(4)] == [2, 3, 4, 4]
    assert len(window_pairs(ids, lengths, window=1).centers) == 16


def test_baker_b54_loves_has_four_contexts():
    pairs = window_pairs(torch.arange(5), torch.tensor([5]), window=2)
    assert pairs.contexts[pairs.centers == 2].tolist() == [0, 1, 3, 4]
    assert len(pairs.centers) == 14


def test_jaiswal_b35_the_cute_cat_has_four_words_around_it():
    words = ["I", "saw", "a", "cute", "grey", "cat", "playing", "in", "the", "garden"]
    pairs = window_pairs(torch.arange(10), torch.tensor([10]), window=2)
    around = pairs.contexts[pairs.centers == words.index("cat")].tolist()
    assert [words[i] for i in around] == ["cute", "grey", "playing", "in"]


def test_pairs_never_reach_into_another_text():
    pairs = window_pairs(torch.arange(4), torch.tensor([2, 2]), window=3)
    assert set(zip(pairs.centers.tolist(), pairs.contexts.tolist(), strict=True)) == {(0, 1), (1, 0), (2, 3), (3, 2)}


@pytest.mark.parametrize(("side", "count"), [("left", [[0, 0], [1, 0]]), ("right", [[0, 1], [0, 0]])])
def test_a_window_may_look_one_way(side, count):
    ids, lengths = torch.tensor([0, 1]), torch.tensor([2])
    assert cooccurrence(ids, lengths, n_words=2, window=3, side=side).dense().tolist() == count
    assert len(window_pairs(ids, lengths, window=1, side=side).centers) == 1


@pytest.mark.parametrize("by_distance", ["one", "inverse"])
def test_counts_are_those_of_two_loops(by_distance):
    rng = np.random.default_rng(0)
    rows = [rng.integers(0, 6, n).tolist() for n in (0, 1, 2, 9, 30)]
    ids, lengths = torch.tensor([w for row in rows for w in row]), torch.tensor([len(r) for r in rows])
    found = cooccurrence(ids, lengths, n_words=6, window=4, by_distance=by_distance)
    np.testing.assert_allclose(found.dense(), slow(rows, 6, 4, by_distance == "inverse"), atol=1e-12)


def test_jaiswal_b33_the_table_of_ppmi():
    words, ids, lengths = texts("the cat sat", "the dog sat", "the dog ran")
    counts = cooccurrence(ids, lengths, n_words=5, window=1)
    assert words == ["cat", "dog", "ran", "sat", "the"]
    assert counts.values.sum() == 12
    assert counts.dense().sum(1).tolist() == [2, 4, 1, 2, 3]
    wanted = torch.tensor([
        [0, 0, 0, 1.0986, 0.6931], [0, 0, 1.0986, 0.4055, 0.6931], [0, 1.0986, 0, 0, 0],
        [1.0986, 0.4055, 0, 0, 0], [0.6931, 0.6931, 0, 0, 0],
    ]).double()  # fmt: skip
    torch.testing.assert_close(ppmi(counts).dense(), wanted, rtol=0, atol=5e-5)


def test_a_shift_takes_its_logarithm_off_and_smoothing_moves_the_contexts():
    counts = entries(torch.tensor([[6.0, 1.0], [2.0, 3.0]]))
    plain, shifted = ppmi(counts).dense(), ppmi(counts, shift=1.1).dense()
    torch.testing.assert_close(shifted, (plain - math.log(1.1)).clamp(min=0), atol=1e-6, rtol=0)
    share = torch.tensor([8.0, 4.0]).double().pow(0.75)
    by_hand = ((6 / 12) / ((7 / 12) * (share[0] / share.sum()))).log()
    torch.testing.assert_close(ppmi(counts, smoothing=0.75).dense()[0, 0], by_hand)


def test_jaiswal_b34_tfidf_its_singular_values_and_cosines_of_documents():
    _, ids, lengths = texts("a b a", "b c", "a c c")
    counts = term_document(ids, lengths, n_words=3)
    found = lsa(counts, 3)
    weighted = tfidf(counts, found.idf).dense().mT
    wanted = torch.tensor([[0.8109, 0.4055, 0], [0, 0.4055, 0.4055], [0.4055, 0, 0.8109]]).double()
    torch.testing.assert_close(weighted, wanted, rtol=0, atol=5e-5)
    torch.testing.assert_close(found.values, torch.tensor([1.131770, 0.726305, 0.405465]).double(), rtol=0, atol=1e-6)
    for documents, cosines in (
        (found.documents, [0.3162, 0.4000, 0.6325]),
        (lsa(counts, 2).documents, [0.4082, 0.4082, 1]),
    ):
        c = similarities(documents, documents)
        torch.testing.assert_close(c[[0, 0, 1], [1, 2, 2]], torch.tensor(cosines).double(), rtol=0, atol=5e-5)


def test_new_documents_stand_where_fitted_ones_do():
    _, ids, lengths = texts("a b a", "b c", "a c c")
    counts = term_document(ids, lengths, n_words=3)
    found = lsa(counts, 2)
    torch.testing.assert_close(tfidf(counts, found.idf).dense().mT @ found.left, found.documents)


@pytest.mark.parametrize("shape", [(20, 9), (700, 540)])
def test_truncated_singular_values_are_scikit_learns(shape):
    rng = np.random.default_rng(1)
    dense = torch.from_numpy(rng.poisson(0.05 if shape[0] > 100 else 1, shape).astype(float))
    found = truncated_svd(entries(dense), 4)
    theirs = TruncatedSVD(4, algorithm="arpack", random_state=0)
    moved = theirs.fit_transform(csr_matrix(dense.numpy()))
    np.testing.assert_allclose(found.values, theirs.singular_values_, rtol=1e-9)
    ours = (found.left * found.values).numpy()
    np.testing.assert_allclose(np.abs(ours), np.abs(moved), atol=1e-7)
    biggest = found.left.gather(0, found.left.abs().argmax(0)[None])
    assert (biggest > 0).all()


def test_frequent_words_are_kept_less_often():
    kept = keep_probability(torch.tensor([900.0, 100.0]), threshold=0.1)
    assert kept[1] == 1
    assert math.isclose(float(kept[0]), math.sqrt(0.1 / 0.9) + 0.1 / 0.9)
    assert keep_probability(torch.tensor([900.0, 1.0]), threshold=0).tolist() == [1, 1]


def test_noise_is_the_three_quarter_power():
    p = noise_distribution(torch.tensor([81.0, 16.0, 1.0]))
    torch.testing.assert_close(p, torch.tensor([27.0, 8.0, 1.0]).double() / 36)


@pytest.mark.filterwarnings("ignore:Call to deprecated:DeprecationWarning")  # gensim calls its own
def test_both_measures_of_analogies_are_gensims():
    gensim = pytest.importorskip("gensim", reason="gensim is a peer: pip install gensim")
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((12, 5)).astype(np.float32)
    theirs = gensim.models.KeyedVectors(5)
    theirs.add_vectors([str(i) for i in range(12)], rows)
    held = torch.from_numpy(rows)
    for measure, ask in (("add", theirs.most_similar), ("multiply", theirs.most_similar_cosmul)):
        scores = analogy_scores(held, [3, 4], [7], measure=measure)
        places = nearest(scores, 4, without=[3, 4, 7])
        wanted = ask(positive=["3", "4"], negative=["7"], topn=4)
        assert [str(i) for i in places] == [w for w, _ in wanted]
        np.testing.assert_allclose(scores[places], [s for _, s in wanted], rtol=1e-4)


def test_the_words_of_a_question_are_no_answer():
    rows = torch.eye(3)
    assert nearest(analogy_scores(rows, [0]), 5, without=[0]) == [1, 2]


@pytest.mark.parametrize(("call", "words"), [
    (lambda: window_pairs(torch.arange(3), torch.tensor([3]), window=0), "window"),
    (lambda: cooccurrence(torch.arange(3), torch.tensor([3]), n_words=3, window=True), "window"),
    (lambda: window_pairs(torch.arange(3), torch.tensor([3]), window=1, side="up"), "both, left, right"),
    (lambda: truncated_svd(entries(torch.eye(3)), 4), "1 to 3"),
    (lambda: ppmi(entries(torch.eye(3)), shift=0), "above 0"),
    (lambda: analogy_scores(torch.eye(3), [], []), "one row"),
    (lambda: analogy_scores(torch.eye(3), [0], measure="sum"), "add, multiply"),
    (lambda: keep_probability(torch.ones(2), threshold=-1), "at least 0"),
])  # fmt: skip
def test_settings_that_mean_nothing_are_refused(call, words):
    with pytest.raises(SettingError, match=words):
        call()


def test_noise_of_words_never_seen_is_refused():
    with pytest.raises(DataError, match="at least once"):
        noise_distribution(torch.tensor([1.0, 0.0]))
