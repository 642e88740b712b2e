"""Texts as the vectors of their words, learned beforehand and held as they are."""

from typing import Any, Self

import torch
from torch import Tensor

from ...errors import SettingError
from ..codec import Codec, State
from ..rows import Batch, Ragged
from .corpus import Corpus


class WordRows(Codec):
    """Texts as rows (words, d) of a table that somebody else learned; `Embedder.codec_of_words()` makes one.

    The view "steps" has x (batch, words, d), 0 after each text's length, and lengths; the view "vector" the mean of a
    text's words (batch, d). Words that the table has not are left out; a text of none is 0. `fit` learns nothing.
    """

    kind = "word_rows"

    corpus: Corpus
    table: Tensor  # (n_words, d)

    def hold(self, corpus: Corpus, table: Tensor) -> Self:
        """The same, with a vocabulary and its vectors."""
        self.corpus, self.table = corpus, table.clone()
        return self

    def fit(self, raw: Any) -> Self:
        if not hasattr(self, "table"):
            raise SettingError("WordRows has no vectors yet; take codec=embedder.codec_of_words() of a fitted Embedder")
        return self

    def views(self) -> dict[str, dict[str, Any]]:
        d = self.table.shape[1]
        return {"steps": {"step_features": d}, "vector": {"in_features": d}}

    def encode(self, raw: Any) -> Ragged:
        rows = self.corpus.encode(raw)
        return Ragged(rows.values + 1, rows.lengths)  # 0 fills rows

    def prepare(self, batch: Batch, view: str, *, training: bool = False) -> Batch:
        ids = batch["x"].long()
        inside = (ids > 0)[..., None].to(self.table.dtype)
        x = self.table[(ids - 1).clamp(min=0)] * inside
        if view == "steps":
            return batch | {"x": x}
        mean = x.sum(1) / inside.sum(1).clamp(min=1)
        return {k: v for k, v in batch.items() if k != "lengths"} | {"x": mean}

    def state(self) -> State:
        return {"corpus": self.corpus.state(), "table": self.table}

    @classmethod
    def from_state(cls, state: State) -> Self:
        return cls().hold(Corpus.from_state(state["corpus"]), torch.as_tensor(state["table"]))
