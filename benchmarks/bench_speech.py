"""Mel-frequency cepstra of 20 minutes at 16 kHz: ours with librosa's and with Kaldi's constants, beside theirs.

Run: python benchmarks/bench_speech.py [--threads 1]. On a machine that others use too, one thread is the fair count:
the pieces are small, and two threads wait for each other.
"""

import numpy as np
import torch

from harness import Work, arguments, compare, installed
from parnassus.functional import signal

RATE, SECONDS = 16_000, 1_200
WAVE = (0.1 * np.random.default_rng(0).standard_normal(RATE * SECONDS)).astype(np.float32)


def ours(convention: signal.Convention) -> Work:
    setting = signal.analysis(RATE, convention=convention)
    return lambda: signal.mfcc(torch.from_numpy(WAVE), setting)


def librosa() -> None:
    import librosa

    librosa.feature.mfcc(y=WAVE, sr=RATE)


def kaldi() -> None:
    import kaldi_native_fbank as knf

    options = knf.MfccOptions()
    options.frame_opts.dither = 0
    online = knf.OnlineMfcc(options)
    online.accept_waveform(RATE, WAVE * 32768)
    online.input_finished()
    for i in range(online.num_frames_ready):
        online.get_frame(i)


def python_speech_features() -> None:
    import python_speech_features as psf

    psf.mfcc(WAVE, RATE, winfunc=np.hamming)


def main() -> None:
    args = arguments()
    works: dict[str, Work] = {"ours, librosa": ours("librosa")}
    if installed("librosa"):
        works["librosa"] = librosa
    compare("mfcc of 20 minutes, librosa's constants", works, ours="ours, librosa", args=args)
    works = {"ours, kaldi": ours("kaldi")}
    if installed("kaldi_native_fbank"):
        works["kaldi-native-fbank"] = kaldi
    compare("mfcc of 20 minutes, kaldi's constants", works, ours="ours, kaldi", args=args)
    works = {"ours, book": ours("book")}
    if installed("python_speech_features"):
        works["python_speech_features"] = python_speech_features
    compare("mfcc of 20 minutes, the book's constants", works, ours="ours, book", args=args)


if __name__ == "__main__":
    main()
