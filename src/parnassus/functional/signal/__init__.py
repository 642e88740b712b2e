"""Speech signals: rates, frames, spectra, mel energies, cepstra, their changes and norms, and the way back.

Signals are (..., n) floats, samples from -1 to 1; frames come out as (..., n_frames, ...). The constants of an analysis
are one value: `analysis(16000, convention="kaldi")`.
"""

from .cepstra import cepstra, dct, dct_matrix, delta, frame_energy, lifter, mfcc, spliced, with_deltas
from .conventions import CONVENTIONS, Analysis, Convention, analysis
from .framing import WINDOWS, dither, frame_count, frame_emphasis, frames, overlap_add, pre_emphasis, window
from .mel import hz_to_mel, log_mel, logarithm, mel_energies, mel_filters, mel_to_hz, mel_to_spectrum
from .normalization import by_speaker, cepstral_mean, inside, moments, sliding, standardized
from .perturbation import at_speed, in_room, room_response, spec_augment, with_noise
from .sampling import Alias, aliases, nyquist_rate, resample, resample_sinc
from .spectrum import (
    dft,
    griffin_lim,
    istft,
    power_spectrum,
    spectral_convergence,
    spectrogram,
    stft,
)
from .voice import energy, pitch, voice_activity, zero_crossings

__all__ = [
    "CONVENTIONS",
    "WINDOWS",
    "Alias",
    "Analysis",
    "Convention",
    "aliases",
    "analysis",
    "at_speed",
    "by_speaker",
    "cepstra",
    "cepstral_mean",
    "dct",
    "dct_matrix",
    "delta",
    "dft",
    "dither",
    "energy",
    "frame_count",
    "frame_emphasis",
    "frame_energy",
    "frames",
    "griffin_lim",
    "hz_to_mel",
    "in_room",
    "inside",
    "istft",
    "lifter",
    "log_mel",
    "logarithm",
    "mel_energies",
    "mel_filters",
    "mel_to_hz",
    "mel_to_spectrum",
    "mfcc",
    "moments",
    "nyquist_rate",
    "overlap_add",
    "pitch",
    "power_spectrum",
    "pre_emphasis",
    "resample",
    "resample_sinc",
    "room_response",
    "sliding",
    "spec_augment",
    "spectral_convergence",
    "spectrogram",
    "spliced",
    "standardized",
    "stft",
    "voice_activity",
    "window",
    "with_deltas",
    "with_noise",
    "zero_crossings",
]
