"""GPT: sizes, first weights, its cache, and rows of different lengths."""

import math

import pytest
import torch
from torch.nn import functional as F

import parnassus as pn
from parnassus.models.text import gpt as module
from parnassus.models.text.gpt import GPT, gpt2, residual_scale

pytestmark = pytest.mark.usefixtures("draws")
SMALL = {"context": 12, "width": 16, "n_layers": 2, "n_heads": 4}
KINDS = [{}, {"positions": "rotary"}, {"positions": "alibi", "n_groups": 1}, {"positions": "relative"},
         {"positions": "sinusoidal", "tied": False, "bias": False, "norm": "post"}]  # fmt: skip


def count(net: torch.nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ("gpt2", 124_439_808),
        ("gpt2-medium", 354_823_168),
        ("gpt2-large", 774_030_080),
        ("gpt2-xl", 1_557_611_200),
    ],
)
def test_the_published_sizes_have_their_true_numbers_of_parameters(size, wanted):
    with torch.device("meta"):
        assert count(gpt2(size)) == wanted


@pytest.mark.parametrize(("n_ids", "wanted"), [(30, 10_762_014), (65, 10_788_929)])
def test_the_character_transformer_of_the_book(n_ids, wanted):
    """Six layers of 384 with six heads, a context of 256, no biases in attention, an output layer of its own."""
    with torch.device("meta"):
        net = GPT(n_ids, context=256, width=384, n_layers=6, n_heads=6, tied=False, bias=False, activation="relu")
    assert count(net) == wanted


def test_first_weights_are_small_and_smaller_where_sums_grow():
    net = GPT(500, width=128, n_layers=8, n_heads=4, context=16)
    assert residual_scale(12) == pytest.approx(0.204124, abs=1e-6)
    assert residual_scale(48) == pytest.approx(0.102062, abs=1e-6)
    layer = net.blocks.layers[0]
    assert layer.attention.qkv.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert layer.attention.out.weight.std().item() == pytest.approx(0.02 / 4, rel=0.05)
    assert layer.feed_forward.outer.weight.std().item() == pytest.approx(0.02 / 4, rel=0.05)
    loss = net.loss(torch.randint(500, (4, 16)), torch.randint(500, (4, 16)))
    assert loss.item() == pytest.approx(math.log(500), abs=0.1)


@pytest.mark.parametrize("settings", KINDS)
def test_the_future_changes_nothing_before_it(settings):
    net, ids = GPT(9, **SMALL, **settings).eval(), torch.randint(9, (2, 8))
    before = net(ids)
    ids[:, 6:] = 0
    torch.testing.assert_close(net(ids)[:, :6], before[:, :6])


@pytest.mark.parametrize("settings", KINDS)
def test_steps_with_a_cache_give_what_reading_at_once_gives(settings):
    net, ids = GPT(9, **SMALL, **settings).eval(), torch.randint(9, (2, 10))
    logits, reading = net.read(ids[:, :4])
    steps = [logits, *(net.step(ids[:, t], reading) for t in range(4, 10))]
    torch.testing.assert_close(torch.stack(steps, 1), net(ids)[:, 3:])
    assert reading.length == 10


@pytest.mark.parametrize("lengths", [None, torch.tensor([4, 2])])
def test_steps_without_modules_give_what_modules_give(lengths):
    net, ids = GPT(9, **SMALL, eps=1e-3, activation="relu").eval(), torch.randint(9, (2, 4))
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.3)
    answers = []
    for plain in (True, False):
        _, reading = net.read(ids, lengths)
        assert reading.weights is not None
        reading.weights = reading.weights if plain else None
        answers.append(torch.stack([net.step(ids[:, t], reading) for t in range(4)]))
    torch.testing.assert_close(*answers)
    assert net.train().read(ids)[1].length == 4


@pytest.mark.parametrize("settings", KINDS)
def test_prompts_of_different_lengths_go_on_as_if_alone(settings):
    net, ids, more = GPT(9, **SMALL, **settings).eval(), torch.randint(9, (3, 5)), torch.randint(9, (3, 4))
    lengths = torch.tensor([2, 5, 1])
    logits, reading = net.read(ids, lengths, capacity=9)
    together = torch.stack([logits, *(net.step(more[:, t], reading) for t in range(4))], 1)
    for row, n in enumerate(lengths.tolist()):
        alone = net(torch.cat([ids[row, :n], more[row]])[None])[0, n - 1 :]
        torch.testing.assert_close(together[row], alone)


def test_rows_chosen_go_on_from_their_own_past():
    net, ids = GPT(9, **SMALL).eval(), torch.randint(9, (2, 5))
    _, reading = net.read(ids[:, :4], torch.tensor([4, 3]))
    reading.select(torch.tensor([1, 0, 1]))
    found = net.step(torch.tensor([1, 2, 3]), reading)
    wanted = [torch.cat([ids[1, :3], torch.tensor([1])]), torch.cat([ids[0, :4], torch.tensor([2])])]
    for i in range(2):
        torch.testing.assert_close(found[i], net(wanted[i][None])[0, -1])


def test_logits_made_in_parts_give_the_same_loss_and_slopes(monkeypatch):
    net = GPT(9, **SMALL)
    ids, targets = torch.randint(9, (4, 8)), torch.randint(9, (4, 8))
    targets[0, :3] = -100
    whole = net.loss(ids, targets)
    torch.testing.assert_close(whole, F.cross_entropy(net(ids).flatten(0, 1), targets.flatten()))
    slopes = torch.autograd.grad(whole, net.tokens.weight)
    monkeypatch.setattr(module, "CHUNK", 7)
    parts = net.loss(ids, targets)
    torch.testing.assert_close(parts, whole)
    torch.testing.assert_close(torch.autograd.grad(parts, net.tokens.weight), slopes)


@pytest.mark.parametrize("bad", [9, -1])
def test_ids_that_the_vocabulary_has_not_are_named(bad):
    net, ids = GPT(9, **SMALL).eval(), torch.tensor([[1, bad]])
    with pytest.raises(pn.DataError, match=f"id {bad} is outside this vocabulary of 9"):
        net(ids)
    with pytest.raises(pn.DataError, match=f"id {bad} is outside"):
        net.read(ids)
    with pytest.raises(pn.DataError, match="whole numbers"):
        net(ids.float())


def test_prompts_that_do_not_fit_are_refused():
    net = GPT(9, **SMALL).eval()
    with pytest.raises(pn.DataError, match="context of 12"):
        net.read(torch.zeros(1, 13, dtype=torch.long))
    with pytest.raises(pn.DataError, match="at least one id"):
        net.read(torch.zeros(2, 3, dtype=torch.long), torch.tensor([0, 3]))
    with pytest.raises(pn.DataError, match="positions that were learned"):
        net(torch.zeros(1, 13, dtype=torch.long))
    with pytest.raises(pn.SettingError):
        gpt2("gpt3")


@pytest.mark.slow
def test_it_learns_to_copy_what_it_has_read():
    net = GPT(8, context=12, width=32, n_layers=2, n_heads=4)
    optimizer, g = torch.optim.Adam(net.parameters(), lr=5e-3), torch.Generator().manual_seed(0)
    for _ in range(150):
        half = torch.randint(8, (32, 6), generator=g)
        ids = torch.cat([half, half], 1)
        targets = ids[:, 1:].clone()
        targets[:, :5] = -100
        loss = net.loss(ids[:, :-1], targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
