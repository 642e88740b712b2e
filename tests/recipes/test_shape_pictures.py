"""Drawn shapes and scenes: what must hold of pictures whose answer was put in."""

import numpy as np
import pytest

from parnassus.recipes.seen_by_attention import HELD, alike, scenes
from parnassus.recipes.shape_pictures import FIRST, SECOND, arc, counts, shape_pictures, star


def area(corners):
    x, y = np.array(corners).T
    return abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2


def test_outlines_have_the_areas_of_their_figures():
    assert area(star(4, 0.5**0.5)) == pytest.approx(2)  # a square in a circle of radius 1
    assert area(star(3, 0.5)) == pytest.approx(3**1.5 / 4)
    assert area(arc(0, 1)) == pytest.approx(np.pi, rel=0.02)
    assert area(FIRST["cross"]) == pytest.approx(20 / 9)


def test_the_two_tens_of_shapes_share_none():
    assert len(FIRST) == len(SECOND) == 10
    assert not set(FIRST) & set(SECOND)
    assert all(np.abs(np.array(c)).max() <= 1 + 1e-9 for c in (FIRST | SECOND).values())


def test_pictures_of_a_seed_are_the_same_again_and_differ_from_others():
    (X, y), (again, _), (other, _) = (shape_pictures(12, FIRST, seed=seed) for seed in (0, 0, 1))
    assert X.shape == (12, 32, 32, 3)
    assert X.dtype == np.uint8
    assert set(y) <= set(FIRST)
    np.testing.assert_array_equal(X, again)
    assert (other != X).any()


def test_kinds_are_counted_by_true_row_and_said_column():
    found = counts(np.array(["a", "a", "b"]), np.array(["a", "b", "b"]), ["a", "b"])
    assert found.tolist() == [[1, 1], [0, 1]]


def things_of(sentence):
    words = sentence.split()
    return {(words[1], words[2]), (words[-2], words[-1])}


def test_held_pairs_are_in_no_scene_but_the_odd_ones():
    assert not any(HELD & things_of(s) for s in scenes(60, seed=0)[1])
    assert all(HELD & things_of(s) for s in scenes(20, seed=0, odd=True)[1])


def test_a_scene_is_as_its_sentence_says():
    pictures, said = scenes(80, seed=3)
    for picture, sentence in zip(pictures.astype(float), said, strict=True):
        words = sentence.split()
        if {words[1], words[-2]} != {"red", "blue"}:
            continue
        redness = picture[..., 0] - picture[..., 2]
        along = redness.mean(0) if "left" in words else redness.mean(1)
        before, after = along[:12].mean(), along[12:].mean()
        assert (before > after) == (words[1] == "red"), sentence


def test_words_are_compared_where_they_stand():
    assert alike(["a b c", "a b"], ["a x c", "a b c"]) == pytest.approx((2 / 3 + 0) / 2)
