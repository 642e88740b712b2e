"""Speech features on numbers small enough to follow, and two tones through the whole front end."""

import math

import torch
from torch import Tensor

from ..functional import signal
from ..insight.sounds import spectrogram
from . import Size, Table, recipe

BOOK_WINDOW = (0.08, 0.54, 0.54, 0.08)
BOOK_WINDOWED = (1.0, 1.08, 1.62, 0.32)  # what the book hands to its FFT; its own window step gives .08 first


def written(values: Tensor) -> str:
    """Numbers in one cell, without zeros at their ends."""
    return " ".join(f"{v:.4g}" for v in values.tolist()) if not values.is_complex() else _complex(values)


def _complex(values: Tensor) -> str:
    return " ".join(f"{v.real:.4g}{v.imag:+.4g}j" if abs(v.imag) > 1e-9 else f"{v.real:.4g}" for v in values.tolist())


@recipe(
    "mfcc-by-hand",
    source="Hifny 3.3",
    figure="each step of the cepstra on frames of four samples and three filters",
    experiments="hifny-4",
)
def mfcc_by_hand(size: Size) -> Table:
    """Every step from a signal to its cepstra on the book's numbers, right where the book is wrong."""
    x = torch.arange(1.0, 9.0, dtype=torch.float64)
    w = signal.window("hamming", 4, dtype=torch.float64)
    given = torch.tensor(BOOK_WINDOWED, dtype=torch.float64)
    points = signal.mel_to_hz(torch.linspace(0, float(signal.hz_to_mel(torch.tensor(8000.0).double())), 5).double())
    logs = torch.tensor([2.0, 4.0, 6.0], dtype=torch.float64).log()
    rows = [
        ("pre-emphasis .97 of 1 2 3 4", "1 1.03 1.06 1.09", written(signal.pre_emphasis(x[:4])), "yes"),
        ("frames of 4 every 2 of 1 to 8", "3", str(len(signal.frames(x, 4, 2))), "yes"),
        ("Hamming window of 4", written(torch.tensor(BOOK_WINDOW)), written(w), "no"),
        ("1 2 3 4 in the window", "0.08 1.08 1.62 0.32", written(x[:4] * w), "no"),
        ("FFT of what the book hands on", "4.02 -0.62-0.76j 1.22 -0.62+0.76j", written(torch.fft.fft(given)), "yes"),
        ("FFT of the window's own result", "", written(torch.fft.fft(x[:4] * w)), ""),
        ("its power", "", written(torch.fft.fft(x[:4] * w).abs().square()), ""),
        ("mel points from 0 to 8000 Hz, Hz", "0 614 1767 3933 8000", " ".join(f"{p:.1f}" for p in points), "yes"),
        ("bins of 512", "0 19 56 126 256", written(torch.floor(513 * points / 16000)), "yes"),
        ("logarithms of 2 4 6", "0.69 1.39 1.79", written(logs), "yes"),
        ("their cosine transform", "3.87 -0.95 -0.15", written(signal.dct(logs)), "yes"),
        ("two tones, louder one first: peaks, Hz", "", peaks(n=800 if size == "tiny" else 16_000), ""),
    ]
    notes = [
        "Where the last column says no, the book's number is wrong: .54 - .46 cos(2 pi n / 3) is .77 at the "
        "middle samples, and the book hands on 1 in place of its own .08. It then quotes X[2] as 1.18; its own line "
        "has 1.22.",
        "The logarithms' transform of the book starts from rounded logarithms. MFCC leave the first number out.",
        "The tones are of 440 and 1760 Hz, made here at 16 kHz: the peaks are the highest two bins of 512.",
    ]
    shown = {
        "One tone that rises and one that falls: the spectrogram of a second.": lambda: spectrogram(
            sliding(), sample_rate=16_000
        )
    }
    columns = ("step", "the book", "here", "the book is right")
    return Table("Cepstra by hand", columns, rows, notes, {"seed": 0, "rate": 16_000}, pictures=shown)


def two_tones(n: int) -> Tensor:
    """440 Hz and, half as loud, 1760 Hz, at 16,000 samples a second."""
    t = torch.arange(n, dtype=torch.float64) / 16_000
    return torch.sin(2 * math.pi * 440 * t) + 0.5 * torch.sin(2 * math.pi * 1760 * t)


def peaks(n: int) -> str:
    """The two loudest frequencies of the mean power spectrum, to the bin."""
    frames = signal.frames(two_tones(n), 400, 160) * signal.window("hamming", 400, dtype=torch.float64)
    power = signal.power_spectrum(frames, 512).mean(0).numpy()
    tops = [i for i in range(1, len(power) - 1) if power[i] > power[i - 1] and power[i] > power[i + 1]]
    best = sorted(tops, key=lambda i: -power[i])[:2]
    return " ".join(f"{i * 16_000 / 512:g}" for i in best)


def sliding() -> Tensor:
    """A second of a tone that rises while another falls."""
    t = torch.arange(16_000, dtype=torch.float64) / 16_000
    up, down = 400 * t + 1200 * t**2, 3000 * t - 1000 * t**2
    return 0.5 * (torch.sin(2 * math.pi * up) + torch.sin(2 * math.pi * down))
