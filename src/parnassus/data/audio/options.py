"""What options of `pn.Speech` may be."""

from typing import Any

from ...errors import SettingError, did_you_mean
from ...functional import signal
from .speakers import FOLDER

FEATURES = ("log_mel", "mfcc", "spectrogram")
NORMS = ("training", "utterance", "mean", "sliding", "speaker", "none")
HOLDS = ("features", "wave")
SHORTEST = 0.05  # seconds that a room rings


def check_options(given: dict[str, Any]) -> None:
    """Refuses options of `Speech` that mean nothing."""
    choices = {
        "features": FEATURES,
        "convention": tuple(signal.CONVENTIONS),
        "normalize": NORMS,
        "channels": ("mean", "one"),
        "hold": HOLDS,
    }
    for name, known in choices.items():
        if given[name] not in known:
            raise SettingError(f"Speech: {name}={given[name]!r}; {did_you_mean(given[name], known)}")
    if given["normalize"] == "speaker" and given["hold"] == "wave":
        raise SettingError("Speech: normalize='speaker' is over features that are held; leave hold='wave' out")
    if not isinstance(given["speaker"], str) or not given["speaker"]:
        raise SettingError(f"Speech: speaker is a column's name, or {FOLDER!r}; got {given['speaker']!r}")
    _check_changes(given)
    if not 0 <= given["speed"] <= 0.5 or given["mask"] < 0 or given["deltas"] < 0:
        raise SettingError("Speech: speed lies between 0 and 0.5, and mask and deltas are at least 0")
    for name, least in (("n_mels", 1), ("n_ceps", 1), ("deltas", 0), ("mask", 0)):
        value = given[name]
        if value is not None and (not isinstance(value, int) or value < least):
            raise SettingError(f"Speech: {name} is a whole number of at least {least}; got {value!r}")
    if given["sample_rate"] is not None and given["sample_rate"] < 100:
        raise SettingError(f"Speech: sample_rate is samples a second, at least 100; got {given['sample_rate']}")


def _check_changes(given: dict[str, Any]) -> None:
    """Refuses changes of waves that mean nothing, or without waves to change."""
    if (given["noise"] or given["speed"] or given["room"]) and given["hold"] != "wave":
        raise SettingError("Speech: noise, speed and room change waves, and features are held; say hold='wave'")
    if given["room"] != 0 and not SHORTEST <= given["room"] <= 5:
        raise SettingError(f"Speech: room is 0, or {SHORTEST} to 5 seconds; got {given['room']!r}")
    if given["noise"] is not None and (len(given["noise"]) != 2 or given["noise"][0] > given["noise"][1]):
        raise SettingError(f"Speech: noise is (low, high) decibels; got {given['noise']}")
