"""Decoding: the books' tables, transformers' filters and beam search, filters by hand."""

import itertools
import math

import pytest
import torch

import parnassus as pn
from parnassus.functional import decoding as d

EOS, Y1, Y2, Y3 = range(4)
# Table 5.1 of Martinez-Ramon, with branches that it does not list filled in below those that it lists
TABLE = {
    (): {Y1: 0.4, Y3: 0.32, Y2: 0.2, EOS: 0.08},
    (Y1,): {Y2: 0.5, Y3: 0.3, Y1: 0.15, EOS: 0.05},
    (Y3,): {EOS: 0.5, Y1: 0.2, Y2: 0.2, Y3: 0.1},
    (Y1, Y2): {Y3: 0.4, EOS: 0.3, Y1: 0.2, Y2: 0.1},
    (Y1, Y3): {EOS: 0.25, Y1: 0.25, Y2: 0.25, Y3: 0.25},
    (Y1, Y2, Y3): {EOS: 0.6, Y1: 0.2, Y2: 0.1, Y3: 0.1},
}


class Table:
    """Follows by a table of probabilities; contexts that are not in it say everything alike."""

    def __init__(self, table, n_ids):
        self.table, self.n_ids, self.said = table, n_ids, [()]

    def logits(self):
        rows = [[self.table.get(c, {}).get(i, 1 / self.n_ids if c not in self.table else 0) for i in range(self.n_ids)]
                for c in self.said]  # fmt: skip
        return torch.tensor(rows, dtype=torch.float64).log()

    def step(self, ids):
        self.said = [(*c, i) for c, i in zip(self.said, ids.tolist(), strict=True)]
        return self.logits()

    def select(self, rows):
        self.said = [self.said[i] for i in rows.tolist()]


def beam(table, n_ids, **settings):
    follower = Table(table, n_ids)
    return d.beam_search(follower.logits(), follower, **settings)[0]


def test_0_B51_a_beam_of_two_beats_greedy_search():
    table = {(): {0: 0.6, 1: 0.4}, (0,): {0: 0.55, 1: 0.45}, (1,): {0: 0.95, 1: 0.05}}
    follower = Table(table, 2)
    assert d.greedy_search(follower.logits(), follower, n_tokens=2).tolist() == [[0, 0]]
    found = beam(table, 2, beam=2, n_tokens=2, length_penalty=0.0, n_best=2)
    assert [ids for ids, _ in found] == [[1, 0], [0, 0]]
    assert [s for _, s in found] == pytest.approx([-0.9675840263, -1.1086626245], abs=1e-9)


def test_2b_B22_length_normalisation_flips_the_winner():
    follower = Table(TABLE, 4)
    assert d.greedy_search(follower.logits(), follower, n_tokens=4, end=EOS).tolist() == [[Y1, Y2, Y3, EOS]]
    ids, score = beam(TABLE, 4, beam=2, n_tokens=4, end=EOS, length_penalty=0.0)[0]
    assert ids == [Y3, EOS]
    assert math.exp(score) == pytest.approx(0.16)
    ids, score = beam(TABLE, 4, beam=2, n_tokens=4, end=EOS, length_penalty=1.0)[0]
    assert ids == [Y1, Y2, Y3, EOS]
    assert -score == pytest.approx(0.7591, abs=1e-4)
    assert -math.log(0.16) / 2 == pytest.approx(0.9163, abs=1e-4)


def test_the_search_goes_on_while_a_longer_text_could_still_be_better():
    table = {(): {EOS: 0.55, Y1: 0.45}, (Y1,): {Y1: 1.0}, (Y1, Y1): {Y1: 1.0}, (Y1, Y1, Y1): {EOS: 1.0}}
    ids, score = beam(table, 4, beam=1, n_tokens=4, end=EOS, length_penalty=1.0)[0]
    assert ids == [Y1, Y1, Y1, EOS]
    assert score == pytest.approx(math.log(0.45) / 4)
    assert beam(table, 4, beam=1, n_tokens=4, end=EOS, length_penalty=0.0)[0][0] == [EOS]


def test_the_tree_of_the_book_takes_k_ids_at_every_node():
    def following(ids):
        row = TABLE.get(tuple(ids), dict.fromkeys(range(4), 0.25))
        return [math.log(row[i]) for i in range(4)]

    ids, log_p = d.tree_search(following, k=2, n_tokens=4, end=EOS)
    assert ids == [Y1, Y2, Y3, EOS]
    assert math.exp(log_p) == pytest.approx(0.048)


def test_a_beam_as_wide_as_the_tree_finds_the_best_of_all():
    rows = torch.rand(1 + 3 + 9, 3, generator=torch.Generator().manual_seed(0)).softmax(-1)
    contexts = [c for n in range(3) for c in itertools.product(range(3), repeat=n)]
    table = {c: dict(enumerate(p)) for c, p in zip(contexts, rows.tolist(), strict=True)}
    best = max(itertools.product(range(3), repeat=3), key=lambda w: math.prod(table[w[:i]][w[i]] for i in range(3)))
    assert beam(table, 3, beam=9, n_tokens=3)[0][0] == list(best)


@pytest.fixture
def logits():
    return torch.randn(5, 40, generator=torch.Generator().manual_seed(1)) * 3


PAIRS = [
    (lambda z: d.temperature(z, 0.7), "TemperatureLogitsWarper", (0.7,)),
    (lambda z: d.top_k(z, 7), "TopKLogitsWarper", (7,)),
    (lambda z: d.top_k(z, 100), "TopKLogitsWarper", (100,)),
    (lambda z: d.top_p(z, 0.8), "TopPLogitsWarper", (0.8,)),
    (lambda z: d.top_p(z, 0.01), "TopPLogitsWarper", (0.01,)),
    (lambda z: d.min_p(z, 0.05), "MinPLogitsWarper", (0.05,)),
    (lambda z: d.typical(z, 0.6), "TypicalLogitsWarper", (0.6,)),
]


@pytest.mark.parametrize(("ours", "name", "options"), PAIRS, ids=[f"{n}{o}" for _, n, o in PAIRS])
def test_filters_are_those_of_transformers(ours, name, options, logits):
    generation = pytest.importorskip("transformers.generation.logits_process", reason="transformers is not installed")
    assert torch.equal(ours(logits), getattr(generation, name)(*options)(None, logits))


def test_the_repetition_penalty_is_that_of_transformers(logits):
    generation = pytest.importorskip("transformers.generation.logits_process", reason="transformers is not installed")
    said = torch.randint(0, 40, (5, 12), generator=torch.Generator().manual_seed(2))
    counts = torch.zeros(5, 40, dtype=torch.long).scatter_add_(1, said, torch.ones_like(said))
    theirs = generation.RepetitionPenaltyLogitsProcessor(1.3)(said, logits)
    assert torch.equal(d.repetition_penalty(logits, counts, 1.3), theirs)


def test_the_nucleus_is_the_smallest_set_that_reaches_p(logits):
    for row, kept in zip(logits.double(), d.top_p(logits.double(), 0.75), strict=True):
        p, total, expected = row.softmax(0).tolist(), 0.0, set()
        for i in sorted(range(40), key=lambda j: -p[j]):
            if total >= 0.75:
                break
            expected.add(i)
            total += p[i]
        assert {i for i in range(40) if kept[i] > -math.inf} == expected


def test_draws_have_the_frequencies_of_the_probabilities():
    logits = torch.tensor([[0.1, 0.6, 0.3]]).log().expand(20_000, 3)
    ids = d.draw(logits, torch.rand(20_000, generator=torch.Generator().manual_seed(3)))
    assert (ids.bincount() / 20_000).tolist() == pytest.approx([0.1, 0.6, 0.3], abs=0.015)
    never = torch.tensor([[-math.inf, 0.0, -math.inf]])
    assert d.draw(never, torch.tensor([0.0])).item() == d.draw(never, torch.tensor([0.999999])).item() == 1


@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.0])
def test_beam_search_is_transformers_with_the_same_weights(length_penalty, draws):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")

    config = transformers.GPT2Config(
        vocab_size=23, n_positions=32, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0, pad_token_id=0
    )
    peer = transformers.GPT2LMHeadModel(config).eval()
    for weight in peer.parameters():
        torch.nn.init.normal_(weight, std=0.6)

    class Peer:
        def __init__(self, ids):
            self.ids = ids

        def step(self, ids):
            self.ids = torch.cat([self.ids, ids[:, None]], 1)
            return peer(self.ids).logits[:, -1]

        def select(self, rows):
            self.ids = self.ids[rows]

    prompt = torch.randint(1, 23, (3, 4), generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        found = d.beam_search(
            peer(prompt).logits[:, -1], Peer(prompt), beam=4, n_tokens=9, end=0, length_penalty=length_penalty, n_best=4
        )
        theirs = peer.generate(
            prompt, num_beams=4, max_new_tokens=9, length_penalty=length_penalty, early_stopping="never",
            num_return_sequences=4, do_sample=False, return_dict_in_generate=True, output_scores=True,
            attention_mask=torch.ones_like(prompt),
        )  # fmt: skip
    flat = [one for row in found for one in row]
    assert len(flat) == len(theirs.sequences)
    for (ids, score), row, other in zip(flat, theirs.sequences[:, 4:].tolist(), theirs.sequences_scores, strict=True):
        assert ids == row[: len(ids)]
        assert not any(row[len(ids) :])
        assert score == pytest.approx(float(other), abs=1e-5)


@pytest.mark.parametrize(
    "work",
    [
        lambda z: d.temperature(z, 0),
        lambda z: d.top_k(z, 0),
        lambda z: d.top_p(z, 0),
        lambda z: d.top_p(z, 1.5),
        lambda z: d.min_p(z, 2),
        lambda z: d.typical(z, 0),
        lambda z: d.repetition_penalty(z, z.long(), 0),
        lambda z: d.beam_search(z, None, beam=1, n_tokens=1, n_best=2),
    ],
)
def test_settings_out_of_range_are_refused(work, logits):
    with pytest.raises(pn.SettingError):
        work(logits)
