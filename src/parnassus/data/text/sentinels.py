"""Subwords as T5 has them: texts that end in </s>, and sentinels that stand for what was left out of a text."""

import math
import os
import re
from collections import Counter
from itertools import chain
from typing import Any, Self

import numpy as np
from torch import Tensor

from ...errors import DataError, FileError, SettingError
from ..packing import packed, unpacked
from .wordpieces import held_in, sound

NAMES = ("<pad>", "</s>", "<unk>")
SENTINEL = re.compile(r"<extra_id_(\d+)>")
ELSEWHERE = "\ue0ff"  # before entries that only the other side's texts are cut into
MANY = 100  # sentinels of the published nets


def weighed(made: Any, texts: list[str]) -> list[tuple[str, float]]:
    """The entries of a tokenizer with ln of their shares in texts, likely ones first; letters are kept, seen or not."""
    counts = Counter(name for one in made.encode_batch(texts) for name in one.tokens if name not in NAMES)
    counts |= Counter({name: 1 for name in made.get_vocab() if len(name) == 1})
    total = math.log(sum(counts.values()))
    order = sorted(counts, key=lambda name: (-counts[name], name))
    return [*((name, 0.0) for name in NAMES), *((name, math.log(counts[name]) - total) for name in order)]


class SentinelPieces:
    """Subwords, and the ids of <pad>, </s>, <unk> and of <extra_id_0>, ...: `pad`, `end`, `unknown`, `sentinels`.

    `start` begins what is written: the padding, as in T5 and Marian. `vocab_size` is the net's, which may have rows
    that no subword has.
    """

    def __init__(self, held: Any, told: str, *, vocab_size: int | None = None, start: int | None = None) -> None:
        self._held = held
        held.no_padding()
        held.no_truncation()
        known = held.get_vocab(with_added_tokens=True)
        absent = [name for name in NAMES if name not in known]
        if absent:
            raise DataError(f"{told} has no {', '.join(absent)}; give a tokenizer of T5's or Marian's kind")
        self.pad, self.end, self.unknown = (known[name] for name in NAMES)
        self.start = self.pad if start is None else start
        numbered = {int(match[1]): i for name, i in known.items() if (match := SENTINEL.fullmatch(name))}
        self.sentinels = [numbered[k] for k in sorted(numbered)]
        self.names = [name.removeprefix(ELSEWHERE) for name in sorted(known, key=known.__getitem__)]
        self._elsewhere = {n.removeprefix(ELSEWHERE): i for n, i in known.items() if n.startswith(ELSEWHERE)}
        self.n_ids = max(known.values()) + 1
        self.vocab_size = self.n_ids if vocab_size is None else vocab_size
        if self.vocab_size < self.n_ids:
            raise FileError(f"{told} has {self.n_ids} entries, and the net {vocab_size}; they belong to two models")

    @classmethod
    def learned(cls, texts: list[str], *, size: int, lower: bool, n_sentinels: int = MANY) -> Self:
        """A vocabulary of `size` entries, sentinels and all, of texts: a unigram model, spaces marked in the pieces.

        Its pieces are those that joined pairs make of the texts (BPE), with the logarithms of their shares for scores:
        the package's own trainer takes no piece that stands in one word alone, and few texts then fall into letters.
        """
        from tokenizers import Tokenizer as Rust
        from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

        room = size - n_sentinels
        if room <= len(NAMES):
            raise SettingError(
                f"{size} entries leave no subword beside {n_sentinels} sentinels and {', '.join(NAMES)}; "
                f"give max_words={size + 1000}"
            )
        made = Rust(models.BPE(unk_token=NAMES[2]))
        made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
        made.decoder = decoders.Metaspace()
        if lower:
            made.normalizer = normalizers.Lowercase()
        trainer = trainers.BpeTrainer(vocab_size=room, special_tokens=list(NAMES), min_frequency=2, show_progress=False)
        made.train_from_iterator([sound(text) for text in texts], trainer)
        made.model = models.Unigram(weighed(made, [sound(text) for text in texts]), NAMES.index("<unk>"), False)
        made.add_special_tokens([f"<extra_id_{i}>" for i in reversed(range(n_sentinels))])
        made.post_processor = processors.TemplateProcessing(
            single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", made.token_to_id("</s>"))]
        )
        return cls(made, "what was learned")

    @classmethod
    def read(cls, path: str | os.PathLike, *, vocab_size: int | None = None, start: int | None = None) -> Self:
        """The tokenizer of a tokenizer.json; `vocab_size` and `start` are the net's, where it says them.

        Raises
        ------
        FileError : there is no such file, or it is no tokenizer. DataError : it lacks <pad>, </s> or <unk>.
        """
        return cls(held_in(path), os.fspath(path), vocab_size=vocab_size, start=start)

    def rows(self, texts: list[str]) -> list[list[int]]:
        """The ids of each text, without its end."""
        texts = [sound(text) for text in texts]
        found = self._held.encode_batch(texts, add_special_tokens=False)
        rows = [one.ids for one in found]
        strange = [i for i, ids in enumerate(rows) if self._elsewhere and self.unknown in ids]
        for i in strange:
            rows[i] = self._looked_up(texts[i])
        return rows

    def _looked_up(self, text: str) -> list[int]:
        """Ids of a text; what no piece of this side covers may be an entry of the other, as a whole."""
        text = self._held.normalizer.normalize_str(text)
        one = self._held.encode(text, add_special_tokens=False)
        places = zip(one.ids, one.offsets, strict=True)
        return [self._elsewhere.get(text[a:b], i) if i == self.unknown else i for i, (a, b) in places]

    def ids(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Ids of all texts end to end, int32, and each text's number of them."""
        rows = self.rows(texts)
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        return np.fromiter(chain.from_iterable(rows), dtype=np.int32, count=int(lengths.sum())), lengths

    def text(self, ids: list[int]) -> str:
        """The text of ids, without padding, ends and sentinels."""
        return self._held.decode(ids, skip_special_tokens=True)

    def name(self, i: int) -> str:
        """What an id stands for."""
        return (self._held.id_to_token(i) or f"<{i}>").removeprefix(ELSEWHERE)

    @property
    def marks(self) -> dict[str, str]:
        """What fills and ends texts, and the unknown, under the names that transformers has for them."""
        return dict(zip(("pad_token", "eos_token", "unk_token"), NAMES, strict=True))

    def written(self) -> str:
        """All of it as the text of a tokenizer.json."""
        return self._held.to_str()

    def held(self) -> Tensor:
        """What was learned, as bytes that `hold` takes back."""
        return packed([self.written(), self.vocab_size, self.start])

    @classmethod
    def hold(cls, held: Tensor) -> Self:
        """The tokenizer whose `held` this is."""
        from tokenizers import Tokenizer as Rust

        text, vocab_size, start = unpacked(held)
        return cls(Rust.from_str(text), "what was saved", vocab_size=vocab_size, start=start)
