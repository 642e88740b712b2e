"""Text as the ids of its words, characters, bytes or subwords, and as a bag of them and of their n-grams."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError, DataWarning, SettingError, check_count, did_you_mean
from ..answers import is_gap, shown
from ..codec import Codec, State
from ..rows import Batch, Ragged
from ..tables.columns import only_column
from .cleaning import check_steps
from .cleaning import clean as cleaned
from .tokenizers import PAD, UNITS, Tokenizer

WEIGHTINGS = ("count", "tfidf", "tfidf-plain")
MOST_GRAMS = 3  # units in a run, so that a vocabulary of 2 million still has codes of 63 bits


class Text(Codec):
    """Strings as ids: of words (runs of letters and digits, or one other sign), characters, bytes or subwords.

    Parameters
    ----------
    unit : "words", "characters", "bytes", "hashed", "bpe", "byte_bpe", "wordpiece", "unigram"; see `Tokenizer`.
    lower : fold upper case into lower case.
    min_count : words seen less often in training are unknown.
    max_words : the most frequent words (or units) that are kept; None keeps all, of subwords 4,000.
    max_length : the longest text in units; None takes the longest of training. What is longer is cut, with a warning
        that says how many; `n_cut` holds that number for the last `encode`.
    weighting : of the view "vector": "count", "tfidf" (ln((1 + N) / (1 + df)) + 1 times the count, rows of Euclidean
        norm 1, as in scikit-learn) or "tfidf-plain" (the share of the text's units times ln(N / df)).
    clean : steps that make texts plainer first, such as ("html", "stop_words", "porter"); see `cleaning.clean`.
    language : of stems and lemmas, such as "de".
    n_grams : the view "vector" also counts runs of up to so many units that training has.

    Id 0 fills rows; where there is a vocabulary, id 1 is what is unknown. The view "tokens" has ids and lengths; the
    view "vector" is the bag: one number for each id but 0, then each n-gram; order lost, added up on the device.

    Systems: bag-of-words, tf-idf
    Source: Baker A153, A166, A167; Jaiswal J126. Baker describes TF-IDF without a formula: the variant is the option.
    """

    kind = "text"
    form = "strings"

    tokenizer: Tokenizer
    max_length: int
    idf: Tensor  # (in_features,)
    grams: Tensor  # (n-grams of two units and more,) int64 codes, sorted; see `grams_of`
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
        clean: tuple[str, ...] = (),
        language: str = "en",
        n_grams: int = 1,
    ) -> None:
        if unit not in UNITS:
            raise SettingError(f"Text: unit={unit!r}; {did_you_mean(unit, UNITS)}")
        if weighting not in WEIGHTINGS:
            raise SettingError(f"Text: weighting={weighting!r}; {did_you_mean(weighting, WEIGHTINGS)}")
        counts = {"min_count": min_count, "max_words": max_words, "max_length": max_length, "n_grams": n_grams}
        for name, value in counts.items():
            if value is not None:
                check_count(f"Text: {name}", value)
        if n_grams > MOST_GRAMS:
            raise SettingError(f"Text: n_grams is at most {MOST_GRAMS}; got {n_grams}")
        clean = (clean,) if isinstance(clean, str) else tuple(clean)
        check_steps(clean, language)
        self.options = {
            "unit": unit,
            "lower": lower,
            "min_count": min_count,
            "max_words": max_words,
            "max_length": max_length,
            "weighting": weighting,
            "clean": clean,
            "language": language,
            "n_grams": n_grams,
        }

    def fit(self, raw: Any, *, tokenizer: Tokenizer | None = None) -> Self:
        """Learn from training texts; a `tokenizer` that is given keeps its vocabulary."""
        texts = self._cleaned(strings(raw))
        own = self.options
        made = Tokenizer(own["unit"], lower=own["lower"], size=own["max_words"], min_count=own["min_count"])
        self.tokenizer = made.fit(texts) if tokenizer is None else tokenizer
        values, lengths = self.tokenizer.ids(texts)
        self.max_length = own["max_length"] or max(int(lengths.max()), 1)
        self.grams = torch.zeros(0, dtype=torch.int64)
        x = torch.from_numpy(values).long()
        rows = torch.from_numpy(np.repeat(np.arange(len(lengths)), lengths))
        codes = [self._runs(x, rows, k) for k in range(2, own["n_grams"] + 1)]
        if codes:
            self.grams = torch.cat([c for c, _ in codes]).unique()
        found = [(x - 1, rows), *((self._places(c), r) for c, r in codes)]
        self.idf = self._rarity(torch.cat([f for f, _ in found]), torch.cat([r for _, r in found]), len(lengths))
        return self

    def _cleaned(self, texts: list[str]) -> list[str]:
        steps = self.options["clean"]
        return cleaned(texts, steps, language=self.options["language"]).texts if steps else texts

    @property
    def vocab_size(self) -> int:
        """How many ids there are."""
        return self.tokenizer.n_ids

    @property
    def words(self) -> list[str]:
        """The words (or other units) of the ids from 2; none of bytes and hashes."""
        return self.tokenizer.names

    def _runs(self, x: Tensor, rows: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Codes of runs of k ids within a row of ids that lie end to end, and their rows."""
        n = max(len(x) - k + 1, 0)
        codes = code_of([x[i : i + n] for i in range(k)], self.vocab_size)
        inside = rows[:n] == rows[len(rows) - n :]
        return codes[inside], rows[:n][inside]

    def _places(self, codes: Tensor) -> Tensor:
        """Where n-grams are counted in the vector; -1 for those that training has not."""
        if not len(self.grams):
            return torch.full_like(codes, -1)
        at = torch.searchsorted(self.grams, codes).clamp_(max=len(self.grams) - 1)
        return torch.where(self.grams[at] == codes, at + self.vocab_size - 1, -1)

    def _rarity(self, features: Tensor, rows: Tensor, n: int) -> Tensor:
        """The idf of each feature, by the weighting; ones for counts."""
        size = self.vocab_size - 1 + len(self.grams)
        if self.options["weighting"] == "count":
            return torch.ones(size)
        df = torch.bincount((rows * size + features).unique() % size, minlength=size).double()
        if self.options["weighting"] == "tfidf":
            return (((1 + n) / (1 + df)).log() + 1).float()
        return torch.where(df > 0, (n / df.clamp(min=1)).log(), 0).float()

    def views(self) -> dict[str, dict[str, Any]]:
        return {
            "tokens": {"vocab_size": self.vocab_size, "pad_id": PAD, "max_length": self.max_length},
            "vector": {"in_features": self.vocab_size - 1 + len(self.grams)},
        }

    @property
    def vector_names(self) -> list[str]:
        """The word (or other unit) of each number of the view "vector", then the n-grams with spaces between."""
        single = [self.tokenizer.name(i) for i in range(1, self.vocab_size)]
        return single + [" ".join(map(self.tokenizer.name, run_of(c, self.vocab_size))) for c in self.grams.tolist()]

    def encode(self, raw: Any) -> Ragged:
        values, lengths = self.tokenizer.ids(self._cleaned(strings(raw)))
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
        bag = torch.zeros(x.shape[0], self.vocab_size - 1 + len(self.grams), device=x.device)
        bag.scatter_add_(1, (x - 1).clamp_(min=0), (x != PAD).to(bag.dtype))
        for k in range(2, min(self.options["n_grams"], x.shape[1]) + 1):
            columns = [x[:, i : x.shape[1] - k + 1 + i] for i in range(k)]
            at = self._places(code_of(columns, self.vocab_size))
            bag.scatter_add_(1, at.clamp(min=0), ((at >= 0) & (columns[-1] != PAD)).to(bag.dtype))
        if self.options["weighting"] == "tfidf":
            bag = torch.nn.functional.normalize(bag.mul_(self.idf))
        elif self.options["weighting"] == "tfidf-plain":
            bag = bag.mul_(self.idf).div_(batch["lengths"].clamp(min=1)[:, None])
        return {k: v for k, v in batch.items() if k != "lengths"} | {"x": bag}

    def vectors(self, raw: Any) -> np.ndarray:
        """The view "vector" of texts (texts, in_features) float32, for forests, boosting and whatever takes a table.

        Systems: classical-text-classifier
        Source: Baker A175: preprocess, bag of words, TF-IDF, then a margin (`pn.Classifier("logistic", loss="hinge",
        codec=pn.Text(weighting="tfidf"))` takes the texts themselves), boosting, or a random forest.
        """
        rows = self.encode(raw)
        return self.prepare(rows.take(torch.arange(len(rows))), "vector")["x"].cpu().numpy()

    def decode(self, ids: Tensor) -> list[str]:
        """Texts from rows of ids: words with spaces between, or bytes as UTF-8 (what is no UTF-8 is replaced)."""
        return [self.tokenizer.text(row) for row in ids.tolist()]

    def state(self) -> State:
        return {
            "options": dict(self.options) | {"clean": list(self.options["clean"])},
            "words": self.tokenizer.held(),
            "max_length": self.max_length,
            "idf": self.idf,
            "grams": self.grams,
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        own = dict(state["options"])
        codec = cls(**own | {"clean": tuple(own.get("clean", ()))})
        settings = {"lower": own["lower"], "size": own["max_words"], "min_count": own["min_count"]}
        codec.tokenizer = Tokenizer(own["unit"], **settings).hold(state["words"])
        codec.max_length, codec.idf = state["max_length"], state["idf"]
        codec.grams = state.get("grams", torch.zeros(0, dtype=torch.int64))  # older files have none
        return codec


def code_of(columns: Sequence[Tensor], n_ids: int) -> Tensor:
    """One number for each run of ids, unlike for unlike runs of any length: base n_ids, each id being 1 or more."""
    code = torch.zeros_like(columns[0])
    for column in columns:
        code = code * n_ids + column
    return code


def run_of(code: int, n_ids: int) -> list[int]:
    """The ids of a code.

    >>> run_of(int(code_of([torch.tensor(3), torch.tensor(1), torch.tensor(4)], 5)), 5)
    [3, 1, 4]
    """
    found: list[int] = []
    while code:
        code, last = divmod(code, n_ids)
        found.append(last)
    return found[::-1]


def strings(raw: Any) -> list[str]:
    """Texts as a list, checked: every row is a string, and one at least has something in it."""
    if isinstance(raw, str | bytes):
        raise DataError("X is a single string; give a list of texts, [text]")
    if hasattr(type(raw), "columns"):
        raw = column_of_texts(raw)
    if isinstance(raw, Mapping) or not hasattr(raw, "__iter__"):
        raise DataError(f"X is a {type(raw).__name__}; give a list of texts, one a row")
    texts = raw.tolist() if hasattr(raw, "tolist") else list(raw)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            what = "missing" if is_gap(text) else f"{text!r:.60}, a {type(text).__name__}"
            raise DataError(f"row {row} of X is {what}, and a text is due; leave the row out, or give ''")
    if not texts:
        raise DataError("X holds no texts; give at least one")
    return texts


def column_of_texts(frame: Any) -> list[Any]:
    """The texts of a frame that has one column."""
    texts = only_column(frame)
    if texts is None:
        raise DataError(
            f"X has the columns {shown(list(frame.columns))}, and the model reads one of texts; give X[column], or "
            "drop the others"
        )
    return texts
