"""Questions with their contexts as rows that BERT reads, a long context in several windows, and the answers in them."""

import os
from collections import Counter
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError, SettingError
from ...functional.masking import pair_ids
from ...functional.spans import NOWHERE, token_places, window_bounds
from ..codec import Codec, State
from ..packing import packed, unpacked
from ..rows import Batch, Dense, Ragged, by_length
from ..targets import Target
from .pieces import Pieces
from .questions import Span, questions_of


class Passages(Pieces):
    """[CLS] question [SEP] context [SEP], the context cut into overlapping windows where it is too long for one.

    Parameters
    ----------
    stride : how many subwords further each window begins; never more than a window holds of the context.
    **options : as of `Pieces`; `max_length` is the length of a row, question and window together.

    A row is a question, of one window or more. The view "pieces" has x, segments, inside (rows, windows, time), which
    is True for subwords of the context, offsets (rows, windows, time, 2), their characters in it, and lengths (rows,
    windows), 0 where a row has no further window. `Passages.read(folder)` takes the vocabulary of a tokenizer.json.
    """

    kind = "passages"
    form = "questions"

    def __init__(
        self, *, lower: bool = True, max_words: int = 4_000, min_count: int = 1, max_length: int | None = None,
        stride: int = 128,
    ) -> None:  # fmt: skip
        super().__init__(lower=lower, max_words=max_words, min_count=min_count, max_length=max_length)
        if isinstance(stride, bool) or not isinstance(stride, int) or stride < 1:
            raise SettingError(f"Passages: stride is a whole number of at least 1; got {stride!r}")
        self.options = dict(self.options) | {"stride": stride}

    @classmethod
    def read(cls, folder: str | os.PathLike, *, max_length: int | None = None) -> Self:
        codec = super().read(folder, max_length=max_length)
        codec.n_columns = 2
        return codec

    def fit(self, raw: Any) -> "Passages":
        super().fit(list(questions_of(raw)))
        return self

    def views(self) -> dict[str, dict[str, Any]]:
        return {"pieces": super().views()["pieces"]}

    def encode(self, raw: Any) -> "WindowRows":
        """Rows of windows of (id, segment, first character, character behind the last), -1 outside the context."""
        questions = questions_of(raw)
        asked = self.tokenizer.rows([question for question, _ in questions])
        read = self._read({context for _, context in questions})
        values, lengths, counts = [], [], []
        for i, (question, context) in enumerate(zip(asked, (read[text] for _, text in questions), strict=True)):
            room = self.max_length - 3 - len(question)
            if room < 1:
                raise DataError(
                    f"row {i}: the question has {len(question)} subwords and leaves no room for its context in rows of "
                    f"{self.max_length}; shorten it, or give codec=Passages(max_length=...)"
                )
            if not len(context):
                raise DataError(f"row {i}: the context holds no word, only signs that are left out; give another")
            bounds = window_bounds(len(context), room, self.options["stride"])
            for start, end in bounds:
                values.append(self._framed(question, context[start:end]))
                lengths.append(len(question) + end - start + 3)
            counts.append(len(bounds))
        flat = torch.from_numpy(np.concatenate(values))
        return WindowRows(Ragged(flat, torch.tensor(lengths)), torch.tensor(counts))

    def _read(self, contexts: set[str]) -> dict[str, np.ndarray]:
        """The ids of each text beside their characters (subwords, 3): one that many questions are about is cut once."""
        texts = sorted(contexts)
        return {
            text: np.column_stack([np.array(ids, np.int32), np.array(places, np.int32).reshape(-1, 2)])
            for text, ids, places in zip(texts, *self.tokenizer.placed(texts), strict=True)
        }

    def _framed(self, question: list[int], part: np.ndarray) -> np.ndarray:
        ids, segments = pair_ids(question, part[:, 0].tolist(), cls_id=self.tokenizer.cls, sep_id=self.tokenizer.sep)
        found = np.full((len(ids), 4), NOWHERE, np.int32)
        found[:, 0], found[:, 1] = ids, segments
        found[len(question) + 2 : -1, 2:] = part[:, 1:]
        return found

    def prepare(self, batch: Batch, view: str, *, training: bool = False) -> Batch:
        x = batch["x"].long()
        read = torch.arange(x.shape[2], device=x.device) < batch["lengths"][..., None]
        ids = torch.where(read, x[..., 0], self.tokenizer.pad)
        return batch | {
            "x": ids, "segments": torch.where(read, x[..., 1], 0), "offsets": x[..., 2:],
            "inside": read & (x[..., 2] != NOWHERE),
        }  # fmt: skip


class WindowRows:
    """Rows of one window or more each; `take` gives x (rows, windows, time, 4) and lengths (rows, windows)."""

    def __init__(self, windows: Ragged, counts: Tensor) -> None:
        self.windows, self.counts = windows, counts
        self.firsts = counts.cumsum(0) - counts

    def __len__(self) -> int:
        return len(self.counts)

    def take(self, index: Tensor) -> Batch:
        index = index.to(self.counts.device)
        counts = self.counts[index]
        at = torch.arange(int(counts.max()), device=counts.device)
        real = at < counts[:, None]
        taken = self.windows.take((self.firsts[index, None] + at)[real])
        x = taken["x"].new_zeros((*real.shape, *taken["x"].shape[1:]))
        lengths = taken["lengths"].new_zeros(real.shape)
        x[real], lengths[real] = taken["x"], taken["lengths"]
        return {"x": x, "lengths": lengths}

    def arranged(self, order: Tensor, window: int, generator: torch.Generator) -> Tensor:
        """An order of rows in which batches hold rows of like length; see `by_length`."""
        ends = self.windows.lengths.cumsum(0)[self.firsts + self.counts - 1]
        return by_length(order, ends.diff(prepend=ends.new_zeros(1)), window, generator)

    def to(self, device: torch.device) -> Self:
        self.windows = self.windows.to(device)
        self.counts, self.firsts = self.counts.to(device), self.firsts.to(device)
        return self

    @property
    def n_bytes(self) -> int:
        return self.windows.n_bytes + self.counts.nbytes + self.firsts.nbytes


class SpanTargets(Target):
    """The first right answer of each question; y (rows, windows, 2) is its first and last token in each window.

    (0, 0), which is [CLS], says that a window does not hold it. Blanks around an answer are no part of it.

    Attributes: `has_none`, whether training held questions without an answer; `commonest`, the text that answers most.
    """

    kind = "spans"
    loss_name = ""  # nets that say spans bring their own

    has_none: bool
    commonest: str

    @property
    def loss_kind(self) -> str:
        return "spans"

    def fit(self, raw: list[list[Span]], inputs: Codec | None = None) -> Self:
        self.has_none = any(not spans for spans in raw)
        if not any(raw):
            raise DataError("no question has an answer; give some that have")
        counts = Counter(spans[0].text if spans else "" for spans in raw)
        self.commonest = min(counts, key=lambda text: (-counts[text], text))
        return self

    def facts(self) -> dict[str, Any]:
        return {}

    def encode(self, raw: list[list[Span]]) -> Dense:
        """y (rows, 2): the first character of an answer and the one behind its last."""
        return Dense(y=torch.tensor([_bare(spans[0]) if spans else (NOWHERE, NOWHERE) for spans in raw]))

    def cut(self, batch: Batch) -> Batch:
        if "y" not in batch:
            return batch
        offsets = batch["x"][..., 2:].long()
        inside = (offsets[..., 0] != NOWHERE) & (offsets[..., 1] > 0)
        return batch | {"y": token_places(offsets, inside, batch["y"][:, None].expand(*batch["lengths"].shape, 2))}

    def state(self) -> State:
        return {"held": packed([self.has_none, self.commonest])}

    @classmethod
    def from_state(cls, state: State) -> Self:
        target = cls()
        target.has_none, target.commonest = unpacked(state["held"])
        return target


def _bare(span: Span) -> tuple[int, int]:
    """The characters of an answer without the blanks around it.

    >>> _bare(Span(" in Paris ", 4))
    (5, 13)
    """
    start = span.start + len(span.text) - len(span.text.lstrip())
    return start, start + len(span.text.strip())
