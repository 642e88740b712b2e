"""Keypoints of one subject in each picture: what they are given as, what is refused, and how a net sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch

from ...errors import DataError
from ..codec import Codec, State
from ..packing import packed, unpacked
from ..rows import Dense
from ..targets import Target
from .boxes import named, sizes_of
from .object_points import (
    inside,
    points_in_frame,
    points_in_picture,
    read_points,
    refuse_shares,
)
from .placement import Placement


@dataclass(frozen=True, eq=False)
class Points:
    """The keypoints (k, 2) of one picture, x before y, NaN where one is not there; its (height, width); their names."""

    points: np.ndarray
    size: tuple[int, int]
    names: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Points):
            return NotImplemented
        return self.size == other.size and np.array_equal(self.points, other.points, equal_nan=True)

    __hash__ = None  # type: ignore[assignment]


def keypoints_of(given: Any, pictures: Any) -> list[Points]:
    """Keypoints as `Points`, one a picture: from an array (n, k, 2), or (n, k, 3) with COCO's visibility, or a list.

    Raises
    ------
    DataError : another shape, half a point, a point outside its picture, or shares in place of pixels; the message
        names the picture.
    """
    sizes = sizes_of(pictures)
    if given is None or not hasattr(given, "__len__") or len(given) != len(sizes):
        n = len(given) if hasattr(given, "__len__") else f"a {type(given).__name__} in place"
        raise DataError(f"there are keypoints for {n} and {len(sizes)} pictures; give one (k, 2) a picture")
    found = [_one(one, size, named(pictures, i)) for i, (one, size) in enumerate(zip(given, sizes, strict=True))]
    refuse_shares([one.points for one in found], sizes, "keypoints")
    counts = sorted({len(one.points) for one in found})
    if len(counts) > 1:
        raise DataError(f"pictures have {counts} keypoints; give as many for each, NaN where one is not there")
    return found


def _one(given: Any, size: tuple[int, int], where: str) -> Points:
    names = given.names if isinstance(given, Points) else ()
    points = read_points(given.points if isinstance(given, Points) else given, where, n_axes=2)
    return Points(inside(points, size, where), size, names)


class PointTargets(Target):
    """The keypoints of each picture; y (batch, k, 3) holds x and y in pixels of the frame, and 1 where one is there.

    Attributes: `n_points`; `names`, of points that have some; `mean_points` (k, 2), the mean places in shares of a
    picture; `frame`; `resize`.
    """

    kind = "points"
    loss_name = ""  # nets of keypoints bring their own

    n_points: int
    names: tuple[str, ...] = ()
    mean_points: np.ndarray
    frame: tuple[int, int] | None = None
    resize: str = "pad"

    @property
    def loss_kind(self) -> str:
        return "points"

    def fit(self, raw: Any, inputs: Codec | None = None) -> Self:
        shares = np.stack([one.points / one.size[::-1] for one in raw])
        seen = ~np.isnan(shares[..., 0])
        if not seen.any(0).all():
            raise DataError(
                f"keypoint {int((~seen.any(0)).argmax())} is there in none of the {len(shares)} pictures; add some "
                "where it is, or leave it out of all"
            )
        self.n_points, self.mean_points = shares.shape[1], np.nanmean(shares, axis=0)
        self.names = raw[0].names
        shape = getattr(inputs, "shape", None)
        self.frame = None if shape is None else (int(shape[1]), int(shape[2]))
        self.resize = "pad" if inputs is None else str(inputs.options.get("resize") or "pad")
        return self

    def facts(self) -> dict[str, Any]:
        return {"n_outputs": self.n_points}

    def _placement(self, size: tuple[int, int]) -> Placement:
        return Placement.of(size, self.frame or size, self.resize)

    def encode(self, raw: Any) -> Dense:
        rows = []
        for i, one in enumerate(raw):
            if len(one.points) != self.n_points:
                raise DataError(f"picture {i} has {len(one.points)} keypoints; fit saw {self.n_points} in each")
            rows.append(points_in_frame(one.points[None], self._placement(one.size)).reshape(-1, 3))
        return Dense(y=torch.from_numpy(np.stack(rows)).float())

    def decode(self, found: Any, sizes: Sequence[tuple[int, int]]) -> np.ndarray:
        """Places in the frame (n, k, 2) in pixels of each picture, and inside it."""
        pairs = zip(np.asarray(found, dtype=np.float64), sizes, strict=True)
        return np.stack([points_in_picture(points, self._placement(size), size) for points, size in pairs])

    def state(self) -> State:
        return {
            "n_points": self.n_points,
            "names": list(self.names),
            "mean_points": packed(self.mean_points.tolist()),
            "frame": self.frame and list(self.frame),
            "resize": self.resize,
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        target = cls()
        target.n_points, target.mean_points = state["n_points"], np.array(unpacked(state["mean_points"]))
        target.names = tuple(state["names"])
        target.frame, target.resize = state["frame"] and tuple(state["frame"]), state["resize"]
        return target
