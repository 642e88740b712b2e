"""Prefix beam search: equal to all label strings written out; the kernel equal to its twin; what scorers add."""

import itertools
import math
from collections import defaultdict

import pytest
import torch

from parnassus.errors import SettingError
from parnassus.functional.ctc import collapsed
from parnassus.functional.fusion import scorer_of, tables
from parnassus.functional.ngrams import NGrams
from parnassus.functional.prefix_beam import prefix_beam, prefix_beam_twin

NAMES = ["", " ", "a", "b", "c"]
TEXTS = ["ab c", "ab ab", "c ab", "b"]


def drawn(*shape, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=g).log_softmax(-1)


def by_all_paths(log_probs):
    """Each label string's probability, added up over all paths."""
    found = defaultdict(float)
    time, classes = log_probs.shape
    for path in itertools.product(range(classes), repeat=time):
        found[tuple(collapsed(path))] += math.exp(sum(float(log_probs[t, k]) for t, k in enumerate(path)))
    return dict(found)


@pytest.mark.parametrize("seed", range(3))
def test_with_room_for_all_it_is_the_sum_over_all_paths(seed):
    log_probs = drawn(6, 3, seed=seed)
    truth = sorted(by_all_paths(log_probs).items(), key=lambda one: -one[1])[:6]
    for found in (
        prefix_beam_twin(log_probs, beam=1000, n_best=6),
        prefix_beam(log_probs[None], torch.tensor([6]), beam=1000, n_best=6)[0],
    ):
        assert [tuple(one.labels) for one in found] == [labels for labels, _ in truth]
        assert [math.exp(one.score) for one in found] == pytest.approx([p for _, p in truth], rel=1e-5)


SCORERS = {
    "none": lambda: None,
    "characters": lambda: scorer_of(NAMES, "characters", language_model=NGrams(3, unit="characters").fit(TEXTS)),
    "words": lambda: scorer_of(
        NAMES, "characters", language_model=NGrams(2).fit(TEXTS), language_weight=1.0, bonus=1.0
    ),
    "hot words": lambda: scorer_of(NAMES, "characters", hot_words={"ca": 4.0, "cab": 6.0}),
    "both": lambda: scorer_of(NAMES, "characters", language_model=NGrams(1).fit(TEXTS), hot_words=["a b"]),
}


@pytest.mark.parametrize("beam", [1, 2, 7, 60])
@pytest.mark.parametrize("name", SCORERS)
def test_the_kernel_finds_what_its_twin_finds(name, beam):
    log_probs, lengths, scorer = drawn(5, 14, 5, seed=beam), torch.tensor([14, 1, 6, 0, 9]), SCORERS[name]()
    found = prefix_beam(log_probs, lengths, beam=beam, n_best=4, scorer=scorer, floor=-2.5)
    for row, n, ours in zip(log_probs, lengths.tolist(), found, strict=True):
        twin = prefix_beam_twin(row[:n], beam=beam, n_best=min(4, beam), scorer=scorer, floor=-2.5)
        assert [one.labels for one in ours] == [one.labels for one in twin]
        assert [one.score for one in ours] == pytest.approx([one.score for one in twin], abs=1e-9)


@pytest.mark.parametrize("name", [name for name in SCORERS if name != "none"])
def test_scores_are_acoustic_scores_and_what_a_whole_text_gains(name):
    log_probs, scorer = drawn(5, 5, seed=4), SCORERS[name]()
    alone = by_all_paths(log_probs)
    for one in prefix_beam_twin(log_probs, beam=100_000, n_best=40, scorer=scorer):
        state, total = scorer.begin(), 0.0
        for label in one.labels:
            state, gain = scorer.step(state, label)
            total += gain
        expected = math.log(alone[tuple(one.labels)]) + total + scorer.end(state)
        assert one.score == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "gain"),
    [("ca", 4.0), ("cab", 6.0), ("ca b", 4.0), ("cac", 0.0), ("bca", 0.0), ("c a", 0.0), ("ca ca", 8.0)],
)
def test_a_hot_word_counts_when_it_is_a_whole_word(text, gain):
    scorer = SCORERS["hot words"]()
    state, total = scorer.begin(), 0.0
    for unit in text:
        state, more = scorer.step(state, NAMES.index(unit))
        total += more
    assert total + scorer.end(state) == pytest.approx(gain)


@pytest.mark.parametrize(("names", "gain"), [(["new", "york"], 3.0), (["new", "new", "york"], 3.0), (["new"], 0.0)])
def test_hot_phrases_count_where_units_are_words(names, gain):
    known = ["", "new", "york", "old"]
    scorer = scorer_of(known, "words", hot_words={"new york": 3.0})
    state, total = scorer.begin(), 0.0
    for name in names:
        state, more = scorer.step(state, known.index(name))
        total += more
    assert total + scorer.end(state) == pytest.approx(gain)


def test_a_word_model_over_characters_scores_words_as_it_does_itself():
    model = NGrams(2).fit(TEXTS)
    scorer = scorer_of(NAMES, "characters", language_model=model, language_weight=1.0)
    for text in [*TEXTS, "ab b c"]:
        state, total = scorer.begin(), 0.0
        for unit in text:
            state, gain = scorer.step(state, NAMES.index(unit))
            total += gain
        assert total + scorer.end(state) == pytest.approx(model.score(text))


def test_a_language_model_turns_a_doubtful_text():
    log_probs = torch.tensor([[0.02, 0.01, 0.5, 0.45, 0.02], [0.9, 0.025, 0.025, 0.025, 0.025]]).log()[None]
    length = torch.tensor([2])
    model = NGrams(1, unit="characters").fit(["b", "b", "b"])
    assert prefix_beam(log_probs, length)[0][0].labels == [2]
    assert prefix_beam(log_probs, length, scorer=scorer_of(NAMES, "characters", language_model=model))[0][0].labels == [
        3
    ]


def test_tables_hold_what_the_scorer_says():
    scorer = SCORERS["both"]()
    found = tables(scorer, len(NAMES))
    state, at = scorer.begin(), 0
    for unit in [2, 3, 1, 4, 1, 2, 1, 3]:
        state, gain = scorer.step(state, unit)
        assert float(found.gain[at, unit]) == pytest.approx(gain)
        at = int(found.following[at, unit])
        assert float(found.end[at]) == pytest.approx(scorer.end(state))


@pytest.mark.parametrize(
    ("given", "named"),
    [({"hot_words": "abc"}, "list"), ({"hot_words": ["xy"]}, "'x'"), ({"language_model": 3}, "NGrams")],
)
def test_what_cannot_be_added_is_refused(given, named):
    with pytest.raises(SettingError, match=named):
        scorer_of(NAMES, "characters", **given)
