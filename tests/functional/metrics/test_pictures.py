"""Structural similarity against a plain transcription of its equation, window by window; decibels of errors."""

import numpy as np
import pytest

from parnassus.errors import DataError, SettingError
from parnassus.functional.metrics import psnr, structural_similarity

RNG = np.random.default_rng(0)


def transcribed(a, b, data_range, size=11):
    """Wang et al. 2004, eq. 13, at every place where the window fits."""
    at = np.arange(size) - size // 2
    g = np.exp(-(at[:, None] ** 2 + at[None, :] ** 2) / (2 * (1.5 * size / 11) ** 2))
    g /= g.sum()
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    found = []
    for i in range(a.shape[0] - size + 1):
        for j in range(a.shape[1] - size + 1):
            x, y = a[i : i + size, j : j + size], b[i : i + size, j : j + size]
            mx, my = (g * x).sum(), (g * y).sum()
            vx, vy, c = (g * (x - mx) ** 2).sum(), (g * (y - my) ** 2).sum(), (g * (x - mx) * (y - my)).sum()
            found.append((2 * mx * my + c1) * (2 * c + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))
    return np.mean(found)


@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_it_is_the_equation_at_every_place(data_range):
    a = RNG.uniform(0, data_range, (18, 15))
    b = a + RNG.normal(0, 0.1 * data_range, a.shape)
    assert structural_similarity(a, b, data_range=data_range) == pytest.approx(transcribed(a, b, data_range))


def test_equal_pictures_are_1_noise_is_less_and_a_negative_is_below_0():
    a = RNG.uniform(0, 1, (24, 24))
    mild, strong = (structural_similarity(a, a + s * RNG.normal(size=a.shape), data_range=1) for s in (0.05, 0.5))
    assert structural_similarity(a, a, data_range=1) == 1.0
    assert 1 > mild > strong
    assert structural_similarity(a, 1 - a, data_range=1) < 0


def test_a_shift_in_brightness_costs_less_than_noise_of_the_same_error():
    a = RNG.uniform(0, 1, (24, 24))
    noise = RNG.normal(size=a.shape)
    noise *= 0.1 / np.sqrt((noise**2).mean())
    shifted, noisy = (structural_similarity(a, a + d, data_range=1) for d in (0.1, noise))
    assert shifted > noisy


def test_colours_are_averaged():
    a, b = RNG.uniform(0, 1, (2, 14, 14, 3))
    each = [structural_similarity(a[..., k], b[..., k], data_range=1) for k in range(3)]
    assert structural_similarity(a, b, data_range=1, channels=True) == pytest.approx(np.mean(each))


@pytest.mark.parametrize(("a", "b", "words"), [
    ((14, 14), (14, 15), "one shape"), ((10, 14), (10, 14), "11 pixels"), ((14, 14, 3), (14, 14, 3), "11 pixels"),
])  # fmt: skip
def test_what_is_no_pair_of_pictures_is_refused(a, b, words):
    with pytest.raises(DataError, match=words):
        structural_similarity(np.zeros(a), np.zeros(b), data_range=1)


def test_small_pictures_take_a_smaller_window():
    a, b = RNG.integers(0, 256, (2, 8, 7)).astype(np.uint8)
    found = structural_similarity(a, b, data_range=255, window=5)
    assert found == pytest.approx(transcribed(a.astype(float), b.astype(float), 255.0, size=5))
    for wrong in (4, 1, True):
        with pytest.raises(SettingError, match="odd number of pixels"):
            structural_similarity(a, b, data_range=255, window=wrong)


def test_the_peak_signal_to_noise_is_its_equation_in_decibels():
    a = RNG.integers(0, 256, (4, 9, 5)).astype(np.uint8)
    b = np.clip(a.astype(int) + RNG.integers(-20, 21, a.shape), 0, 255).astype(np.uint8)
    error = sum((int(x) - int(y)) ** 2 for x, y in zip(a.ravel(), b.ravel(), strict=True)) / a.size
    assert psnr(a, b, data_range=255) == pytest.approx(20 * np.log10(255) - 10 * np.log10(error))
    assert psnr(a / 255, b / 255, data_range=1) == pytest.approx(psnr(a, b, data_range=255))
    assert psnr(a, a, data_range=255) == np.inf


@pytest.mark.parametrize("measure", [structural_similarity, psnr])
def test_pixels_that_are_no_numbers_and_ranges_that_are_none_are_refused(measure):
    a = RNG.uniform(0, 255, (12, 12))
    holed = a.copy()
    holed[3, 4] = np.nan
    with pytest.raises(DataError, match="NaN"):
        measure(a, holed, data_range=255)
    with pytest.raises(DataError, match="bytes have data_range=255"):
        measure(a, a, data_range=1)
    for wrong in (0, -1, np.nan):
        with pytest.raises(SettingError, match="data_range is above 0"):
            measure(a, a, data_range=wrong)
