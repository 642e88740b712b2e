"""One pass over texts: each pair's step by hand, the kernel beside its twin, and draws that come again."""

import pytest
import torch
from torch import Tensor

from parnassus import kernels
from parnassus.errors import SettingError
from parnassus.functional.word_vectors import (
    GloveTables,
    Learner,
    context_mean,
    glove_step,
    glove_sweep,
    hierarchical_log_softmax,
    huffman_paths,
    negative_sampling_step,
    noise_distribution,
    noise_table,
    subword_rows,
)

N, D, DOCUMENTS = 12, 7, 5
COUNTS = torch.arange(1, N + 1).double()
needs_kernel = pytest.mark.skipif(kernels.load("word2vec") is None, reason="no C++ compiler")


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def learner(mode: str = "skip_gram", *, tree: bool = False, parts: bool = False, rows: int = 0, **more) -> Learner:
    settings = {"inputs": drawn(N + 40 + DOCUMENTS, D, seed=0), "outputs": drawn(N, D, seed=1)}
    settings |= {"keep": torch.ones(N, dtype=torch.float64), "first_tag": N + 40, "mode": mode, "n_negative": 3}
    if parts:
        runs = subword_rows([f"w{i}" for i in range(N)], n_buckets=40, first=N)
        settings |= {"parts": runs}
    if tree:
        settings["paths"] = huffman_paths(COUNTS)
    else:
        settings["noise"] = noise_table(noise_distribution(COUNTS))
    return Learner(**settings | more)


def state(seed: int = 0) -> Tensor:
    return torch.tensor([seed])


def texts(seed: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    lengths = torch.tensor([9, 0, 1, 20, 14])
    g = torch.Generator().manual_seed(seed)
    return torch.randint(0, N, (int(lengths.sum()),), generator=g).int(), lengths, torch.tensor([0, 1, 2, 3, 4])


@pytest.fixture(params=["kernel", "twin"])
def either(request, monkeypatch):
    if request.param == "twin":
        monkeypatch.setenv("PARNASSUS_KERNELS", "off")
    elif kernels.load("word2vec") is None:
        pytest.skip("no C++ compiler")


@pytest.mark.usefixtures("either")
def test_a_pair_moves_by_its_gradients():
    only_zero = noise_table(torch.tensor([1.0] + [0.0] * (N - 1)))  # so that all three negatives are row 0
    own = learner(noise=only_zero, shrink=False, window=1)
    v, u = own.inputs.clone(), own.outputs.clone()
    loss, n = own.learn(torch.tensor([4, 9]).int(), torch.tensor([2]), state(), rates=(0.1, 0.1))
    wanted = 0.0
    for center, context in ((4, 9), (9, 4)):
        wrong = torch.zeros(D, dtype=torch.float64)
        p = (v[center] @ u[context]).sigmoid()
        wanted -= float(p.log())
        wrong += 0.1 * (1 - p) * u[context]
        u[context] += 0.1 * (1 - p) * v[center]
        for _ in range(3):  # one after the other: each sees what the one before moved
            q = (v[center] @ u[0]).sigmoid()
            wanted -= float((1 - q).log())
            wrong -= 0.1 * q * u[0]
            u[0] -= 0.1 * q * v[center]
        v[center] += wrong
    assert n == 2
    assert loss == pytest.approx(wanted, abs=1e-9)
    torch.testing.assert_close(own.inputs, v)
    torch.testing.assert_close(own.outputs, u)


@pytest.mark.usefixtures("either")
def test_a_small_step_is_the_equations_gradient():
    own = learner(noise=noise_table(torch.eye(N)[5]), shrink=False, window=1, n_negative=1)
    v, u = own.inputs.clone(), own.outputs.clone()
    step = negative_sampling_step(v[4], u[9], u[5:6])
    own.learn(torch.tensor([4, 9]).int(), torch.tensor([2]), state(), rates=(1e-6, 1e-6))
    torch.testing.assert_close((v[4] - own.inputs[4]) / 1e-6, step.of_input, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("either")
def test_a_step_down_the_tree_is_the_gradient_of_its_log_probability():
    own = learner(tree=True, shrink=False, window=1, moves_outputs=False)
    v = own.inputs[4].clone().requires_grad_()
    log_p = hierarchical_log_softmax(v, own.outputs[: N - 1], own.paths)[9]
    (wanted,) = torch.autograd.grad(log_p, v)
    before = own.inputs[4].clone()
    own.learn(torch.tensor([4, 9]).int(), torch.tensor([2]), state(), rates=(0.1, 0.1))
    torch.testing.assert_close((own.inputs[4] - before) / 0.1, wanted)


@pytest.mark.usefixtures("either")
def test_rows_of_a_mean_share_its_gradient():
    own = learner("cbow", noise=noise_table(torch.eye(N)[5]), shrink=False, window=1, n_negative=1)
    rows = own.inputs[[3, 7]].clone()
    text = torch.tensor([3, 4, 7]).int()
    step = negative_sampling_step(context_mean(rows), own.outputs[4], own.outputs[5:6])
    own.learn(text, torch.tensor([3]), state(), rates=(1e-6, 1e-6))  # rows 3 and 7 stand around row 4 alone
    for row, now in zip(rows, own.inputs[[3, 7]], strict=True):
        torch.testing.assert_close((row - now) / 1e-6, step.of_input / 2, rtol=1e-3, atol=1e-4)


VARIANTS = {
    "skip-gram": learner,
    "cbow": lambda: learner("cbow"),
    "a tree": lambda: learner(tree=True),
    "cbow with a tree": lambda: learner("cbow", tree=True),
    "documents": lambda: learner("document_bag"),
    "documents beside words": lambda: learner("document_mean"),
    "runs of characters": lambda: learner(parts=True),
    "runs in cbow": lambda: learner("cbow", parts=True),
    "subsampled": lambda: learner(keep=torch.linspace(0.2, 1.2, N, dtype=torch.float64)),
    "the whole window": lambda: learner(shrink=False, window=2),
    "documents alone": lambda: learner("document_mean", moves_words=False, moves_outputs=False),
}


@needs_kernel
@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_the_kernel_and_its_twin_give_the_same_numbers(name, monkeypatch):
    found = []
    for off in (False, True):
        if off:
            monkeypatch.setenv("PARNASSUS_KERNELS", "off")
        own, draws = VARIANTS[name](), state(-5)
        ids, lengths, tags = texts()
        first = own.inputs.clone()
        told = own.learn(ids, lengths, draws, rates=(0.1, 0.02), tags=tags)
        assert not torch.equal(first, own.inputs)
        found.append((own.inputs, own.outputs, draws, torch.tensor(told, dtype=torch.float64)))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.usefixtures("either")
def test_equal_seeds_give_equal_bits_and_others_do_not():
    ids, lengths, tags = texts()
    made = []
    for seed in (1, 1, 2):
        own = learner()
        own.learn(ids, lengths, state(seed), rates=(0.1, 0.1), tags=tags)
        made.append(own.inputs)
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


@pytest.mark.usefixtures("either")
def test_texts_may_come_in_pieces():
    ids, lengths, tags = texts()
    whole, parts = learner(), learner()
    one, two = state(4), state(4)
    told = whole.learn(ids, lengths, one, rates=(0.1, 0.1), tags=tags)
    first = parts.learn(ids[:10], lengths[:3], two, rates=(0.1, 0.1), tags=tags[:3])
    then = parts.learn(ids[10:], lengths[3:], two, rates=(0.1, 0.1), tags=tags[3:])
    assert torch.equal(whole.inputs, parts.inputs)
    assert torch.equal(one, two)
    assert told[1] == first[1] + then[1]
    assert told[0] == pytest.approx(first[0] + then[0])


@pytest.mark.usefixtures("either")
def test_a_rate_of_nothing_measures_and_moves_nothing():
    own = learner()
    before = own.inputs.clone(), own.outputs.clone()
    loss, n = own.learn(*texts()[:2], state(), rates=(0.0, 0.0))
    assert loss > 0
    assert n > 0
    assert torch.equal(own.inputs, before[0])
    assert torch.equal(own.outputs, before[1])


def test_held_words_leave_only_the_documents_to_move():
    own = learner("document_mean", moves_words=False, moves_outputs=False)
    words, outputs = own.inputs[: N + 40].clone(), own.outputs.clone()
    own.learn(*texts()[:2], state(), rates=(0.1, 0.1), tags=texts()[2])
    assert torch.equal(own.inputs[: N + 40], words)
    assert torch.equal(own.outputs, outputs)


def test_negatives_are_drawn_as_often_as_they_should_be():
    p = noise_distribution(COUNTS)
    table = noise_table(p)
    mass = table.own.clone().index_add_(0, table.other.long(), 1 - table.own) / N
    torch.testing.assert_close(mass, p)


@needs_kernel
def test_several_workers_learn_too():
    own = learner()
    ids, lengths, _ = texts()
    before, _ = own.learn(ids, lengths, state(), rates=(0.0, 0.0))
    for turn in range(30):
        own.learn(ids, lengths, state(turn), rates=(0.1, 0.1), n_workers=2)
    after, _ = own.learn(ids, lengths, state(), rates=(0.0, 0.0))
    assert after < before


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sweeps_of_glove_and_their_twin_lower_the_sum_and_agree(dtype, monkeypatch):
    g = torch.Generator().manual_seed(0)
    x = torch.rand(N, N, generator=g, dtype=torch.float64).mul(150).round() * (torch.rand(N, N, generator=g) < 0.5)
    rows, columns = x.nonzero(as_tuple=True)
    logs, f = x[rows, columns].log().to(dtype), (x[rows, columns] / 100).clamp(max=1).pow(0.75).to(dtype)
    order = torch.randperm(len(rows), generator=g)
    ended = []
    for off in (False, True):
        if off:
            monkeypatch.setenv("PARNASSUS_KERNELS", "off")
        start = [(drawn(N, D + 1, seed=k) / 9).to(dtype) for k in (0, 1)]
        tables = GloveTables(*start, *(torch.ones(N, D + 1, dtype=dtype) for _ in range(2)))
        losses = [glove_sweep(tables, order, rows, columns, logs, f, rate=0.05) for _ in range(20)]
        w, c = tables.words, tables.contexts
        now = glove_step(w[:, :-1], c[:, :-1], w[:, -1], c[:, -1], x.to(dtype)).loss
        assert float(now) < losses[-1] < losses[0] / 5
        ended.append(w)
    torch.testing.assert_close(*ended, rtol=1e-4 if dtype == torch.float32 else 1e-10, atol=1e-5)


def test_a_small_sweep_is_the_gradient_of_glove():
    x = torch.tensor([[0, 7.0], [0, 0]]).double()
    words, contexts = drawn(2, D + 1, seed=0), drawn(2, D + 1, seed=1)
    step = glove_step(words[:, :-1], contexts[:, :-1], words[:, -1], contexts[:, -1], x)
    tables = GloveTables(words.clone(), contexts.clone(), torch.ones_like(words), torch.ones_like(words))
    one = torch.zeros(1, dtype=torch.int64)
    weight = torch.tensor([0.07]).double().pow(0.75)
    loss = glove_sweep(tables, one, one, one + 1, torch.tensor([7.0]).double().log(), weight, rate=0.01)
    assert loss == pytest.approx(float(step.loss))
    torch.testing.assert_close(words - tables.words, 0.01 * torch.cat([step.of_words, step.of_word_biases[:, None]], 1))


@pytest.mark.parametrize(("settings", "words"), [
    ({"window": 0}, "window"), ({"n_negative": 0}, "n_negative"), ({"mode": "bag"}, "skip_gram"),
    ({"noise": None}, "tree"),
])  # fmt: skip
def test_settings_that_mean_nothing_are_refused(settings, words):
    with pytest.raises(SettingError, match=words):
        learner(**settings)
