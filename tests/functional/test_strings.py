"""Strings: counted, found exactly, and found with errors as edit distances of every stretch say."""

import random

import pytest

from parnassus.errors import DataError, SettingError
from parnassus.functional.edit_distance import edit_distance
from parnassus.functional.strings import kmer_counts, near_occurrences, occurrences


def dna(n, seed=0):
    return "".join(random.Random(seed).choice("ACGT") for _ in range(n))


def test_strings_of_k_are_counted_with_their_overlaps():
    assert kmer_counts("AAAA", 2) == {"AA": 3}
    assert kmer_counts("GATTACA", 3) == dict.fromkeys(("GAT", "ATT", "TTA", "TAC", "ACA"), 1)
    assert kmer_counts("AC", 3) == {}
    assert sum(kmer_counts(dna(500), 4).values()) == 497


def test_a_pattern_is_found_wherever_it_begins():
    text = dna(400)
    assert occurrences("AC", text) == [i for i in range(399) if text[i : i + 2] == "AC"]
    assert occurrences("AAA", "AAAAA") == [0, 1, 2]
    assert occurrences("T", "") == []


@pytest.mark.parametrize("seed", range(6))
def test_near_matches_are_the_best_stretches_of_all(seed):
    text, pattern, most = dna(24, seed), dna(5, seed + 50), 2
    best = {
        end: min(edit_distance(pattern, text[start:end]) for start in range(end + 1)) for end in range(1, len(text) + 1)
    }
    found = near_occurrences(pattern, text, most)
    for match in found:
        assert match.n_errors == edit_distance(pattern, text[match.start : match.end]) == best[match.end]
    covered = {j for m in found for j in range(m.start, m.end + 1)}
    missed = [end for end, n in best.items() if n <= most and end not in covered]
    assert all(any(end - len(pattern) - most <= m.end and m.start <= end for m in found) for end in missed)
    assert min(best.values()) > most or min(m.n_errors for m in found) == min(best.values())


def test_without_errors_it_is_the_exact_search():
    text = "CCGATTACACCGATTACA"
    assert [m.start for m in near_occurrences("GATTACA", text, 0)] == occurrences("GATTACA", text)


@pytest.mark.parametrize(("error", "call"), [
    (DataError, lambda: occurrences("", "ACGT")),
    (DataError, lambda: near_occurrences("", "ACGT", 0)),
    (SettingError, lambda: near_occurrences("AC", "ACGT", 2)),
    (SettingError, lambda: kmer_counts("ACGT", 0)),
])  # fmt: skip
def test_empty_patterns_are_refused(error, call):
    with pytest.raises(error):
        call()
