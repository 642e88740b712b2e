"""Expected gains: by hand, and against the likeliest."""

import math

import pytest

from parnassus.errors import DataError
from parnassus.functional.metrics import chrf
from parnassus.functional.reranking import minimum_risk


def test_a_text_that_is_like_many_beats_one_that_is_likely_and_alone():
    texts = ["zzz", "the cat sat", "the cat sits", "the cat sat on"]
    shares = (0.4, 0.2, 0.2, 0.2)
    found = minimum_risk(texts, [math.log(p) for p in shares])
    by_hand = {a: sum(p * chrf([a], [b]) / 100 for p, b in zip(shares, texts, strict=True)) for a in texts}
    assert [text for text, _ in found] == sorted(texts, key=lambda a: -by_hand[a])
    assert dict(found) == pytest.approx(by_hand)
    assert found[-1][0] == "zzz"


def test_with_a_gain_for_equal_texts_alone_it_is_the_likeliest():
    found = minimum_risk(["a", "b", "a"], [-1.0, -0.8, -1.0], gain=lambda x, y: float(x == y))
    shares = [math.exp(-1.0), math.exp(-0.8), math.exp(-1.0)]
    assert [text for text, _ in found] == ["a", "b"]
    assert found[0][1] == pytest.approx((shares[0] + shares[2]) / sum(shares))


def test_what_does_not_match_is_refused():
    for texts, log_p in (([], []), (["a"], [0.0, 1.0])):
        with pytest.raises(DataError):
            minimum_risk(texts, log_p)
