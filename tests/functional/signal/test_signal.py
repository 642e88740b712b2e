"""Frames, transforms, rates, norms, voice and perturbation against closed forms, scipy and soxr."""

import math

import numpy as np
import pytest
import scipy.signal
import torch

from parnassus.errors import DataError, SettingError
from parnassus.functional import signal

RATE = 16_000


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def tone(frequency: float, n: int, rate: int = RATE) -> torch.Tensor:
    return torch.sin(2 * math.pi * frequency * torch.arange(n, dtype=torch.float64) / rate)


# --- windows and transforms -----------------------------------------------------------------------


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize(
    ("name", "theirs"),
    [("hamming", "hamming"), ("hann", "hann"), ("blackman", "blackman"), ("bartlett", "bartlett"),
     ("blackman_harris", "blackmanharris"), ("nuttall", "nuttall"), ("flat_top", "flattop"),
     ("rectangular", "boxcar"), ("kaiser", ("kaiser", 12.0))],
)  # fmt: skip
def test_windows_are_scipys(name, theirs, periodic):
    wanted = scipy.signal.get_window(theirs, 64, fftbins=periodic)
    np.testing.assert_allclose(
        signal.window(name, 64, periodic=periodic, dtype=torch.float64).numpy(), wanted, atol=1e-12
    )


def test_a_gaussian_window_has_its_deviation():
    wanted = scipy.signal.windows.gaussian(65, 0.2 * 64)
    np.testing.assert_allclose(signal.window("gaussian", 65, dtype=torch.float64).numpy(), wanted, atol=1e-12)


@pytest.mark.parametrize("name", sorted(signal.WINDOWS))
def test_windows_are_symmetric_and_of_one_sample_too(name):
    w = signal.window(name, 33, dtype=torch.float64)
    torch.testing.assert_close(w, w.flip(0))
    assert signal.window(name, 1).tolist() == [1.0]


def test_an_unknown_window_is_answered_with_the_nearest():
    with pytest.raises(SettingError, match="'hann'"):
        signal.window("han", 4)


@pytest.mark.parametrize("n_fft", [8, 9, 16])
def test_the_slow_transform_is_the_fast_one(n_fft):
    x = drawn(3, 8)
    torch.testing.assert_close(signal.dft(x, n_fft), torch.fft.fft(x, n_fft), rtol=1e-12, atol=1e-12)


def test_power_of_real_frames_is_that_of_the_whole_transform():
    x = drawn(3, 12)
    torch.testing.assert_close(signal.power_spectrum(x, 16), signal.dft(x, 16).abs().square()[:, :9])


@pytest.mark.parametrize("hop", [16, 25, 32])
def test_the_way_back_from_spectra_is_exact(hop):
    x = drawn(2, 500)
    back = signal.istft(signal.stft(x, n_fft=64, hop=hop), hop=hop, n_samples=500)
    end = 500 - 500 % hop  # what lies behind the last frame's middle is seen by the taper alone
    torch.testing.assert_close(back[:, :end], x[:, :end], rtol=1e-9, atol=1e-9)


def test_spectra_are_scipys():
    x = drawn(512)
    theirs = scipy.signal.stft(x.numpy(), window=scipy.signal.get_window("hann", 64), nperseg=64, noverlap=48)[2]
    ours = signal.stft(x, n_fft=64, hop=16).T.numpy() / 32  # scipy divides by the window's sum
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_griffin_lim_comes_near_the_magnitudes_it_is_given():
    """Plain rounds never go away from them (Griffin and Lim 1984); with momentum they come nearer."""
    x = tone(440, 4000) * tone(3, 4000) + 0.1 * drawn(4000)
    wanted = signal.stft(x, n_fft=256, hop=64).abs()

    def distance(**options) -> float:
        y = signal.griffin_lim(wanted, hop=64, n_samples=4000, **options)
        return float(signal.spectral_convergence(signal.stft(y, n_fft=256, hop=64).abs(), wanted))

    plain = [distance(n_iterations=n, momentum=0.0) for n in (1, 4, 16, 48)]
    assert plain == sorted(plain, reverse=True)
    assert distance(n_iterations=48) < 0.12
    assert distance(n_iterations=48) < plain[-1]


def test_a_signal_shorter_than_a_frame_is_refused():
    with pytest.raises(DataError, match="3 samples holds no frame of 4"):
        signal.frames(torch.zeros(3), 4, 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])  # the compiled loop, and the equations
@pytest.mark.parametrize("n", [0, 100])
def test_features_of_less_than_a_frame_are_refused(n, dtype):
    with pytest.raises(DataError, match=f"{n} samples holds no frame of 400"):
        signal.mfcc(torch.zeros(n, dtype=dtype), signal.analysis(RATE))


@pytest.mark.parametrize("norm", [signal.cepstral_mean, signal.standardized], ids=["mean", "both"])
@pytest.mark.parametrize("shape", [(7, 3), (1, 3), (3, 3)])
def test_one_utterance_is_normalised_as_a_batch_of_one(norm, shape):
    """As `mfcc` of one signal gives it; of (1, c) and (c, c) the frames would else be taken for utterances."""
    x = drawn(*shape)
    torch.testing.assert_close(norm(x), norm(x[None])[0], rtol=0, atol=0)


# --- rates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frequency", "at", "inverted"),
    [(3000.0, 3000.0, False), (4000.0, 4000.0, True), (5000.0, 3000.0, True), (9000.0, 1000.0, False),
     (16000.0, 0.0, False), (29000.0, 3000.0, True)],
)  # fmt: skip
def test_aliases_are_where_sampled_tones_appear(frequency, at, inverted):
    """At 8,000 samples a second sin(2 pi f n / 8000) is +-sin(2 pi at n / 8000): the tone's own samples decide."""
    (found,) = signal.aliases([frequency], 8000)
    assert (found.appears_at, found.aliased) == (at, frequency > 4000)
    assert found.inverted == inverted
    sign = -1 if inverted else 1
    torch.testing.assert_close(tone(frequency, 64, 8000), sign * tone(at, 64, 8000), rtol=0, atol=1e-9)
    assert f"{at:g} Hz" in str(found)


def test_the_rate_that_a_band_needs():
    assert signal.nyquist_rate(4000) == 8000


@pytest.mark.parametrize(("rate", "goal"), [(16000, 8000), (8000, 16000), (16000, 22050), (44100, 16000)])
def test_both_ways_to_another_rate_give_the_tone_at_that_rate(rate, goal):
    x = tone(440, rate // 2, rate)
    wanted = tone(440, goal // 2, goal)
    fast, slow = signal.resample(x.numpy(), rate, goal), signal.resample_sinc(x, rate, goal)
    assert len(fast) == len(slow) == goal // 2
    inner = slice(goal // 20, -goal // 20)
    np.testing.assert_allclose(fast[inner], wanted[inner], atol=1e-4)
    np.testing.assert_allclose(slow[inner], wanted[inner], atol=1e-4)


def test_what_a_lower_rate_cannot_carry_is_taken_away():
    x = tone(6000, 16000)
    assert signal.resample_sinc(x, 16000, 8000)[200:-200].abs().max() < 1e-3
    assert np.abs(signal.resample(x.numpy(), 16000, 8000)[200:-200]).max() < 1e-3


# --- norms ----------------------------------------------------------------------------------------


def test_utterance_norms_see_valid_frames_alone():
    x, lengths = drawn(3, 20, 4), torch.tensor([20, 7, 12])
    padded = x.clone()
    padded[1, 7:], padded[2, 12:] = 99, -99
    for norm in (signal.cepstral_mean, signal.standardized):
        found = norm(padded, lengths)
        for row, n in enumerate(lengths.tolist()):
            torch.testing.assert_close(found[row, :n], norm(x[row : row + 1, :n])[0])
            assert not found[row, n:].any()
    mean, std = signal.moments(padded, lengths, eps=0.0)
    np.testing.assert_allclose(mean[1], x[1, :7].numpy().mean(0), atol=1e-12)
    np.testing.assert_allclose(std[1], x[1, :7].numpy().std(0), atol=1e-12)


def test_a_constant_channel_leaves_no_trace_in_cepstra():
    """A filter adds a constant to log energies and cepstra (Atal 1974)."""
    x, channel = drawn(1, 30, 13), drawn(13, seed=1)
    torch.testing.assert_close(signal.cepstral_mean(x + channel), signal.cepstral_mean(x))


def test_speakers_share_their_moments():
    parts = [drawn(9, 3), 5 + drawn(4, 3, seed=1), 2 * drawn(8, 3, seed=2)]
    found = signal.by_speaker(parts, ["a", "b", "a"])
    together = torch.cat([found[0], found[2]])
    np.testing.assert_allclose(together.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(together.square().mean(0), 1, atol=1e-6)
    np.testing.assert_allclose(found[1].mean(0), 0, atol=1e-12)
    with pytest.raises(DataError, match="3 utterances and 2 speakers"):
        signal.by_speaker(parts, ["a", "b"])


@pytest.mark.parametrize(("n", "width"), [(50, 11), (50, 10), (7, 300)])
def test_sliding_norms_are_the_loop_over_frames(n, width):
    x = 100 + drawn(n, 3)
    w = min(width, n)
    for t, found in enumerate(signal.sliding(x, width=width)):
        start = min(max(t - w // 2, 0), n - w)
        part = x[start : start + w].numpy()
        np.testing.assert_allclose(found, (x[t].numpy() - part.mean(0)) / part.std(0), atol=1e-6)


def test_a_line_has_its_slope_as_delta():
    x = (3 * torch.arange(12, dtype=torch.float64))[:, None]
    assert signal.delta(x, reach=3)[3:-3, 0].tolist() == pytest.approx([3.0] * 6)


def test_spliced_frames_are_neighbours_side_by_side():
    x = torch.arange(8.0).reshape(4, 2)
    assert signal.spliced(x, left=1, right=2)[0].tolist() == [0, 1, 0, 1, 2, 3, 4, 5]
    assert signal.spliced(x, left=1, right=2)[3].tolist() == [4, 5, 6, 7, 6, 7, 6, 7]


# --- voice ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("frequency", [82.0, 131.0, 220.0, 349.0])
def test_pitch_is_that_of_a_tone_with_harmonics(frequency):
    x = sum(tone(k * frequency, 8000) / k for k in range(1, 6))
    found = signal.pitch(x, sample_rate=RATE)
    np.testing.assert_allclose(found, frequency, rtol=0.005)


def test_noise_and_silence_have_no_pitch():
    assert (signal.pitch(drawn(8000), sample_rate=RATE) > 0).double().mean() < 0.05
    assert not signal.pitch(torch.zeros(8000), sample_rate=RATE).any()


def test_voice_is_found_between_silences():
    x = 1e-4 * drawn(16000)
    x[6000:10000] += 0.3 * tone(200, 4000)
    found = signal.voice_activity(x, sample_rate=RATE, hangover=0)
    starts = torch.arange(len(found)) * 160
    assert found[(starts >= 6000) & (starts + 400 <= 10000)].all()
    assert not found[(starts + 400 < 6000) | (starts > 10000)].any()
    assert signal.voice_activity(0.3 * tone(200, 8000), sample_rate=RATE).all()
    assert not signal.voice_activity(torch.zeros(8000), sample_rate=RATE).any()


def test_energy_and_crossings_of_a_tone():
    """400 samples of amplitude 0.5 hold 400 / 8; 1,000 Hz crosses 0 2,000 times in 16,000 samples."""
    x = 0.5 * tone(1000, 4000)
    np.testing.assert_allclose(signal.energy(x, size=400, hop=160), math.log(50), atol=1e-9)
    np.testing.assert_allclose(signal.zero_crossings(x + 1e-9, size=400, hop=160), 1 / 8, atol=0.01)


# --- perturbation ---------------------------------------------------------------------------------


def test_noise_is_as_loud_as_asked_for():
    x, noise, snr = drawn(2, 900), drawn(2, 900, seed=1), torch.tensor([0.0, 20.0], dtype=torch.float64)
    added = signal.with_noise(x, noise, snr) - x
    found = 10 * torch.log10(x.square().sum(1) / added.square().sum(1))
    torch.testing.assert_close(found, snr, rtol=0, atol=1e-9)


def test_noise_that_is_silent_adds_nothing_and_one_of_another_length_is_refused():
    x, noise = drawn(2, 90), drawn(2, 90, seed=1) * torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    found = signal.with_noise(x, noise, 3.0)
    torch.testing.assert_close(found[0], x[0], rtol=0, atol=0)
    assert found.isfinite().all()
    for n in (1, 30):
        with pytest.raises(DataError, match=f"90 samples and the noise {n}"):
            signal.with_noise(x, noise[:, :n], 3.0)


def test_faster_is_shorter_and_higher():
    found = signal.at_speed(tone(400, 8000), 1.25)
    assert len(found) == 6400
    np.testing.assert_allclose(found[300:-300], tone(500, 6400)[300:-300], atol=1e-3)


def test_a_room_is_a_convolution_with_its_response():
    x, response = drawn(2, 200), signal.room_response(1000, reverberation=0.05, seed=1)
    wanted = scipy.signal.fftconvolve(x.numpy(), response.numpy()[None], axes=1)[:, :200]
    np.testing.assert_allclose(signal.in_room(x, response), wanted, atol=1e-10)
    delayed = torch.cat([torch.zeros(7, dtype=torch.float64), 2 * response])
    torch.testing.assert_close(signal.in_room(x, delayed), signal.in_room(x, response))


def test_a_rooms_tail_falls_by_sixty_decibels():
    tail = signal.room_response(16000, reverberation=0.4, seed=0)[1:].square()
    falls = 10 * math.log10(float(tail[:640].mean() / tail[-640:].mean()))
    assert falls == pytest.approx(54, abs=2)  # 640 samples are 6 dB: means of the first and last tenth are 54 apart


def test_masks_stay_within_their_rows():
    generator = torch.Generator().manual_seed(0)
    x, lengths = torch.ones(64, 50, 12), torch.randint(5, 51, (64,), generator=generator)
    found = signal.spec_augment(x, lengths, n_bands=1, widest=4, n_gaps=1, longest=10, generator=generator)
    bands, gaps = (found == 0).all(1).sum(1), (found == 0).all(2).sum(1)
    assert bands.max() == 4
    assert (gaps <= (lengths * 0.2).long()).all()
    assert gaps.max() > 3
    assert (found.flatten(1).mean(1) > 0.4).all()
    behind = torch.arange(50) >= lengths[:, None]
    assert not ((found == 0).all(2) & behind).any()
