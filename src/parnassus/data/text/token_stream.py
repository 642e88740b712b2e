"""Texts end to end as one stream of ids, cut into blocks; what is to be learned is the id after each."""

import warnings
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError, DataWarning, SettingError
from ...functional.losses import IGNORED
from ..codec import Codec, State
from ..rows import Batch
from ..targets import Target
from .parallel import PIECES, WRITTEN
from .stream_pieces import StreamPieces
from .text import strings
from .tokenizers import CLOSED, PAD, UNKNOWN, Tokenizer


class Blocks:
    """A stream of ids in blocks: x (batch, 2 context) are two blocks' ids and one more behind each `context`.

    The stream goes on at its beginning behind its end; `inside` (batch, 2 context) says which ids come before that.
    """

    def __init__(self, stream: Tensor, context: int) -> None:
        self.stream, self.context = stream, context

    def __len__(self) -> int:
        return max(-(-(len(self.stream) - 1) // self.context), 0)

    def take(self, index: Tensor) -> Batch:
        n, device = len(self.stream), self.stream.device
        at = index.to(device)[:, None] * self.context + torch.arange(2 * self.context, device=device)
        # the stream's last id is what its first is, so that it goes round without a seam
        return {"x": self.stream[at % max(n - 1, 1)].long(), "inside": at < n}

    def to(self, device: torch.device) -> Self:
        self.stream = self.stream.to(device)
        return self

    @property
    def n_bytes(self) -> int:
        return self.stream.nbytes


class TokenStream(Codec):
    """Texts as one stream of ids, an end before each and behind the last, in blocks of `context` ids.

    Parameters
    ----------
    unit : "words", "characters", "bytes", or subwords: "bpe", "byte_bpe", "wordpiece", "unigram"; see `Tokenizer`.
        "pieces" are those of a tokenizer.json: `TokenStream.of(StreamPieces.read(...))`.
    lower : fold upper case into lower case.
    max_words : how many words or subwords are kept; None keeps all words, 4,000 subwords.
    min_count : what training holds less often is unknown.
    context : ids that a model looks at together.

    The id of the end is the last, but pieces have ids of their own that end and begin a text. In training the view
    "tokens" begins each block at random, up to `context` ids later, so that a net does not learn where blocks begin;
    otherwise blocks follow each other, and every id of the texts is predicted once. The view "stream", of models that
    count, never moves them.

    Source: Hifny A11.9 to A11.14; Baker A192 (the target is the input moved by one).
    """

    kind = "token_stream"

    tokenizer: Tokenizer | StreamPieces
    n_blocks: int  # of the training texts

    def __init__(
        self,
        *,
        unit: str = "characters",
        lower: bool = False,
        max_words: int | None = None,
        min_count: int = 1,
        context: int = 128,
    ) -> None:
        if unit not in WRITTEN:
            raise SettingError(f"unit={unit!r}; a language model writes {', '.join(WRITTEN)}")
        for name, value in (("context", context), ("max_words", max_words), ("min_count", min_count)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise SettingError(f"{name} is a whole number of at least 1; got {value!r}")
        self.options = {
            "unit": unit, "lower": lower, "max_words": max_words, "min_count": min_count, "context": context
        }  # fmt: skip

    def fit(self, raw: Any) -> Self:
        texts, own = strings(raw), self.options
        if own["unit"] == PIECES:
            raise SettingError("unit='pieces' are those of a folder's tokenizer.json: give start=, the folder's path")
        if not any(texts):
            raise DataError(f"all {len(texts)} texts are empty; give texts that say something")
        self.tokenizer = Tokenizer(
            own["unit"], lower=own["lower"], size=own["max_words"], min_count=own["min_count"]
        ).fit(texts)
        ids, lengths = self.tokenizer.ids(texts)
        if len(np.unique(ids)) < 2:
            only = self.tokenizer.name(int(ids[0])) if len(ids) else ""
            raise DataError(
                f"the texts hold one thing only, {only!r}, so that there is nothing to predict; give more texts, or "
                "another unit"
            )
        self.n_blocks = self._n_blocks(ids, lengths)
        return self

    def _n_blocks(self, ids: np.ndarray, lengths: np.ndarray) -> int:
        return -(-(len(ids) + len(self.between) * len(lengths)) // self.context)

    @classmethod
    def of(cls, pieces: StreamPieces, *, context: int) -> Self:
        """The codec of units that were learned elsewhere, to be `measured`."""
        codec = cls(unit=PIECES, context=context)
        codec.tokenizer, codec.n_blocks = pieces, 0
        return codec

    def measured(self, texts: list[str]) -> Self:
        """The same vocabulary, for these texts; what of them it does not hold is counted in a warning."""
        if not any(texts):
            raise DataError(f"all {len(texts)} texts are empty; give texts that say something")
        ids, lengths = self.tokenizer.ids(texts)
        strange = int(np.isin(ids, self.never).sum())
        if strange:
            warnings.warn(
                f"the texts hold {strange} of {len(ids)} units that the vocabulary has not, and are read as unknown",
                DataWarning,
                stacklevel=3,
            )
        self.n_blocks = self._n_blocks(ids, lengths)
        return self

    @property
    def end(self) -> int:
        """The id of the end of a text."""
        known = self.tokenizer
        return known.end if isinstance(known, StreamPieces) else known.n_ids

    @property
    def start(self) -> int:
        """The id that a text begins with: the end of the one before, where no other is named."""
        known = self.tokenizer
        return known.start if isinstance(known, StreamPieces) else known.n_ids

    @property
    def between(self) -> list[int]:
        """The ids that stand between two texts."""
        return [self.end] if self.start == self.end else [self.end, self.start]

    @property
    def n_ids(self) -> int:
        """How many ids there are, the end's among them."""
        known = self.tokenizer
        return known.vocab_size if isinstance(known, StreamPieces) else known.n_ids + 1

    @property
    def adds_spaces(self) -> bool:
        """Whether what is written has spaces between its units, whatever the text before ends with."""
        known = self.tokenizer
        return known.adds_spaces if isinstance(known, StreamPieces) else known.unit in ("words", "wordpiece")

    @property
    def n_choices(self) -> int:
        """How many ids even chances choose from."""
        known = self.tokenizer
        return known.vocab_size - len(known.never) if isinstance(known, StreamPieces) else self.end

    @property
    def never(self) -> list[int]:
        """Ids that are never said: what fills rows, and the unknown where there is one."""
        known = self.tokenizer
        if isinstance(known, StreamPieces):
            return known.never
        return [PAD] if self.options["unit"] in (*CLOSED, "byte_bpe") else [PAD, UNKNOWN]

    @property
    def pieces(self) -> StreamPieces:
        """The units as a tokenizer.json holds them, under the same ids."""
        return self.tokenizer if isinstance(self.tokenizer, StreamPieces) else StreamPieces.of(self.tokenizer)

    @property
    def context(self) -> int:
        """Ids that a model looks at together."""
        return self.options["context"]

    def views(self) -> dict[str, dict[str, Any]]:
        facts = {"vocab_size": self.n_ids, "pad_id": PAD, "max_length": self.context}
        return {"tokens": facts, "stream": facts | {"n_samples": self.n_blocks}}

    def prepare(self, batch: Batch, view: str, *, training: bool = False) -> Batch:
        x, y, inside = batch["x"], batch["y"], batch["inside"]
        kept = {k: v for k, v in batch.items() if k != "inside"}
        if not training or view == "stream":
            c = self.context
            return kept | {"x": x[:, :c], "y": torch.where(inside[:, 1 : c + 1], y[:, :c], IGNORED)}
        first = torch.randint(0, self.context, (len(x), 1), device=x.device)
        at = first + torch.arange(self.context, device=x.device)
        return kept | {"x": x.gather(1, at), "y": y.gather(1, at)}

    def encode(self, raw: Any) -> Blocks:
        ids, lengths = self.tokenizer.ids(strings(raw))
        places = np.repeat(lengths.cumsum(), len(self.between))
        whole = np.insert(ids, np.concatenate([[0], places]), [self.start, *self.between * len(lengths)])
        return Blocks(torch.from_numpy(whole.astype(np.int32)), self.context)

    def rows(self, raw: Any) -> list[np.ndarray]:
        """The ids of each text, an end (or what else begins a text) before and an end behind it."""
        ids, lengths = self.tokenizer.ids(strings(raw))
        cut = np.split(ids.astype(np.int64), lengths.cumsum()[:-1])
        return [np.concatenate([[self.start], row, [self.end]]) for row in cut]

    def decode(self, ids: Tensor) -> list[str]:
        """The texts of rows of ids, ends left out."""
        return [self.tokenizer.text([i for i in row if i not in self.between]) for row in ids.tolist()]

    def state(self) -> State:
        return {"options": dict(self.options), "words": self.tokenizer.held(), "n_blocks": self.n_blocks}

    @classmethod
    def from_state(cls, state: State) -> Self:
        codec, own = cls(**state["options"]), state["options"]
        if own["unit"] == PIECES:
            codec.tokenizer, codec.n_blocks = StreamPieces.hold(state["words"]), state["n_blocks"]
            return codec
        made = Tokenizer(own["unit"], lower=own["lower"], size=own["max_words"], min_count=own["min_count"])
        codec.tokenizer, codec.n_blocks = made.hold(state["words"]), state["n_blocks"]
        return codec


class NextToken(Target):
    """The id that follows each: cut out of blocks, so that nothing is given."""

    kind = "next_token"
    loss_name: ClassVar[str] = "cross_entropy"

    @property
    def loss_kind(self) -> str:
        return "labels"

    def fit(self, raw: Any, inputs: Codec | None = None) -> Self:
        return self

    def facts(self) -> dict[str, Any]:
        return {}

    def cut(self, batch: Batch) -> Batch:
        return batch | {"x": batch["x"], "y": batch["x"].roll(-1, 1)}  # the last is never looked at
