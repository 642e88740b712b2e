"""Nets that read one row and write another: padding, steps, published sizes, torch's own with the same weights."""

import math
import random

import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.functional.attention import additive_scores
from parnassus.models.text.conv_translation import ConvSeq2Seq
from parnassus.models.text.translation import RNNSearch, Seq2Seq, backwards
from parnassus.train.randomness import kept_random

SMALL = {
    "lstm": ("seq2seq", {"width": 6, "hidden": 5, "n_layers": 2, "reverse": True}),
    "gru": ("seq2seq", {"width": 6, "hidden": 5, "cell": "gru"}),
    "maxout": ("rnnsearch", {"width": 6, "hidden": 5, "n_maxout": 4}),
    "bilstm": ("rnnsearch", {"width": 6, "hidden": 5, "cell": "lstm", "head": "linear", "n_layers": 2}),
    "conv": ("conv_s2s", {"width": 6, "hidden": 5, "n_layers": 3, "dropout": 0.0}),
    "transformer": ("transformer", {"width": 8, "n_heads": 2, "n_layers": 2, "dropout": 0.0}),
    "t5": ("t5", {"width": 8, "n_heads": 2, "n_layers": 2, "dropout": 0.0}),
    "gated t5": (
        "t5",
        {
            "width": 8,
            "n_heads": 3,
            "size": 4,
            "n_layers": 2,
            "dropout": 0.0,
            "gated": True,
            "activation": "gelu_tanh",
            "tied": False,
            "n_buckets": 4,
            "furthest": 3,
        },
    ),
    "marian": ("marian", {"width": 8, "n_heads": 2, "n_layers": 2, "dropout": 0.0}),
}
FACTS = {"source_vocab_size": 9, "target_vocab_size": 7}
ONE_TABLE = {"source_vocab_size": 9, "target_vocab_size": 9, "start_id": 6, "end_id": 6}
WRITERS = ("t5", "marian")
every = pytest.mark.parametrize("name", SMALL)


def made(name, seed=0, **more):
    called, options = SMALL[name]
    with kept_random(torch.device("cpu"), seed):
        spec = pn.model(called, **options | more)
        return spec.make(task="translator", **(ONE_TABLE if called in WRITERS else FACTS)).double()


def drawn():
    """Sources that end with 8; targets without their ends."""
    return {
        "x": torch.tensor([[3, 4, 5, 2, 8], [6, 2, 8, 0, 0], [7, 8, 0, 0, 0]]),
        "lengths": torch.tensor([5, 3, 2]),
        "y": torch.tensor([[2, 3, 4, 2], [5, 0, 0, 0], [3, 3, 0, 0]]),
        "y_lengths": torch.tensor([4, 1, 2]),
    }


def alone(batch, row):
    n, m = int(batch["lengths"][row]), int(batch["y_lengths"][row])
    one = {k: v[row : row + 1] for k, v in batch.items()}
    return one | {"x": one["x"][:, :n], "y": one["y"][:, :m]}


@every
def test_padding_never_changes_a_loss_or_a_text(name):
    objective, batch = made(name).eval(), drawn()
    spoilt = batch | {"x": batch["x"].clone(), "y": batch["y"].clone()}
    for row in range(3):
        spoilt["x"][row, batch["lengths"][row] :] = 5
        spoilt["y"][row, batch["y_lengths"][row] :] = 6
    with torch.no_grad():
        whole = objective.row_losses(batch)
        torch.testing.assert_close(objective.row_losses(spoilt), whole)
        texts = objective.translate(batch, n_tokens=6, beam=3, n_best=2)
        assert objective.translate(spoilt, n_tokens=6, beam=3, n_best=2) == texts
        for row in range(3):
            one = alone(batch, row)
            torch.testing.assert_close(objective.row_losses(one), whole[row : row + 1])
            found = objective.translate(one, n_tokens=6, beam=3, n_best=2)[0]
            assert [ids for ids, _ in found] == [ids for ids, _ in texts[row]]
            assert [s for _, s in found] == pytest.approx([s for _, s in texts[row]])


@every
def test_written_step_by_step_it_scores_as_it_does_at_once(name):
    objective, batch = made(name).eval(), drawn()
    given = objective.given(batch)
    with torch.no_grad():
        writing = objective.net.begin(*objective.net.encode(batch["x"], batch["lengths"]), n_steps=5)
        steps = [objective.net.step(given[:, t], writing) for t in range(5)]
        torch.testing.assert_close(torch.stack(steps, 1), objective.outputs(batch))


@every
def test_a_row_s_loss_is_the_sum_of_its_next_id_terms(name):
    """By a slow loop, row by row and prefix by prefix: ln p(y | x) = sum_t ln p(y_t | y_<t, x)."""
    objective, batch = made(name).eval(), drawn()
    with torch.no_grad():
        losses = objective.row_losses(batch)
        for row in range(3):
            one = alone(batch, row)
            ids = [6, *one["y"][0].tolist(), 6]
            total = 0.0
            for t in range(1, len(ids)):
                logits = objective.net(one["x"], torch.tensor([ids[:t]]), one["lengths"])[0, -1]
                total -= float(logits.log_softmax(0)[ids[t]])
            assert float(losses[row]) == pytest.approx(total)


@every
def test_every_parameter_gets_a_gradient(name, draws):
    objective = made(name)
    (phase,) = objective.phases()
    phase.loss(drawn()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in objective.parameters())


@every
def test_the_state_round_trips_and_options_that_mean_nothing_are_refused(name):
    one, other, batch = made(name).eval(), made(name, seed=1).eval(), drawn()
    assert not torch.equal(one.outputs(batch), other.outputs(batch))
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.outputs(batch), other.outputs(batch))
    wrong = [{"width": 0}, {"dropout": 1.0}, {"smoothing": 1.0}]
    attends = SMALL[name][0] in ("transformer", "conv_s2s", *WRITERS)
    wrong += [] if attends else [{"cell": "tanh"}, {"forcing": "none"}, {"decay": 0.0}]
    wrong += [{"head": "big"}] if SMALL[name][0] == "rnnsearch" else []
    for options in wrong:
        with pytest.raises(SettingError):
            made(name, **options)


def test_an_encoder_decoder_is_torchs_two_lstms(draws):
    net = Seq2Seq(9, 7, width=4, hidden=5, n_layers=2).double()
    x, given = torch.tensor([[3, 4, 8]]), torch.tensor([[6, 2, 3]])
    _, state = net.encoder(net.sources(x))
    wanted = net.head(net.decoder(net.targets(given), state)[0])
    torch.testing.assert_close(net(x, given, torch.tensor([3])), wanted)


def test_a_reversed_source_keeps_its_end_and_its_padding(draws):
    net, turned = (Seq2Seq(9, 7, width=4, hidden=5, n_layers=1, reverse=r) for r in (False, True))
    turned.load_state_dict(net.state_dict())
    x, lengths = torch.tensor([[3, 4, 5, 8], [6, 2, 8, 0]]), torch.tensor([4, 3])
    assert backwards(x, lengths).tolist() == [[5, 4, 3, 8], [2, 6, 8, 0]]
    given = torch.tensor([[6, 2], [6, 3]])
    torch.testing.assert_close(turned(x, given, lengths), net(backwards(x, lengths), given, lengths))


def test_rnnsearch_is_its_equations_in_a_loop(draws):
    net = RNNSearch(9, 7, width=4, hidden=5, n_maxout=3).double()
    x, given = torch.tensor([[3, 4, 8]]), torch.tensor([[6, 2, 3]])
    memory, last, _ = net.encoder.run(net.sources(x), None)
    state = net.starts[0](last[:, 5:]).tanh()
    w = torch.cat([net.of_state.weight, net.of_memory.weight], 1)
    scores = []
    for e in net.targets(given).unbind(1):
        # the bias of W h is put on the states: additive_scores has none
        shifted = memory + torch.linalg.lstsq(net.of_memory.weight, net.of_memory.bias[:, None]).solution[:, 0]
        alpha = additive_scores(state[:, None], shifted, w, net.score.weight[0]).softmax(-1)
        context = (alpha @ memory)[:, 0]
        t = net.inner(torch.cat([state, e, context], 1))
        scores.append(net.head(torch.maximum(t[:, 0::2], t[:, 1::2])))
        state = net.cell.step(net.cell.project(torch.cat([e, context], 1)), (state,))[0]
    torch.testing.assert_close(net(x, given), torch.stack(scores, 1))


def test_the_transformer_scores_as_torchs_with_the_same_weights(draws):
    from tests.layers.test_transformer import in_torchs_names

    objective = pn.model("transformer", width=16, n_heads=4, n_layers=2, feed_forward=24, norm="post").make(
        task="translator", source_vocab_size=9, target_vocab_size=7
    )
    net = objective.model.double().eval()
    peer = nn.Transformer(16, 4, 2, 2, 24, dropout=0.0, batch_first=True).double().eval()
    for ours, theirs in ((net.encoder, peer.encoder), (net.decoder, peer.decoder)):
        for one, other in zip(ours.layers, theirs.layers, strict=True):
            other.load_state_dict(in_torchs_names(one))
        theirs.norm.load_state_dict(ours.last.state_dict())
    batch = drawn()
    given, hidden = objective.given(batch), torch.arange(5) >= batch["lengths"][:, None]
    source = net.source_place(net.sources(batch["x"]) * math.sqrt(16))
    target = net.target_place(net.targets(given) * math.sqrt(16))
    found = peer(
        source, target, tgt_mask=nn.Transformer.generate_square_subsequent_mask(5).double(),
        src_key_padding_mask=hidden, memory_key_padding_mask=hidden,
    )  # fmt: skip
    torch.testing.assert_close(objective.outputs(batch), net.head(found))


def test_2b_B38_the_deep_lstm_has_its_published_weights():
    with torch.device("meta"):
        net = pn.model("deep_lstm").make(task="translator", source_vocab_size=160_000, target_vocab_size=80_000).model
    recurrent = sum(p.numel() for name, p in net.named_parameters() if name.startswith(("encoder", "decoder")))
    second_biases = 2 * 4 * 4 * 1000
    assert recurrent - second_biases == 64_032_000
    assert sum(p.numel() for p in net.parameters()) - second_biases == 384_032_000


def test_2b_A6_12_the_bilstm_translator_has_18_million_weights():
    with torch.device("meta"):
        net = RNNSearch(10_000, 10_000, cell="lstm", head="linear", width=256, hidden=512)
    attention = sum(p.numel() for part in (net.of_state, net.of_memory, net.score) for p in part.parameters())
    assert round((sum(p.numel() for p in net.parameters()) - attention) / 1e6, 2) == 18.13


def test_first_weights_of_the_deep_lstm_are_even_within_their_bounds(draws):
    net = Seq2Seq(50, 50, width=20, hidden=20, n_layers=1, spread=0.08)
    values = torch.cat([p.detach().flatten() for p in net.parameters()])
    assert float(values.abs().max()) <= 0.08
    assert float(values.std()) == pytest.approx(0.16 / math.sqrt(12), rel=0.05)


def test_convolutions_are_their_equations_in_a_loop(draws):
    """Position by position, from the source's embeddings to the scores: Gehring et al. 2017, sections 3.1 to 3.5."""
    net = ConvSeq2Seq(9, 7, width=4, hidden=5, n_layers=2, kernel=3, context=8, dropout=0.0).double()
    source, given, half = [3, 4, 8], [6, 2, 3, 5], math.sqrt(0.5)
    none = torch.zeros(5, dtype=torch.float64)

    def gated(conv, near):
        both = conv.bias + sum(conv.weight[:, :, k] @ near[k] for k in range(3))
        return both[:5] * both[5:].sigmoid()

    e = [net.sources.weight[i] + net.source_place.weight[t] for t, i in enumerate(source)]
    h = [net.read(one) for one in e]
    for layer in net.encoder:
        wide = [none, *h, none]
        h = [(h[t] + gated(layer.conv, wide[t : t + 3])) * half for t in range(3)]
    z = [net.remember(one) for one in h]
    g = [net.targets.weight[i] + net.target_place.weight[t] for t, i in enumerate(given)]
    h = [net.write(one) for one in g]
    for layer in net.decoder:
        wide, after = [none, none, *h], []
        for t in range(4):
            v = gated(layer.conv.conv, wide[t : t + 3])
            d = (layer.ask(v) + g[t]) * half
            a = torch.stack([d @ key for key in z]).softmax(0)
            c = sum(a[j] * (z[j] + e[j]) * half for j in range(3)) * 3 * math.sqrt(1 / 3)
            after.append((h[t] + (v + layer.tell(c)) * half) * half)
        h = after
    due = torch.stack([net.head(net.out(one)) for one in h])
    found = net(torch.tensor([source]), torch.tensor([given]), torch.tensor([3]))[0]
    torch.testing.assert_close(found, due)


def test_a_convolution_sees_nothing_behind_its_own_id(draws):
    net = ConvSeq2Seq(9, 7, width=4, hidden=5, n_layers=3, kernel=3, context=8, dropout=0.0).double()
    source, given = torch.tensor([[3, 4, 8]]), torch.tensor([[6, 2, 3, 5]])
    for t in range(4):
        other = given.clone()
        other[0, t] = 1
        changed = (net(source, given) - net(source, other)).abs().amax(-1)[0] > 1e-12
        assert changed.tolist() == [False] * t + [True] * (4 - t)


def test_a_kernel_of_convolutions_is_odd():
    with pytest.raises(SettingError, match="kernel is odd"):
        pn.model("conv_s2s", kernel=2).make(task="translator", **FACTS)


@pytest.mark.slow
def test_convolutions_turn_texts_round():
    draw = random.Random(0)
    X = ["".join(draw.choices("abcdef", k=draw.randint(2, 6))) for _ in range(900)]
    y = [text[::-1] for text in X]
    new = [text for text in ("".join(draw.choices("abcdef", k=5)) for _ in range(60)) if text not in X]
    net = pn.model("conv_s2s", width=32, hidden=32, n_layers=2, dropout=0.0)
    training = {"epochs": 8, "batch_size": 32, "lr": 5e-3, "schedule": "cosine", "clip_norm": 1.0, "progress": False}
    learned = pn.Translator(net, unit="characters", **training).fit(X, y)
    assert learned.score(new, [text[::-1] for text in new], metric="exact") > 0.9
    (seen,) = learned.align(["abcde"])
    assert seen.weights.shape == (5, 5)
    assert seen.weights.argmax(1).tolist() == [4, 3, 2, 1, 0]
