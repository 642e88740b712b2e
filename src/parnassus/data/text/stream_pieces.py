"""The units of nets that read onward as a tokenizer.json holds them: read from a folder, and written for others."""

import json
import os
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np
from torch import Tensor

from ...errors import DataError, FileError
from ..packing import packed, unpacked
from .tokenizers import RESERVED, SUBWORDS, Tokenizer
from .wordpieces import held_in, sound

END = "<|endoftext|>"
PADS = ("<pad>", "[PAD]", "<|pad|>")
LETTER = r"[\p{L}\p{N}_]"  # what Python's \w matches
SPACE = r"\s\x1c-\x1f"  # what Python's \s matches
WORD = rf"{LETTER}+(?:['\u2019]{LETTER}+)*|[^\p{{L}}\p{{N}}_{SPACE}]"
CASED = r"[\p{Lu}\p{Ll}\p{Lt}]"
SIGMA = rf"(?<={CASED})\u03a3(?![\p{{M}}'\u2019.:\u00b7]*{CASED})"  # the one that ends a word


class StreamPieces:
    """Units of texts, and the ids that begin and end a text: `start`, `end`.

    Attributes: `vocab_size` is the net's, which may have rows that no unit has; `never` are the ids that are not said:
    those rows, what fills rows, and the unknown.
    """

    def __init__(self, held: Any, told: str, *, end: int, start: int | None = None, vocab_size: int | None = None):
        self._held = held
        held.no_padding()
        held.no_truncation()
        known = held.get_vocab(with_added_tokens=True)
        self._named = {i: name for name, i in known.items()}
        self.n_ids = max(known.values()) + 1
        self.vocab_size = self.n_ids if vocab_size is None else vocab_size
        if self.vocab_size < self.n_ids:
            raise FileError(f"{told} has {self.n_ids} entries, and the net {vocab_size}; they belong to two models")
        self.end, self.start = end, end if start is None else start
        for name, i in (("ends", self.end), ("begins", self.start)):
            if i not in self._named:
                raise FileError(f"{told} has no id {i}, which {name} a text by config.json; they belong to two models")
        model = json.loads(held.to_str())["model"]
        self.unknown = known.get(model.get("unk_token"), model.get("unk_id"))  # unigrams know it by its place
        fills = {known[name] for name in PADS if name in known}
        own = {self.end, self.start}
        self.never = sorted(({*range(self.vocab_size)} - self._named.keys()) | (fills | {self.unknown} - {None}) - own)

    @classmethod
    def read(cls, folder: str | os.PathLike, config: Mapping[str, Any]) -> Self:
        """The tokenizer.json of a folder, whose ends are those of the net's configuration.

        Raises
        ------
        FileError : there is no such file, it is no tokenizer, or of another net. DataError : nothing ends a text.
        """
        path = Path(folder) / "tokenizer.json"
        held = held_in(path)
        ends, start = config.get("eos_token_id"), config.get("bos_token_id")
        end = next(iter(ends), None) if isinstance(ends, list) else ends
        end = held.token_to_id(END) if end is None else end
        if end is None:
            raise DataError(
                f"{folder}: config.json has no eos_token_id, and tokenizer.json no {END}; write into config.json the "
                "id that ends a text"
            )
        return cls(held, os.fspath(path), end=end, start=start, vocab_size=config.get("vocab_size"))

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Self:
        """The units of a tokenizer of ours, under their ids, with an end behind them."""
        held = as_rust(tokenizer)
        name = END
        while held.token_to_id(name) is not None:
            name = f"<{name}>"
        held.add_special_tokens([name])
        return cls(held, "what was learned", end=tokenizer.n_ids)

    @property
    def adds_spaces(self) -> bool:
        """Whether texts are units with spaces between, so that one at the end of a text is lost."""
        return not self.text(self.ids(["a "])[0].tolist()).endswith(" ")

    def ids(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Ids of all texts end to end, int32, and each text's number of them."""
        rows = [one.ids for one in self._held.encode_batch([sound(t) for t in texts], add_special_tokens=False)]
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        return np.fromiter(chain.from_iterable(rows), dtype=np.int32, count=int(lengths.sum())), lengths

    def text(self, ids: list[int]) -> str:
        """The text of ids, as it was."""
        return self._held.decode(ids, skip_special_tokens=False)

    def name(self, i: int) -> str:
        """What an id stands for."""
        return self._named.get(i, f"<{i}>")

    def written(self) -> str:
        """All of it as the text of a tokenizer.json."""
        return self._held.to_str()

    @property
    def marks(self) -> dict[str, str]:
        """What begins, ends and fills texts, and the unknown, under the names that transformers has for them."""
        fills = next((i for i in self.never if self.name(i) in PADS), None)
        ids = {"bos_token": self.start, "eos_token": self.end, "pad_token": fills, "unk_token": self.unknown}
        return {name: self.name(i) for name, i in ids.items() if i is not None}

    @property
    def config(self) -> dict[str, int]:
        """What a net's configuration says of them."""
        return {"bos_token_id": self.start, "eos_token_id": self.end}

    def held(self) -> Tensor:
        """What was learned, as bytes that `hold` takes back."""
        return packed([self.written(), self.end, self.start, self.vocab_size])

    @classmethod
    def hold(cls, held: Tensor) -> Self:
        """The units whose `held` this is."""
        from tokenizers import Tokenizer as Rust

        text, end, start, vocab_size = unpacked(held)
        return cls(Rust.from_str(text), "what was saved", end=end, start=start, vocab_size=vocab_size)


def as_rust(tokenizer: Tokenizer) -> Any:
    """A tokenizer of any unit but "hashed" as the Rust package has it: the same ids of the same texts, and back."""
    from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers
    from tokenizers import Tokenizer as Rust

    if tokenizer.unit in SUBWORDS:
        made = Rust.from_str(unpacked(tokenizer.held()))
    elif tokenizer.unit == "bytes":
        letters = _letters_of_bytes()
        made = Rust(models.BPE({RESERVED[0]: 0} | {letter: byte + 1 for byte, letter in letters.items()}, []))
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        made.decoder = decoders.ByteLevel()
    else:
        vocabulary = {name: i for i, name in enumerate([*RESERVED, *tokenizer.names])}
        made = Rust(models.WordLevel(vocabulary, unk_token=RESERVED[1]))
        if tokenizer.unit == "words":
            made.pre_tokenizer = pre_tokenizers.Split(Regex(WORD), "removed", invert=True)
        else:
            made.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
            made.decoder = decoders.Fuse()
    if tokenizer.lower:  # Python knows the sigma that ends a word
        last = normalizers.Replace(Regex(SIGMA), "\u03c2")
        made.normalizer = normalizers.Sequence([last, normalizers.Lowercase()])
    return made


def _letters_of_bytes() -> dict[int, str]:
    """The letter that GPT-2 writes for each byte: itself where it is printed, and what follows U+00FF otherwise."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in shown]
    return {byte: chr(byte) for byte in shown} | {byte: chr(256 + i) for i, byte in enumerate(rest)}
