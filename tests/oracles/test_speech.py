"""The worked speech features of Hifny, section 3.3 (B6 to B10), and the right values where the book's are wrong."""

import math

import pytest
import torch
from torch import Tensor

from parnassus.functional import signal


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def near(found: Tensor, *wanted: float, atol: float = 5e-9) -> None:
    torch.testing.assert_close(found, numbers(*wanted), rtol=0, atol=atol)


def test_b6_pre_emphasis_and_framing():
    near(signal.pre_emphasis(numbers(1, 2, 3, 4)), 1, 1.03, 1.06, 1.09)
    pieces = signal.frames(torch.arange(1, 9), 4, 2)
    assert pieces.tolist() == [[1, 2, 3, 4], [3, 4, 5, 6], [5, 6, 7, 8]]
    assert signal.frame_count(8, 4, 2) == math.floor((8 - 4) / 2) + 1


def test_b7_the_books_hamming_window_of_four_does_not_follow_from_its_equation():
    w = signal.window("hamming", 4, dtype=torch.float64)
    near(w, 0.08, 0.77, 0.77, 0.08)  # the book prints 0.08, 0.54, 0.54, 0.08
    near(w * numbers(1, 2, 3, 4), 0.08, 1.54, 2.31, 0.32)


@pytest.mark.parametrize(
    ("x", "wanted"),
    [
        ((1, 1.08, 1.62, 0.32), (4.02, -0.62 - 0.76j, 1.22, -0.62 + 0.76j)),  # the book's input; it quotes 1.18 later
        ((0.08, 1.08, 1.62, 0.32), (3.10, -1.54 - 0.76j, 0.30, -1.54 + 0.76j)),
        ((0.08, 1.54, 2.31, 0.32), (4.25, -2.23 - 1.22j, 0.53, -2.23 + 1.22j)),  # the correctly windowed frame
    ],
)
def test_b8_the_transform_of_a_frame_whose_first_number_is_a_sum(x, wanted):
    found = signal.dft(numbers(*x))
    torch.testing.assert_close(found, torch.tensor(wanted, dtype=torch.complex128), rtol=0, atol=1e-12)
    assert found[0].real == pytest.approx(sum(x))


def test_b8_power_of_the_windowed_frame():
    near(signal.power_spectrum(numbers(0.08, 1.54, 2.31, 0.32)), 18.0625, 6.4613, 0.2809, atol=1e-12)


def test_b9_mel_points_and_bins():
    ends = signal.hz_to_mel(numbers(0, 8000))
    mels = torch.linspace(ends[0], ends[1], 5, dtype=torch.float64)
    near(mels, 0, 710.00576168, 1420.01152335, 2130.01728503, 2840.02304671, atol=1e-7)
    hertz = signal.mel_to_hz(mels)
    near(hertz, 0, 614.32673833, 1767.79253585, 3933.55102075, 8000, atol=1e-7)  # the book cuts 1767.79 to 1767
    assert torch.floor(513 * hertz / 16000).tolist() == [0, 19, 56, 126, 256]  # rounded they would be 20, 57, 126


def test_b9_triangles_and_their_energies():
    h = signal.mel_filters(3, sample_rate=16000, n_fft=512)
    assert h.shape == (3, 257)
    near(h[0, [0, 1, 19]], 0, 1 / 19, 1)
    near(h[1, [19, 20, 56]], 0, 1 / 37, 1)
    near(h[2, [56, 57, 126, 256]], 0, 1 / 70, 1, 0)
    near(h.sum(1), 28.0, 53.5, 100.0)
    power = torch.zeros(257, dtype=torch.float64)
    power[:5] = numbers(1.2, 2.5, 3.0, 1.8, 2.0)
    setting = signal.analysis(16000, n_mels=3, n_ceps=2, f_min=0.0)
    near(signal.mel_energies(power, setting), 1.1526315789473685, 0, 0)


def test_b10_logarithms_and_cosine_transform():
    logs = signal.logarithm(numbers(2, 4, 6), signal.analysis(16000))
    near(logs, 0.69314718, 1.38629436, 1.79175947)
    near(signal.dct(numbers(0.69, 1.39, 1.79)), 3.87, -0.95262794, -0.15)
    near(signal.dct(logs), 3.87120101, -0.95142615, -0.14384104)


def test_b10_the_first_coefficient_is_dropped():
    setting = signal.analysis(16000, n_mels=3, n_ceps=2)
    near(signal.cepstra(numbers(2, 4, 6).log(), setting), -0.95142615, -0.14384104)


def test_b10_deltas_and_mean_removal_of_a_ramp():
    x = numbers(1, 2, 4, 7, 11, 16)[:, None]
    near(signal.delta(x)[:, 0], 0.7, 1.5, 2.5, 3.5, 3.3, 2.3)
    stacked = signal.with_deltas(x)
    near(stacked[:, 2], 0.44, 0.74, 0.72, 0.24, -0.16, -0.34)
    assert stacked.shape == (6, 3)
    means = signal.cepstral_mean(x[None])[0, :, 0]
    near(means, -5.8333333, -4.8333333, -2.8333333, 0.1666667, 4.1666667, 9.1666667, atol=1e-7)
