"""Features against arrays that librosa, Kaldi's and python_speech_features' code computed (tests/references)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from parnassus.errors import DataWarning, SettingError
from parnassus.functional import signal

REFERENCE = json.loads((Path(__file__).parents[2] / "references" / "speech.json").read_text(encoding="utf-8"))
RATE, N = 16_000, 2_400
T = np.arange(N) / RATE
X = torch.from_numpy(0.3 * np.sin(2 * np.pi * (200 + 9000 * T) * T) + 0.1 * np.sin(1.7 * np.arange(N) ** 2))
SHORT = {"n_fft": 512, "frame": 400, "hop": 160, "n_mels": 40, "n_ceps": 13}
# name, function, constants, relative tolerance in float64; kaldi-native-fbank computes in float32
CASES = [
    ("librosa_mfcc", signal.mfcc, {"convention": "librosa"}, 1e-8),
    ("librosa_mfcc_short", signal.mfcc, {"convention": "librosa", **SHORT}, 1e-8),
    ("kaldi_mfcc", signal.mfcc, {"convention": "kaldi"}, 1e-5),
    ("kaldi_fbank", signal.log_mel, {"convention": "kaldi", "n_mels": 40}, 1e-5),
    ("kaldi_fbank_reflected", signal.log_mel, {"convention": "kaldi", "n_mels": 40, "edges": "reflected"}, 1e-5),
]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(("name", "work", "constants", "tolerance"), CASES, ids=[c[0] for c in CASES])
def test_features_are_those_of_the_outside(name, work, constants, tolerance, dtype):
    found = work(X.to(dtype), signal.analysis(RATE, **constants))
    wanted = REFERENCE[name]
    assert found.dtype == dtype
    assert len(found) == wanted["n_frames"]
    tolerance = tolerance if dtype == torch.float64 else 1e-4
    for row in ("0", "3"):
        theirs = np.array(wanted[row])
        np.testing.assert_allclose(found[int(row)].numpy(), theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


def test_the_books_filters_are_those_of_python_speech_features():
    """Its power spectrum is divided by n_fft, so that logarithms differ by ln 512."""
    found = signal.log_mel(X, signal.analysis(RATE, n_mels=26, floor=1e-30))
    for row in ("0", "3"):
        np.testing.assert_allclose(found[int(row)].numpy() - np.log(512), REFERENCE["psf_logfbank"][row], atol=1e-8)


@pytest.mark.parametrize("convention", sorted(signal.CONVENTIONS))
@pytest.mark.parametrize("work", [signal.mfcc, signal.log_mel, signal.spectrogram])
def test_a_batch_gives_what_its_rows_give(convention, work):
    setting = signal.analysis(RATE, convention=convention)
    batch = torch.stack([X, X.flip(0), 0.1 * X]).reshape(3, 1, N)
    each = torch.stack([work(row[0], setting) for row in batch])
    torch.testing.assert_close(work(batch, setting)[:, 0], each, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("convention", sorted(signal.CONVENTIONS))
def test_long_signals_in_blocks_are_their_pieces(convention):
    """700 frames are several blocks; the frames do not know that."""
    x = torch.sin(torch.arange(700 * 160, dtype=torch.float64).pow(1.3) / 50)
    setting = signal.analysis(RATE, convention=convention, hop=160, top_db=None, frame=400, n_fft=512)
    whole = signal.mfcc(x, setting)
    piece = signal.mfcc(x[: 40 * 160], setting)
    torch.testing.assert_close(whole[5:30], piece[5:30], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("convention", sorted(signal.CONVENTIONS))
def test_features_can_be_differentiated(convention):
    setting = signal.analysis(8000, convention=convention, frame=64, hop=32, n_fft=64, n_mels=6, n_ceps=4)
    x = (X[:200] + 0.01).clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: signal.mfcc(x, setting), x, eps=1e-7, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("edges", "n", "wanted"),
    [("inside", 399, 0), ("inside", 400, 1), ("inside", 559, 1), ("inside", 560, 2),
     ("centered", 399, 3), ("reflected", 399, 2), ("reflected", 400, 3)],
)  # fmt: skip
def test_frame_counts_by_convention(edges, n, wanted):
    """Kaldi's NumFrames and librosa's 1 + n // hop, by hand."""
    assert signal.frame_count(n, 400, 160, edges=edges) == wanted


def test_dither_is_the_same_each_time_and_moves_silence():
    setting = signal.analysis(RATE, convention="kaldi", dither=1.0)
    silent = torch.zeros(800, dtype=torch.float64)
    assert torch.equal(signal.mfcc(silent, setting), signal.mfcc(silent, setting))
    assert not torch.equal(signal.mfcc(silent, setting), signal.mfcc(silent, signal.analysis(RATE, convention="kaldi")))


def test_silence_stays_finite():
    for convention in signal.CONVENTIONS:
        assert signal.mfcc(torch.zeros(4000), signal.analysis(RATE, convention=convention)).isfinite().all()


def test_mel_energies_come_from_spectra_that_give_them_back():
    setting = signal.analysis(RATE, n_mels=20)
    energies = signal.mel_energies(signal.spectrogram(X, setting), setting)
    again = signal.mel_energies(signal.mel_to_spectrum(energies, setting), setting)
    assert float((again - energies).norm() / energies.norm()) < 0.15


def test_filters_between_bins_are_said_to_let_nothing_through():
    with pytest.warns(DataWarning, match="mel filters are narrower than a bin"):
        signal.mel_filters(128, sample_rate=16000, n_fft=256, convention="librosa")


def test_coinciding_bins_keep_their_peaks():
    h = signal.mel_filters(80, sample_rate=16000, n_fft=256)
    assert h.isfinite().all()
    assert (h.amax(1) == 1).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"convention": "kaldy"}, "did you mean 'kaldi'"), ({"n_mel": 3}, "n_mels"), ({"f_max": 9000.0}, "8000"),
     ({"n_ceps": 50}, "n_ceps=50"), ({"frame": 600, "n_fft": 512}, "frame <= n_fft")],
)  # fmt: skip
def test_wrong_constants_are_refused(changes, words):
    with pytest.raises(SettingError, match=words):
        signal.analysis(RATE, **changes)
