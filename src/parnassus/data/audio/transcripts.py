"""What is said in recordings, as ids of characters or words, and back."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError, SettingError, did_you_mean
from ..answers import is_gap, shown
from ..codec import Codec, State
from ..rows import Batch, Ragged
from ..targets import Target

KINDS = ("characters", "words")


@dataclass(frozen=True)
class Units:
    """The texts of ids, in order; id 0 writes nothing: it is the blank of CTC, and the end for decoders that write.

    >>> units = Units(("", "a", "b"), "characters")
    >>> units.ids("abba"), units.text([1, 0, 2])
    ([1, 2, 2, 1], 'ab')
    """

    names: tuple[str, ...]
    kind: str

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def places(self) -> dict[str, int]:
        """Unit -> id."""
        return {name: i for i, name in enumerate(self.names) if i}

    def split(self, text: str) -> list[str]:
        """The units of a text, known or not."""
        return list(text) if self.kind == "characters" else text.split()

    def ids(self, text: str) -> list[int]:
        """The ids of a text whose units are all known."""
        return [self.places[unit] for unit in self.split(text)]

    def text(self, ids: Iterable[int]) -> str:
        """The text of ids; 0 writes nothing."""
        return ("" if self.kind == "characters" else " ").join(self.names[i] for i in ids if i)


class Texts(Ragged):
    """Ids of units end to end; `take` gives "y" (batch, longest), padded with 0, and "y_lengths" (batch,)."""

    def take(self, index: Tensor) -> Batch:
        batch = super().take(index)
        return {"y": batch["x"], "y_lengths": batch["lengths"]}


class Transcripts(Target):
    """One text a row: what is said in a recording.

    Parameters
    ----------
    units : what ids stand for: "characters" (the space is one), or "words".
    lower : write everything in lower case.
    strip : characters that are left out, such as ".,!?".
    also : units that are known besides those of the texts, such as the words of a lexicon.

    Always: Unicode in its composed form (NFC), runs of white space as one space, none at the ends. `normalized` is
    what the model learns, answers, and is judged by. An empty text is allowed, and says that nothing is said; a
    missing one is refused, and so are units that `fit` did not see.

    Attributes: `known`, the `Units`; `commonest`, the text that training holds most often.
    """

    kind = "transcripts"
    loss_name = ""  # models of transcripts bring their own

    known: Units
    commonest: str

    def __init__(
        self, *, units: str = "characters", lower: bool = False, strip: str = "", also: Iterable[str] = ()
    ) -> None:
        if units not in KINDS:
            raise SettingError(f"units={units!r}; {did_you_mean(units, KINDS)}")
        if not isinstance(strip, str):
            raise SettingError(f"strip is the characters to leave out, such as '.,!?'; got {strip!r}")
        self.options = {"units": units, "lower": lower, "strip": strip}
        self._also = set(also)

    @property
    def loss_kind(self) -> str:
        return "transcripts"

    def normalized(self, raw: Any) -> list[str]:
        """Texts as they are learned, one a row; what is no text is refused by its row."""
        if isinstance(raw, str | bytes):
            raise DataError(f"y is one text, {raw[:40]!r}; give a list with one transcript a recording")
        if raw is None:
            raise DataError("y is None; give one transcript a recording, or target= the column that holds them")
        drop = str.maketrans("", "", self.options["strip"])
        texts = []
        for row, text in enumerate(raw.to_list() if hasattr(raw, "to_list") else list(raw)):
            if is_gap(text) or not isinstance(text, str):
                raise DataError(
                    f"the transcript of row {row} is {text!r}; give a text ('' where nothing is said), or leave the "
                    "row out"
                )
            text = unicodedata.normalize("NFC", text).translate(drop)
            texts.append(" ".join((text.lower() if self.options["lower"] else text).split()))
        return texts

    def fit(self, raw: Any, inputs: Codec | None = None) -> Self:
        texts = self.normalized(raw)
        kind = self.options["units"]
        found = Counter(unit for text in texts for unit in Units((), kind).split(text))
        if not found:
            raise DataError(f"all {len(texts)} transcripts are empty; a recogniser needs some that say something")
        self.known = Units(("", *sorted(found.keys() | self._also)), kind)
        self.commonest = Counter(texts).most_common(1)[0][0]
        return self

    def facts(self) -> dict[str, Any]:
        return {"units": self.known}

    def checked(self, raw: Any) -> list[str]:
        """Normalised texts, all of whose units are known; others are refused by row and unit."""
        texts = self.normalized(raw)
        for row, text in enumerate(texts):
            strange = sorted(set(self.known.split(text)) - self.known.places.keys())
            if strange:
                raise DataError(
                    f"the transcript of row {row}, {text[:60]!r}, holds {self.known.kind} that fit did not see: "
                    f"{shown(strange)}; it saw {shown(list(self.known.names[1:]))}"
                )
        return texts

    def unknown(self, texts: Sequence[str], *, words: Iterable[str] | None = None) -> list[tuple[int, int]]:
        """How many words of each text have units that fit did not see, and how many characters those units are.

        Where a recogniser writes `words` of a lexicon, those are what is known.
        """
        kind, known = ("words", set(words)) if words is not None else (self.known.kind, self.known.places.keys())
        found = []
        for text in texts:
            units = [list(word) if kind == "characters" else [word] for word in text.split()]
            strange = [[u for u in own if u not in known] for own in units]
            found.append((sum(map(bool, strange)), sum(len(u) for own in strange for u in own)))
        return found

    def encode(self, raw: Any) -> Texts:
        rows = [self.known.ids(text) for text in self.checked(raw)]
        lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
        flat = np.fromiter((i for row in rows for i in row), dtype=np.int64)
        return Texts(torch.from_numpy(flat), lengths)

    def decode(self, outputs: Sequence[Sequence[int]]) -> list[str]:
        """The texts of rows of ids."""
        return [self.known.text(row) for row in outputs]

    def state(self) -> State:
        return {"options": dict(self.options), "names": list(self.known.names), "commonest": self.commonest}

    @classmethod
    def from_state(cls, state: State) -> Self:
        target = cls(**state["options"])
        target.known = Units(tuple(state["names"]), target.options["units"])
        target.commonest = state["commonest"]
        return target
