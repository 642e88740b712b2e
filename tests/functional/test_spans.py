"""Spans: windows that hold every token, answers found in them, and every span scored as plain loops do."""

import itertools

import numpy as np
import pytest
import torch

from parnassus.errors import SettingError
from parnassus.functional.spans import scored_spans, token_places, window_bounds


@pytest.mark.parametrize(("n", "room", "stride"), list(itertools.product((1, 4, 5, 9, 20), (1, 3, 5), (1, 2, 4, 9))))
def test_windows_hold_every_token_and_none_is_needless(n, room, stride):
    bounds = window_bounds(n, room, stride)
    assert bounds[0][0] == 0
    assert bounds[-1][1] == n
    assert {i for start, end in bounds for i in range(start, end)} == set(range(n))
    assert all(b[0] - a[0] == min(stride, room) and a[1] - a[0] == room for a, b in itertools.pairwise(bounds))
    assert all(end < n for _, end in bounds[:-1])


def test_windows_of_nothing_are_refused():
    with pytest.raises(SettingError, match="at least one token"):
        window_bounds(3, 0, 1)


def test_an_answer_is_found_in_the_windows_that_hold_it_whole():
    # "Ann saw Rome": tokens at 0-3, 4-7, 8-12; the first place of a window is [CLS]
    offsets = torch.tensor([[[-1, -1], [0, 3], [4, 7]], [[-1, -1], [4, 7], [8, 12]]])
    inside = offsets[..., 0] >= 0
    due = {(4, 7): [[2, 2], [1, 1]], (4, 12): [[0, 0], [1, 2]], (5, 6): [[2, 2], [1, 1]], (0, 12): [[0, 0], [0, 0]]}
    due |= {(0, 7): [[1, 2], [0, 0]], (-1, -1): [[0, 0], [0, 0]]}
    for span, places in due.items():
        assert token_places(offsets, inside, torch.tensor([span, span])).tolist() == places, span


def by_loops(starts, ends, offsets, inside, longest):
    best = {}
    for s, e, place, here in zip(starts, ends, offsets, inside, strict=True):
        tokens = [t for t in range(len(here)) if here[t]]
        for a, i in enumerate(tokens):
            for j in tokens[a : a + longest]:
                key = (place[i, 0], place[j, 1])
                best[key] = max(best.get(key, -np.inf), s[i] + e[j])
    return best


@pytest.mark.parametrize("longest", [1, 3, 50])
def test_every_span_has_the_best_score_of_its_windows(longest):
    draw = np.random.default_rng(0)
    first = np.cumsum(draw.integers(1, 6, 9))
    tokens = np.stack([first, first + 1], 1)
    offsets, inside = np.full((3, 8, 2), -1), np.zeros((3, 8), bool)
    for w, (start, end) in enumerate(window_bounds(9, 5, 2)):
        offsets[w, 2 : 2 + end - start], inside[w, 2 : 2 + end - start] = tokens[start:end], True
    starts, ends = draw.normal(size=(2, 3, 8))
    found, due = scored_spans(starts, ends, offsets, inside, longest=longest), None
    due = by_loops(starts, ends, offsets, inside, longest)
    assert len(found.start) == len(due)
    assert (np.diff(found.score) <= 0).all()
    for a, b, score in zip(*found, strict=True):
        assert score == due[a, b]
        assert a < b


def test_lengths_are_positive():
    with pytest.raises(SettingError, match="longest"):
        scored_spans(np.zeros((1, 1)), np.zeros((1, 1)), np.zeros((1, 1, 2)), np.ones((1, 1), bool), longest=0)
