"""Speech features against librosa, scipy, NumPy, and the loop that HTK's manual describes."""

import math

import numpy as np
import torch

from ..functional import signal
from ..imports import imported
from . import check, gap

RATE = 16_000


def chirp(n_samples: int = 8_000) -> np.ndarray:
    """A tone that rises, in noise, float64."""
    t = np.arange(n_samples) / RATE
    return 0.3 * np.sin(2 * np.pi * (200 + 300 * t) * t) + 0.05 * np.random.default_rng(0).standard_normal(n_samples)


def relative(ours: torch.Tensor, theirs: np.ndarray) -> float:
    """The largest difference as a share of the largest value."""
    return float(gap(ours, theirs) / np.abs(theirs).max())


@check("mfcc", "log-mel-energies", "mel-filter-bank", oracle="librosa", tolerance=1e-8)
def mfcc_against_librosa() -> float:
    """20 cepstra of librosa.feature.mfcc in float64, its default constants."""
    x = chirp()
    theirs = imported("librosa").feature.mfcc(y=x, sr=RATE, dtype=np.float64).T
    return relative(signal.mfcc(torch.from_numpy(x), signal.analysis(RATE, convention="librosa")), theirs)


@check("delta-features", oracle="librosa", tolerance=1e-8)
def deltas_against_librosa() -> float:
    """Slopes over five frames against librosa.feature.delta with repeated ends."""
    x = np.random.default_rng(0).standard_normal((30, 13))
    theirs = imported("librosa").feature.delta(x.T, width=5, mode="nearest").T
    return relative(signal.delta(torch.from_numpy(x)), theirs)


@check("dct-ii", oracle="scipy", tolerance=1e-12)
def cosine_transform_against_scipy() -> float:
    """DCT-II of 40 numbers: half of scipy's without a norm, and scipy's with norm="ortho"."""
    x, fft = np.random.default_rng(0).standard_normal((5, 40)), imported("scipy.fft")
    plain = relative(signal.dct(torch.from_numpy(x)), fft.dct(x) / 2)
    return max(plain, relative(signal.dct(torch.from_numpy(x), norm="ortho"), fft.dct(x, norm="ortho")))


@check("hamming-window", oracle="scipy", tolerance=1e-8)
def windows_against_scipy() -> float:
    """Eight windows of 400 samples against scipy.signal.windows."""
    windows = imported("scipy.signal.windows")
    named = {"hamming": "hamming", "hann": "hann", "blackman": "blackman", "blackman_harris": "blackmanharris",
             "nuttall": "nuttall", "flat_top": "flattop", "bartlett": "bartlett", "rectangular": "boxcar"}  # fmt: skip
    return max(
        relative(signal.window(ours, 400, dtype=torch.float64), getattr(windows, theirs)(400))
        for ours, theirs in named.items()
    )


@check("dft-fft", oracle="numpy", tolerance=1e-10)
def transform_by_its_sum_against_numpy() -> float:
    """The discrete Fourier transform of 400 samples filled to 512 by its sum, against numpy.fft.fft."""
    x = chirp(400)
    theirs = np.fft.fft(x, 512)
    return relative(signal.dft(torch.from_numpy(x), 512), theirs)


@check("pre-emphasis", oracle="scipy", tolerance=1e-12)
def pre_emphasis_against_a_filter() -> float:
    """y[n] = x[n] - 0.97 x[n - 1] against scipy.signal.lfilter."""
    x = chirp(500)
    return relative(signal.pre_emphasis(torch.from_numpy(x)), imported("scipy.signal").lfilter([1, -0.97], [1], x))


@check("sampling-nyquist", oracle="numpy", tolerance=1e-9)
def aliases_against_sampled_tones() -> float:
    """Tones of 1 to 30 kHz sampled at 8 kHz: the loudest bin of numpy's transform is where the report puts them."""
    frequencies = [1000.0, 3000.0, 5000.0, 7000.0, 11000.0, 29000.0]
    n = np.arange(800)
    found = [np.abs(np.fft.rfft(np.sin(2 * np.pi * f * n / 8000))).argmax() * 10.0 for f in frequencies]
    return max(gap(a.appears_at, f) for a, f in zip(signal.aliases(frequencies, 8000), found, strict=True))


@check("mfcc", "mel-scale", oracle="(closed form)", tolerance=1e-9)
def mfcc_against_htks_loop() -> float:
    """12 liftered cepstra of HTK's defaults against the loop over bins and channels of its manual, in plain Python."""
    x = chirp(1_200)
    ours = signal.mfcc(torch.from_numpy(x), signal.analysis(RATE, convention="htk"))
    theirs = np.array([htk_cepstra(x[at : at + 400] * 32768) for at in range(0, 801, 160)])
    return relative(ours, theirs)


def htk_cepstra(frame: np.ndarray, *, n_channels: int = 20, n_fft: int = 512) -> list[float]:
    """Cepstra of one frame, step by step: emphasis, Hamming, magnitudes, triangles, logarithm, cosines, lifter."""
    emphasized = np.concatenate([frame[:1] * 0.03, frame[1:] - 0.97 * frame[:-1]])
    n = len(frame)
    spectrum = np.abs(np.fft.rfft(emphasized * (0.54 - 0.46 * np.cos(2 * np.pi * np.arange(n) / (n - 1))), n_fft))
    mels = [1127 * math.log(1 + k * RATE / n_fft / 700) for k in range(n_fft // 2 + 1)]
    centers = [(c + 1) * mels[-1] / (n_channels + 1) for c in range(n_channels + 1)]
    channels = [0.0] * (n_channels + 2)
    for k in range(1, n_fft // 2):
        below = sum(center < mels[k] for center in centers)  # the channel whose falling side the bin is on
        low = centers[below - 1] if below else 0.0
        falling = (centers[below] - mels[k]) / (centers[below] - low)
        channels[below] += falling * spectrum[k]
        channels[below + 1] += (1 - falling) * spectrum[k]
    logs = [math.log(max(c, 1.0)) for c in channels[1 : n_channels + 1]]
    found = []
    for i in range(1, 13):
        total = sum(v * math.cos(math.pi * i / n_channels * (m + 0.5)) for m, v in enumerate(logs))
        found.append(math.sqrt(2 / n_channels) * total * (1 + 11 * math.sin(math.pi * i / 22)))
    return found
