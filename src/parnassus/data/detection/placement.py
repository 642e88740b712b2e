"""How a picture of any size lies in a frame of one size, and the way back."""

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Placement:
    """How a picture of any size lies in a frame: x -> x * scale_x - left, and the same for y."""

    scale: tuple[float, float]
    corner: tuple[float, float]

    @classmethod
    def of(cls, size: tuple[int, int], frame: tuple[int, int], how: str) -> Self:
        """Where `pictures.resized` puts a picture of (height, width)."""
        (height, width), (high, wide) = size, frame
        if size == frame:
            return cls((1.0, 1.0), (0.0, 0.0))
        if how == "stretch":
            return cls((wide / width, high / height), (0.0, 0.0))
        ratio = min(wide / width, high / height)
        inner = (max(round(width * ratio), 1), max(round(height * ratio), 1))
        return cls((inner[0] / width, inner[1] / height), ((inner[0] - wide) // 2, (inner[1] - high) // 2))

    def into(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes of the picture as boxes of the frame."""
        return boxes * np.tile(self.scale, 2) - np.tile(self.corner, 2)

    def back(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes of the frame as boxes of the picture."""
        return (boxes + np.tile(self.corner, 2)) / np.tile(self.scale, 2)


def other_size(told: tuple[int, int] | None, size: tuple[int, int], where: str) -> list[str]:
    """What is wrong where boxes were drawn on a picture of another (height, width) than the one that is there."""
    if told is None or told == size:
        return []
    turned = ", as the camera held it before EXIF turned it upright" if told == size[::-1] else ""
    return [
        f"{where}: its boxes are of a picture of {told[1]} x {told[0]} pixels{turned}, and it has {size[1]} x {size[0]}"
    ]
