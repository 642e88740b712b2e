"""The encoder that answers once, and the encoder-decoder: sizes, steps, and tasks learned."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus.layers.positions import positions
from parnassus.models.text.marian import Marian
from parnassus.models.text.transformer import Transformer

pytestmark = pytest.mark.usefixtures("draws")


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_published_numbers_of_parameters():
    with torch.device("meta"):
        net = Transformer(10, 10)
        own = Transformer(37_000, 37_000, final_norm=False, tied="all")
        peer = torch.nn.Transformer(batch_first=True)
    assert count(net.encoder) + count(net.decoder) == count(peer) == 44_140_544
    assert count(own.encoder) == 18_914_304
    assert count(own.decoder) == 25_224_192
    assert count(own) == 63_082_496


def small(**settings) -> Transformer:
    return Transformer(9, 7, width=16, n_heads=4, n_layers=2, hidden=24, **({"dropout": 0.0} | settings))


@pytest.mark.parametrize("kind", ["sinusoidal", "learned", "rotary", "relative", "alibi"])
@pytest.mark.parametrize("norm", ["post", "pre"])
def test_written_step_by_step_it_gives_what_it_gives_at_once(kind, norm):
    net = small(positions=kind, norm=norm).eval()
    source, target, lengths = torch.randint(9, (2, 5)), torch.randint(7, (2, 4)), torch.tensor([3, 5])
    wanted = net(source, target, lengths)
    writing = net.begin(*net.encode(source, lengths), n_steps=4)
    steps = [net.step(target[:, t], writing) for t in range(4)]
    torch.testing.assert_close(torch.stack(steps, 1), wanted)


def test_first_weights_do_not_depend_on_where_tables_lie_in_memory():
    held = []
    for _ in range(12):  # all are kept, so that each has places of its own
        with torch.random.fork_rng():
            torch.manual_seed(0)
            held.append(small())
    assert all(torch.equal(net.sources.weight, held[0].sources.weight) for net in held)


def test_beams_share_the_memory_of_their_sentence():
    net = small().eval()
    source, target, lengths = torch.randint(9, (2, 5)), torch.randint(7, (6, 3)), torch.tensor([3, 5])
    writing = net.begin(*net.encode(source, lengths), n_steps=3, n_beams=3)
    found = torch.stack([net.step(target[:, t], writing) for t in range(3)], 1)
    wanted = net(source.repeat_interleave(3, 0), target, lengths.repeat_interleave(3))
    torch.testing.assert_close(found, wanted)


def test_beams_reordered_go_on_from_their_new_past():
    net = small().eval()
    source, target = torch.randint(9, (1, 5)), torch.randint(7, (2, 3))
    writing = net.begin(*net.encode(source), n_steps=3, n_beams=2)
    net.step(target[:, 0], writing)
    writing.select(torch.tensor([1, 1]))
    found = net.step(target[:, 1], writing)
    row = torch.stack([target[1, 0], target[0, 1]])[None]
    torch.testing.assert_close(found[:1], net(source, row)[:, -1])


def test_the_source_s_padding_and_the_target_s_future_change_nothing():
    net = small().eval()
    source, target, lengths = torch.randint(9, (2, 5)), torch.randint(7, (2, 4)), torch.tensor([3, 5])
    before = net(source, target, lengths)
    source[0, 3:], target[:, 3] = 8, 0
    torch.testing.assert_close(net(source, target, lengths)[:, :3], before[:, :3])


def test_matrices_are_tied_as_asked_and_conflicts_refused():
    net = Transformer(7, 7, width=16, n_heads=4, n_layers=1, hidden=8, tied="all")
    assert net.head.weight is net.targets.weight is net.sources.weight
    half = Transformer(9, 7, width=16, n_heads=4, n_layers=1, hidden=8, tied="targets")
    assert half.head.weight is half.targets.weight is not half.sources.weight
    for settings in ({"tied": "all"}, {"tied": "some"}, {"norm": "pre", "final_norm": False}):
        with pytest.raises(pn.SettingError):
            small(**settings)


@pytest.mark.slow
def test_it_learns_to_reverse():
    net = Transformer(8, 8, width=32, n_heads=4, n_layers=1, hidden=64, dropout=0.0, norm="pre")
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    g = torch.Generator().manual_seed(0)
    for _ in range(250):
        source = torch.randint(1, 8, (64, 5), generator=g)
        target = source.flip(1)
        given = torch.cat([torch.zeros(64, 1, dtype=torch.long), target[:, :-1]], 1)
        loss = torch.nn.functional.cross_entropy(net(source, given).flatten(0, 1), target.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        source = torch.randint(1, 8, (200, 5), generator=g)
        writing, ids, written = net.begin(*net.encode(source), n_steps=5), torch.zeros(200, dtype=torch.long), []
        for _ in range(5):
            ids = net.step(ids, writing).argmax(1)
            written.append(ids)
    assert (torch.stack(written, 1) == source.flip(1)).float().mean() > 0.99


@pytest.mark.parametrize("pooling", ["mean", "max", "last", "class"])
def test_a_row_without_steps_is_answered_with_a_number(pooling):
    net = pn.model.builders("transformer", "classifier")[0]
    settings = {**net.defaults, "pooling": pooling, "dropout": 0.0}
    made = net.make(step_features=3, n_outputs=2, **settings).eval()
    x = torch.randn(2, 4, 3, requires_grad=True)
    y = made(x, torch.tensor([0, 4]))
    y.sum().backward()
    assert y.isfinite().all()
    assert x.grad.isfinite().all()


def test_marian_s_places_are_sines_and_then_cosines():
    place = positions("halves", 5)
    found = place(torch.zeros(1, 70, 5))[0]
    for p in (0, 1, 69):
        turns = [p / 10_000 ** (2 * i / 5) for i in range(3)]
        wanted = [*map(math.sin, turns), *map(math.cos, turns[:2])]
        torch.testing.assert_close(found[p], torch.tensor(wanted), rtol=0, atol=1e-5)


def test_marian_is_the_transformer_with_an_offset_and_without_last_norms():
    sizes = {"width": 8, "n_heads": 2, "n_layers": 2, "hidden": 12, "dropout": 0.0}
    net = Marian(9, start=0, end=1, **sizes).eval()
    nn.init.normal_(net.offset)
    peer = Transformer(9, 9, norm="post", final_norm=False, activation="silu", positions="halves", tied="all", **sizes)
    peer.load_state_dict({n: t for n, t in net.state_dict().items() if n != "offset"})
    x, given = torch.tensor([[3, 4, 1]]), torch.tensor([[0, 5]])
    torch.testing.assert_close(net(x, given), peer.eval()(x, given) + net.offset)
    plain = Marian(9, start=0, end=1, scaled=False, **sizes).eval()
    plain.load_state_dict(net.state_dict())
    assert float((plain(x, given) - net(x, given)).detach().abs().max()) > 0.1


@pytest.mark.slow
def test_it_needs_positions_to_tell_orders_apart():
    """The first of two marks decides: without positions a mean over places cannot know which was first."""
    rng = np.random.default_rng(0)
    X = np.zeros((300, 6, 2), dtype=np.float32)
    y = []
    for row in X:
        a, b = rng.permutation(6)[:2]
        row[a, 0], row[b, 1] = 1, 1
        y.append("first" if a < b else "second")
    scores = {}
    for kind in ("none", "sinusoidal", "learned", "rotary", "relative"):
        net = pn.model("transformer", hidden=16, n_layers=2, n_heads=2, positions=kind, dropout=0.0)
        scores[kind] = pn.Classifier(net, epochs=20, lr=0.01, seed=0).fit(X[:240], y[:240]).score(X[240:], y[240:])
    assert scores.pop("none") < 0.7
    assert min(scores.values()) > 0.9, scores


@pytest.mark.parametrize(
    "settings", [{"pooling": "median"}, {"positions": "gps"}, {"n_layers": 0}, {"n_heads": 3}, {"norm": "mid"}]
)
def test_options_that_do_not_fit_are_refused_at_fit(settings):
    with pytest.raises(pn.SettingError):
        pn.Classifier(pn.model("transformer", **settings), epochs=1).fit(np.zeros((4, 3, 2)), [0, 1, 0, 1])


def test_words_are_read_through_an_embedding():
    texts = ["good film", "bad film", "a good one", "a bad one"] * 8
    y = ["+", "-", "+", "-"] * 8
    clf = pn.Classifier(pn.model("transformer", hidden=16, n_heads=2), epochs=30, lr=0.01).fit(texts, y)
    assert clf.score(texts, y) == 1.0
