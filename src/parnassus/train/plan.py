"""The settings of a training."""

from dataclasses import dataclass
from itertools import pairwise
from numbers import Real

from ..errors import SettingError


@dataclass(frozen=True)
class Plan:
    """The settings of a training: whatever a resumed training must share with the one it continues.

    `batch_size` is a number of rows, or pairs (first epoch, rows) for a batch that grows: ((0, 32), (10, 64)).
    """

    epochs: int = 20
    batch_size: int | tuple[tuple[int, int], ...] = 128
    micro_batch_size: int | None = None
    clip_norm: float | None = None
    clip_value: float | None = None
    patience: int | None = None
    monitor: str = "loss"
    average: float | None = None
    precision: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "micro_batch_size", "patience"):
            value = getattr(self, name)
            if name == "batch_size" and isinstance(value, tuple):
                _check_growth(value)
            elif value is not None and not _counts(value, 1):
                raise SettingError(f"{name} is a whole number of at least 1; got {value!r}")
        for name in ("clip_norm", "clip_value"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, Real) and float(value) > 0):
                raise SettingError(f"{name} is a number above 0, or None; got {value!r}")
        if self.average is not None:
            _check_average(self.average, self.epochs, self.patience)
        if not isinstance(self.precision, str) or self.precision not in ("float32", "bfloat16"):
            raise SettingError(f"precision is 'float32' or 'bfloat16'; got {self.precision!r}")


def _check_average(average: object, epochs: int, patience: int | None) -> None:
    """Refuse what is neither a decay nor a number of epochs that are surely run."""
    number = float(average) if isinstance(average, Real) else -1.0
    if not 0 < number < 1 and not (number >= 2 and number.is_integer()):
        raise SettingError(
            f"average is a decay in (0, 1), such as 0.999, or a number of last epochs, such as 5; got {average!r}"
        )
    if number >= 2 and patience:
        raise SettingError(
            f"average={average!r} takes the last epochs, and patience ends at one unknown; give a decay, such as 0.999"
        )
    if number > epochs:
        raise SettingError(f"average={average!r} takes the last epochs, and there are {epochs}; give more epochs")


def _counts(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _check_growth(pairs: tuple) -> None:
    """Refuses sizes by epoch that do not begin at epoch 0, are out of order, or are no numbers of rows."""
    whole = all(isinstance(p, tuple) and len(p) == 2 and _counts(p[0], 0) and _counts(p[1], 1) for p in pairs)
    if not whole or not pairs or pairs[0][0] != 0 or any(a[0] >= b[0] for a, b in pairwise(pairs)):
        raise SettingError(
            f"batch_size by epoch names epochs in order, from 0, and rows of at least 1, such as "
            f"{{0: 32, 10: 64}}; got {dict(pairs) if whole else pairs!r}"
        )
