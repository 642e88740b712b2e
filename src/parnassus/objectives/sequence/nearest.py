"""Answers of the nearest series: training keeps them, and a new one is warped to each."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...errors import SettingError
from ...functional.dtw import dtw_distances
from ...train.phase import Batch, Objective, Phase
from ..probabilistic.generative import class_numbers


class NearestSeries(Objective):
    """The share of each class among the `n_neighbors` nearest series of training, by squared warped distances.

    band : the share of the longest series that time may be off; None lets it stretch as it likes.

    Source: Berndt and Clifford 1994; Sakoe and Chiba 1978. One neighbour is the yardstick of series classification.
    """

    full_batch = True
    probabilistic = False
    epochs = 1

    frames: Tensor
    lengths: Tensor
    classes: Tensor
    stored: tuple[str, ...] = ("frames", "lengths", "classes")

    def __init__(self, n_features: int, n_outputs: int, *, n_neighbors: int, band: float | None) -> None:
        super().__init__()
        self.n_outputs, self.n_classes = n_outputs, 2 if n_outputs == 1 else n_outputs
        self.n_neighbors, self.band = n_neighbors, band
        self.register_buffer("frames", torch.zeros(0, n_features))
        self.register_buffer("lengths", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("classes", torch.zeros(0, dtype=torch.int64))

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take on as many series as there were."""
        for name in self.stored:
            if prefix + name in state:
                setattr(self, name, torch.empty_like(state[prefix + name]))
        super()._load_from_state_dict(state, prefix, *rest)

    def phases(self) -> Sequence[Phase]:
        return [Phase("store", self.store)]

    def store(self, batch: Batch) -> Tensor:
        """Keep these series; the loss is 0, there is nothing to lower."""
        device = self.frames.device
        rows, lengths = _rows_of(batch)
        self.frames = torch.cat([self.frames, *rows]).to(device)
        self.lengths = torch.cat([self.lengths, lengths.to(device)])
        self.keep_answers(batch["y"])
        return batch["x"].new_zeros(())

    def keep_answers(self, y: Tensor) -> None:
        """Add what is due of the series that were just stored."""
        classes = class_numbers(y, self.n_outputs).long()
        self.classes = torch.cat([self.classes, classes.to(self.classes.device)])

    def conclude(self, batches: Callable[[], Iterable[Batch]]) -> None:
        if self.n_neighbors > len(self.lengths):
            n = len(self.lengths)
            raise SettingError(f"n_neighbors is at most the {n} series of training; got {self.n_neighbors}")

    def near(self, batch: Batch) -> Tensor:
        """The places of the nearest series of training (batch, n_neighbors), the nearest first."""
        queries, lengths = _rows_of(batch)
        templates = list(self.frames.cpu().split(self.lengths.tolist()))
        longest = int(max(self.lengths.max(), lengths.max()))
        band = None if self.band is None else math.ceil(self.band * longest)
        distance = dtw_distances([q.cpu() for q in queries], templates, band=band, squared=True)
        return distance.topk(min(self.n_neighbors, len(templates)), dim=1, largest=False).indices

    def outputs(self, batch: Batch) -> Tensor:
        """Shares (batch, classes); of two classes the second's, less a half, (batch, 1)."""
        if not len(self.lengths):
            return batch["x"].new_zeros(len(batch["x"]), self.n_outputs)
        votes = torch.nn.functional.one_hot(self.classes.cpu()[self.near(batch)], self.n_classes).double().mean(1)
        votes = votes[:, 1:] - 0.5 if self.n_outputs == 1 else votes
        return votes.to(batch["x"])

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        """The share of wrong answers."""
        said = self.outputs(batch)
        answers = (said[:, 0] > 0).long() if self.n_outputs == 1 else said.argmax(1)
        wrong = (answers != class_numbers(batch["y"], self.n_outputs)).to(said.dtype)
        weight = batch.get("weight")
        loss = wrong.mean() if weight is None else (wrong * weight).sum() / weight.sum()
        return {"loss": loss, "accuracy": 1 - loss}


class NearestNumbers(NearestSeries):
    """The mean of what is due of the `n_neighbors` nearest series of training, by squared warped distances.

    Source: Tan, Bergmeir, Petitjean and Webb 2021 (time series extrinsic regression: nearest neighbours as the
    yardstick).
    """

    numbers: Tensor
    stored = ("frames", "lengths", "numbers")

    def __init__(self, n_features: int, n_outputs: int, *, n_neighbors: int, band: float | None) -> None:
        super().__init__(n_features, n_outputs, n_neighbors=n_neighbors, band=band)
        del self.classes
        self.register_buffer("numbers", torch.zeros(0, n_outputs))

    def keep_answers(self, y: Tensor) -> None:
        self.numbers = torch.cat([self.numbers, y.reshape(len(y), self.n_outputs).to(self.numbers)])

    def outputs(self, batch: Batch) -> Tensor:
        """Means (batch, n_outputs), of as many series as are near."""
        if not len(self.lengths):
            return batch["x"].new_zeros(len(batch["x"]), self.n_outputs)
        return self.numbers.cpu()[self.near(batch)].mean(1).to(batch["x"])

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        """The mean squared error."""
        said, weight = self.outputs(batch), batch.get("weight")
        error = (said - batch["y"].reshape(said.shape)).square().mean(1)
        return {"loss": error.mean() if weight is None else (error * weight).sum() / weight.sum()}


def _rows_of(batch: Batch) -> tuple[list[Tensor], Tensor]:
    """The series of a batch without their padding, and their lengths."""
    x = batch["x"]
    lengths = batch["lengths"] if "lengths" in batch else torch.full((len(x),), x.shape[1])
    return [row[:n] for row, n in zip(x, lengths.tolist(), strict=True)], lengths
