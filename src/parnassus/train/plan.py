"""The settings of a training."""

from dataclasses import dataclass
from numbers import Real

from ..errors import SettingError


@dataclass(frozen=True)
class Plan:
    """The settings of a training: whatever a resumed training must share with the one it continues."""

    epochs: int = 20
    batch_size: int = 128
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
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise SettingError(f"{name} is a whole number of at least 1; got {value!r}")
        for name in ("clip_norm", "clip_value"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, Real) and float(value) > 0):
                raise SettingError(f"{name} is a number above 0, or None; got {value!r}")
        if self.average is not None and not (isinstance(self.average, Real) and 0 < float(self.average) < 1):
            raise SettingError(f"average is a decay in (0, 1), such as 0.999; got {self.average!r}")
        if not isinstance(self.precision, str) or self.precision not in ("float32", "bfloat16"):
            raise SettingError(f"precision is 'float32' or 'bfloat16'; got {self.precision!r}")
