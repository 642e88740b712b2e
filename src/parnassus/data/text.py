"""Text as the ids of its words or bytes, and as a bag of them."""

import re
import warnings
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError, DataWarning, SettingError, did_you_mean
from .answers import is_gap
from .codec import Codec, State
from .packing import packed, unpacked
from .rows import Batch, Ragged

PAD, UNKNOWN = 0, 1
WORD = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")
WEIGHTINGS = ("count", "tfidf", "tfidf-plain")


class Text(Codec):
    """Strings as ids: of words (runs of letters and digits, or one other sign) or of UTF-8 bytes.

    Parameters
    ----------
    unit : "words" or "bytes".
    lower : fold upper case into lower case.
    min_count : words seen less often in training are unknown.
    max_words : the most frequent words that are kept; None keeps all.
    max_length : the longest text in units; None takes the longest of training. What is longer is cut, with a warning
        that says how many; `n_cut` holds that number for the last `encode`.
    weighting : of the view "vector": "count", "tfidf" (ln((1 + N) / (1 + df)) + 1 times the count, rows of Euclidean
        norm 1, as in scikit-learn) or "tfidf-plain" (the share of the text's units times ln(N / df)).

    Id 0 fills rows; of words, id 1 is the unknown word. The view "tokens" has ids and lengths; the view "vector" is the
    bag: one number for each id but 0, order lost, added up on the device.

    Systems: bag-of-words, tf-idf
    Source: Baker A153, A166, A167; Jaiswal J126. Baker describes TF-IDF without a formula: the variant is the option.
    """

    kind = "text"
    form = "strings"

    words: list[str]  # the word of id 2 and up
    max_length: int
    idf: Tensor  # (vocab_size - 1,)
    n_cut: int = 0

    def __init__(
        self,
        *,
        unit: str = "words",
        lower: bool = True,
        min_count: int = 1,
        max_words: int | None = None,
        max_length: int | None = None,
        weighting: str = "count",
    ) -> None:
        if unit not in ("words", "bytes"):
            raise SettingError(f"Text: unit={unit!r}; {did_you_mean(unit, ('words', 'bytes'))}")
        if weighting not in WEIGHTINGS:
            raise SettingError(f"Text: weighting={weighting!r}; {did_you_mean(weighting, WEIGHTINGS)}")
        for name, value in (("min_count", min_count), ("max_words", max_words), ("max_length", max_length)):
            if value is not None and value < 1:
                raise SettingError(f"Text: {name} is at least 1; got {value}")
        self.options = {
            "unit": unit,
            "lower": lower,
            "min_count": min_count,
            "max_words": max_words,
            "max_length": max_length,
            "weighting": weighting,
        }

    def fit(self, raw: Any) -> Self:
        texts = strings(raw)
        counts: Counter[str] = Counter()
        if self.options["unit"] == "words":
            for words in self._split(texts):
                counts.update(words)
            often = [word for word, n in counts.most_common() if n >= self.options["min_count"]]
            if not often:
                raise DataError(
                    f"the {len(texts)} texts hold no word seen "
                    f"{self.options['min_count']} times; give texts, or a smaller "
                    "min_count"
                )
            self.words = sorted(sorted(often, key=lambda word: (-counts[word], word))[: self.options["max_words"]])
        else:
            self.words = []
        self._index()
        values, lengths = self._ids(texts)
        longest = int(lengths.max())
        self.max_length = self.options["max_length"] or max(longest, 1)
        self.idf = self._rarity(values, lengths)
        return self

    def _index(self) -> None:
        self._at = {word: i for i, word in enumerate(self.words, 2)}
        self.vocab_size = len(self.words) + 2 if self.options["unit"] == "words" else 257

    def _split(self, texts: list[str]) -> Iterator[list[str]]:
        """Each text's words."""
        for text in texts:
            yield WORD.findall(text.lower() if self.options["lower"] else text)

    def _ids(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Ids end to end, and each text's number of them."""
        if self.options["unit"] == "bytes":
            data = [(text.lower() if self.options["lower"] else text).encode(errors="surrogatepass") for text in texts]
            lengths = np.array([len(d) for d in data], dtype=np.int64)
            return np.frombuffer(b"".join(data), dtype=np.uint8).astype(np.int32) + 1, lengths
        rows = [[self._at.get(word, UNKNOWN) for word in words] for words in self._split(texts)]
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        return np.fromiter(chain.from_iterable(rows), dtype=np.int32, count=int(lengths.sum())), lengths

    def _rarity(self, values: np.ndarray, lengths: np.ndarray) -> Tensor:
        """The idf of each id but 0, by the weighting; ones for counts."""
        if self.options["weighting"] == "count":
            return torch.ones(self.vocab_size - 1)
        rows = np.repeat(np.arange(len(lengths)), lengths)
        pairs = np.unique(rows * self.vocab_size + values)
        df = np.bincount(pairs % self.vocab_size, minlength=self.vocab_size)[1:].astype(np.float64)
        n = len(lengths)
        if self.options["weighting"] == "tfidf":
            return torch.tensor(np.log((1 + n) / (1 + df)) + 1, dtype=torch.float32)
        return torch.tensor(np.where(df > 0, np.log(n / np.maximum(df, 1)), 0), dtype=torch.float32)

    def views(self) -> dict[str, dict[str, Any]]:
        return {
            "tokens": {"vocab_size": self.vocab_size, "pad_id": PAD, "max_length": self.max_length},
            "vector": {"in_features": self.vocab_size - 1},
        }

    @property
    def vector_names(self) -> list[str]:
        """The word (or byte) of each number of the view "vector"."""
        return ["<unknown>", *self.words] if self.options["unit"] == "words" else [repr(bytes([b])) for b in range(256)]

    def encode(self, raw: Any) -> Ragged:
        values, lengths = self._ids(strings(raw))
        over = lengths > self.max_length
        self.n_cut = int(over.sum())
        if self.n_cut:
            first = int(over.argmax())
            warnings.warn(
                f"{self.n_cut} of {len(lengths)} texts are longer than "
                f"{self.max_length} {self.options['unit']} and are cut "
                f"(first row {first}, {lengths[first]} long); to keep more fit with codec=pn.Text(max_length=...)",
                DataWarning,
                stacklevel=2,
            )
            at = np.arange(len(values)) - np.repeat(lengths.cumsum() - lengths, lengths)
            values, lengths = values[at < self.max_length], np.minimum(lengths, self.max_length)
        return Ragged(torch.from_numpy(values), torch.from_numpy(lengths), pad=PAD)

    def prepare(self, batch: Batch, view: str, *, training: bool = False) -> Batch:
        x = batch["x"].long()
        if view == "tokens":
            return batch | {"x": x}
        bag = torch.zeros(len(x), self.vocab_size - 1, device=x.device)
        bag.scatter_add_(1, (x - 1).clamp_(min=0), (x != PAD).to(bag.dtype))
        if self.options["weighting"] == "tfidf":
            bag = torch.nn.functional.normalize(bag.mul_(self.idf))
        elif self.options["weighting"] == "tfidf-plain":
            bag = bag.mul_(self.idf).div_(batch["lengths"].clamp(min=1)[:, None])
        return {k: v for k, v in batch.items() if k != "lengths"} | {"x": bag}

    def decode(self, ids: Tensor) -> list[str]:
        """Texts from rows of ids: words with spaces between, or bytes as UTF-8 (what is no UTF-8 is replaced)."""
        rows = [[i for i in row if i != PAD] for row in ids.tolist()]
        if self.options["unit"] == "bytes":
            return [bytes(i - 1 for i in row).decode(errors="replace") for row in rows]
        names = ["", "<unknown>", *self.words]
        return [" ".join(names[i] for i in row) for row in rows]

    def state(self) -> State:
        return {
            "options": dict(self.options),
            "words": packed(self.words),
            "max_length": self.max_length,
            "idf": self.idf,
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        codec = cls(**state["options"])
        codec.words = unpacked(state["words"]) if len(state["words"]) else []
        codec.max_length, codec.idf = state["max_length"], state["idf"]
        codec._index()
        return codec


def strings(raw: Any) -> list[str]:
    """Texts as a list, checked: every row is a string, and one at least has something in it."""
    if isinstance(raw, str | bytes):
        raise DataError("X is a single string; give a list of texts, [text]")
    texts = raw.tolist() if hasattr(raw, "tolist") else list(raw)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            what = "missing" if is_gap(text) else f"{text!r}, a {type(text).__name__}"
            raise DataError(f"row {row} of X is {what}, and a text is due; leave the row out, or give ''")
    if not texts:
        raise DataError("X holds no texts; give at least one")
    return texts
