"""Which keypoints are each other's left and right, so that a mirrored picture's points keep their meaning."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...errors import SettingError, did_you_mean

Pairs = tuple[tuple[int, int], ...]

SIDE = re.compile(r"left|right", re.IGNORECASE)
SHORT = re.compile(r"(?<![a-z0-9])[lr](?![a-z0-9])", re.IGNORECASE)  # l_eye, eye.R
OTHER = {"left": "right", "right": "left", "l": "r", "r": "l"}


def swapped(points: Tensor, matrix: Tensor, pairs: Pairs | None) -> Tensor:
    """Keypoints (batch, ..., k, 3) after moves (batch, 3, 3): those of mirrored pictures in their partners' places.

    A move mirrors where its determinant is below 0; so pictures flipped both ways, which are but turned, stay as they
    are.

    >>> mirror = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))[None]
    >>> swapped(torch.tensor([[[1.0, 0, 1], [2, 0, 1], [3, 0, 1]]]), mirror, ((0, 2),))[0, :, 0]
    tensor([3., 2., 1.])
    """
    order = list(range(points.shape[-2]))
    for one, other in pairs or ():
        order[one], order[other] = other, one
    mirrored = torch.linalg.det(matrix.float()) < 0
    return torch.where(mirrored.view(-1, *[1] * (points.ndim - 1)), points[..., order, :], points)


def pairs_by_name(names: Sequence[str]) -> Pairs | None:
    """The pairs of points whose names differ by left and right (or l and r); None where no name has a side.

    >>> pairs_by_name(["nose", "left_eye", "right_eye", "hip.L", "hip.R"])
    ((1, 2), (3, 4))
    """
    lower = [name.lower() for name in names]
    partners = [_other(name) for name in lower]
    found = []
    for i, partner in enumerate(partners):
        if partner is None:
            continue
        if lower.count(partner) != 1:
            raise SettingError(
                f"augment: flips make left points right ones, and keypoint {names[i]!r} has no partner {partner!r}; "
                "name both, or say which belong together by flip_pairs, such as [(1, 2), (3, 4)]"
            )
        if lower.index(partner) > i:
            found.append((i, lower.index(partner)))
    return tuple(found) or None


def _other(name: str) -> str | None:
    """The name with its side turned; None where it has none."""
    for side in (SIDE, SHORT):
        if side.search(name):
            return side.sub(lambda found: OTHER[found.group()], name)
    return None


def settle_pairs(codec: Any, names: Sequence[str], n_points: int) -> None:
    """Tell a codec that flips which of n keypoints change places: as `flip_pairs` says, or the points' names.

    Raises
    ------
    SettingError : pictures would be flipped and neither says it, or the pairs are none of these points.
    """
    change = getattr(codec, "augmentation", None)
    if change is None or not (change.flip or change.flip_vertical):
        return
    given = change.flip_pairs
    pairs = pairs_by_name(names) if given is None else tuple(_pair(one, names, n_points) for one in given)
    if pairs is None:
        flips = "flip" if change.flip else "flip_vertical"
        called = f"none of the names {', '.join(names[:4])} has" if names else "these have no names that tell"
        raise SettingError(
            f"augment: {flips} makes left points right ones, and {called} a side; say which change places by "
            "flip_pairs, such as [(1, 2), (3, 4)], or [] where none do"
        )
    flat = [i for pair in pairs for i in pair]
    for i in flat:
        if flat.count(i) > 1:
            raise SettingError(f"augment: flip_pairs names keypoint {i} twice; each has one partner or none")
    codec.augmentation = replace(change, flip_pairs=pairs)
    codec.options["augment"] = codec.augmentation.settings()


def _pair(given: Any, names: Sequence[str], n_points: int) -> tuple[int, int]:
    """Two keypoints by their numbers or names."""
    places = []
    for one in given:
        if isinstance(one, str):
            if one not in names:
                known = did_you_mean(one, names) if names else "these keypoints have no names; give their numbers"
                raise SettingError(f"augment: flip_pairs names a keypoint {one!r}; {known}")
            places.append(list(names).index(one))
        elif one < n_points:
            places.append(int(one))
        else:
            raise SettingError(f"augment: flip_pairs names keypoint {one}; there are {n_points}, counted from 0")
    return places[0], places[1]
