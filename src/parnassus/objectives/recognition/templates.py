"""Recognition by comparison: what was said is what the nearest recording of training said."""

import json
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...data.audio.transcripts import Units
from ...errors import DataError, SettingError
from ...functional.dtw import dtw_distances
from ...train.phase import Batch, Objective, Phase


class Templates(Objective):
    """Keeps every recording of training; a new one gets the text of those that dynamic time warping finds nearest.

    Distances are total costs by frames of both, so that long templates are no farther than short ones. The text whose
    `n_neighbors` nearest recordings are nearest on average wins. Recordings are compared whole: it is for single words
    and fixed phrases, and knows no text that training does not have.

    Source: Sakoe and Chiba 1978; Vintsyuk 1968.
    """

    full_batch = True
    probabilistic = False
    epochs = 1

    def __init__(self, n_features: int, units: Units, *, band: float | None, n_neighbors: int) -> None:
        super().__init__()
        if n_neighbors < 1 or (band is not None and band < 0):
            raise SettingError(f"dtw: n_neighbors is at least 1 and band at least 0; got {n_neighbors} and {band}")
        self.units, self.band, self.n_neighbors = units, band, n_neighbors
        self.register_buffer("frames", torch.zeros(0, n_features))
        self.register_buffer("lengths", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("texts", torch.zeros(0, dtype=torch.uint8))

    frames: Tensor
    lengths: Tensor
    texts: Tensor

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take on as many templates as there were."""
        for name in ("frames", "lengths", "texts"):
            if prefix + name in state:
                setattr(self, name, torch.empty_like(state[prefix + name]))
        super()._load_from_state_dict(state, prefix, *rest)

    @property
    def known(self) -> list[str]:
        """The text of each template."""
        return json.loads(bytes(self.texts.tolist()).decode()) if len(self.texts) else []

    def phases(self) -> Sequence[Phase]:
        return [Phase("store", self.store)]

    def store(self, batch: Batch) -> Tensor:
        """Keep these recordings; the loss is 0, there is nothing to lower."""
        texts = self._texts(batch)
        for row, text in enumerate(texts):
            if not text:
                raise DataError(f"row {row} has an empty transcript; a template says something: leave it out")
        device = self.frames.device
        rows = [x[:n] for x, n in zip(batch["x"], batch["lengths"].tolist(), strict=True)]
        self.frames = torch.cat([self.frames, *rows]).to(device)
        whole = json.dumps(self.known + texts).encode()
        self.lengths = torch.cat([self.lengths, batch["lengths"].to(device)])
        self.texts = torch.tensor(list(whole), dtype=torch.uint8, device=device)
        return batch["x"].new_zeros(())

    def _texts(self, batch: Batch) -> list[str]:
        lengths = batch["y_lengths"].tolist()
        return [self.units.text(row[:n]) for row, n in zip(batch["y"].tolist(), lengths, strict=True)]

    def outputs(self, batch: Batch) -> Tensor:
        """Minus the distance to each template (batch, templates), a frame of both together."""
        queries = [x[:n].cpu() for x, n in zip(batch["x"], batch["lengths"].tolist(), strict=True)]
        sizes = self.lengths.tolist()
        templates = list(self.frames.cpu().split(sizes))
        longest = max(max(sizes), int(batch["lengths"].max()))
        band = None if self.band is None else math.ceil(self.band * longest)
        total = dtw_distances(queries, templates, band=band)
        return -total / (batch["lengths"].cpu()[:, None] + self.lengths.cpu()[None])

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        """The mean distance to the nearest template."""
        return {"loss": -self.outputs(batch).amax(1).mean()}

    def transcribe(self, batch: Batch, *, n_best: int = 1) -> list[list[tuple[str, float]]]:
        """The n nearest texts of each row, each with minus its distance."""
        texts, found = self.known, []
        for scores in self.outputs(batch).tolist():
            own: dict[str, list[float]] = {}
            for text, score in zip(texts, scores, strict=True):
                own.setdefault(text, []).append(score)
            means = {t: _mean(sorted(s, reverse=True)[: self.n_neighbors]) for t, s in own.items()}
            found.append(sorted(means.items(), key=lambda pair: -pair[1])[:n_best])
        return found

    def align(self, batch: Batch) -> list[list[tuple[str, int, int]]]:
        """One span a row: templates say what was said, and not when."""
        return [[(text, 0, n)] for text, n in zip(self._texts(batch), batch["lengths"].tolist(), strict=True)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
