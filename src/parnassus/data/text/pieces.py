"""Texts, and pairs of texts, as rows that BERT reads: [CLS] a [SEP], or [CLS] a [SEP] b [SEP] with segments."""

import json
import os
import warnings
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError, DataWarning, FileError, SettingError
from ...functional.masking import pair_ids
from ..answers import is_gap
from ..codec import Codec, State
from ..packing import packed, unpacked
from ..rows import Batch, Bucketed, Rows
from .text import strings
from .wordpieces import WordPieces

SHORTEST = 5  # [CLS] a [SEP] b [SEP]
TOKENIZER = "tokenizer.json"


class Pieces(Codec):
    """Texts, or pairs of them, as subwords with [CLS] before and [SEP] behind each.

    Parameters
    ----------
    lower : fold upper case into lower case, and leave accents out.
    max_words : how many subwords there are, [PAD], [UNK], [CLS], [SEP] and [MASK] among them.
    min_count : words seen less often in training do not shape subwords.
    max_length : the longest row in subwords; None takes the longest of training, 512 at most. Of what is longer the
        end of the longer text is cut, with a warning that says how many; `n_cut` holds that number.

    A row is a text, or a pair: two columns of a frame, or a list of tuples. The view "pieces" has x (batch, time) of
    ids, segments (batch, time), which are 1 in the second text, and lengths; the view "tokens" leaves the segments out.
    `Pieces.read(folder)` takes the vocabulary of a tokenizer.json.
    """

    kind = "pieces"

    tokenizer: WordPieces
    max_length: int
    vocab_size: int  # of the net: a folder's may have rows that no subword has
    n_columns: int  # 1 of texts, 2 of pairs
    n_cut: int = 0

    def __init__(
        self, *, lower: bool = True, max_words: int = 4_000, min_count: int = 1, max_length: int | None = None
    ) -> None:
        for name, value, least in (("max_words", max_words, 8), ("min_count", min_count, 1)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise SettingError(f"Pieces: {name} is a whole number of at least {least}; got {value!r}")
        if max_length is not None and max_length < SHORTEST:
            raise SettingError(f"Pieces: max_length is at least {SHORTEST}; got {max_length}")
        self.options = {"lower": lower, "max_words": max_words, "min_count": min_count, "max_length": max_length}

    @classmethod
    def read(cls, folder: str | os.PathLike, *, max_length: int | None = None) -> Self:
        """The codec of a folder in the layout of Hugging Face: its tokenizer.json, and the sizes of its config.json."""
        place = Path(folder)
        codec = cls(max_length=max_length)
        codec.tokenizer = WordPieces.read(place / TOKENIZER)
        try:
            config = json.loads((place / "config.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            config = {}
        except (OSError, ValueError) as error:
            raise FileError(f"{place / 'config.json'}: cannot be read as JSON ({error})") from error
        codec.vocab_size = int(config.get("vocab_size", codec.tokenizer.n_ids))
        if codec.vocab_size < codec.tokenizer.n_ids:
            raise FileError(
                f"{place}: {TOKENIZER} has {codec.tokenizer.n_ids} entries and config.json says {codec.vocab_size}; "
                "the two files belong to different models"
            )
        room = int(config.get("max_position_embeddings", 512))
        if max_length is not None and max_length > room:
            raise SettingError(f"max_length is {max_length}, and the model in {place} has {room} positions")
        codec.max_length, codec.n_columns = max_length or room, 0
        return codec

    def fit(self, raw: Any) -> Self:
        columns = columns_of(raw)
        if not hasattr(self, "tokenizer"):  # read from a folder otherwise
            texts = [text for column in columns for text in column]
            own = self.options
            self.tokenizer = WordPieces.learned(
                texts, size=own["max_words"], lower=own["lower"], min_count=own["min_count"]
            )
            self.vocab_size = self.tokenizer.n_ids
            longest = max(len(ids) for ids, _ in self._rows(columns))
            self.max_length = own["max_length"] or min(max(longest, SHORTEST), 512)
        self.n_columns = len(columns)
        return self

    def views(self) -> dict[str, dict[str, Any]]:
        facts = {"vocab_size": self.vocab_size, "pad_id": self.tokenizer.pad, "max_length": self.max_length}
        return {"pieces": facts | {"n_segments": 2}, "tokens": facts}

    def _rows(self, columns: list[list[str]]) -> list[tuple[list[int], list[int]]]:
        """Ids and segments of each row, uncut."""
        cut, known = [self.tokenizer.rows(column) for column in columns], self.tokenizer
        return [pair_ids(*row, cls_id=known.cls, sep_id=known.sep) for row in zip(*cut, strict=True)]

    def encode(self, raw: Any) -> Rows:
        columns = columns_of(raw)
        if self.n_columns and len(columns) != self.n_columns:
            was, came = (("texts", "pairs of texts")[n - 1] for n in (self.n_columns, len(columns)))
            raise DataError(f"fit saw {was}, and these are {came}; give the same kind")
        return self.framed(columns)

    def framed(self, columns: list[list[str]]) -> Bucketed:
        """Rows of (id, segment), cut to `max_length` with a warning."""
        cut, known = [self.tokenizer.rows(column) for column in columns], self.tokenizer
        rows, self.n_cut, first = [], 0, -1
        for i, parts in enumerate(zip(*cut, strict=True)):
            room = self.max_length - 1 - len(parts)
            if sum(map(len, parts)) > room:
                first = i if not self.n_cut else first
                self.n_cut += 1
                parts = shortened(parts, room)
            rows.append(pair_ids(*parts, cls_id=known.cls, sep_id=known.sep))
        if self.n_cut:
            warnings.warn(
                f"{self.n_cut} of {len(rows)} rows are longer than {self.max_length} subwords and are cut (first row "
                f"{first}); to keep more give codec=pn.Pieces(max_length=...)",
                DataWarning,
                stacklevel=2,
            )
        both = torch.tensor([list(p) for ids, segments in rows for p in zip(ids, segments, strict=True)])
        return Bucketed(both.int(), torch.tensor([len(ids) for ids, _ in rows]))

    def prepare(self, batch: Batch, view: str, *, training: bool = False) -> Batch:
        x, segments = batch["x"].long().unbind(-1)
        inside = torch.arange(x.shape[1], device=x.device) < batch["lengths"][:, None]
        x = torch.where(inside, x, self.tokenizer.pad)
        return batch | ({"x": x, "segments": segments} if view == "pieces" else {"x": x})

    def decode(self, ids: Tensor) -> list[str]:
        """The texts of rows of ids, [CLS], [SEP] and padding left out."""
        return [self.tokenizer.text(row) for row in ids.tolist()]

    kept = ("max_length", "vocab_size", "n_columns")

    def state(self) -> State:
        held = {name: getattr(self, name) for name in self.kept}
        return {"options": dict(self.options), "tokenizer": packed(self.tokenizer.written()), **held}

    @classmethod
    def from_state(cls, state: State) -> Self:
        codec = cls(**state["options"])
        codec.tokenizer = WordPieces.of(unpacked(state["tokenizer"]))
        for name in cls.kept:
            setattr(codec, name, state[name])
        return codec


def shortened(parts: tuple[list[int], ...], room: int) -> tuple[list[int], ...]:
    """One or two lists cut at their ends until they have `room` together, always the longer one.

    >>> shortened(([1, 2, 3, 4, 5], [6, 7]), 4)
    ([1, 2], [6, 7])
    """
    if len(parts) == 1:
        return (parts[0][:room],)
    a, b = map(len, parts)
    less = min(a, b, room // 2)
    b = min(b, room - less) if a < b else less
    return parts[0][: room - b], parts[1][:b]


def columns_of(raw: Any) -> list[list[str]]:
    """One column of texts, or the two columns of pairs, as lists; what is no text is refused by its row.

    Raises
    ------
    DataError : rows of other numbers of texts, or something else than texts; the row is named.
    """
    if hasattr(raw, "columns") and hasattr(raw, "shape") and len(raw.shape) == 2:
        names = list(getattr(raw, "column_names", None) or raw.columns)  # pyarrow's `columns` are its data
        if len(names) not in (1, 2):
            raise DataError(f"X has {len(names)} columns; texts stand in one column, pairs of texts in two")
        values = [raw[name] for name in names]
        return [strings(column.to_pylist() if hasattr(column, "to_pylist") else column) for column in values]
    if isinstance(raw, np.ndarray) and raw.dtype.kind in "biufc":
        raise DataError(
            f"X holds numbers, of shape {raw.shape}, and this model reads texts; give a list of texts or pairs"
        )
    rows = raw.tolist() if isinstance(raw, np.ndarray) else raw
    if not isinstance(rows, list | tuple) or not rows or not any(isinstance(row, list | tuple) for row in rows):
        return [strings(raw)]
    for i, row in enumerate(rows):
        if not isinstance(row, list | tuple) or len(row) != 2:
            what = f"{len(row)} texts" if isinstance(row, list | tuple) else f"{row!r:.60}"
            raise DataError(f"row {i} of X is {what}, and a pair of two texts is due")
        for place, text in zip(("first", "second"), row, strict=True):
            if not isinstance(text, str):
                what = "missing" if is_gap(text) else f"{text!r:.60}"
                raise DataError(f"row {i} of X: the {place} text is {what}; give a text, or leave the row out")
    return [[row[0] for row in rows], [row[1] for row in rows]]
