"""Skip-gram, negative sampling, trees and GloVe: the books' numbers, autograd's gradients, a peer's hashes."""

import itertools

import pytest
import torch
from torch import Tensor

from parnassus.errors import DataError, SettingError
from parnassus.functional.word_vectors import (
    character_ngrams,
    context_mean,
    fnv1a,
    glove_step,
    glove_weight,
    hierarchical_log_softmax,
    huffman_paths,
    negative_sampling_step,
    softmax_step,
    subword_rows,
)

U = torch.tensor([[0.1, 0.2], [0.3, -0.1], [-0.2, 0.4]]).double()
V = torch.tensor([0.5, -0.5]).double()


def near(found: Tensor, wanted, atol: float = 6e-7) -> None:
    torch.testing.assert_close(found, torch.as_tensor(wanted, dtype=found.dtype), rtol=0, atol=atol)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_jaiswal_b36_and_baker_b55_a_step_of_skip_gram():
    step = softmax_step(V, U, 1)
    near((U @ V).softmax(0), [0.326496, 0.419229, 0.254275])
    near(step.loss, 0.869338)
    near(step.of_input, [-0.192437, 0.225086])
    near(step.of_outputs, [[0.163248, -0.163248], [-0.290386, 0.290386], [0.127138, -0.127138]])


def test_baker_b56_a_step_of_negative_sampling():
    step = negative_sampling_step(V, U[1], U[[0, 2]])
    near(-step.loss, -1.8209538, 6e-8)
    near(-step.of_input, [0.171411, -0.312740])


def test_baker_b57_the_mean_of_cbow():
    near(context_mean(U[[0, 2]]), [-0.05, 0.3])


def test_baker_b65_the_weight_of_a_count():
    near(glove_weight(torch.tensor([1.0, 50.0, 100.0, 5000.0]).double()), [0.0316228, 0.5946036, 1, 1], 6e-8)


def test_gradients_of_a_pair_are_autograds():
    v, u = drawn(4).requires_grad_(), drawn(6, 4, seed=1).requires_grad_()
    for step, loss in (
        (softmax_step(v.detach(), u.detach(), 2), -(u @ v).log_softmax(0)[2]),
        (
            negative_sampling_step(v.detach(), u.detach()[0], u.detach()[1:]),
            -(u[0] @ v).sigmoid().log() - (1 - (u[1:] @ v).sigmoid()).log().sum(),
        ),
    ):
        torch.testing.assert_close(step.loss, loss.detach())
        of_v, of_u = torch.autograd.grad(loss, (v, u))
        torch.testing.assert_close(step.of_input, of_v)
        torch.testing.assert_close(step.of_outputs, of_u)


def test_gradients_of_glove_are_autograds():
    parts = [t.requires_grad_() for t in (drawn(4, 3), drawn(4, 3, seed=1), drawn(4, seed=2), drawn(4, seed=3))]
    x = torch.tensor([[0, 3, 1, 200], [3, 0, 0, 5], [1, 0, 9, 0], [200, 5, 0, 0]]).double()
    w, c, b, d = parts
    loss = sum(
        min(1, float(x[i, j]) / 100) ** 0.75 * (w[i] @ c[j] + b[i] + d[j] - x[i, j].log()) ** 2
        for i, j in itertools.product(range(4), range(4))
        if x[i, j] > 0
    )
    step = glove_step(*(p.detach() for p in parts), x)
    torch.testing.assert_close(step.loss, loss.detach())
    for found, wanted in zip(step[1:], torch.autograd.grad(loss, parts), strict=True):
        torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("counts", [[1, 1], [9, 1, 1, 1, 1], [5, 4, 3, 2, 1, 1, 7]])
def test_probabilities_along_a_tree_sum_to_one(counts):
    paths = huffman_paths(counts)
    log_p = hierarchical_log_softmax(drawn(3), drawn(len(counts) - 1, 3, seed=1), paths)
    near(log_p.exp().sum(), 1.0, 1e-12)


def test_a_tree_by_hand():
    paths = huffman_paths([4, 2, 1])  # 2 and 1 join to node 0; that and 4 to the root, node 1
    inner, v = drawn(2, 3, seed=1), drawn(3)
    left, down = (inner[1] @ v).sigmoid(), (inner[0] @ v).sigmoid()
    ways = {tuple(paths.nodes[a:b].tolist()) for a, b in itertools.pairwise(paths.starts.tolist())}
    assert ways == {(1,), (1, 0)}
    wanted = torch.stack([1 - left, left * (1 - down), left * down])
    torch.testing.assert_close(hierarchical_log_softmax(v, inner, paths).exp(), wanted)


def test_no_prefix_code_has_shorter_paths():
    counts = [7, 5, 2, 2, 1, 1]
    lengths = huffman_paths(counts).starts.diff().tolist()
    mean = sum(n * k for n, k in zip(counts, lengths, strict=True))
    assert mean == 41  # 2+1+1, ... merged by hand: 2 + 4 + 6 + 11 + 18
    best = min(
        sum(n * k for n, k in zip(counts, ks, strict=True))
        for ks in itertools.product(range(1, 6), repeat=6)
        if sum(2.0**-k for k in ks) <= 1
    )
    assert mean == best


def test_hashes_of_runs_are_gensims():
    peer = pytest.importorskip("gensim.models.fasttext_inner", reason="gensim is a peer: pip install gensim")
    for word in ("where", "na\u00efve", "\u65e5\u672c", "a"):
        theirs = peer.compute_ngrams(word, 3, 6)
        assert sorted(theirs) == sorted(g for g in character_ngrams(word) if len(g) >= 3)
        assert [fnv1a(g) for g in theirs] == [peer.ft_hash_bytes(g.encode()) for g in theirs]


def test_known_hashes_of_fnv():
    assert fnv1a("") == 0x811C9DC5
    assert fnv1a("a") == 0xE40C292C
    assert fnv1a("foobar") == 0xBF9CF968


def test_rows_of_runs_lie_behind_the_words():
    rows, starts = subword_rows(["cat", "cats"], n_buckets=50, first=2)
    assert starts.tolist() == [0, 6, 16]
    assert int(rows.min()) >= 2
    assert int(rows.max()) < 52
    shared = {f"<{'cat'[:k]}" for k in (2, 3)} | {"cat"}
    assert {2 + fnv1a(g) % 50 for g in shared} <= set(rows[:6].tolist()) & set(rows[6:].tolist())


@pytest.mark.parametrize(("call", "kind", "words"), [
    (lambda: huffman_paths([1]), DataError, "2 words"),
    (lambda: huffman_paths([1, 0]), DataError, "at least once"),
    (lambda: glove_weight(torch.ones(1), x_max=0), SettingError, "above 0"),
    (lambda: character_ngrams("a", shortest=4, longest=3), SettingError, "shortest=4"),
    (lambda: subword_rows(["a"], n_buckets=0), SettingError, "n_buckets"),
])  # fmt: skip
def test_settings_that_mean_nothing_are_refused(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
