"""Codes of digits: counts and sizes known from elsewhere, and holes that only what is beside them can fill."""

import numpy as np
import pytest

from parnassus import recipes
from parnassus.recipes.codes_of_digits import _shifted, _weights


def test_the_course_s_autoencoder_has_as_many_weights_as_printed():
    assert _weights((784, 256, 128, 64, 32)) == 489_136


def test_cross_entropy_of_grey_pictures_with_themselves_is_not_zero():
    *_, (name, _, error, entropy) = recipes.run("digits-through-a-bottleneck", "tiny").rows
    assert (name, error) == ("the pictures themselves", 0)
    assert entropy > 0.1


def test_noise_of_a_known_size_has_a_known_peak():
    rows = {row[0]: row[1:] for row in recipes.run("noise-taken-off-digits", "tiny").rows}
    assert rows["nothing"][0] == "exact"
    assert 10 < rows["nothing"][1] < 12  # cut at the ends; 8 dB without


@pytest.mark.slow
def test_a_shift_moves_a_picture_by_one_pixel_and_the_sizes_are_the_book_s():
    picture = np.zeros((1, 8, 8))
    picture[0, 3, 4] = 1
    assert np.argwhere(_shifted(picture, (1, 0))[0]).tolist() == [[4, 4]]
    rows = recipes.run("stacked-machines-on-digits", "tiny").rows
    assert rows[0][5] == 184  # digits 1 among the test rows, as the book counts


def test_what_was_seen_is_left_as_it_was():
    rows = recipes.run("holes-filled-by-a-vae", "tiny").rows
    assert rows[0][1] == 20
    assert all(row[4] for row in rows)
    assert rows[0][3] == pytest.approx(1, abs=0.35)  # nothing foretells a draw of N(0, 1)
