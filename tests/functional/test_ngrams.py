"""N-gram models: numbers by hand from counts."""

import math

import pytest

from parnassus.errors import DataError, SettingError
from parnassus.functional.ngrams import END, NGrams

TEXTS = ["a b", "a c", "a b"]


def test_witten_bell_is_what_the_counts_say():
    # unigrams: a 3, b 2, c 1, end 3 of 9, 4 kinds; a is followed by b twice, c once: 2 kinds
    model = NGrams(2).fit(TEXTS)
    b = (2 + 4 / 5) / (9 + 4)
    assert math.exp(model.log_prob("b", ())) == pytest.approx(b)
    assert math.exp(model.log_prob("b", ("a",))) == pytest.approx((2 + 2 * b) / (3 + 2))
    assert math.exp(model.log_prob("z", ("a",))) == pytest.approx(2 / 5 * (4 / 5) / 13)


def test_add_k_is_what_the_counts_say():
    model = NGrams(2, smoothing="add_k", k=0.5).fit(TEXTS)
    assert math.exp(model.log_prob("b", ("a",))) == pytest.approx(2.5 / (3 + 0.5 * 5))
    assert math.exp(model.log_prob(END, ("b",))) == pytest.approx(2.5 / (2 + 0.5 * 5))


@pytest.mark.parametrize("smoothing", ["witten_bell", "add_k"])
@pytest.mark.parametrize("context", [(), ("a",), ("b", "a"), ("z",)])
def test_probabilities_of_the_vocabulary_and_the_unknown_sum_to_one(smoothing, context):
    model = NGrams(3, smoothing=smoothing).fit(TEXTS)
    assert sum(math.exp(model.log_prob(w, context)) for w in [*model.vocabulary, "unknown"]) == pytest.approx(1)


def test_a_text_is_scored_to_its_end():
    model = NGrams(1, unit="characters").fit(["ab"])  # a, b and the end once each, 3 kinds of 3 and one unknown
    each = (1 + 3 / 4) / 6
    assert model.score("ba") == pytest.approx(3 * math.log(each))
    assert model.perplexity(["ba", "a"]) == pytest.approx(1 / each)


def test_what_means_nothing_is_refused():
    with pytest.raises(DataError, match="no texts"):
        NGrams().fit([])
    with pytest.raises(SettingError, match="order"):
        NGrams(0)
    with pytest.raises(SettingError, match="fit"):
        NGrams().log_prob("a", ())
