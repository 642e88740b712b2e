"""Texts with spans left out: what is asked, what is kept, batches, and what is refused."""

from collections import Counter

import pytest
import torch

from parnassus.data.text.broken_spans import BrokenSpans
from parnassus.data.text.sentinels import SentinelPieces
from parnassus.errors import DataError, SettingError
from parnassus.functional.masking import broken, noise_spans
from parnassus.train.randomness import kept_random

TEXTS = ["one two three four five six seven eight nine ten", "a b c d e f g h", "two", "three five a c"] * 5
CPU = torch.device("cpu")


def spans_of(hidden: torch.Tensor) -> list[int]:
    """The lengths of runs of True."""
    runs, n = [], 0
    for one in [*hidden.tolist(), False]:
        if not one and n:
            runs.append(n)
        n = n + 1 if one else 0
    return runs


def test_the_paper_s_example_with_its_sentinels():
    words = ["Thank", "you", "for", "inviting", "me", "to", "your", "party", "last", "week", "."]
    hidden = [word in ("for", "inviting", "last") for word in words]
    left, spans = broken(words, hidden, ["<X>", "<Y>", "<Z>"])
    assert " ".join(left) == "Thank you <X> me to your party <Y> week ."
    assert " ".join(spans) == "<X> for inviting <Y> last <Z>"


def test_ends_may_be_hidden_and_nothing_may_be_hidden():
    assert broken([5, 6, 7], [True, False, True], [99, 98, 97]) == ([99, 6, 98], [99, 5, 98, 7, 97])
    assert broken([5, 6], [False, False], [99, 98]) == ([5, 6], [99])
    assert broken([5], [True], [99, 98]) == ([99], [99, 5, 98])
    with pytest.raises(SettingError, match="2 spans or more"):
        broken([5, 6, 7], [True, False, True], [99, 98])


def test_what_is_left_and_what_is_asked_make_the_row_again():
    g = torch.Generator().manual_seed(0)
    for n in range(1, 60):
        row, sentinels = list(range(n)), list(range(1000, 900, -1))
        left, spans = broken(row, noise_spans(n, generator=g, rate=0.3).tolist(), sentinels)
        told, at = {}, None
        for i in spans:
            if i > 900:
                at = i
                told[at] = []
            else:
                told[at].append(i)
        assert told.popitem()[1] == []  # the last sentinel ends
        assert [j for i in left for j in (told[i] if i > 900 else [i])] == row
        assert sorted(told, reverse=True) == [i for i in left if i > 900]


@pytest.mark.parametrize(
    ("n", "n_hidden", "n_spans"), [(1, 1, 1), (2, 1, 1), (10, 2, 1), (20, 3, 1), (100, 15, 5), (512, 77, 26)]
)
def test_as_many_places_and_spans_as_the_shares_say(n, n_hidden, n_spans):
    g = torch.Generator().manual_seed(0)
    for _ in range(50):
        hidden = noise_spans(n, generator=g)
        assert hidden.shape == (n,)
        assert int(hidden.sum()) == n_hidden
        assert len(spans_of(hidden)) == n_spans


@pytest.mark.parametrize(("n", "mean", "layouts"), [(6, 2.0, 5), (5, 1.0, 6), (8, 1.5, 30)])
def test_every_layout_is_as_likely_as_any_other(n, mean, layouts):
    """2 of 6 in one span: 5 ways; 2 of 5 apart: 6; 3 of 8 in two spans, 1 and 2 or 2 and 1: 2 x C(6, 2) = 30."""
    rate = {6: 0.33, 5: 0.4, 8: 0.375}[n]
    g = torch.Generator().manual_seed(1)
    found = Counter(tuple(noise_spans(n, generator=g, rate=rate, mean=mean).tolist()) for _ in range(200 * layouts))
    assert len(found) == layouts
    chi = sum((count - 200) ** 2 / 200 for count in found.values())
    assert chi < layouts - 1 + 4 * (2 * (layouts - 1)) ** 0.5


def test_lengths_of_spans_average_three_and_their_places_are_even():
    g = torch.Generator().manual_seed(2)
    drawn = torch.stack([noise_spans(200, generator=g) for _ in range(600)])
    lengths = [n for row in drawn for n in spans_of(row)]
    assert sum(lengths) / len(lengths) == 3.0  # 30 in 10, each time
    assert {1, 2, 5, 8} <= set(lengths)
    share = drawn.double().mean(0)
    assert float(share.mean()) == pytest.approx(0.15)
    assert float(share[50:150].mean()) == pytest.approx(0.15, abs=0.01)
    for end in (0, -1):  # a gap of nothing: of 171 places for 10 cuts the outermost
        assert float(share[end]) == pytest.approx(10 / 171, abs=0.04)


def test_spans_are_as_many_as_there_is_room_between_and_as_sentinels_allow():
    assert len(spans_of(noise_spans(10, rate=0.8, mean=1.0, generator=torch.Generator().manual_seed(0)))) == 3
    assert len(spans_of(noise_spans(100, most=2, generator=torch.Generator().manual_seed(0)))) == 2
    for wrong in ({"rate": 0.0}, {"rate": 1.0}, {"mean": 0.5}):
        with pytest.raises(SettingError):
            noise_spans(10, **wrong)


# --- The codec ------------------------------------------------------------------------------------------------------


def prepared(codec: BrokenSpans, *, training: bool = False, seed: int = 0, texts=TEXTS):
    rows = codec.encode(texts)
    with kept_random(CPU, seed):
        return codec.prepare(rows.take(torch.arange(len(rows))), "spans", training=training)


@pytest.fixture(scope="module")
def codec():
    return BrokenSpans(max_words=130, max_length=20).fit(TEXTS)


def test_rows_hold_all_of_the_texts_and_end(codec):
    known = codec.tokenizer
    batch, whole = prepared(codec, training=True), known.rows(TEXTS)
    assert len(batch["x"]) == sum(-(-len(row) // 19) for row in whole)  # 19 subwords and an end
    found = []
    for x, n, y, m in zip(*(batch[k].tolist() for k in ("x", "lengths", "y", "y_lengths")), strict=True):
        assert x[n - 1] == known.end
        assert set(x[n:]) <= {known.pad}
        assert set(y[m:]) <= {known.pad}
        assert n <= 20
        assert y[0] == known.sentinels[0]
        assert y[m - 1] in known.sentinels[1:]
        told: dict = {}
        for i in y[:m]:
            told.setdefault(i, []) if i in known.sentinels else told[list(told)[-1]].append(i)
        found += [j for i in x[: n - 1] for j in (told[i] if i in known.sentinels else [i])]
    assert found == [i for row in whole for i in row]


def test_each_epoch_hides_others_and_validation_the_same(codec):
    one, other = (prepared(codec, training=True, seed=seed)["x"] for seed in (0, 1))
    assert one.shape != other.shape or not torch.equal(one, other)
    assert torch.equal(prepared(codec, seed=0)["x"], prepared(codec, seed=1)["x"])
    alone = prepared(codec, texts=TEXTS[:1])
    n = int(alone["lengths"][0])
    assert torch.equal(prepared(codec)["x"][0, :n], alone["x"][0, :n])  # whatever stands beside it


def test_its_state_makes_an_equal_codec(codec):
    again = BrokenSpans.from_state(codec.state())
    assert again.views() == codec.views()
    assert torch.equal(prepared(again)["y"], prepared(codec)["y"])
    row = codec.tokenizer.rows(["five six"])[0]
    framed = [codec.tokenizer.sentinels[1], *row, codec.tokenizer.end, codec.tokenizer.pad]
    assert again.decode(torch.tensor([framed])) == ["five six"]


@pytest.mark.parametrize("options", [{"rate": 1.0}, {"rate": True}, {"mean_span": 0.5}, {"max_length": 3}])
def test_options_that_mean_nothing_are_refused(options):
    with pytest.raises(SettingError):
        BrokenSpans(**options)


def test_texts_that_say_nothing_and_tokenizers_without_sentinels_are_refused(codec):
    with pytest.raises(DataError, match="empty"):
        codec.encode(["", " "])
    bare = SentinelPieces.learned(TEXTS, size=60, lower=False, n_sentinels=1)
    with pytest.raises(DataError, match="no sentinels"):
        BrokenSpans.of(bare).fit(TEXTS)
