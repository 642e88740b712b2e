"""What a server may take and how long: the limits, in one place."""

from dataclasses import dataclass, fields

from ..errors import SettingError


@dataclass(frozen=True)
class Settings:
    """The limits of a server.

    Parameters
    ----------
    token : what clients must send as `Authorization: Bearer ...`; None asks nobody.
    max_batch : rows that the model is given at a time; 1 answers each request by itself.
    max_wait_ms : how long a row waits for others to come, while others are on their way.
    max_queue : rows that may wait; further requests are told to come back later (503).
    max_bytes : the largest body of a request (413).
    timeout : seconds until a request is given up (504).
    max_pixels, max_seconds : the largest picture and the longest sound that are unpacked.
    watch : seconds between looks at the model's file; 0 never looks.
    """

    token: str | None = None
    max_batch: int = 64
    max_wait_ms: float = 2.0
    max_queue: int = 1_024
    max_bytes: int = 16 << 20
    timeout: float = 30.0
    max_pixels: int = 40_000_000
    max_seconds: float = 600.0
    watch: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "token":
                if value is not None and (not isinstance(value, str) or not value.strip() or not value.isascii()):
                    raise SettingError("token is a word of ASCII characters, or None")
                continue
            least = 0 if field.name in ("max_wait_ms", "watch") else 1 if field.type is int else 1e-3
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < float("inf"):
                raise SettingError(f"{field.name} is a number of at least {least}; got {value!r}")
            if field.type is int and not isinstance(value, int):
                raise SettingError(f"{field.name} is a whole number; got {value!r}")
