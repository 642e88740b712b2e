"""Pictures and sounds from the bytes of a file, within limits that are looked at before anything is unpacked."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..data.audio.sounds import Sounds, at_rate
from ..data.images.pictures import converted
from .inputs import Input, Json, chosen
from .refusal import Refused, invalid, told

PICTURES = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
RATES = (1_000, 384_000)
MOST_CHANNELS = 16


class Picture(Input):
    """A picture in a file: its size is read from the header, and an absurd one is not unpacked."""

    kind = "picture"
    upload = "image"
    schema: Json = {"type": "string", "format": "binary", "contentMediaType": "image/*"}

    def __init__(self, codec: Any, limits: Any) -> None:
        self.codec, self.most = codec, limits.max_pixels

    def decode(self, content: bytes, where: str) -> Any:
        from PIL import Image, ImageOps

        try:
            with Image.open(io.BytesIO(content), formats=PICTURES) as image:
                if image.width * image.height > self.most:
                    raise Refused(
                        413,
                        "too_many_pixels",
                        f"{where} has {image.width} x {image.height} pixels, and {self.most:,} are the most taken",
                        where=where,
                    )
                image.load()
                upright = ImageOps.exif_transpose(image)
                return converted(upright, "L" if self.codec.shape[0] == 1 else "RGB")
        except Refused:
            raise
        except Exception as error:  # whatever a decoder makes of broken bytes: the file is at fault, and is told so
            raise invalid(
                f"{where} cannot be read as a picture ({reason(error)}); send a PNG or JPEG", where
            ) from error

    def example(self) -> Any:
        from PIL import Image

        channels, height, width = self.codec.shape
        return Image.new("L" if channels == 1 else "RGB", (width, height))

    def told(self) -> Json:
        channels, height, width = self.codec.shape
        dark = float(self.codec.mean.mean()) < 127.5
        return super().told() | {"channels": channels, "height": height, "width": width, "dark": dark}


class Turning(Picture):
    """A picture, with the kind that it is to be made into: each is of the side that becomes that kind."""

    def __init__(self, codec: Any, limits: Any, to: str, others: dict[str, "Turning"]) -> None:
        super().__init__(codec, limits)
        others[to] = self
        self.to, self.sides = to, others

    @property
    def parameters(self) -> dict[str, Json]:  # type: ignore[override]
        """`to`, the kind that is wanted."""
        known, _ = chosen(sorted(self.sides))
        usual = {"default": self.to, "description": "the kind of pictures that is wanted"}
        return {"to": {"type": "string"} | known | usual}

    def beside(self, given: Mapping[str, str]) -> Input:
        for name in given.keys() - {"to"}:
            raise invalid(f"the address has the parameter {told(name)}, which is unknown", name, ["to"])
        return self.sides[chosen(sorted(self.sides))[1](given.get("to", self.to), "to")]

    def decode(self, content: bytes, where: str) -> Any:
        return self.to, super().decode(content, where)

    def example(self) -> Any:
        return self.to, super().example()

    def told(self) -> Json:
        return super().told() | {"parameters": self.parameters}


class Sound(Input):
    """A sound in a file: its length is read from the header, and an absurd one is not unpacked."""

    kind = "sound"
    upload = "audio"
    schema: Json = {"type": "string", "format": "binary", "contentMediaType": "audio/*"}

    def __init__(self, codec: Any, limits: Any) -> None:
        self.rate, self.most = int(codec.sample_rate), limits.max_seconds

    def decode(self, content: bytes, where: str) -> np.ndarray:
        import soundfile

        try:
            with soundfile.SoundFile(io.BytesIO(content)) as file:
                self._check(file.frames, file.samplerate, file.channels, where)
                samples = file.read(dtype="float32", always_2d=True, frames=int(self.most * file.samplerate) + 1)
                rate = file.samplerate
        except Refused:
            raise
        except Exception as error:  # as for pictures
            raise invalid(
                f"{where} cannot be read as a sound ({reason(error)}); send WAV, FLAC or OGG", where
            ) from error
        wave = samples.mean(1, dtype=np.float32)
        if not len(wave) or not np.isfinite(wave).all():
            raise invalid(f"{where} holds {'no samples' if not len(wave) else 'NaN or infinity'}", where)
        return at_rate(np.ascontiguousarray(wave), rate, self.rate)

    def _check(self, frames: int, rate: int, channels: int, where: str) -> None:
        if not RATES[0] <= rate <= RATES[1] or channels > MOST_CHANNELS:
            raise invalid(f"{where} has {channels} channels of {rate} samples a second, which no microphone has", where)
        if frames / rate > self.most:
            told = f"{where} lasts {frames / rate:,.0f} s, and {self.most:g} s are the most taken"
            raise Refused(413, "too_long", told, where=where)

    def stack(self, items: list[Any]) -> Sounds:
        return Sounds(items, self.rate)

    def example(self) -> np.ndarray:
        return np.random.default_rng(0).normal(0, 0.01, self.rate).astype(np.float32)


def reason(error: Exception) -> str:
    """What a decoder said, short, and without the places in memory that some name."""
    text = str(getattr(error, "strerror", None) or error).split("<")[0].split("(")[0].strip(" .:")
    return ascii(text)[1:-1][:80] or type(error).__name__
