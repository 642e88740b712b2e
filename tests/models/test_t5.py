"""T5: published sizes, one layer written out, biases by distance, tables; and learning texts with its own subwords."""

import json
import math

import pytest
import torch
from torch.nn import functional as F

import parnassus as pn
from parnassus.data.text.parallel import SourceTexts, TargetTexts
from parnassus.data.text.sentinels import SentinelPieces
from parnassus.errors import DataError, FileError, SettingError
from parnassus.models.text.t5 import T5, t5_of

PAIRS = [("one two three", "three two one"), ("a b c", "c b a"), ("two a", "a two"), ("b three one", "one three b")] * 8
SMALL = {"width": 8, "n_heads": 3, "size": 4, "n_layers": 2, "hidden": 12, "dropout": 0.0}
LATER = {"gated": True, "activation": "gelu_tanh", "tied": False}


@pytest.mark.parametrize(
    ("size", "n"),
    [
        ("t5-small", 60_506_624), ("t5-base", 222_903_552), ("t5-large", 737_668_096),
        ("t5-v1_1-small", 76_961_152), ("t5-v1_1-base", 247_577_856), ("t5-v1_1-large", 783_150_080),
    ],
)  # fmt: skip
def test_the_published_sizes(size, n):
    with torch.device("meta"):
        assert sum(p.numel() for p in t5_of(size).parameters()) == n


@pytest.mark.usefixtures("draws")
@pytest.mark.parametrize("options", [{}, LATER])
def test_an_encoder_layer_is_its_equations(options):
    """RMS(x) = g x / sqrt(mean x^2 + eps); scores q k' + b without a root; no biases; W_o (g(W x) V x) if gated."""
    net = T5(9, **SMALL, **options).double()
    layer, x = net.encoder.layers[0], torch.randn(1, 5, 8, dtype=torch.float64)
    with torch.no_grad():
        layer.attention_norm.weight.copy_(torch.rand(8) + 0.5)

    def rms(h, norm):
        return norm.weight * h / (h.square().mean(-1, keepdim=True) + 1e-6).sqrt()

    bias = torch.randn(3, 5, 5, dtype=torch.float64)
    w_q, w_k, w_v = layer.attention.qkv.weight.chunk(3)
    h, found = rms(x, layer.attention_norm)[0], []
    for head in range(3):
        part = slice(4 * head, 4 * head + 4)
        scores = (h @ w_q[part].T) @ (h @ w_k[part].T).T + bias[head]
        found.append(scores.softmax(-1) @ (h @ w_v[part].T))
    wanted = x + torch.cat(found, -1) @ layer.attention.out.weight.T
    h, feed = rms(wanted, layer.feed_norm), layer.feed_forward
    inner = h @ feed.inner.weight.T
    if options:
        tanh = torch.tanh(math.sqrt(2 / math.pi) * (inner + 0.044715 * inner**3))
        inner = 0.5 * inner * (1 + tanh) * (h @ feed.gate.weight.T)
    wanted = wanted + inner.relu() @ feed.outer.weight.T if not options else wanted + inner @ feed.outer.weight.T
    torch.testing.assert_close(layer(x, bias, mask=None), wanted)


@pytest.mark.usefixtures("draws")
def test_biases_depend_on_the_distance_alone_and_are_shared_by_the_layers():
    net = T5(9, **SMALL, n_buckets=8, furthest=6)
    for stack, ahead in ((net.encoder, True), (net.decoder, False)):
        bias = stack.biases(12, 12)
        for k in range(-11, 12):
            one = bias.diagonal(k, dim1=1, dim2=2)
            torch.testing.assert_close(one, one[:, :1].expand_as(one), rtol=0, atol=0)
        assert torch.equal(stack.biases(1, 12)[:, 0], bias[:, -1])  # the newest step alone
        assert torch.equal(bias[:, 5, 6], bias[:, 5, 5]) != ahead  # only the encoder tells what comes after
        assert len([p for p in stack.parameters() if p.shape == (8, 3)]) == 1


@pytest.mark.usefixtures("draws")
def test_what_is_tied_is_divided_by_the_root_of_the_width():
    tied, free = T5(9, **SMALL).eval(), T5(9, **SMALL, tied=False).eval()
    free.load_state_dict(tied.state_dict() | {"head.weight": tied.tokens.weight * 8**-0.5})
    x, given = torch.tensor([[3, 4, 1]]), torch.tensor([[0, 5]])
    torch.testing.assert_close(tied(x, given), free(x, given))
    whole = T5(9, **SMALL, scaled=False).eval()
    whole.load_state_dict(tied.state_dict())
    torch.testing.assert_close(whole(x, given), 8**0.5 * tied(x, given))


@pytest.mark.usefixtures("draws")
def test_first_scores_are_near_one_for_any_width():
    for width in (16, 256):
        net = T5(50, width=width, n_heads=4, size=16, n_layers=1, hidden=32).eval()
        x = torch.randint(50, (8, 20))
        assert 0.4 < float(net(x, x).detach().std()) < 2.5


def test_starts_and_ends_that_differ_are_kept_apart():
    facts = {"source_vocab_size": 9, "target_vocab_size": 9, "start_id": 0, "end_id": 1}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        objective = pn.model("t5", width=8, n_heads=2).make(task="translator", **facts).eval()
    batch = {"x": torch.tensor([[3, 1]]), "y": torch.tensor([[4, 5]]), "y_lengths": torch.tensor([2])}
    assert objective.given(batch).tolist() == [[0, 4, 5]]
    assert objective.due(batch)[0].tolist() == [[4, 5, 1]]
    wanted = F.cross_entropy(objective.net(batch["x"], torch.tensor([[0, 4, 5]]), None)[0], torch.tensor([4, 5, 1]))
    torch.testing.assert_close(objective.mean_loss(batch | {"lengths": torch.tensor([2])}), wanted)
    ids, first = [], 0
    for _ in range(6):
        given = torch.tensor([[0, *ids]])
        first = int(objective.net(batch["x"], given, None)[0, -1].argmax())
        ids.append(first)
        if first == 1:
            break
    with torch.no_grad():
        ((found, _),) = objective.translate(batch | {"lengths": torch.tensor([2])}, n_tokens=6, never=())[0]
    assert found == ids


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["words", "pieces"])
def test_it_learns_to_turn_words_round_and_is_saved(unit, tmp_path):
    net = pn.model("t5", width=32, n_heads=2, n_layers=1, dropout=0.0)
    tr = pn.Translator(net, unit=unit, shared=True, epochs=60, lr=0.005, batch_size=8, progress=False,
                       max_words=140 if unit == "pieces" else None).fit(PAIRS)  # fmt: skip
    assert tr.score(PAIRS[:4], metric="exact") == 1.0
    assert tr.translate(["one two three"], beam=3) == ["three two one"]
    (seen,) = tr.align(["a b c"], ["c b a"])
    assert seen.weights.shape == (len(seen.targets), len(seen.sources))
    assert ((seen.weights >= 0) & (seen.weights < 1)).all()
    tr.save(tmp_path / "tr.parnassus")
    again = pn.load(tmp_path / "tr.parnassus")
    assert again.translate(["b three one"]) == ["one three b"]
    assert (again.log_prob(*zip(*PAIRS[:4], strict=True)) == tr.log_prob(*zip(*PAIRS[:4], strict=True))).all()


def test_two_tables_are_refused():
    with pytest.raises(SettingError, match="give shared=True"):
        pn.Translator("t5", epochs=1).fit([*PAIRS, ("a", "four")])


@pytest.mark.parametrize("options", [{"n_heads": 3}, {"n_buckets": 2}, {"furthest": 2}, {"width": 0}])
def test_sizes_that_mean_nothing_are_refused(options):
    with pytest.raises(SettingError):
        pn.Translator(pn.model("t5", **options), shared=True, epochs=1).fit(PAIRS)
    with pytest.raises(SettingError, match="did you mean 't5-small'"):
        t5_of("t5-smal")


# --- Subwords -------------------------------------------------------------------------------------------------------


def test_subwords_begin_with_their_names_and_end_with_their_sentinels():
    pieces = SentinelPieces.learned([a for a, _ in PAIRS], size=120, lower=False)
    assert (pieces.pad, pieces.end, pieces.unknown, pieces.start) == (0, 1, 2, 0)
    assert pieces.sentinels == [pieces.n_ids - 1 - i for i in range(100)]
    assert pieces.name(pieces.sentinels[7]) == "<extra_id_7>"
    (row,) = pieces.rows(["two <extra_id_0> one"])
    assert row.count(pieces.sentinels[0]) == 1
    assert pieces.text(pieces.rows(["one two  three"])[0]) == "one two three"
    again = SentinelPieces.hold(pieces.held())
    assert again.rows(["b three"]) == pieces.rows(["b three"])
    assert again.vocab_size == pieces.vocab_size


def test_words_that_come_often_are_pieces_with_ln_of_their_shares():
    texts = ["red"] * 4 + ["blue"] * 2 + ["red"] * 2
    pieces = SentinelPieces.learned(texts, size=140, lower=False)
    assert [len(row) for row in pieces.rows(["red", "blue red"])] == [1, 2]
    scores = dict(json.loads(pieces.written())["model"]["vocab"])
    assert scores["\u2581red"] - scores["\u2581blue"] == pytest.approx(math.log(6 / 2))
    assert pieces.text(pieces.rows(["bed rule"])[0]) == "bed rule"  # letters stay, and make other words
    assert SentinelPieces.learned(texts, size=140, lower=False).written() == pieces.written()
    folded = SentinelPieces.learned(["Red", "red"], size=140, lower=True)
    assert folded.rows(["RED"]) == folded.rows(["red"])


def test_both_sides_may_take_subwords_that_were_learned_elsewhere():
    pieces = SentinelPieces.learned([a for a, _ in PAIRS], size=120, lower=False)
    codec = SourceTexts.of(pieces).measured(["one two", "c"])
    target = TargetTexts(unit="pieces", shared=True).fit(["two one"], codec)
    assert target.facts() == {"target_vocab_size": pieces.n_ids, "start_id": 0, "end_id": 1}
    assert codec.views()["tokens"]["source_vocab_size"] == pieces.n_ids
    assert codec.encode(["one two"]).take(torch.tensor([0]))["x"][0, -1] == 1
    assert target.never[:2] == [0, 2]
    with pytest.warns(pn.DataWarning, match="subwords that fit did not keep"):
        codec.encode(["one \u0416 two"])


def test_files_that_are_no_tokenizer_of_this_kind_are_refused(tmp_path):
    with pytest.raises(FileError, match="cannot be read"):
        SentinelPieces.read(tmp_path / "tokenizer.json")
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(FileError, match="is no tokenizer"):
        SentinelPieces.read(tmp_path / "a.json")
    from parnassus.data.text.wordpieces import WordPieces

    other = WordPieces.learned([a for a, _ in PAIRS], size=60, lower=True, min_count=1)
    (tmp_path / "b.json").write_text(other.written())
    with pytest.raises(DataError, match="no <pad>, </s>, <unk>"):
        SentinelPieces.read(tmp_path / "b.json")
    with pytest.raises(SettingError, match="leave no subword"):
        SentinelPieces.learned(["a b"], size=50, lower=False)
