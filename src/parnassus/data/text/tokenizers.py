"""Tokenizers: texts to ids and back, learned from training texts; subwords by the Rust package `tokenizers`."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Any, Self

import numpy as np
from torch import Tensor

from ...errors import DataError, SettingError, did_you_mean
from ...functional.subwords import learn_wordpiece
from ..packing import packed, unpacked

PAD, UNKNOWN = 0, 1
RESERVED = ("<pad>", "<unknown>")
WORD = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")
LOOKS = ("words", "characters", "bytes", "hashed")
SUBWORDS = ("bpe", "byte_bpe", "wordpiece", "unigram")
UNITS = (*LOOKS, *SUBWORDS)
CLOSED = ("bytes", "hashed")  # whose ids are known before any text is
MANY_PIECES = 4_000  # subwords, or places for hashes, where nobody says how many
SENTENCE_END = re.compile(r"(?<=[.!?\u2026])[\"')\]\u201d\u2019]*\s+(?=[\"'(\[\u201c\u2018]?[^\W\d_]|\d)")
ABBREVIATIONS = {"mr", "mrs", "ms", "dr", "prof", "st", "e.g", "i.e", "vs", "cf", "no", "fig", "al"}


def words_of(text: str) -> list[str]:
    """The words of a text: runs of letters and digits, and every other sign by itself.

    Systems: word-tokenizer
    Source: Hifny A3.5, Table 3.3; Baker A203; Martinez-Ramon 3.8.

    >>> words_of("Machine learning is fun!")
    ['Machine', 'learning', 'is', 'fun', '!']
    """
    return WORD.findall(text)


def sentences_of(text: str) -> list[str]:
    """The sentences of a text: cut behind . ? and !, where they do not end an abbreviation or an initial.

    >>> sentences_of("Dr. Li saw it. Was it J. Bach? Yes!")
    ['Dr. Li saw it.', 'Was it J. Bach?', 'Yes!']
    """
    found, start = [], 0
    for cut in SENTENCE_END.finditer(text):
        last = text[start : cut.start()].rsplit(None, 1)[-1:] or [""]
        bare = last[0].rstrip(".").lower().lstrip("(\"'")
        if last[0].endswith(".") and (bare in ABBREVIATIONS or (len(bare) == 1 and bare.isalpha())):
            continue
        found.append(text[start : cut.end()].strip())
        start = cut.end()
    return [*found, text[start:].strip()] if text[start:].strip() else found


class Tokenizer:
    """Texts as ids of a learned vocabulary, and back.

    Parameters
    ----------
    unit : "words" (see `words_of`), "characters", "bytes" (UTF-8), or subwords: "bpe" and "unigram" (spaces are marked
        in the pieces), "byte_bpe" (of bytes, so that nothing is unknown), "wordpiece" ("##" within a word); "hashed"
        are words by number (MurmurHash3 modulo `size`), without a vocabulary and without a way back.
    lower : fold upper case into lower case.
    size : how many entries are kept, the most frequent; None keeps all words and characters, 4,000 subwords.
    min_count : what training holds less often is unknown.

    Id 0 fills rows and id 1 is what is unknown; bytes are the ids 1 to 256, hashes 1 to `size`: none is unknown.

    Systems: vocabulary-unk, char-tokenizer, wordpiece-tokenizer, byte-level-bpe
    Source: Hifny A3.5 to A3.8; Baker A164, A203; Martinez-Ramon 6.5.1 (byte-level BPE); Jaiswal J122.

    >>> tokenizer = Tokenizer("characters").fit(["abba"])
    >>> tokenizer.ids(["bac"])[0].tolist(), tokenizer.text([3, 2])
    ([3, 2, 1], 'ba')
    """

    names: list[str]  # the token of each id from 2; of bytes none

    def __init__(
        self, unit: str = "words", *, lower: bool = False, size: int | None = None, min_count: int = 1
    ) -> None:
        if unit not in UNITS:
            raise SettingError(f"unit={unit!r}; {did_you_mean(unit, UNITS)}")
        self.unit, self.lower, self.size, self.min_count = unit, lower, size, min_count
        self._pieces: Any = None

    def fit(self, texts: list[str]) -> Self:
        """Learn the vocabulary of texts."""
        if self.unit in SUBWORDS:
            self._pieces = self._learn(self._whole(texts))
            known = self._pieces.get_vocab()
            self.names = sorted(known, key=known.__getitem__)[2:]
        else:
            self.names = [] if self.unit in CLOSED else self._frequent(texts)
        if self.unit not in CLOSED and not self.names:
            what = {"words": "word", "characters": "character"}.get(self.unit, "subword")
            raise DataError(
                f"the {len(texts)} texts hold no {what} seen {self.min_count} times; give texts, or a smaller min_count"
            )
        return self._indexed()

    def _indexed(self) -> Self:
        self._at = {name: i for i, name in enumerate(self.names, 2)}
        return self

    def _cased(self, text: str) -> str:
        return text.lower() if self.lower else text

    def _whole(self, texts: list[str]) -> list[str]:
        """Texts as the Rust package takes them; half of a pair of surrogates is no letter there."""
        for row, text in enumerate(texts):
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise DataError(
                    f"row {row} of X holds {text[error.start]!r} at place {error.start}: half a letter, not in UTF-8; "
                    "mend it, or take unit='bytes'"
                ) from None
        return [self._cased(text) for text in texts]

    def _frequent(self, texts: list[str]) -> list[str]:
        counts: Counter[str] = Counter()
        for tokens in self._split(texts):
            counts.update(tokens)
        often = [token for token, n in counts.items() if n >= self.min_count]
        return sorted(sorted(often, key=lambda token: (-counts[token], token))[: self.size])

    def _split(self, texts: list[str]) -> Iterator[Any]:
        for text in texts:
            yield self._cased(text) if self.unit == "characters" else WORD.findall(self._cased(text))

    def _learn(self, texts: list[str]) -> Any:
        """A tokenizer of the Rust package, its vocabulary learned."""
        from tokenizers import Tokenizer as Rust
        from tokenizers import decoders, models, pre_tokenizers, trainers

        size, specials = self.size or MANY_PIECES, list(RESERVED)
        if size < 3:
            raise SettingError(
                f"a vocabulary of subwords has 3 entries or more, padding and unknown among them; {size}"
            )
        if self.unit == "wordpiece":
            return _wordpiece(texts, size, self.min_count)
        shared: dict[str, Any] = {"vocab_size": size, "special_tokens": specials, "show_progress": False}
        if self.unit == "unigram":
            least = len({"\u2581"}.union(*texts) - {" "}) + len(specials)  # with less its training never ends
            if size < least:
                raise SettingError(
                    f"a vocabulary of unigrams holds each sign of its texts, here {least} entries; got {size}: give a "
                    "larger max_words"
                )
            made = Rust(models.Unigram())
            trainer: Any = trainers.UnigramTrainer(unk_token=RESERVED[1], **shared)
        else:
            made = Rust(models.BPE(unk_token=None if self.unit == "byte_bpe" else RESERVED[1]))
            alphabet = pre_tokenizers.ByteLevel.alphabet() if self.unit == "byte_bpe" else []
            least = max(self.min_count, 2)  # joining what occurs once learns the texts by heart
            trainer = trainers.BpeTrainer(min_frequency=least, initial_alphabet=alphabet, **shared)
        if self.unit == "byte_bpe":
            made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
        else:
            made.pre_tokenizer, made.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
        made.train_from_iterator(texts, trainer)
        return settled(made, specials) if self.unit == "unigram" else made

    @property
    def n_ids(self) -> int:
        """How many ids there are, padding and unknown among them."""
        closed = {"bytes": 257, "hashed": (self.size or MANY_PIECES) + 1}
        return closed.get(self.unit, len(self.names) + 2)

    def ids(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Ids of all texts end to end, int32, and each text's number of them."""
        if self.unit == "bytes":
            data = [self._cased(text).encode(errors="surrogatepass") for text in texts]
            lengths = np.array([len(d) for d in data], dtype=np.int64)
            return np.frombuffer(b"".join(data), dtype=np.uint8).astype(np.int32) + 1, lengths
        if self.unit in SUBWORDS:
            found = self._pieces.encode_batch(self._whole(texts), add_special_tokens=False)
            rows = [one.ids for one in found]
        elif self.unit == "hashed":
            from sklearn.utils import murmurhash3_32

            rows = [[abs(murmurhash3_32(w)) % (self.n_ids - 1) + 1 for w in words] for words in self._split(texts)]
        else:
            rows = [[self._at.get(token, UNKNOWN) for token in tokens] for tokens in self._split(texts)]
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        return np.fromiter(chain.from_iterable(rows), dtype=np.int32, count=int(lengths.sum())), lengths

    def text(self, ids: list[int]) -> str:
        """The text of ids: words with spaces between, all else as it was; what is no UTF-8 is replaced."""
        kept = [i for i in ids if i != PAD]
        if self.unit == "bytes":
            return bytes(i - 1 for i in kept).decode(errors="replace")
        if self.unit in SUBWORDS:
            return self._pieces.decode(kept, skip_special_tokens=False)
        return ("" if self.unit == "characters" else " ").join(self.name(i) for i in kept)

    def name(self, i: int) -> str:
        """What an id stands for."""
        if self.unit == "bytes":
            return repr(bytes([i - 1])) if i else ""
        if self.unit == "hashed":
            return f"<hash {i - 1}>" if i else ""
        return self.names[i - 2] if i > 1 else ("", "<unknown>")[i]

    def held(self) -> Tensor:
        """What was learned, as bytes that `hold` takes back."""
        return packed(self._pieces.to_str() if self._pieces is not None else self.names)

    def hold(self, held: Tensor) -> Self:
        """Take what another tokenizer of these settings learned."""
        learned = unpacked(held) if len(held) else []
        if isinstance(learned, str):
            from tokenizers import Tokenizer as Rust

            self._pieces = Rust.from_str(learned)
            known = self._pieces.get_vocab()
            learned = sorted(known, key=known.__getitem__)[2:]
        self.names = learned
        return self._indexed()


def settled(made: Any, specials: list[str]) -> Any:
    """A unigram tokenizer whose entries stand by score and then by name, behind the special ones.

    The Rust trainer leaves entries of one score in another order each time, and scores differ in their last digit.
    """
    from tokenizers import models

    scores = {name: round(score, 9) for name, score in json.loads(made.to_str())["model"]["vocab"]}
    order = sorted(scores.keys() - set(specials), key=lambda name: (-scores[name], name))
    entries = [*((name, 0.0) for name in specials), *((name, scores[name]) for name in order)]
    unknown = next(i for i, name in enumerate(specials) if name.startswith("<unk"))
    made.model = models.Unigram(entries, unknown, False)
    return made


def _wordpiece(texts: list[str], size: int, min_count: int) -> Any:
    """The Rust package's WordPiece over a vocabulary learned by score, which the package's own trainer does not do."""
    from tokenizers import Tokenizer as Rust
    from tokenizers import decoders, models, pre_tokenizers

    cutter = pre_tokenizers.BertPreTokenizer()
    counts = Counter(word for text in texts for word, _ in cutter.pre_tokenize_str(text))
    characters = len({("##" if i else "") + c for word in counts for i, c in enumerate(word)})
    pieces = learn_wordpiece(counts, max(size - 2, characters), min_count=max(min_count, 2))
    vocabulary = {name: i for i, name in enumerate([*RESERVED, *pieces])}
    made = Rust(models.WordPiece(vocabulary, unk_token=RESERVED[1], max_input_chars_per_word=200))
    made.pre_tokenizer, made.decoder = cutter, decoders.WordPiece()
    return made
