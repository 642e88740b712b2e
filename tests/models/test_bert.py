"""BERT: sizes, heads, spans; what it is pre-trained on."""

import math

import pytest
import torch

import parnassus as pn
from parnassus.functional import masking
from parnassus.models.text.bert import BERT, BERTWithHead, bert_of, best_spans, masked_loss, span_loss

pytestmark = pytest.mark.usefixtures("draws")
SMALL = {
    "context": 12,
    "width": 16,
    "n_layers": 2,
    "n_heads": 4,
    "hidden": 24,
    "dropout": 0.0,
    "attention_dropout": 0.0,
}


def count(net: torch.nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(
    ("size", "wanted"), [("bert-base", 109_482_240), ("bert-large", 335_141_888), ("distilbert-base", 66_362_880)]
)
def test_the_published_numbers_of_parameters(size, wanted):
    with torch.device("meta"):
        assert count(bert_of(size)) == wanted


@pytest.mark.parametrize(
    ("head", "pooler", "n_outputs", "wanted"),
    [
        ("masked", "none", None, 109_514_298),
        ("pretraining", "tanh", None, 110_106_428),
        ("sequence", "tanh", 8, 109_488_392),
    ],
)
def test_heads_add_what_is_published(head, pooler, n_outputs, wanted):
    with torch.device("meta"):
        assert count(BERTWithHead(bert_of("bert-base", pooler=pooler), head, n_outputs=n_outputs)) == wanted


@pytest.mark.parametrize(
    ("head", "shape"),
    [("sequence", (2, 3)), ("token", (2, 6, 3)), ("span", (2, 6, 2)), ("masked", (2, 6, 20)), ("next", (2, 2))],
)
def test_heads_answer_in_their_shapes_and_padding_changes_nothing(head, shape):
    net = BERTWithHead(BERT(20, **SMALL), head, n_outputs=3).eval()
    ids, lengths, segments = torch.randint(20, (2, 6)), torch.tensor([4, 6]), torch.randint(2, (2, 6))
    before = net(ids, lengths, segments=segments)
    assert before.shape == shape
    ids[0, 4:] = 7
    after = net(ids, lengths, segments=segments)
    n = 4 if len(shape) == 3 else None
    torch.testing.assert_close(after[0][:n], before[0][:n])


def test_one_vector_scores_every_candidate():
    net = BERTWithHead(BERT(20, **SMALL), "choice").eval()
    ids = torch.randint(20, (2, 4, 6))
    scores = net(ids)
    assert scores.shape == (2, 4)
    torch.testing.assert_close(net(ids[:, [2]])[:, 0], scores[:, 2])


def test_words_mean_what_stands_around_them():
    net = BERT(20, **SMALL).eval()
    ids = torch.tensor([[1, 5, 2], [1, 5, 3]])
    h = net(ids)
    assert not torch.allclose(h[0, 1], h[1, 1], atol=1e-4)
    assert net.pooled(h).abs().max() < 1


def test_untrained_losses_are_those_of_guessing():
    net = BERTWithHead(BERT(500, **SMALL), "pretraining")
    scores, following = net(torch.randint(500, (16, 12)))
    assert masked_loss(scores, torch.randint(500, (16, 12))).item() == pytest.approx(math.log(500), abs=0.1)
    assert torch.nn.functional.cross_entropy(following, torch.arange(16) % 2).item() == pytest.approx(
        math.log(2), abs=0.05
    )
    assert math.log(30_522) == pytest.approx(10.3262, abs=1e-4)


def test_the_loss_is_of_the_chosen_places_alone():
    scores = torch.randn(1, 3, 5)
    targets = torch.tensor([[-100, 2, -100]])
    assert masked_loss(scores, targets) == -scores[0, 1].log_softmax(0)[2]


def test_the_best_span_ends_after_it_begins():
    scores = torch.randn(3, 7, 2)
    mask = torch.ones(3, 7, dtype=torch.bool)
    mask[1, :3] = mask[2, 5:] = False
    found = best_spans(scores, mask, longest=3)
    for row in range(3):
        every = {
            (i, j): scores[row, i, 0] + scores[row, j, 1]
            for i in range(7)
            for j in range(i, min(i + 3, 7))
            if mask[row, i] and mask[row, j]
        }
        best = max(every, key=every.__getitem__)
        assert (int(found[0][row]), int(found[1][row])) == best
        assert found[2][row] == every[best]


def test_the_span_s_loss_is_the_sum_of_both_log_likelihoods():
    scores, i, j = torch.randn(2, 5, 2), torch.tensor([1, 0]), torch.tensor([3, 0])
    p = scores.softmax(1)
    wanted = -(p[[0, 1], i, 0].log() + p[[0, 1], j, 1].log()).mean()
    torch.testing.assert_close(span_loss(scores, i, j), wanted)


def test_refusals_say_what_is_missing():
    with pytest.raises(pn.SettingError, match="n_outputs"):
        BERTWithHead(BERT(20, **SMALL), "token")
    with pytest.raises(pn.SettingError, match="did you mean 'span'"):
        BERTWithHead(BERT(20, **SMALL), "spam")
    with pytest.raises(pn.SettingError, match="pooler"):
        BERTWithHead(BERT(20, **SMALL, pooler="none"), "next")
    with pytest.raises(pn.SettingError, match="no segments"):
        BERT(20, **SMALL, n_segments=0)(
            torch.zeros(1, 2, dtype=torch.long), segments=torch.zeros(1, 2, dtype=torch.long)
        )
    with pytest.raises(pn.DataError, match="no place"):
        best_spans(torch.zeros(1, 2, 2), torch.zeros(1, 2, dtype=torch.bool))


# --- What it is pre-trained on ---------------------------------------------------------------------------------------


def test_of_a_hundred_ids_fifteen_are_chosen_twelve_hidden_and_one_and_a_half_swapped_or_kept():
    g = torch.Generator().manual_seed(0)
    ids = torch.randint(10, 1000, (400, 500), generator=g)
    special = torch.zeros_like(ids, dtype=torch.bool)
    special[:, 0] = True
    found = masking.masked(ids, mask_id=3, vocab_size=1000, generator=g, special=special)
    chosen = found.targets != -100
    per_hundred = 100 / ids[:, 1:].numel()
    assert not chosen[:, 0].any()
    assert chosen.sum().item() * per_hundred == pytest.approx(15, abs=0.3)
    assert (chosen & (found.ids == 3)).sum().item() * per_hundred == pytest.approx(12, abs=0.3)
    kept = (chosen & (found.ids == ids)).sum().item() * per_hundred
    swapped = (chosen & (found.ids != ids) & (found.ids != 3)).sum().item() * per_hundred
    assert kept == pytest.approx(1.5, abs=0.1)
    assert swapped == pytest.approx(1.5, abs=0.1)
    assert torch.equal(found.ids[~chosen], ids[~chosen])
    assert torch.equal(found.targets[chosen], ids[chosen])
    again = masking.masked(ids, mask_id=3, vocab_size=1000, generator=g, special=special)
    assert not torch.equal(again.targets, found.targets)


def test_shares_that_are_no_shares_are_refused():
    with pytest.raises(pn.SettingError):
        masking.masked(torch.zeros(1, 2), mask_id=1, vocab_size=2, generator=torch.Generator(), hidden=0.8, swapped=0.3)


def test_half_of_the_pairs_follow_each_other_and_others_come_from_another_document():
    documents = [[f"{d} {s}" for s in range(50)] for d in range(20)]
    pairs = masking.sentence_pairs(documents, seed=1)
    assert len(pairs) == 20 * 49
    for pair in pairs:
        d, s = map(int, pair.first.split())
        if pair.is_other:
            assert int(pair.second.split()[0]) != d
        else:
            assert pair.second == f"{d} {s + 1}"
    assert sum(p.is_other for p in pairs) / len(pairs) == pytest.approx(0.5, abs=0.05)
    assert pairs == masking.sentence_pairs(documents, seed=1) != masking.sentence_pairs(documents, seed=2)
    with pytest.raises(pn.DataError, match="two or more"):
        masking.sentence_pairs([["a", "b"]])


def test_the_published_example_of_a_pair():
    """[CLS] my dog is cute [SEP] he likes play ##ing [SEP]: eleven ids, six of segment A and five of B."""
    ids, segments = masking.pair_ids(range(4), range(4, 8), cls_id=101, sep_id=102)
    assert len(ids) == 11
    assert segments == [0] * 6 + [1] * 5
    assert ids[0] == 101
    assert ids[5] == ids[10] == 102


@pytest.mark.slow
def test_masked_words_of_a_small_language_are_found():
    """Each row repeats one of four words: what is hidden stands beside it."""
    net = BERTWithHead(BERT(8, **SMALL | {"n_layers": 1}), "masked")
    optimizer, g = torch.optim.Adam(net.parameters(), lr=3e-3), torch.Generator().manual_seed(0)
    for _ in range(150):
        ids = torch.randint(4, 8, (32, 1), generator=g).expand(-1, 8)
        fed = masking.masked(ids, mask_id=3, vocab_size=8, generator=g)
        loss = masked_loss(net(fed.ids), fed.targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    ids = torch.tensor([[5, 3, 5, 5, 5, 5, 5, 5]])
    assert net.eval()(ids)[0, 1].argmax() == 5
