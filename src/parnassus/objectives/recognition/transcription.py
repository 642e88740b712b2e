"""Objectives of recognisers that learn from recordings and their transcripts alone: CTC."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import ctc_loss as fast_ctc_loss

from ...data.audio.transcripts import Units
from ...functional.ctc import best_path, forced_alignment, frames_needed
from ...functional.edit_distance import edit_distance
from ...functional.fusion import scorer_of
from ...functional.ngrams import NGrams
from ...functional.prefix_beam import prefix_beam, texts_of
from ...functional.search_graph import Spot, spelled_words, spotted
from ...train.phase import Batch, Objective, Phase

NBest = list[tuple[str, float]]
BEAM = 32
SPOTTED = -0.5  # least score of a word that is looked for, in natural logarithms a frame
FLOOR = -12.0  # log probability below which a unit does not go on in a frame


class Encoder(Protocol):
    """x (batch, time, step_features), lengths -> states (batch, time / stride, width), and their lengths."""

    width: int
    stride: int

    def __call__(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]: ...


class Transcriber(Objective):
    """What recognisers trained by gradient share: an encoder, a loss a row, a mean over all units of a batch."""

    probabilistic = False

    def __init__(self, encoder: Encoder, units: Units) -> None:
        super().__init__()
        self.encoder = cast(Any, encoder)
        self.units = units

    def phases(self) -> Sequence[Phase]:
        return [Phase("fit", self.mean_loss, self.parameters())]

    def row_losses(self, batch: Batch) -> Tensor:
        """-log p(transcript) of each row (batch,)."""
        raise NotImplementedError

    def encoded(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The encoder's states and their lengths."""
        return self.encoder(batch["x"], batch.get("lengths"))

    def weight(self, batch: Batch) -> float | Tensor:
        sizes = batch["y_lengths"] + 1  # an empty transcript has an end to learn as well
        return (sizes * batch["weight"]).sum() if "weight" in batch else sizes.sum()

    def mean_loss(self, batch: Batch) -> Tensor:
        losses = self.row_losses(batch)
        if "weight" in batch:
            losses = losses * batch["weight"]
        return losses.sum() / torch.as_tensor(self.weight(batch), device=losses.device).clamp(min=1e-12)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        """The loss, and the share of units that are wrong in the first answer (over one unit more a row)."""
        heard = self.transcribe(batch)
        weight = batch["weight"].tolist() if "weight" in batch else [1.0] * len(heard)
        errors = 0.0
        for row, n, w, found in zip(batch["y"].tolist(), batch["y_lengths"].tolist(), weight, heard, strict=True):
            said = [self.units.names[i] for i in row[:n]]
            errors += w * edit_distance(said, self.units.split(found[0][0]))
        loss = self.mean_loss(batch)
        return {"loss": loss, "unit_error": loss.new_tensor(errors) / self.weight(batch)}

    def transcribe(self, batch: Batch) -> list[NBest]:
        """For each row the n best texts with their scores."""
        raise NotImplementedError

    def align(self, batch: Batch) -> list[list[tuple[str, int, int]]]:
        """For each row the units of y with their first frame and the frame behind their last."""
        raise NotImplementedError

    def frames_given(self, batch: Batch) -> Tensor:
        """How many frames the encoder leaves of each row."""
        return (frames_of(batch) + self.encoder.stride - 1) // self.encoder.stride

    def named(
        self, labels: Sequence[int], spans: Sequence[tuple[int, int]], n_frames: int
    ) -> list[tuple[str, int, int]]:
        """Units with their frames of the input, which has `n_frames`, from frames of the encoder."""
        stride = self.encoder.stride
        return [
            (self.units.names[i], start * stride, min(end * stride, n_frames))
            for i, (start, end) in zip(labels, spans, strict=True)
        ]


class CTC(Transcriber):
    """An encoder whose every frame says a unit or nothing, trained by the sum over all ways to say the transcript.

    Source: Graves et al. 2006.
    """

    def __init__(self, encoder: Encoder, units: Units) -> None:
        super().__init__(encoder, units)
        self.head = nn.Linear(encoder.width, len(units))

    def log_probs(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Log-probabilities of units (batch, time, len(units)), and the rows' lengths."""
        h, lengths = self.encoded(batch)
        return self.head(h).log_softmax(-1), lengths

    def outputs(self, batch: Batch) -> Tensor:
        return self.log_probs(batch)[0]

    def row_losses(self, batch: Batch) -> Tensor:
        return ctc_losses(*self.log_probs(batch), batch)

    def frames_needed(self, batch: Batch) -> Tensor:
        """The fewest frames that each row's transcript takes."""
        return frames_needed(batch["y"], batch["y_lengths"])

    def transcribe(
        self,
        batch: Batch,
        *,
        n_best: int = 1,
        beam: int | None = None,
        language_model: NGrams | None = None,
        language_weight: float = 0.5,
        bonus: float = 0.0,
        hot_words: Sequence[str] | Mapping[str, float] = (),
        floor: float = FLOOR,
    ) -> list[NBest]:
        """The n best texts of each row: of the best path unless a beam, a model or words ask for the prefix search.

        `language_weight` is what the language model's log probability is multiplied by, `bonus` what each of its
        tokens gains, `floor` the log probability below which a unit does not go on in a frame.
        """
        log_probs, lengths = self.log_probs(batch)
        scorer = scorer_of(
            self.units.names,
            self.units.kind,
            language_model=language_model,
            language_weight=language_weight,
            bonus=bonus,
            hot_words=hot_words,
        )
        if beam is None and scorer is None and n_best == 1:
            return [[(self.units.text(ids), score)] for ids, score in best_path(log_probs, lengths)]
        width = max(beam or BEAM, n_best)
        found = prefix_beam(log_probs, lengths, beam=width, n_best=n_best, scorer=scorer, floor=floor)
        return texts_of(found, self.units.text)

    def align(self, batch: Batch) -> list[list[tuple[str, int, int]]]:
        return ctc_alignments(self, *self.log_probs(batch), batch)

    def spot(self, batch: Batch, words: Sequence[str], *, threshold: float = SPOTTED) -> list[list[Spot]]:
        """Where words are said in each row; see `spotted` for scores and threshold."""
        return ctc_spots(self, *self.log_probs(batch), batch, words, threshold)


def frames_of(batch: Batch) -> Tensor:
    """How many frames each row has (batch,)."""
    x = batch["x"]
    return batch["lengths"] if "lengths" in batch else torch.full((len(x),), x.shape[1], device=x.device)


def ctc_losses(log_probs: Tensor, lengths: Tensor, batch: Batch) -> Tensor:
    """-log p(transcript) of each row by torch's kernel.

    Rows whose frames are too few count 0: `fit` refuses them by name, and a change of speed in training may make some.
    """
    return fast_ctc_loss(
        log_probs.transpose(0, 1), batch["y"], lengths, batch["y_lengths"], reduction="none", zero_infinity=True
    )


def ctc_alignments(
    of: Transcriber, log_probs: Tensor, lengths: Tensor, batch: Batch
) -> list[list[tuple[str, int, int]]]:
    """Forced alignments of all rows."""
    found = []
    sizes = zip(lengths.tolist(), batch["y_lengths"].tolist(), frames_of(batch).tolist(), strict=True)
    for row, labels, (n, m, size) in zip(log_probs.cpu(), batch["y"].cpu(), sizes, strict=True):
        spans, _ = forced_alignment(row[:n], labels[:m])
        found.append(of.named(labels[:m].tolist(), spans, size))
    return found


def ctc_spots(
    of: Transcriber, log_probs: Tensor, lengths: Tensor, batch: Batch, words: Sequence[str], threshold: float
) -> list[list[Spot]]:
    """Where words, spelled in units, are said in each row, in frames of the input."""
    graph = spelled_words([of.units.ids(word) for word in words], len(of.units), space=of.units.places.get(" "))
    stride, found = of.encoder.stride, []
    for row, n, size in zip(log_probs, lengths.tolist(), frames_of(batch).tolist(), strict=True):
        spots = spotted(graph, graph.weights, row[:n], graph.units, threshold=threshold)
        found.append([s._replace(start=s.start * stride, end=min(s.end * stride, size)) for s in spots])
    return found
