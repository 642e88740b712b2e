"""Rows of tokens, and a tag for each: BIO, IOBES and BILOU looked over, what does not match refused by its place."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError, SettingError, did_you_mean
from ...functional.losses import IGNORED
from ..answers import is_gap
from ..codec import Codec, State
from ..packing import packed, unpacked
from ..rows import Batch, Bucketed, Ragged
from ..targets import Target
from ..timeseries.sequences import SequenceList
from .tokenizers import PAD, UNKNOWN, words_of

SCHEMES = ("auto", "bio", "iobes", "bilou", "plain")
FORMS = {"bio": re.compile(r"O|[BI]-.+"), "iobes": re.compile(r"O|[BIES]-.+"), "bilou": re.compile(r"O|[BILU]-.+")}
BEGINS = {"bio": "B-", "iobes": "B- or S-", "bilou": "B- or U-"}
AFTER = {  # what may stand behind a part, where I, E and L go on with the same name
    "bio": {"O": "OB", "B": "OBI", "I": "OBI"},
    "iobes": {"O": "OBS", "B": "IE", "I": "IE", "E": "OBS", "S": "OBS"},
    "bilou": {"O": "OBU", "B": "IL", "I": "IL", "L": "OBU", "U": "OBU"},
}


def may_follow(before: str, tag: str, scheme: str) -> bool:
    """Whether a tag may stand behind another; "O" stands before the first and behind the last.

    >>> may_follow("B-A", "I-A", "bio"), may_follow("O", "I-A", "bio"), may_follow("B-A", "O", "bilou")
    (True, False, False)
    """
    return tag[0] in AFTER[scheme][before[0]] and (tag[0] not in "IEL" or before[2:] == tag[2:])


class TokenList(list):
    """A list of rows of tokens that says so."""

    form = "tokens"


def token_rows(raw: Any) -> TokenList:
    """Rows of tokens: lists of strings as they are, texts cut into words and signs.

    Raises
    ------
    DataError : no rows, a row without tokens, or a token that is no string; row and token are named.
    """
    if isinstance(raw, str | bytes) or not hasattr(raw, "__iter__"):
        what = "a single text" if isinstance(raw, str | bytes) else f"{raw!r:.60}"
        raise DataError(f"X is {what}; give a list of rows of tokens, [['Anna', 'sings']], or of texts")
    rows = TokenList()
    for i, row in enumerate(raw):
        tokens = words_of(row) if isinstance(row, str) else list(row) if hasattr(row, "__iter__") else None
        if tokens is None:
            raise DataError(f"row {i} of X is {row!r:.60}; a list of tokens is due, or a text")
        for j, token in enumerate(tokens):
            if not isinstance(token, str) or not token:
                raise DataError(f"row {i} of X, token {j} is {token!r:.60}, and a string is due")
        if not tokens:
            raise DataError(f"row {i} of X has no tokens; leave it out")
        rows.append(tokens)
    if not rows:
        raise DataError("X holds no rows; give at least one")
    return rows


class Tokens(Codec):
    """Tokens as ids: words that training holds often enough, all others as one unknown.

    Parameters
    ----------
    lower : fold upper case into lower case.
    min_count : words seen less often are unknown.
    n_endings : letters at the end of a word that are read beside it; 0 leaves them out. They say much of words that
        training has not. Whether a word begins with a capital, is all capitals or holds a digit is read as well.

    In training a word that was seen once is taken for unknown half the time, so that the unknown is learned too. The
    view "tokens" has x (batch, time, 3): ids of the word, its ending and its shape.
    """

    kind = "tokens"

    words: list[str]
    endings: list[str]
    once: Tensor  # (vocab_size,) whether training holds the word once

    def __init__(self, *, lower: bool = True, min_count: int = 1, n_endings: int = 3) -> None:
        for name, value, least in (("min_count", min_count, 1), ("n_endings", n_endings, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise SettingError(f"Tokens: {name} is a whole number of at least {least}; got {value!r}")
        self.options = {"lower": lower, "min_count": min_count, "n_endings": n_endings}

    def _cased(self, token: str) -> str:
        return token.lower() if self.options["lower"] else token

    def _ending(self, token: str) -> str:
        n = self.options["n_endings"]
        return token.lower()[-n:] if n else ""

    def fit(self, raw: Any) -> Self:
        flat = [token for row in token_rows(raw) for token in row]
        counts = Counter(map(self._cased, flat))
        least = self.options["min_count"]
        self.words = sorted((w for w, n in counts.items() if n >= least), key=lambda w: (-counts[w], w))
        if not self.words:
            raise DataError(f"no token is seen {least} times; give more rows, or a smaller min_count")
        self.endings = sorted({self._ending(token) for token in flat})
        self.once = torch.tensor([False, False, *(counts[w] == 1 for w in self.words)])
        return self._indexed()

    def _indexed(self) -> Self:
        self._at = {word: i for i, word in enumerate(self.words, 2)}
        self._ends = {ending: i for i, ending in enumerate(self.endings, 2)}
        return self

    def views(self) -> dict[str, dict[str, Any]]:
        sizes = (len(self.words) + 2, len(self.endings) + 2, len(SHAPES) + 1)
        return {"tokens": {"cardinalities": sizes, "pad_id": PAD}}

    def encode(self, raw: Any) -> Bucketed:
        rows = token_rows(raw)
        found = [
            (self._at.get(self._cased(t), UNKNOWN), self._ends.get(self._ending(t), UNKNOWN), shape_of(t))
            for row in rows
            for t in row
        ]
        return Bucketed(torch.tensor(found, dtype=torch.int32), torch.tensor([len(row) for row in rows]))

    def prepare(self, batch: Batch, view: str, *, training: bool = False) -> Batch:
        x = batch["x"].long()
        if training:
            words = x[..., 0]
            lost = self.once[words] & (torch.rand(words.shape, device=x.device) < 0.5)
            x = torch.cat([torch.where(lost, UNKNOWN, words)[..., None], x[..., 1:]], -1)
        return batch | {"x": x}

    def state(self) -> State:
        return {"options": dict(self.options), "held": packed([self.words, self.endings]), "once": self.once}

    @classmethod
    def from_state(cls, state: State) -> Self:
        codec = cls(**state["options"])
        codec.words, codec.endings = unpacked(state["held"])
        codec.once = state["once"]
        return codec._indexed()


SHAPES = ("small", "Capital", "CAPITALS", "digits", "sign")


def shape_of(token: str) -> int:
    """Which of five shapes a token has, from 1.

    >>> [SHAPES[shape_of(t) - 1] for t in ("cat", "Anna", "NATO", "3rd", ",")]
    ['small', 'Capital', 'CAPITALS', 'digits', 'sign']
    """
    if any(c.isdigit() for c in token):
        return 4
    if not any(c.isalpha() for c in token):
        return 5
    return 3 if token.isupper() and len(token) > 1 else 2 if token[0].isupper() else 1


class TagRows(Ragged):
    """Ids of tags end to end; `take` gives "y" (batch, longest), IGNORED behind each row's end."""

    def take(self, index: Tensor) -> Batch:
        return {"y": super().take(index)["x"].long()}


class Tags(Target):
    """A tag for each token.

    Parameters
    ----------
    scheme : "bio" (O, B-name, I-name), "iobes" (E ends and S is a single token), "bilou" (the same two are L and U),
        "plain" (any tags, such as parts of speech), or "auto", which takes the first that all tags of training are
        written in.

    Attributes: `names`, the tags, sorted; `commonest`; `scheme`.
    """

    kind = "tags"
    loss_name = "cross_entropy"

    names: list[str]
    commonest: str
    scheme: str

    def __init__(self, *, scheme: str = "auto") -> None:
        if scheme not in SCHEMES:
            raise SettingError(f"scheme={scheme!r}; {did_you_mean(scheme, SCHEMES)}")
        self.options = {"scheme": scheme}

    @property
    def loss_kind(self) -> str:
        return "labels"

    def fit(self, raw: Any, inputs: Codec | None = None) -> Self:
        counts = Counter(tag for row in raw for tag in row)
        asked = self.options["scheme"]
        fits = [scheme for scheme, form in FORMS.items() if all(form.fullmatch(tag) for tag in counts)]
        entities = any(tag != "O" for tag in counts)
        self.scheme = asked if asked != "auto" else fits[0] if fits and entities else "plain"
        self.names, self.commonest = sorted(counts), counts.most_common(1)[0][0]
        if len(self.names) < 2:
            raise DataError(
                f"every token has the tag {self.names[0]!r}; there is nothing to learn: give other tags too"
            )
        self.check(raw)
        return self

    def check(self, raw: Any) -> None:
        """Refuses tags that break the scheme, by row and token."""
        if self.scheme == "plain":
            return
        form = FORMS[self.scheme]
        for i, row in enumerate(raw):
            for j, tag in enumerate(row):
                if not form.fullmatch(tag):
                    raise DataError(
                        f"row {i}, token {j}: {tag!r} is no tag of {self.scheme.upper()} ({form.pattern}); "
                        "write it so, or take scheme='plain'"
                    )
            self._check_order(i, list(row))

    def _check_order(self, i: int, row: list[str]) -> None:
        for j, (before, tag) in enumerate(zip(["O", *row], [*row, "O"], strict=True)):
            if not may_follow(before, tag, self.scheme):
                at = f"row {i}, token {j}: {tag!r} cannot stand" if j < len(row) else f"row {i} cannot end"
                what = f"behind {before!r}" if j else "at the beginning"
                raise DataError(
                    f"{at} {what} in {self.scheme.upper()}; an entity begins with {BEGINS[self.scheme]}"
                    ": mend the tag, or take scheme='plain' to learn tags as they are"
                )

    def rules(self) -> tuple[Tensor, Tensor, Tensor] | None:
        """Which tags may come first (K,), which may follow which (K, K), which may come last (K,); None of plain tags.

        Source: Ratinov and Roth 2009 (BIO and BILOU).
        """
        if self.scheme == "plain":
            return None
        pairs = [[may_follow(a, b, self.scheme) for b in self.names] for a in self.names]
        first = [may_follow("O", tag, self.scheme) for tag in self.names]
        last = [may_follow(tag, "O", self.scheme) for tag in self.names]
        return torch.tensor(first), torch.tensor(pairs), torch.tensor(last)

    def facts(self) -> dict[str, Any]:
        return {"n_outputs": len(self.names)}

    def encode(self, raw: Any) -> TagRows:
        places = {tag: i for i, tag in enumerate(self.names)}
        for i, row in enumerate(raw):
            for j, tag in enumerate(row):
                if tag not in places:
                    raise DataError(f"row {i}, token {j}: training has no tag {tag!r}; {did_you_mean(tag, self.names)}")
        flat = np.fromiter((places[tag] for row in raw for tag in row), dtype=np.int64)
        return TagRows(torch.from_numpy(flat), torch.tensor([len(row) for row in raw]), pad=IGNORED)

    def decode(self, outputs: Sequence[Sequence[int]]) -> list[list[str]]:
        """The tags of rows of ids."""
        return [[self.names[i] for i in row] for row in outputs]

    def state(self) -> State:
        return {"options": dict(self.options), "held": packed([self.names, self.commonest, self.scheme])}

    @classmethod
    def from_state(cls, state: State) -> Self:
        target = cls(**state["options"])
        target.names, target.commonest, target.scheme = unpacked(state["held"])
        return target


def tag_rows(raw: Any, rows: Sequence[Any]) -> list[list[str]]:
    """Rows of tags, one a token or step of `rows`; what does not match is refused by its row."""
    row_of, each = ("sequence", "step") if isinstance(rows, SequenceList) else ("row", "token")
    given = raw.to_list() if hasattr(raw, "to_list") else list(raw)
    if len(given) != len(rows):
        several = "sequences" if each == "step" else "rows of tokens"
        raise DataError(f"there are {len(rows)} {several} and {len(given)} rows of tags; give one of each")
    found = []
    for i, (row, held) in enumerate(zip(given, rows, strict=True)):
        if not isinstance(row, str) and not hasattr(row, "__iter__"):
            raise DataError(f"{row_of} {i} has the tag {row!r:.60}; give a list of tags, one a {each}")
        tags = row.split() if isinstance(row, str) else [str(tag) for tag in row]
        if len(tags) != len(held):
            begins = "" if each == "step" else f"; it begins {' '.join(held[:6])!r}"
            raise DataError(f"{row_of} {i} has {len(held)} {each}s and {len(tags)} tags{begins}: give one tag a {each}")
        gap = next((k for k, tag in enumerate([] if isinstance(row, str) else row) if is_gap(tag)), None)
        if gap is not None:
            what = "" if each == "step" else f" ({held[gap]!r})"
            raise DataError(
                f"{row_of} {i}, {each} {gap}{what} has no tag; give one, such as 'O', or leave the {row_of} out"
            )
        found.append(tags)
    return found


def are_whole(raw: Any) -> bool:
    """Whether tags are whole numbers, as which they are then said."""
    return all(
        isinstance(tag, int | np.integer) and not isinstance(tag, bool)
        for row in raw
        for tag in ([row] if isinstance(row, str) else row)
    )
