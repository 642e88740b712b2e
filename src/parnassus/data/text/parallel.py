"""Texts and what each is written as: the ids of sources, and those of what is to be written.

Id 0 fills rows, id 1 is what is unknown, and the last id of each vocabulary ends a text (and begins what is written);
but the unit "pieces" has ids of its own for all four, as T5 and Marian have.
"""

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError, DataWarning, FileError, SettingError, did_you_mean
from ..answers import is_gap, shown
from ..audio.transcripts import Texts
from ..codec import Codec, State
from ..rows import Bucketed
from ..targets import Target
from .sentinels import SentinelPieces
from .tokenizers import CLOSED, MANY_PIECES, PAD, SUBWORDS, UNITS, UNKNOWN, Tokenizer

PIECES = "pieces"
WRITTEN = (*(unit for unit in UNITS if unit != "hashed"), PIECES)


def texts_of(raw: Any, name: str) -> list[str]:
    """Texts as a list, each with something in it; what is no text, or empty, is refused by its row."""
    if isinstance(raw, str | bytes):
        raise DataError(f"{name} is one text, {raw[:40]!r}; give a list of texts, one a row")
    raw = one_column(raw)
    texts = raw.to_list() if hasattr(raw, "to_list") else raw.tolist() if hasattr(raw, "tolist") else list(raw)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            what = "missing" if is_gap(text) else f"{text!r:.60}, a {type(text).__name__}"
            raise DataError(f"row {row} of {name} is {what}, and a text is due; leave the row out")
        if not text.strip():
            raise DataError(f"row {row} of {name} is empty, {text!r}, which says nothing; leave the row out")
    if not texts:
        raise DataError(f"{name} holds no texts; give at least one")
    return texts


def one_column(X: Any) -> Any:
    """The one column of a frame, as a list; anything else as it is."""
    if not hasattr(X, "columns"):
        return X
    names = list(X.columns)
    if len(names) != 1:
        raise DataError(f"X has the columns {names}; leave the one that holds the sources, as X[['source', 'target']]")
    column = X[names[0]]
    return column.to_list() if hasattr(column, "to_list") else list(column)


def lines_of(path: str | Path) -> list[str]:
    """The lines of a UTF-8 file, one text each, as parallel corpora are kept."""
    path = Path(path)
    try:
        lines = path.read_bytes().decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: byte {error.start} is no UTF-8; save the file as UTF-8") from error
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror}); look at the path") from error
    return lines


def pairs_of(X: Any, y: Any) -> tuple[Any, Any]:
    """Sources and targets from two columns, two files whose lines match, or one list of pairs."""
    if y is None and isinstance(X, list | tuple) and X and not isinstance(X[0], str):
        for row, pair in enumerate(X):
            if not isinstance(pair, list | tuple) or len(pair) != 2:
                raise DataError(f"row {row} of X is {pair!r:.60}, and a pair (source, target) is due")
        X, y = [pair[0] for pair in X], [pair[1] for pair in X]
    X, y = (lines_of(side) if isinstance(side, Path) else side for side in (X, y))
    if y is None:
        raise DataError("there is nothing to write; give y, a list of pairs, or target= the column that holds it")
    n, m = len(X), len(y)
    if n != m:
        raise DataError(f"there are {n} sources and {m} targets; each source needs one: look for a lost or empty line")
    return X, y


def checked_options(unit: str, max_words: int | None, min_count: int) -> None:
    """Refuses what no vocabulary can be made by."""
    if unit not in WRITTEN:
        raise SettingError(f"unit={unit!r}; {did_you_mean(unit, WRITTEN)}")
    for name, value in (("max_words", max_words), ("min_count", min_count)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise SettingError(f"{name} is a whole number of at least 1; got {value!r}")


class _Vocabulary:
    """What both sides share: a tokenizer, ids end to end, and a warning of what fit did not see."""

    options: Any
    tokenizer: Tokenizer | SentinelPieces
    n_unknown: int = 0  # units of the last `encode` that fit did not see

    def _tokenizer(self) -> Tokenizer:
        own = self.options
        return Tokenizer(own["unit"], lower=own["lower"], size=own["max_words"], min_count=own["min_count"])

    def _learned(self, texts: list[str]) -> Tokenizer | SentinelPieces:
        own = self.options
        if own["unit"] == PIECES:
            return SentinelPieces.learned(texts, size=own["max_words"] or MANY_PIECES, lower=own["lower"])
        return self._tokenizer().fit(texts)

    @property
    def end(self) -> int:
        """The id of the end of a text."""
        known = self.tokenizer
        return known.end if isinstance(known, SentinelPieces) else known.n_ids

    @property
    def start(self) -> int:
        """The id that begins what is written."""
        known = self.tokenizer
        return known.start if isinstance(known, SentinelPieces) else known.n_ids

    @property
    def n_ids(self) -> int:
        """How many ids there are, the end's among them."""
        known = self.tokenizer
        return known.vocab_size if isinstance(known, SentinelPieces) else known.n_ids + 1

    @property
    def never(self) -> list[int]:
        """Ids that no text has: what fills rows, and the unknown where there is one."""
        known = self.tokenizer
        if isinstance(known, SentinelPieces):
            return [known.pad, known.unknown, *range(known.n_ids, known.vocab_size)]
        return [PAD] if self.options["unit"] in (*CLOSED, "byte_bpe") else [PAD, UNKNOWN]

    def _ids(self, texts: list[str], name: str) -> tuple[np.ndarray, np.ndarray]:
        """Ids of all texts end to end and the number of each; what is unknown is counted and warned of."""
        ids, lengths = self.tokenizer.ids(texts)
        unknown = next(iter(self.never[1:]), None)
        strange = np.zeros(len(ids), dtype=bool) if unknown is None else ids == unknown
        self.n_unknown = int(strange.sum())
        if self.n_unknown:
            rows = np.unique(np.repeat(np.arange(len(lengths)), lengths)[strange])
            warnings.warn(
                f"{len(rows)} of {len(texts)} {name} hold {self.n_unknown} {self._named()} that fit did not keep"
                f"{self._which([texts[i] for i in rows[:20]])}, first in row {rows[0]}; they are read as unknown",
                DataWarning,
                stacklevel=3,
            )
        return ids.astype(np.int64), lengths

    def _named(self) -> str:
        return "subwords" if self.options["unit"] in (*SUBWORDS, PIECES) else self.options["unit"]

    def _which(self, texts: list[str]) -> str:
        if not isinstance(self.tokenizer, Tokenizer) or self.options["unit"] in SUBWORDS:
            return ""
        known = set(self.tokenizer.names)
        return f" ({shown(sorted({unit for row in self.tokenizer._split(texts) for unit in row} - known))})"

    def text(self, ids: Sequence[int]) -> str:
        """The text of ids, its end left out."""
        return self.tokenizer.text([i for i in ids if i != self.end])

    def units(self, text: str) -> list[str]:
        """What a text is cut into."""
        return [self.tokenizer.name(i) for i in self.tokenizer.ids([text])[0].tolist()]

    def state(self) -> State:
        """JSON values and tensors, from which `from_state` makes an equal codec."""
        held = {name: getattr(self, name) for name in self.kept}
        return {"options": dict(self.options), "words": self.tokenizer.held(), **held}

    kept: tuple[str, ...] = ()

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The codec whose `state` this is."""
        codec = cls(**state["options"])
        pieces = state["options"]["unit"] == PIECES
        codec.tokenizer = (SentinelPieces if pieces else codec._tokenizer()).hold(state["words"])
        for name in cls.kept:
            setattr(codec, name, state[name])
        return codec


class SourceTexts(_Vocabulary, Codec):
    """What is to be translated: ids of words, characters, bytes or subwords, an end behind each text.

    Parameters
    ----------
    unit : "words", "characters", "bytes", "bpe", "byte_bpe", "wordpiece" or "unigram", see `Tokenizer`; or "pieces",
        see `SentinelPieces`.
    lower : fold upper case into lower case.
    max_words : how many words or subwords are kept, the most frequent; None keeps all words, 4,000 subwords.
    min_count : what training holds less often is unknown.

    No text is cut, however long; texts of like length train together where there are many. Attributes: `n_unknown`, how
    many units of the last texts `fit` did not keep.

    Systems: parallel-corpus-tools
    Source: Martinez-Ramon 5.7.5, example 6.2.4 (10,000 words a language, seen twice at least: `max_words=10_000,
    min_count=2, lower=True`), B37.
    """

    kind = "source_texts"
    kept = ("max_length",)

    max_length: int

    def __init__(
        self, *, unit: str = "words", lower: bool = False, max_words: int | None = None, min_count: int = 1
    ) -> None:
        checked_options(unit, max_words, min_count)
        self.options = {"unit": unit, "lower": lower, "max_words": max_words, "min_count": min_count}

    def fit(self, raw: Any, besides: Sequence[str] = ()) -> Self:
        """Learn the vocabulary of texts, and of others that share it."""
        texts = texts_of(raw, "X")
        self.tokenizer = self._learned([*texts, *besides])
        return self.measured(texts)

    def measured(self, texts: list[str]) -> Self:
        """The same vocabulary, for texts of these lengths."""
        self.max_length = int(self.tokenizer.ids(texts)[1].max()) + 1
        return self

    @classmethod
    def of(cls, pieces: SentinelPieces) -> Self:
        """The codec of subwords that were learned elsewhere, to be `measured`."""
        codec = cls(unit=PIECES)
        codec.tokenizer = pieces
        return codec

    def views(self) -> dict[str, dict[str, Any]]:
        return {"tokens": {"source_vocab_size": self.n_ids, "pad_id": PAD, "max_length": self.max_length}}

    def encode(self, raw: Any) -> Bucketed:
        ids, lengths = self._ids(texts_of(raw, "X"), "sources")
        whole = np.insert(ids, lengths.cumsum(), self.end)
        return Bucketed(torch.from_numpy(whole), torch.from_numpy(lengths + 1), pad=PAD)

    def decode(self, ids: Tensor) -> list[str]:
        """The texts of rows of ids."""
        return [self.text(row) for row in ids.tolist()]


class TargetTexts(_Vocabulary, Target):
    """What is to be written; options as of `SourceTexts`, and `shared` takes the vocabulary of the sources.

    Attributes: `commonest`, the text that training holds most often; `longest`, in units.

    Systems: parallel-corpus-tools
    """

    kind = "target_texts"
    loss_name = ""  # models that write bring their own
    kept = ("commonest", "longest")

    commonest: str
    longest: int

    def __init__(
        self, *, unit: str = "words", lower: bool = False, max_words: int | None = None, min_count: int = 1,
        shared: bool = False,
    ) -> None:  # fmt: skip
        checked_options(unit, max_words, min_count)
        self.options = {
            "unit": unit, "lower": lower, "max_words": max_words, "min_count": min_count, "shared": shared
        }  # fmt: skip

    @property
    def loss_kind(self) -> str:
        return "target_texts"

    def fit(self, raw: Any, inputs: Codec | None = None) -> Self:
        texts = texts_of(raw, "y")
        if self.options["shared"]:
            if not isinstance(inputs, SourceTexts):
                raise SettingError("shared=True takes the vocabulary of the sources; give their fitted codec")
            self.tokenizer = inputs.tokenizer
        else:
            self.tokenizer = self._learned(texts)
        return self.measured(texts)

    def measured(self, texts: list[str]) -> Self:
        """The same vocabulary, for texts of these lengths."""
        self.longest = int(self.tokenizer.ids(texts)[1].max())
        self.commonest = Counter(texts).most_common(1)[0][0]
        return self

    def facts(self) -> dict[str, Any]:
        return {"target_vocab_size": self.n_ids, "start_id": self.start, "end_id": self.end}

    def encode(self, raw: Any) -> Texts:
        ids, lengths = self._ids(texts_of(raw, "y"), "targets")
        return Texts(torch.from_numpy(ids), torch.from_numpy(lengths))

    def decode(self, outputs: Sequence[Sequence[int]]) -> list[str]:
        """The texts of rows of ids."""
        return [self.text(row) for row in outputs]
