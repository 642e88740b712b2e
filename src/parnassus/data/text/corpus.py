"""Texts as the ids of the words that a vocabulary keeps, end to end: what vectors of words are learned from."""

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError, SettingError
from ..codec import Codec, State
from ..rows import Batch, Ragged
from .cleaning import check_steps
from .cleaning import clean as cleaned
from .text import strings
from .tokenizers import UNKNOWN, Tokenizer, words_of


class Documents(Ragged):
    """Texts of different lengths; `take` lays them end to end, with their numbers beside them, and pads nothing."""

    def take(self, index: Tensor) -> Batch:
        index = index.to(self.lengths.device)
        lengths = self.lengths[index]
        ends = lengths.cumsum(0)
        at = torch.arange(int(ends[-1]) if len(ends) else 0, device=lengths.device)
        at = at + (self.starts[index] - ends + lengths).repeat_interleave(lengths)
        return {"x": self.values[at], "lengths": lengths, "rows": index}


class Corpus(Codec):
    """Texts as words (runs of letters and digits) that training holds often enough; others are left out.

    Parameters
    ----------
    lower : fold upper case into lower case.
    min_count : words seen less often in training are left out, in training and afterwards.
    max_words : the most frequent words that are kept; None keeps all.
    clean : steps that make texts plainer first, such as ("html", "stop_words", "porter"); see `cleaning.clean`.
    language : of stems and lemmas, such as "de".

    A batch of the view "words" has x (words,) int32 from 0 up, all texts end to end, lengths (texts,), and rows
    (texts,), which texts they are. Signs (full stops, brackets) are no words.
    """

    kind = "corpus"

    tokenizer: Tokenizer
    counts: Tensor  # (vocab_size,) occurrences in training
    document_counts: Tensor  # (vocab_size,) texts of training that hold the word
    n_texts: int

    def __init__(
        self,
        *,
        lower: bool = True,
        min_count: int = 2,
        max_words: int | None = None,
        clean: tuple[str, ...] = (),
        language: str = "en",
    ) -> None:
        for name, value in (("min_count", min_count), ("max_words", max_words)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise SettingError(f"{name} is a whole number of at least 1; got {value!r}")
        clean = (clean,) if isinstance(clean, str) else tuple(clean)
        check_steps(clean, language)
        self.options = {
            "lower": lower, "min_count": min_count, "max_words": max_words, "clean": clean, "language": language
        }  # fmt: skip

    def fit(self, raw: Any) -> Self:
        texts, own = self._cleaned(strings(raw)), self.options
        plain = Tokenizer("words", lower=own["lower"], min_count=own["min_count"])
        try:
            plain.fit(texts)
        except DataError as error:
            raise DataError(f"{error}; min_count={own['min_count']} here") from None
        words = [w for w in plain.names if any(c.isalnum() for c in w)]
        if not words:
            raise DataError(f"the {len(texts)} texts hold signs and no words; give texts that say something")
        plain.names = words
        plain._indexed()
        ids, lengths = plain.ids(texts)
        counts = np.bincount(ids[ids != UNKNOWN] - 2, minlength=len(words))
        order = sorted(range(len(words)), key=lambda i: (-counts[i], words[i]))[: own["max_words"]]
        self._settle([words[i] for i in order])
        if len(order) < 2:
            raise DataError(
                f"the texts hold one word only, {words[order[0]]!r}, that is seen {own['min_count']} times: there is "
                "nothing to compare it with; give more texts, or a smaller min_count"
            )
        place = np.full(len(words) + 2, -1)
        place[np.array(order) + 2] = np.arange(len(order))
        found, text = place[ids], np.repeat(np.arange(len(lengths)), lengths)
        both = np.unique((text * len(order) + found)[found >= 0])
        self.counts = torch.from_numpy(counts[order])
        self.document_counts = torch.from_numpy(np.bincount(both % len(order), minlength=len(order)))
        self.n_texts = len(texts)
        return self

    def _settle(self, words: list[str]) -> None:
        """A vocabulary, as it is ordered."""
        self.tokenizer = Tokenizer("words", lower=self.options["lower"])
        self.tokenizer.names = words
        self.tokenizer._indexed()

    @classmethod
    def of_words(cls, words: list[str], *, lower: bool) -> Self:
        """A codec whose words somebody else chose, each as if seen once."""
        self = cls(lower=lower, min_count=1)
        self._settle(words)
        self.counts = self.document_counts = torch.ones(len(words), dtype=torch.int64)
        self.n_texts = 1
        return self

    def _cleaned(self, texts: list[str]) -> list[str]:
        steps = self.options["clean"]
        return cleaned(texts, steps, language=self.options["language"]).texts if steps else texts

    @property
    def words(self) -> list[str]:
        """The vocabulary, most frequent first."""
        return self.tokenizer.names

    def tokens(self, raw: Any) -> list[list[str]]:
        """The words of each text as `encode` reads them, known or not."""
        texts = [t.lower() if self.options["lower"] else t for t in self._cleaned(strings(raw))]
        return [[w for w in words_of(t) if any(c.isalnum() for c in w)] for t in texts]

    def views(self) -> dict[str, dict[str, Any]]:
        return {"words": {"vocab_size": len(self.words), "n_samples": self.n_texts}}

    def encode(self, raw: Any) -> Documents:
        ids, lengths = self.tokenizer.ids(self._cleaned(strings(raw)))
        known = ids != UNKNOWN
        rows = np.repeat(np.arange(len(lengths)), lengths)[known]
        lengths = np.bincount(rows, minlength=len(lengths))
        return Documents(torch.from_numpy(ids[known] - 2), torch.from_numpy(lengths))

    @property
    def idf(self) -> Tensor:
        """ln((1 + N) / (1 + df)) + 1 of each word, as scikit-learn has it."""
        return ((1 + self.n_texts) / (1 + self.document_counts.double())).log() + 1

    def state(self) -> State:
        return {
            "options": dict(self.options) | {"clean": list(self.options["clean"])},
            "words": self.tokenizer.held(),
            "counts": self.counts,
            "document_counts": self.document_counts,
            "n_texts": self.n_texts,
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        own = dict(state["options"])
        codec = cls(**own | {"clean": tuple(own["clean"])})
        codec.tokenizer = Tokenizer("words", lower=own["lower"]).hold(state["words"])
        codec.counts, codec.document_counts = state["counts"], state["document_counts"]
        codec.n_texts = state["n_texts"]
        return codec
