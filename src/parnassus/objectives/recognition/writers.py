"""Objectives of recognisers that write unit by unit, each by what was written before: attention and transducer."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from ...data.audio.transcripts import Units
from ...errors import SettingError
from ...functional.ctc import frames_needed
from ...functional.fusion import Scorer, scorer_of
from ...functional.ngrams import NGrams
from ...functional.search_graph import Spot
from ...functional.transducer import best_alignment, transducer_loss
from ...layers.recurrent import mask_of
from ...train.phase import Batch
from .transcription import (
    SPOTTED,
    Encoder,
    NBest,
    Transcriber,
    ctc_alignments,
    ctc_losses,
    ctc_spots,
    frames_of,
)

END = 0
Aligned = list[list[tuple[str, int, int]]]


class Beginning(NamedTuple):
    """A text under way: its ids, its score, the writer's state, the scorer's state, whether it has ended."""

    ids: list[int]
    score: float
    state: Any
    held: Any
    ended: bool = False


class Writer(Transcriber):
    """What recognisers share that write unit by unit: how a language model and hot words are heard."""

    def scorer(
        self, language_model: NGrams | None, language_weight: float, bonus: float, hot_words: Any
    ) -> Scorer | None:
        """What is added to the scores of units; None for nothing."""
        return scorer_of(
            self.units.names,
            self.units.kind,
            language_model=language_model,
            language_weight=language_weight,
            bonus=bonus,
            hot_words=hot_words,
        )

    def ranked(self, found: list[Beginning], n_best: int) -> NBest:
        """The n best of them as texts, each text once."""
        best: dict[str, float] = {}
        for one in sorted(found, key=lambda one: -one.score):
            best.setdefault(self.units.text(one.ids), one.score)
        return list(best.items())[:n_best]


class LocationAttention(nn.Module):
    """Weights of frames by the decoder's state, the frames, and where it looked before.

    Source: Chorowski et al. 2015, equations 5 to 9; Bahdanau et al. 2015 without the part that knows the place.
    """

    def __init__(self, width: int, hidden: int, *, kernel: int = 15) -> None:
        super().__init__()
        self.of_state, self.of_frame = nn.Linear(hidden, hidden), nn.Linear(width, hidden, bias=False)
        self.of_place = nn.Conv1d(1, hidden, kernel, padding=kernel // 2, bias=False)
        self.score = nn.Linear(hidden, 1, bias=False)

    def forward(self, state: Tensor, keys: Tensor, before: Tensor, mask: Tensor) -> Tensor:
        """Weights (batch, time) that sum to 1 over the frames of `mask` (batch, time)."""
        place = self.of_place(before[:, None]).transpose(1, 2)
        energy = self.score(torch.tanh(keys + place + self.of_state(state)[:, None]))[..., 0]
        return energy.masked_fill(~mask, torch.finfo(energy.dtype).min).softmax(1)


class Attention(Writer):
    """An encoder, and a decoder that looks at its frames and writes the next unit, until it writes the end.

    Trained with the true units before (teacher forcing); `ctc_weight` of the loss is that of a CTC layer on the
    encoder, which teaches it early what comes after what, and which `align` asks.

    Source: Chan et al. 2016; Watanabe et al. 2017 for the two losses together.
    """

    def __init__(self, encoder: Encoder, units: Units, *, hidden: int, ctc_weight: float, dropout: float) -> None:
        super().__init__(encoder, units)
        if not 0 <= ctc_weight < 1:
            raise SettingError(f"model 'attention': ctc_weight is in [0, 1); got {ctc_weight}")
        self.hidden, self.ctc_weight = hidden, ctc_weight
        self.embedding = nn.Embedding(len(units), hidden)
        self.cell = nn.LSTMCell(hidden + encoder.width, hidden)
        self.attention = LocationAttention(encoder.width, hidden)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden + encoder.width, len(units))
        self.ctc_head = nn.Linear(encoder.width, len(units)) if ctc_weight else None

    # a state: the cell's two, the context, the last weights
    def first(self, h: Tensor) -> tuple[Tensor, ...]:
        """The decoder's state before the first unit, for encoder states h (batch, time, width)."""
        zeros = h.new_zeros(len(h), self.hidden)
        return zeros, zeros, h.new_zeros(len(h), h.shape[2]), h.new_zeros(h.shape[:2])

    def step(
        self, last: Tensor, state: tuple[Tensor, ...], h: Tensor, keys: Tensor, mask: Tensor
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Scores of the next unit (batch, len(units)) after `last` (batch,), and the new state."""
        out, memory, context, weights = state
        out, memory = self.cell(torch.cat([self.embedding(last), context], 1), (out, memory))
        weights = self.attention(out, keys, weights, mask)
        context = (weights[:, None] @ h)[:, 0]
        return self.head(self.dropout(torch.cat([out, context], 1))), (out, memory, context, weights)

    def outputs(self, batch: Batch) -> Tensor:
        """Scores of units (batch, longest + 1, len(units)), each after the true ones before it."""
        return self._scores(*self.encoded(batch), batch)

    def _scores(self, h: Tensor, lengths: Tensor, batch: Batch) -> Tensor:
        mask = _inside(h, lengths)
        keys, state, scores = self.attention.of_frame(h), self.first(h), []
        for last in pad(batch["y"], (1, 0), value=END).unbind(1):
            found, state = self.step(last, state, h, keys, mask)
            scores.append(found)
        return torch.stack(scores, 1)

    def row_losses(self, batch: Batch) -> Tensor:
        h, lengths = self.encoded(batch)
        scores, y = self._scores(h, lengths, batch), pad(batch["y"], (0, 1), value=END)
        each = cross_entropy(scores.flatten(0, 1), y.flatten(), reduction="none").view_as(y)
        counted = torch.arange(y.shape[1], device=y.device) <= batch["y_lengths"][:, None]
        losses = (each * counted).sum(1)
        if self.ctc_head is None:
            return losses
        by_ctc = ctc_losses(self.ctc_head(h).log_softmax(-1), lengths, batch)
        return (1 - self.ctc_weight) * losses + self.ctc_weight * by_ctc

    def frames_needed(self, batch: Batch) -> Tensor:
        """The fewest frames that each row's transcript takes: what CTC needs, where it is part of the loss."""
        needed = frames_needed(batch["y"], batch["y_lengths"])
        return needed if self.ctc_head is not None else torch.ones_like(needed)

    def transcribe(
        self,
        batch: Batch,
        *,
        n_best: int = 1,
        beam: int | None = None,
        language_model: NGrams | None = None,
        language_weight: float = 0.3,
        bonus: float = 0.0,
        hot_words: Sequence[str] | Mapping[str, float] = (),
    ) -> list[NBest]:
        """The n best texts of each row, of a search that keeps `beam` beginnings (1 unless n_best or models ask).

        A text has at most as many units as its row has frames after the encoder.
        """
        scorer = self.scorer(language_model, language_weight, bonus, hot_words)
        width = max(beam or (8 if scorer is not None or n_best > 1 else 1), n_best)
        h, lengths = self.encoded(batch)
        return [self._written(row[None, :n], width, n_best, scorer) for row, n in zip(h, lengths.tolist(), strict=True)]

    def _written(self, h: Tensor, width: int, n_best: int, scorer: Scorer | None) -> NBest:
        """The n best texts of one row."""
        keys, mask = self.attention.of_frame(h), torch.ones(1, h.shape[1], dtype=torch.bool, device=h.device)
        held = [Beginning([], 0.0, self.first(h), scorer.begin() if scorer is not None else None)]
        for _ in range(h.shape[1] + 1):
            open_ones = [one for one in held if not one.ended]
            if not open_ones:
                break
            last = torch.tensor([one.ids[-1] if one.ids else END for one in open_ones], device=h.device)
            state = tuple(torch.cat(parts) for parts in zip(*(one.state for one in open_ones), strict=True))
            n = len(open_ones)
            found, state = self.step(last, state, h.expand(n, -1, -1), keys.expand(n, -1, -1), mask.expand(n, -1))
            likely = found.log_softmax(1).topk(min(width + 1, len(self.units)), dim=1)
            grown = [one for one in held if one.ended]
            for i, (one, gains, ids) in enumerate(
                zip(open_ones, likely.values.tolist(), likely.indices.tolist(), strict=True)
            ):
                own = tuple(part[i : i + 1] for part in state)
                grown += [grow(one, k, gain, own, scorer) for k, gain in zip(ids, gains, strict=True)]
            held = sorted(grown, key=lambda one: -one.score)[:width]
        return self.ranked([one for one in held if one.ended] or held, n_best)

    def align(self, batch: Batch) -> Aligned:
        """By the CTC layer, whose frames are in order; attention may look anywhere."""
        return ctc_alignments(self, *self._by_ctc(batch, "align"), batch)

    def spot(self, batch: Batch, words: Sequence[str], *, threshold: float = SPOTTED) -> list[list[Spot]]:
        """Where words are said in each row, by the CTC layer; see `spotted` for scores and threshold."""
        return ctc_spots(self, *self._by_ctc(batch, "spot"), batch, words, threshold)

    def _by_ctc(self, batch: Batch, what: str) -> tuple[Tensor, Tensor]:
        """Log probabilities of the CTC layer, and the rows' lengths."""
        if self.ctc_head is None:
            raise SettingError(f"{what} asks the CTC layer, and this model has none; train with ctc_weight above 0")
        h, lengths = self.encoded(batch)
        return self.ctc_head(h).log_softmax(-1), lengths


class Transducer(Writer):
    """An encoder of sounds, a net that reads what was written, and a joint layer that says what comes next, or waits.

    Source: Graves 2012.
    """

    def __init__(self, encoder: Encoder, units: Units, *, hidden: int, dropout: float, longest: int = 8) -> None:
        super().__init__(encoder, units)
        self.longest = longest  # units that decoding may write in one frame
        self.embedding = nn.Embedding(len(units), hidden)
        self.predictor = nn.LSTM(hidden, hidden, batch_first=True)
        self.of_sound, self.of_text = nn.Linear(encoder.width, hidden), nn.Linear(hidden, hidden)
        self.dropout, self.head = nn.Dropout(dropout), nn.Linear(hidden, len(units))

    def joint(self, sound: Tensor, text: Tensor) -> Tensor:
        """Log-probabilities of units; class 0 waits for the next frame."""
        return self.head(self.dropout(torch.tanh(sound + text))).log_softmax(-1)

    def lattice(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Log-probabilities (batch, time, longest + 1, len(units)), and the rows' numbers of frames."""
        h, lengths = self.encoded(batch)
        text, _ = self.predictor(self.embedding(pad(batch["y"], (1, 0), value=END)))
        return self.joint(self.of_sound(h)[:, :, None], self.of_text(text)[:, None]), lengths

    def outputs(self, batch: Batch) -> Tensor:
        return self.lattice(batch)[0]

    def row_losses(self, batch: Batch) -> Tensor:
        log_probs, lengths = self.lattice(batch)
        return transducer_loss(log_probs, lengths, batch["y"], batch["y_lengths"])

    def transcribe(
        self,
        batch: Batch,
        *,
        n_best: int = 1,
        beam: int | None = None,
        language_model: NGrams | None = None,
        language_weight: float = 0.3,
        bonus: float = 0.0,
        hot_words: Sequence[str] | Mapping[str, float] = (),
    ) -> list[NBest]:
        """The n best texts of each row, of a search that keeps `beam` beginnings (1 unless n_best or models ask).

        A beam adds up the ways to write the same text that it still holds.
        """
        scorer = self.scorer(language_model, language_weight, bonus, hot_words)
        width = max(beam or (8 if scorer is not None or n_best > 1 else 1), n_best)
        h, lengths = self.encoded(batch)
        return [
            self._written(self.of_sound(row[:n]), width, n_best, scorer)
            for row, n in zip(h, lengths.tolist(), strict=True)
        ]

    def _read(self, unit: int, state: Any, device: torch.device) -> tuple[Tensor, Any]:
        """What the predictor says after a unit (hidden,), and its state."""
        out, state = self.predictor(self.embedding(torch.tensor([[unit]], device=device)), state)
        return self.of_text(out[0, 0]), state

    def _written(self, sound: Tensor, width: int, n_best: int, scorer: Scorer | None) -> NBest:
        first = self._read(END, None, sound.device)
        held = [Beginning([], 0.0, first, scorer.begin() if scorer is not None else None)]
        for frame in sound:
            waiting: dict[tuple[int, ...], Beginning] = {}
            open_ones = held
            for _ in range(self.longest + 1):
                log_probs = self.joint(frame, torch.stack([one.state[0] for one in open_ones]))
                likely = log_probs.topk(min(width + 1, len(self.units)), dim=1)
                grown: list[tuple[Beginning, int, float]] = []
                for one, row, gains, ids in zip(
                    open_ones, log_probs.tolist(), likely.values.tolist(), likely.indices.tolist(), strict=True
                ):
                    add(waiting, one._replace(score=one.score + row[END]))
                    grown += [(one, k, gain) for k, gain in zip(ids, gains, strict=True) if k != END]
                open_ones = self._best(grown, waiting, width, scorer, sound.device)
                if not open_ones:
                    break
            held = sorted(waiting.values(), key=lambda one: -one.score)[:width]
        if scorer is not None:
            held = [one._replace(score=one.score + scorer.end(one.held)) for one in held]
        return self.ranked(held, n_best)

    def _best(
        self,
        grown: list[tuple[Beginning, int, float]],
        waiting: dict[tuple[int, ...], Beginning],
        width: int,
        scorer: Scorer | None,
        device: torch.device,
    ) -> list[Beginning]:
        """The best of what grew in this frame, unless as many that wait for the next frame are better."""
        scores = sorted((one.score for one in waiting.values()), reverse=True)[:width]
        least = scores[-1] if len(scores) == width else float("-inf")
        tried = [grow(one, k, gain, one.state, scorer) for one, k, gain in grown]
        best = sorted((one for one in tried if one.score > least), key=lambda one: -one.score)[:width]
        return [one._replace(state=self._read(one.ids[-1], one.state[1], device)) for one in best]

    def align(self, batch: Batch) -> Aligned:
        """The frame in which each unit is written; a unit lasts until the next is."""
        log_probs, lengths = self.lattice(batch)
        found = []
        sizes = zip(lengths.tolist(), batch["y_lengths"].tolist(), frames_of(batch).tolist(), strict=True)
        for row, labels, (n, m, size) in zip(log_probs.cpu(), batch["y"].cpu(), sizes, strict=True):
            frames, _ = best_alignment(row[:n, : m + 1], labels[:m])
            ends = [*frames[1:], n] if frames else []
            spans = [(start, max(end, start + 1)) for start, end in zip(frames, ends, strict=True)]
            found.append(self.named(labels[:m].tolist(), spans, size))
        return found


def grow(one: Beginning, unit: int, gain: float, state: Any, scorer: Scorer | None) -> Beginning:
    """A text that goes on with a unit, or ends."""
    if unit == END:
        extra = scorer.end(one.held) if scorer is not None else 0.0
        return one._replace(score=one.score + gain + extra, state=state, ended=True)
    held, extra = scorer.step(one.held, unit) if scorer is not None else (None, 0.0)
    return Beginning([*one.ids, unit], one.score + gain + extra, state, held)


def add(found: dict[tuple[int, ...], Beginning], one: Beginning) -> None:
    """Put a beginning beside others; the scores of two ways to the same text add up."""
    key = tuple(one.ids)
    if key in found:
        a, b = found[key].score, one.score
        one = one._replace(score=float(torch.logaddexp(torch.tensor(a).double(), torch.tensor(b).double())))
    found[key] = one


def _inside(h: Tensor, lengths: Tensor) -> Tensor:
    """Which frames (batch, time) are within the rows' lengths."""
    found = mask_of(h, lengths)
    assert found is not None
    return found[..., 0].bool()
