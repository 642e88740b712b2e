"""Boxes of pictures as rows that batches are taken from, with what comes beside them: masks, keypoints."""

from typing import Self

import torch
from torch import Tensor

from ..rows import Batch, Ragged
from .object_masks import unpacked_masks


class BoxRows(Ragged):
    """Boxes and classes end to end; `take` gives y (batch, most, 4), y_labels (batch, most) and y_lengths (batch,).

    Behind them may stand keypoints, three numbers each: then it also gives y_points (batch, most, k, 3).
    """

    def take(self, index: Tensor) -> Batch:
        batch = super().take(index)
        x, points = batch["x"], batch["x"][..., 5:]
        found = {"y": x[..., :4], "y_labels": x[..., 4].long(), "y_lengths": batch["lengths"]}
        return found | ({"y_points": points.unflatten(-1, (-1, 3))} if points.shape[-1] else {})


class MaskedBoxRows(BoxRows):
    """Boxes with their masks, of which a pixel is a bit; `take` also gives y_masks (batch, most, height, width)."""

    def __init__(self, values: Tensor, lengths: Tensor, *, masks: Tensor, frame: tuple[int, int]) -> None:
        super().__init__(values, lengths)
        self.masks, self.frame = Ragged(masks, lengths), frame

    def take(self, index: Tensor) -> Batch:
        return super().take(index) | {"y_masks": unpacked_masks(self.masks.take(index)["x"], self.frame)}

    def to(self, device: torch.device) -> Self:
        self.masks = self.masks.to(device)
        return super().to(device)

    @property
    def n_bytes(self) -> int:
        return super().n_bytes + self.masks.n_bytes
