"""The Rust package's tokenizer as BERT uses it, learned from texts or read from a tokenizer.json."""

import os
from collections import Counter
from pathlib import Path
from typing import Any, Self

from ...errors import DataError, FileError
from ...functional.subwords import learn_wordpiece

NAMES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class WordPieces:
    """Subwords, and the ids of [PAD], [UNK], [CLS], [SEP] and [MASK]: `pad`, `unknown`, `cls`, `sep`, `mask`."""

    def __init__(self, held: Any, told: str) -> None:
        self._held = held
        held.no_padding()
        held.no_truncation()
        found = [held.token_to_id(name) for name in NAMES]
        if None in found:
            absent = ", ".join(name for name, i in zip(NAMES, found, strict=True) if i is None)
            raise DataError(f"{told} has no {absent}, which BERT's rows are made with; give a tokenizer of BERT's kind")
        self.pad, self.unknown, self.cls, self.sep, self.mask = found
        self.n_ids = max(held.get_vocab(with_added_tokens=True).values()) + 1

    @classmethod
    def learned(cls, texts: list[str], *, size: int, lower: bool, min_count: int) -> Self:
        """A vocabulary of `size` subwords, by score, of texts."""
        from tokenizers import Tokenizer as Rust
        from tokenizers import decoders, models, normalizers, pre_tokenizers

        tidy, cutter = normalizers.BertNormalizer(lowercase=lower), pre_tokenizers.BertPreTokenizer()
        counts = Counter(w for text in texts for w, _ in cutter.pre_tokenize_str(tidy.normalize_str(sound(text))))
        often = {word: n for word, n in counts.items() if n >= min_count}
        if not often:
            raise DataError(
                f"the {len(texts)} texts hold no word seen {min_count} times; give texts that say something"
            )
        letters = {("##" if i else "") + c for word in often for i, c in enumerate(word)}
        pieces = learn_wordpiece(often, max(size - len(NAMES), len(letters)), min_count=2)
        vocabulary = {name: i for i, name in enumerate([*NAMES, *pieces])}
        made = Rust(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
        made.normalizer, made.pre_tokenizer, made.decoder = tidy, cutter, decoders.WordPiece()
        made.add_special_tokens(list(NAMES))
        return cls(framed(made), "what was learned")

    @classmethod
    def of(cls, written: str, told: str = "the tokenizer") -> Self:
        """What `written` wrote."""
        from tokenizers import Tokenizer as Rust

        return cls(Rust.from_str(written), told)

    @classmethod
    def read(cls, path: str | os.PathLike) -> Self:
        """The tokenizer of a tokenizer.json."""
        return cls(held_in(path), os.fspath(path))

    def rows(self, texts: list[str]) -> list[list[int]]:
        """The ids of each text, without [CLS] and [SEP]."""
        return [one.ids for one in self._held.encode_batch([sound(t) for t in texts], add_special_tokens=False)]

    def placed(self, texts: list[str]) -> tuple[list[list[int]], list[list[tuple[int, int]]]]:
        """The ids of each text, and the first character of each id and the one behind its last."""
        found = self._held.encode_batch([sound(t) for t in texts], add_special_tokens=False)
        return [one.ids for one in found], [one.offsets for one in found]

    def words(self, rows: list[list[str]]) -> tuple[list[list[int]], list[list[int]]]:
        """The ids of rows of words, and the place of the word that each belongs to."""
        found = self._held.encode_batch([[sound(w) for w in row] for row in rows], is_pretokenized=True,
                                        add_special_tokens=False)  # fmt: skip
        return [one.ids for one in found], [one.word_ids for one in found]

    def text(self, ids: list[int]) -> str:
        """The text of ids, without [CLS], [SEP] and padding."""
        return self._held.decode(ids, skip_special_tokens=True)

    def name(self, i: int) -> str:
        """What an id stands for."""
        return self._held.id_to_token(i) or f"<{i}>"

    @property
    def special(self) -> list[int]:
        """The ids that frame texts, which are never hidden."""
        return [self.pad, self.cls, self.sep]

    @property
    def marks(self) -> dict[str, str]:
        """What frames and fills texts, and the unknown, under the names that transformers has for them."""
        return dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), NAMES, strict=True))

    def written(self) -> str:
        """All of it as the text of a tokenizer.json."""
        return self._held.to_str()


def held_in(path: str | os.PathLike) -> Any:
    """The Rust package's tokenizer of a tokenizer.json.

    Raises
    ------
    FileError : there is no such file, or it is no tokenizer.
    """
    from tokenizers import Tokenizer as Rust

    try:
        return Rust.from_str(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(
            f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}); the folder needs a "
            "tokenizer.json: transformers' save_pretrained of a fast tokenizer writes one"
        ) from error
    except Exception as error:  # what the Rust package raises has no other name
        raise FileError(f"{path}: is no tokenizer.json ({str(error)[:120]}); write it again") from error


def sound(text: str) -> str:
    """The text, half letters (which are in no file of UTF-8) as the sign for what is no letter."""
    return text.encode("utf-8", errors="replace").decode("utf-8") if not text.isascii() else text


def framed(made: Any) -> Any:
    """A tokenizer that frames texts as BERT does where it is used by others."""
    from tokenizers import processors

    ends = [(name, made.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    return made
