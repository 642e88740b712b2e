"""The constants of a spectral analysis, as librosa, Kaldi, HTK and the book choose them."""

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, Literal

from ...errors import SettingError, did_you_mean

Convention = Literal["book", "librosa", "kaldi", "htk"]
Edges = Literal["inside", "centered", "reflected"]


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """Every constant between a signal and its cepstra.

    sample_rate : samples a second.
    frame, hop, n_fft : samples of a frame, between two frames, and of the Fourier transform (zeros fill the rest).
    edges : which frames there are, see `frame_count`.
    window : see `window`; `periodic` windows have the period `frame` (else they are symmetric).
    scale : what samples in [-1, 1] are multiplied by; Kaldi and HTK read 16-bit integers.
    dither : standard deviation of the noise that is added to the scaled samples; 0 adds none.
    zero_mean : whether each frame loses its mean.
    pre_emphasis, emphasis : its factor, and whether it is done on the "signal" or on each "frame".
    power : 2 for power spectra, 1 for magnitudes.
    n_mels, f_min, f_max : filters, and the band they cover in hertz.
    mel : the scale, see `hz_to_mel`. triangles, area : see `mel_filters`.
    log : "natural" or "decibel"; energies are raised to `floor`, decibels to the loudest minus `top_db`.
    dct : the norm, see `dct`. n_ceps, first : how many coefficients, from which on. lifter : see `lifter`, 0 for none.
    energy : whether the first coefficient is replaced by the logarithm of the frame's energy.
    """

    convention: Convention
    sample_rate: int
    frame: int
    hop: int
    n_fft: int
    edges: Edges = "inside"
    window: str = "hamming"
    periodic: bool = False
    scale: float = 1.0
    dither: float = 0.0
    zero_mean: bool = False
    pre_emphasis: float = 0.97
    emphasis: Literal["signal", "frame"] = "signal"
    power: float = 2.0
    n_mels: int = 40
    f_min: float = 0.0
    f_max: float = 0.0
    mel: Literal["htk", "slaney", "kaldi"] = "htk"
    triangles: Literal["bins", "hertz", "mel"] = "bins"
    area: Literal["none", "slaney"] = "none"
    log: Literal["natural", "decibel"] = "natural"
    floor: float = 1e-10
    top_db: float | None = None
    dct: Literal["plain", "ortho", "htk"] = "plain"
    n_ceps: int = 12
    first: int = 1
    lifter: int = 0
    energy: bool = False


CONVENTIONS: dict[str, dict[str, Any]] = {
    "book": {},
    "librosa": {
        "edges": "centered",
        "window": "hann",
        "periodic": True,
        "pre_emphasis": 0.0,
        "n_mels": 128,
        "mel": "slaney",
        "triangles": "hertz",
        "area": "slaney",
        "log": "decibel",
        "top_db": 80.0,
        "dct": "ortho",
        "n_ceps": 20,
        "first": 0,
    },
    "kaldi": {
        "window": "povey",
        "scale": 32768.0,
        "zero_mean": True,
        "emphasis": "frame",
        "n_mels": 23,
        "f_min": 20.0,
        "mel": "kaldi",
        "triangles": "mel",
        "floor": 2.0**-23,
        "dct": "ortho",
        "n_ceps": 13,
        "first": 0,
        "lifter": 22,
        "energy": True,
    },
    "htk": {
        "scale": 32768.0,
        "emphasis": "frame",
        "power": 1.0,
        "n_mels": 20,
        "mel": "kaldi",
        "triangles": "mel",
        "floor": 1.0,
        "dct": "htk",
        "n_ceps": 12,
        "lifter": 22,
    },
}


def analysis(sample_rate: int, *, convention: Convention = "book", **changes: Any) -> Analysis:
    """The analysis of a convention at a sample rate; `changes` are fields of `Analysis`.

    Frames of 25 ms every 10 ms and the next power of two as transform, but for librosa, whose 2,048 and 512 samples
    depend on no rate. `f_max` is half the sample rate unless told.

    ============  =========  =========  =========  =========
    \\             book       librosa    kaldi      htk
    ============  =========  =========  =========  =========
    frames of n   1+(n-w)//h 1+n//h     1+(n-w)//h 1+(n-w)//h
    window        Hamming    Hann       Povey      Hamming
    pre-emphasis  signal     none       frame      frame
    spectrum      power      power      power      magnitude
    mel scale     2595 lg    Slaney     1127 ln    1127 ln
    triangles     on bins    in hertz   in mel     in mel
    logarithm     ln         10 lg      ln         ln
    floor         1e-10      1e-10      2**-23     1
    DCT           plain      ortho      ortho      sqrt(2/M)
    coefficients  c1 to c12  c0 to c19  E, c1-c12  c1 to c12
    ============  =========  =========  =========  =========

    >>> analysis(16000).n_fft
    512

    Source: Hifny A3.9 to A3.20; the defaults of librosa 0.11, Kaldi's compute-mfcc-feats and HTK 3.4's HCopy.
    """
    if convention not in CONVENTIONS:
        raise SettingError(f"convention {convention!r} is not known; {did_you_mean(convention, CONVENTIONS)}")
    known = [field.name for field in fields(Analysis)]
    for name in changes:
        if name not in known:
            raise SettingError(f"an analysis has no setting {name!r}; {did_you_mean(name, known)}")
    given = {name: value for name, value in changes.items() if value is not None}
    return _analysis(int(sample_rate), convention, tuple(sorted(given.items())))


@lru_cache(maxsize=64)
def _analysis(sample_rate: int, convention: Convention, changes: tuple[tuple[str, Any], ...]) -> Analysis:
    given = dict(changes)
    if convention == "librosa":
        n_fft = int(given.get("n_fft", max(2048, given.get("frame", 0))))
        frame, hop = int(given.get("frame", n_fft)), int(given.get("hop", 512))
    else:
        frame = int(given.get("frame", sample_rate * 25 // 1000))
        hop = int(given.get("hop", sample_rate // 100))
        n_fft = int(given.get("n_fft", 1 << max(frame - 1, 1).bit_length()))
    f_max = float(given.get("f_max") or sample_rate / 2)
    made = Analysis(convention=convention, sample_rate=sample_rate, frame=frame, hop=hop, n_fft=n_fft)
    made = replace(made, **{**CONVENTIONS[convention], **given, "frame": frame, "hop": hop, "n_fft": n_fft})
    n_ceps = made.n_ceps if "n_ceps" in given else max(min(made.n_ceps, made.n_mels - made.first), 1)
    made = replace(made, f_max=f_max, n_ceps=n_ceps)
    check_analysis(made)
    return made


def check_analysis(made: Analysis) -> None:
    """Refuses constants that make no analysis."""
    if made.sample_rate < 1 or made.hop < 1 or not 1 <= made.frame <= made.n_fft:
        raise SettingError(
            f"an analysis needs sample_rate and hop of at least 1 and 1 <= frame <= n_fft; got sample_rate="
            f"{made.sample_rate}, frame={made.frame}, hop={made.hop}, n_fft={made.n_fft}"
        )
    if not 0 <= made.f_min < made.f_max <= made.sample_rate / 2:
        raise SettingError(
            f"the band is 0 <= f_min < f_max <= {made.sample_rate / 2:g} Hz, half the sample rate; got f_min="
            f"{made.f_min:g} and f_max={made.f_max:g}"
        )
    if made.n_mels < 1 or not 1 <= made.n_ceps <= made.n_mels - made.first or made.first not in (0, 1):
        raise SettingError(
            f"of n_mels={made.n_mels} energies there are coefficients 0 to {made.n_mels - 1}; got n_ceps="
            f"{made.n_ceps} from first={made.first} on"
        )
    if made.power not in (1, 2) or not made.floor > 0:
        raise SettingError(f"power is 1 or 2 and floor above 0; got {made.power} and {made.floor}")
