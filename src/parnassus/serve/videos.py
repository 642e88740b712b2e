"""Videos from the bytes of a file, within limits that are looked at before a frame is unpacked and at each one."""

import io
import time
from typing import Any

import numpy as np
import torch

from ..data.images.video import Video
from ..data.images.video_files import Footage
from ..errors import FileError, SettingError, missing_extra
from .files import reason
from .inputs import Input, Json
from .refusal import Refused, invalid

CHANNELS = {1: "L", 3: "RGB"}


class Clip(Input):
    """A video in a file: every frame is brought to the size of training as it is unpacked, and only so is it held."""

    kind = "video"
    upload = "video"
    schema: Json = {"type": "string", "format": "binary", "contentMediaType": "video/*"}

    def __init__(self, codec: Video, limits: Any) -> None:
        try:
            import av  # noqa: F401  # that it is absent is to be said now, and not at the first request
        except ImportError:
            raise missing_extra("av", "video", "serving a model of videos") from None
        self.codec, self.limits = codec, limits
        if codec.shape[0] not in CHANNELS:
            raise SettingError(
                f"videos of {codec.shape[0]} channels are not served, for no file holds them; those of 1 or 3 are: use "
                f"predict for this one"
            )

    def decode(self, content: bytes, where: str) -> np.ndarray:
        import av

        ends = time.monotonic() + self.limits.timeout
        try:
            with av.open(io.BytesIO(content), format=container(content, where)) as held:
                footage = Footage(held, where)
                self._check(footage, where)
                frames = self._held(footage, where, ends)
        except Refused:
            raise
        except FileError as error:
            raise invalid(str(error), where) from error
        except Exception as error:  # as for pictures
            raise invalid(f"{where} cannot be read as a video ({reason(error)}); send MP4 or WebM", where) from error
        if footage.short:
            raise invalid(f"{where} ends after {len(frames)} frames, before its header says; send all of it", where)
        return np.stack(frames)

    def _check(self, footage: Footage, where: str) -> None:
        """What the header tells: the size of the frames, and how long it lasts."""
        height, width = footage.size
        if height * width > self.limits.max_pixels:
            most = f"{self.limits.max_pixels:,} are the most taken"
            raise Refused(
                413, "too_many_pixels", f"{where} has frames of {width} x {height} pixels, and {most}", where=where
            )
        if footage.seconds is not None and footage.seconds > self.limits.max_seconds:
            most = f"{self.limits.max_seconds:g} s are the most taken"
            raise Refused(413, "too_long", f"{where} lasts {footage.seconds:,.0f} s, and {most}", where=where)

    def _held(self, footage: Footage, where: str, ends: float) -> list[np.ndarray]:
        """The frames at the size of training; a header may be wrong, so that each is looked at."""
        channels, height, width = self.codec.shape
        most, frames = max(self.limits.max_pixels // (height * width), 1), list[np.ndarray]()
        for frame in footage:
            if len(frames) == most or frame.shape[0] * frame.shape[1] > self.limits.max_pixels:
                words = f"{where} holds more than {most:,} frames of {width} x {height} pixels, the most taken"
                raise Refused(413, "too_many_pixels", words + "; send a shorter one", where=where)
            if time.monotonic() > ends:
                words = f"{where} is not unpacked after {self.limits.timeout:g} s; send a shorter or a smaller one"
                raise Refused(413, "too_long", words, where=where)
            if self.codec.options["size"] is None and frame.shape[:2] != (height, width):
                words = f"{where} has frames of {frame.shape[1]} x {frame.shape[0]}, and the model takes"
                raise invalid(f"{words} {width} x {height}; send it in that size", where)
            frames.append(self._small(frame, channels))
        return frames

    def _small(self, frame: np.ndarray, channels: int) -> np.ndarray:
        if channels == 1:
            from PIL import Image

            frame = np.asarray(Image.fromarray(frame).convert("L"))[..., None]
        return self.codec.stretched(torch.tensor(frame).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()

    def seen(self, frames: np.ndarray) -> list[int]:
        """The numbers of the frames that the model looks at, each once: the clip in the middle."""
        n, stride = self.codec.options["n_frames"], self.codec.options["stride"]
        taken = range(0, len(frames), stride)
        start = max(len(taken) - n, 0) // 2
        return list(taken[start : start + n])

    def example(self) -> np.ndarray:
        channels, height, width = self.codec.shape
        n = self.codec.options["n_frames"] * self.codec.options["stride"]
        return np.zeros((n, height, width, channels), dtype=np.uint8)

    def told(self) -> Json:
        channels, height, width = self.codec.shape
        return super().told() | {"channels": channels, "height": height, "width": width}


def container(content: bytes, where: str) -> str:
    """FFmpeg's name of what these bytes are. It is never left to guess: playlists would send it to other files."""
    begin = content[:12]
    if begin[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"):
        return "mov"
    if begin[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    if begin[:4] == b"RIFF" and begin[8:] == b"AVI ":
        return "avi"
    if begin[:4] == b"\0\0\1\xba":
        return "mpeg"
    raise invalid(f"{where} is no video that is known by its first bytes; send MP4, MOV, WebM, MKV, AVI or MPEG", where)
