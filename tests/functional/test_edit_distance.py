"""Edit distances against the recursion as it is defined, published distances, and jiwer where it is there."""

import functools
import random

import pytest

import parnassus as pn
from parnassus.functional.edit_distance import align, edit_distance, error_rate


def by_definition(a, b):
    @functools.cache
    def d(i, j):
        if not i or not j:
            return i + j
        return min(d(i - 1, j) + 1, d(i, j - 1) + 1, d(i - 1, j - 1) + (a[i - 1] != b[j - 1]))

    return d(len(a), len(b))


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [
        ("kitten", "sitting", 3),
        ("intention", "execution", 5),
        ("", "abc", 3),
        ("abc", "", 3),
        ("", "", 0),
        ("ab", "ba", 2),
    ],
)
def test_distances_are_the_published_ones(a, b, distance):
    """kitten: Levenshtein's usual example; intention: Jurafsky and Martin, with substitutions that cost 1."""
    assert edit_distance(a, b) == distance


def test_distances_and_alignments_are_those_of_the_definition():
    draw = random.Random(0)
    for _ in range(150):
        a, b = ("".join(draw.choices("abc", k=draw.randint(0, 7))) for _ in range(2))
        assert edit_distance(a, b) == by_definition(a, b)
        found = align(a, b)
        assert found.n_errors == by_definition(a, b)
        assert "".join(x for x, _ in found.pairs if x) == a
        assert "".join(y for _, y in found.pairs if y) == b
        assert sum(x != y for x, y in found.pairs) == found.n_errors
        assert sum(x is None for x, _ in found.pairs) == found.n_insertions
        assert sum(y is None for _, y in found.pairs) == found.n_deletions


def test_rates_are_over_all_words_together():
    """By hand: one substitution and one insertion in three words, one deletion in one: 3 of 4."""
    found = error_rate(["the cat sat", "go"], ["the hat sat down", ""])
    assert found == (0.75, 1, 1, 1, 4)
    assert error_rate(["abc"], ["abd"], unit="characters").rate == pytest.approx(1 / 3)
    assert error_rate([["k", "ae", "t"]], [["k", "t"]]).n_deletions == 1


def test_a_rate_may_exceed_one():
    assert error_rate(["a"], ["b c d"]).rate == 3.0


def test_nothing_to_recognise_and_unequal_numbers_are_refused():
    with pytest.raises(pn.DataError, match="nothing to be recognised"):
        error_rate([""], ["a"])
    with pytest.raises(pn.DataError, match="2 references and 1 hypotheses"):
        error_rate(["a", "b"], ["a"])


def test_rates_are_jiwers():
    jiwer = pytest.importorskip("jiwer", reason="jiwer is not installed: an optional oracle")
    said, heard = ["the quick brown fox", "jumps over"], ["the quack brown", "jumps right over it"]
    assert error_rate(said, heard).rate == pytest.approx(jiwer.wer(said, heard))
    assert error_rate(said, heard, unit="characters").rate == pytest.approx(jiwer.cer(said, heard))
