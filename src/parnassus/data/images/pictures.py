"""One picture at a time: from file, PIL image or array to 8-bit pixels of a given mode and size."""

import os
from typing import Any

import numpy as np
from torch import Tensor

from ...errors import DataError, FileError, SettingError, check_count
from ..shards import as_file, stream_of
from .jpegs import jpeg_pixels

PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".avif"}
GREY = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F"}
RESIZES = ("crop", "pad", "stretch")


def is_picture_path(one: object) -> bool:
    """Whether something is a path, or a string, with the ending of a picture."""
    return isinstance(one, str | os.PathLike) and os.path.splitext(os.fspath(one))[1].lower() in PICTURES


def checked_size(who: str, size: Any) -> tuple[int, int]:
    """(height, width) from two whole numbers or one; anything else is refused."""
    found = list(size) if isinstance(size, list | tuple | np.ndarray) else [size, size]
    if len(found) != 2:
        raise SettingError(f"{who}: size is (height, width) or one number, at least 1; got {size!r}")
    return check_count(f"{who}: size", found[0]), check_count(f"{who}: size", found[1])


def open_picture(given: Any, where: str) -> Any:
    """A PIL image, turned upright by its EXIF orientation, from a path, a PIL image, or an array."""
    from PIL import Image, ImageOps

    if isinstance(given, np.ndarray | Tensor):
        pixels = as_bytes(given.numpy(force=True) if isinstance(given, Tensor) else given, where)
        if isinstance(given, Tensor) and pixels.ndim == 3 and pixels.shape[0] in (1, 3, 4):
            pixels = pixels.transpose(1, 2, 0)
        if pixels.ndim == 3 and pixels.shape[2] == 1:
            pixels = pixels[:, :, 0]
        if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)) or not pixels.size:
            raise DataError(f"{where} has shape {given.shape}; a picture is (height, width) or (height, width, 3)")
        return Image.fromarray(np.ascontiguousarray(pixels))
    if hasattr(given, "getbands"):
        return in_range(ImageOps.exif_transpose(given), where)
    if not isinstance(given, str | os.PathLike):
        raise DataError(f"{where} is a {type(given).__name__}; give an array, a PIL image or the path of a file")
    path = as_file(given)
    where = f"{path}" if where == f"{path}" else f"{where}: {path}"
    try:
        with Image.open(stream_of(path)) as image:
            image.load()
            upright = ImageOps.exif_transpose(image)
    except FileNotFoundError:
        raise FileError(f"{where} does not exist; look at the path") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        empty = path.is_file() and not path.stat().st_size
        raise FileError(
            f"{where} cannot be read as a picture ({'0 bytes' if empty else error}); mend or remove it"
        ) from error
    return in_range(upright, where)


def in_range(image: Any, where: str) -> Any:
    """The picture, if its numbers mean grey tones: 32-bit ones up to 65,535 as in 16 bits, floats from 0 to 1."""
    from PIL import Image

    if image.mode == "F":
        return Image.fromarray(as_bytes(np.asarray(image), where))
    if image.mode == "I":
        low, high = image.getextrema()
        if low < 0 or high > 65_535:
            raise DataError(
                f"{where} holds whole numbers from {low} to {high}, and pixels of more than 8 bits run from 0 to "
                "65,535; scale them before"
            )
    return image


def pixels_of(given: Any, where: str, mode: str, size: tuple[int, int], how: str) -> tuple[np.ndarray, bool]:
    """The pixels of a picture at (height, width), and whether it had another size."""
    from PIL import Image

    pixels = jpeg_pixels(given, mode)
    if pixels is not None and pixels.shape[:2] == size:
        return pixels, False
    image = converted(open_picture(given, where), mode) if pixels is None else Image.fromarray(pixels)
    return np.asarray(resized(image, size, how)), (image.height, image.width) != size


def look(given: Any, where: str) -> tuple[str, tuple[int, int]]:
    """The mode ("L" or "RGB") and (height, width) of a picture; of a file, from its header alone."""
    from PIL import Image

    if not isinstance(given, str | os.PathLike):
        image = open_picture(given, where)
        return plain_mode(image), (image.height, image.width)
    try:
        with Image.open(stream_of(given)) as image:
            turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            size = (image.width, image.height) if turned else (image.height, image.width)
            return plain_mode(image), size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        image = open_picture(given, where)  # says what is wrong with the file
        return plain_mode(image), (image.height, image.width)


def plain_mode(image: Any) -> str:
    """The mode "L" for grey pictures, "RGB" for all that have colours."""
    return "L" if image.mode in GREY else "RGB"


def converted(image: Any, mode: str) -> Any:
    """The picture in mode "L" or "RGB", 8 bits.

    Transparent pixels are laid on white; 16-bit grey is divided by 257, as are 32-bit tones of which one is above 255;
    palettes, CMYK and the like become RGB; colours become grey by ITU-R 601 luma (0.299 R + 0.587 G + 0.114 B).
    """
    from PIL import Image

    if image.mode == mode:
        return image
    if image.mode.startswith("I"):
        wide = np.asarray(image).astype(np.int64)
        in_bytes = image.mode == "I" and wide.max(initial=0) <= 255
        image = Image.fromarray((wide if in_bytes else (wide + 128) // 257).clip(0, 255).astype(np.uint8))
    if image.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in image.info:
        clear = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
    return image.convert(mode)


def resized(image: Any, size: tuple[int, int], how: str) -> Any:
    """The picture at (height, width), bilinear with antialiasing.

    "stretch" ignores the proportions; "crop" fills the frame and cuts what stands out, evenly; "pad" fits it into the
    frame and leaves black around it.

    Systems: image-rescaling
    Source: Keras course K8 (resize, scale, flatten row by row with the channels last); `Image.prepare` scales.
    """
    from PIL import Image

    height, width = size
    if (image.height, image.width) == size:
        return image
    if how == "stretch":
        return image.resize((width, height), Image.Resampling.BILINEAR)
    ratios = (width / image.width, height / image.height)
    ratio = max(ratios) if how == "crop" else min(ratios)
    inner = (max(round(image.width * ratio), 1), max(round(image.height * ratio), 1))
    scaled = image.resize(inner, Image.Resampling.BILINEAR)
    left, top = (inner[0] - width) // 2, (inner[1] - height) // 2
    return scaled.crop((left, top, left + width, top + height))  # beyond the edges, crop gives black


def as_bytes(pixels: np.ndarray, where: str) -> np.ndarray:
    """Pixels as uint8 0 to 255, where that loses nothing that a screen shows; floats in [0, 1] are rounded."""
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * 255
    if pixels.dtype.kind in "iu":
        refuse_range(pixels, 255, where)
        return pixels.astype(np.uint8)
    return np.rint(unit_floats(pixels, where) * 255).astype(np.uint8)


def unit_floats(pixels: np.ndarray, where: str) -> np.ndarray:
    """Float pixels, checked: finite, 0 to 1."""
    if pixels.dtype.kind != "f":
        raise DataError(f"{where} is of type {pixels.dtype}; pixels are uint8 (0 to 255) or floats from 0 to 1")
    if pixels.size and not (np.isfinite(low := pixels.min()) and np.isfinite(high := pixels.max())):
        raise DataError(f"{where} holds NaN or infinity; mend the picture or leave it out")
    if pixels.size and high > 1:
        raise DataError(
            f"{where} holds floats up to {high:g}, and float pixels run from 0 to 1; if they are 0 to 255 give "
            "X.astype('uint8')"
        )
    if pixels.size and low < 0:
        raise DataError(
            f"{where} holds floats down to {low:g}, and float pixels run from 0 to 1; if "
            f"they are -1 to 1 give (X + 1) / 2"
        )
    return pixels


def refuse_range(pixels: np.ndarray, top: int, where: str) -> None:
    """Refuses whole numbers outside 0 to `top`."""
    if pixels.size and (pixels.min() < 0 or pixels.max() > top):
        raise DataError(
            f"{where} holds {pixels.dtype} pixels from {pixels.min()} to {pixels.max()}, "
            f"and whole pixels run from 0 to "
            f"{top}; for 16-bit pictures give (X // 257).astype('uint8')"
        )
