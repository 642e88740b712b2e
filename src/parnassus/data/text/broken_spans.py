"""Raw texts as rows with some spans left out, anew in each epoch, and what was left out: what T5 is pre-trained on."""

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ...errors import DataError, SettingError
from ...functional.masking import broken, noise_spans
from ..codec import Codec, State
from ..rows import Batch, Bucketed
from .sentinels import SentinelPieces
from .text import strings

SHORTEST = 4  # a sentinel, a subword, an end, and one more


class BrokenSpans(Codec):
    """Texts whose subwords are hidden in spans; a sentinel stands for each, and the spans are to be written.

    Parameters
    ----------
    rate : the share of subwords that is hidden. mean_span : how many stand together, on average.
    lower : fold upper case into lower case.
    max_words : how many entries the vocabulary has, 100 sentinels among them.
    max_length : subwords of a row with its end; longer texts become several rows, so that nothing is cut.
    seed : of what is hidden where nothing is trained.

    The view "spans" has x (batch, n) with an end behind each row, lengths, y (batch, m) without ends, and y_lengths.

    Source: Raffel et al. 2020.
    """

    kind = "broken_spans"

    tokenizer: SentinelPieces

    def __init__(
        self, *, rate: float = 0.15, mean_span: float = 3.0, lower: bool = False, max_words: int = 4_000,
        max_length: int = 128, seed: int = 0,
    ) -> None:  # fmt: skip
        if isinstance(rate, bool) or not 0 < rate < 1:
            raise SettingError(f"rate is the share of subwords that is hidden, between 0 and 1; got {rate!r}")
        if isinstance(mean_span, bool) or not mean_span >= 1:
            raise SettingError(f"mean_span is the mean length of what is hidden, at least 1; got {mean_span!r}")
        if max_length < SHORTEST:
            raise SettingError(f"max_length is at least {SHORTEST}, the end among them; got {max_length}")
        self.options = {
            "rate": rate, "mean_span": mean_span, "lower": lower, "max_words": max_words, "max_length": max_length,
            "seed": seed,
        }  # fmt: skip

    @classmethod
    def of(cls, pieces: SentinelPieces, **options: Any) -> Self:
        """The codec of subwords that were learned elsewhere; `fit` learns no others."""
        codec = cls(**options)
        codec.tokenizer = pieces
        return codec

    @property
    def end(self) -> int:
        """How many ids there are: what even chances choose from."""
        return self.tokenizer.n_ids

    @property
    def context(self) -> int:
        """Subwords that are read together, the end among them."""
        return self.options["max_length"]

    @property
    def room(self) -> int:
        """Subwords of a text that a row has room for."""
        return self.context - 1

    def fit(self, raw: Any) -> Self:
        texts = strings(raw)
        if not hasattr(self, "tokenizer"):
            own = self.options
            self.tokenizer = SentinelPieces.learned(texts, size=own["max_words"], lower=own["lower"])
        if len(self.tokenizer.sentinels) < 2:
            raise DataError("the tokenizer has no sentinels <extra_id_0>, <extra_id_1>, ..., which stand for spans")
        return self

    def views(self) -> dict[str, dict[str, Any]]:
        known = self.tokenizer
        sizes = {"source_vocab_size": known.vocab_size, "target_vocab_size": known.vocab_size}
        return {"spans": sizes | {"start_id": known.start, "end_id": known.end, "max_length": self.context}}

    def encode(self, raw: Any) -> Bucketed:
        texts = strings(raw)
        cut = [row[i : i + self.room] for row in self.tokenizer.rows(texts) for i in range(0, len(row), self.room)]
        if not cut:
            raise DataError(f"all {len(texts)} texts are empty; give texts that say something")
        ids = torch.tensor([i for row in cut for i in row]).int()
        return Bucketed(ids, torch.tensor([len(row) for row in cut]), pad=self.tokenizer.pad)

    def prepare(self, batch: Batch, view: str, *, training: bool = False) -> Batch:
        device, known = batch["x"].device, self.tokenizer
        left, spans = [], []
        for row, n in zip(batch["x"].cpu().long(), batch["lengths"].tolist(), strict=True):
            one, other = self._broken(row[:n], training)
            left.append(torch.tensor([*one, known.end]))
            spans.append(torch.tensor(other))

        def padded(rows: list[Tensor]) -> tuple[Tensor, Tensor]:
            whole = pad_sequence(rows, batch_first=True, padding_value=known.pad)
            return whole.to(device), torch.tensor([len(row) for row in rows], device=device)

        (x, lengths), (y, y_lengths) = padded(left), padded(spans)
        return batch | {"x": x, "lengths": lengths, "y": y, "y_lengths": y_lengths}

    def _broken(self, row: Tensor, training: bool) -> tuple[list[int], list[int]]:
        """What is left of a row and its spans; where nothing is trained, the same ones each time."""
        own, known = self.options, self.tokenizer
        generator = None if training else torch.Generator().manual_seed(own["seed"] + int(row.sum()))
        most = len(known.sentinels) - 1
        hidden = noise_spans(len(row), generator=generator, rate=own["rate"], mean=own["mean_span"], most=most)
        return broken(row.tolist(), hidden.tolist(), known.sentinels)

    def rows(self, texts: list[str]) -> list[np.ndarray]:
        """The ids of each text with what begins and what ends it."""
        known = self.tokenizer
        return [np.array([known.start, *row, known.end]) for row in known.rows(texts)]

    def decode(self, ids: Tensor) -> list[str]:
        """The texts of rows of ids, ends, sentinels and padding left out."""
        return [self.tokenizer.text(row) for row in ids.tolist()]

    def state(self) -> State:
        return {"options": dict(self.options), "tokenizer": self.tokenizer.held()}

    @classmethod
    def from_state(cls, state: State) -> Self:
        return cls.of(SentinelPieces.hold(state["tokenizer"]), **state["options"])
