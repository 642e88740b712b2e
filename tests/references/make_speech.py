"""Writes speech.json: features of one short signal by librosa, kaldi-native-fbank and python_speech_features.

    pip install librosa==0.11.0 kaldi-native-fbank==1.22.5 python_speech_features==0.6
    python tests/references/make_speech.py

The signal is a rising tone in something like noise, made again by the tests from the same two lines. Frames 0 and 3
are kept.
"""

import importlib.metadata
import json
from pathlib import Path

import numpy as np

RATE, N = 16_000, 2_400


def main() -> None:
    import kaldi_native_fbank as knf
    import librosa
    import python_speech_features as psf

    t = np.arange(N) / RATE
    x = 0.3 * np.sin(2 * np.pi * (200 + 9000 * t) * t) + 0.1 * np.sin(1.7 * np.arange(N) ** 2)

    def kaldi(options: object, online: type, **frame: object) -> np.ndarray:
        options.frame_opts.dither = 0.0
        for name, value in frame.items():
            setattr(options.frame_opts, name, value)
        made = online(options)
        made.accept_waveform(RATE, (x * 32768).tolist())
        made.input_finished()
        return np.stack([made.get_frame(i) for i in range(made.num_frames_ready)])

    fbank = knf.FbankOptions()
    fbank.mel_opts.num_bins = 40
    wide = {"y": x, "sr": RATE, "dtype": np.float64}
    short = {"n_fft": 512, "win_length": 400, "hop_length": 160, "n_mels": 40, "n_mfcc": 13}
    found = {
        "librosa_mfcc": librosa.feature.mfcc(**wide).T,
        "librosa_mfcc_short": librosa.feature.mfcc(**wide, **short).T,
        "kaldi_mfcc": kaldi(knf.MfccOptions(), knf.OnlineMfcc),
        "kaldi_fbank": kaldi(fbank, knf.OnlineFbank),
        "kaldi_fbank_reflected": kaldi(fbank, knf.OnlineFbank, snip_edges=False),
        "psf_logfbank": np.log(psf.fbank(x, RATE, nfilt=26, winfunc=np.hamming, preemph=0.97)[0]),
    }
    names = ("librosa", "kaldi-native-fbank", "python_speech_features")
    kept = {k: {"n_frames": len(v), "0": v[0].tolist(), "3": v[3].tolist()} for k, v in found.items()}
    versions = {name: importlib.metadata.version(name) for name in names}
    text = json.dumps({"versions": versions, "made_by": "tests/references/make_speech.py", **kept}, indent=None)
    Path(__file__).with_name("speech.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
