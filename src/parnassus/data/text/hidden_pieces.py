"""Raw texts as rows of subwords with some hidden, anew in each epoch: what BERT is pre-trained on."""

from typing import Any

import torch

from ...errors import DataError, SettingError
from ...functional.losses import IGNORED
from ...functional.masking import masked, pair_ids, sentence_pairs
from ..rows import Batch, Bucketed, Dense, Joined, Rows
from .pieces import Pieces
from .text import strings
from .tokenizers import sentences_of


class HiddenPieces(Pieces):
    """Texts, or pairs of their sentences, of which 15 % of the subwords are asked for.

    Parameters
    ----------
    rate : the share of subwords asked for; of those 80 % are hidden, 10 % are another subword, 10 % stay.
    next_sentence : rows are two sentences, half of them of two texts; whether the second follows is asked too.
    seed : of the pairs, and of what is hidden where nothing is trained.
    **options : as of `Pieces`; texts longer than max_length become several rows, so that nothing is cut.
    """

    kind = "hidden_pieces"

    def __init__(
        self, *, rate: float = 0.15, next_sentence: bool = False, seed: int = 0, lower: bool = True,
        max_words: int = 4_000, min_count: int = 1, max_length: int = 128,
    ) -> None:  # fmt: skip
        super().__init__(lower=lower, max_words=max_words, min_count=min_count, max_length=max_length)
        if isinstance(rate, bool) or not 0 < rate < 1:
            raise SettingError(f"rate is the share of subwords asked for, between 0 and 1; got {rate!r}")
        self.options = dict(self.options) | {"rate": rate, "next_sentence": next_sentence, "seed": seed}

    @property
    def end(self) -> int:
        """How many ids there are: what even chances choose from."""
        return self.tokenizer.n_ids

    @property
    def context(self) -> int:
        """Subwords that are read together, [CLS] and [SEP] among them."""
        return self.max_length

    def fit(self, raw: Any) -> "HiddenPieces":
        super().fit(strings(raw))
        self.max_length = self.options["max_length"]
        return self

    def views(self) -> dict[str, dict[str, Any]]:
        return {"pieces": super().views()["pieces"]}

    def encode(self, raw: Any) -> Rows:
        texts = strings(raw)
        if self.options["next_sentence"]:
            pairs = sentence_pairs([sentences_of(text) for text in texts], seed=self.options["seed"])
            if not pairs:
                raise DataError("no text has two sentences, of which one could follow the other; leave next_sentence")
            rows = self.framed([[a for a, _, _ in pairs], [b for _, b, _ in pairs]])
            return Joined(rows, Dense(next=torch.tensor([other for _, _, other in pairs])))
        cut = [row[i : i + self.room] for row in self.tokenizer.rows(texts) for i in range(0, len(row), self.room)]
        if not cut:
            raise DataError(f"all {len(texts)} texts are empty; give texts that say something")
        framed = [pair_ids(row, cls_id=self.tokenizer.cls, sep_id=self.tokenizer.sep)[0] for row in cut]
        ids = torch.tensor([i for row in framed for i in row]).int()
        return Bucketed(torch.stack([ids, torch.zeros_like(ids)], 1), torch.tensor([len(row) for row in framed]))

    @property
    def room(self) -> int:
        """Subwords of a text that a row has room for."""
        return self.max_length - 2

    def rows(self, texts: list[str]) -> list[Any]:
        """The ids of each text with [CLS] before and [SEP] behind."""
        return [
            torch.tensor([self.tokenizer.cls, *row, self.tokenizer.sep]).numpy() for row in self.tokenizer.rows(texts)
        ]

    def prepare(self, batch: Batch, view: str, *, training: bool = False) -> Batch:
        batch, known = super().prepare(batch, "pieces"), self.tokenizer
        x = batch["x"]
        special = torch.isin(x, torch.tensor(known.special, device=x.device))
        generator = None
        if not training:  # the same places each time, whatever else is drawn
            generator = torch.Generator(x.device).manual_seed(self.options["seed"] + x.shape[1])
        fed, y = masked(
            x, mask_id=known.mask, vocab_size=known.n_ids, generator=generator, special=special,
            rate=self.options["rate"],
        )  # fmt: skip
        return batch | {"x": fed, "y": y.masked_fill(y < 0, IGNORED)}
