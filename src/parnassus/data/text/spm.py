"""SentencePiece files: read without their package, and made into tokenizers of the same pieces.

Marian's folders hold two, `source.spm` and `target.spm`, and the ids of all their pieces in `vocab.json`; T5's older
ones hold `spiece.model`, whose places are the ids.

Source: Kudo and Richardson 2018; sentencepiece_model.proto (field numbers).
"""

import json
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import FileError
from .sentinels import ELSEWHERE, NAMES, SENTINEL

UNIGRAM = 1  # the kind of model whose pieces have scores; others join pairs in an order that the file does not tell
NORMAL, USER_DEFINED, BYTE = 1, 4, 6
LANGUAGE = (">>", "<<")  # around the language that some nets are asked to write, before a source


@dataclass(frozen=True)
class SentencePieces:
    """What a file holds: (piece, score, kind) by place, how letters are made alike, and how spaces are treated."""

    pieces: list[tuple[str, float, int]]
    charsmap: bytes
    prefixed: bool  # a space before each text
    tidied: bool  # spaces in a row are one, and none at the ends

    @classmethod
    def read(cls, path: str | os.PathLike) -> "SentencePieces":
        """The contents of a SentencePiece file.

        Raises
        ------
        FileError : there is no such file, it is no SentencePiece model, or no unigram model.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise FileError(f"{os.fspath(path)}: cannot be read ({error.strerror}); look at the path") from error
        try:
            parts = list(fields(data))
            trained, told = (dict(fields(dict(parts)[number])) for number in (2, 3))
            pieces = [_piece(dict(fields(value))) for number, value in parts if number == 1]
        except KeyError as error:
            raise FileError(
                f"{os.fspath(path)} is no SentencePiece model, or not a whole one; copy it again"
            ) from error
        except (ValueError, IndexError, TypeError, struct.error) as error:
            raise FileError(f"{os.fspath(path)} is no whole SentencePiece model ({error}); copy it again") from error
        if trained.get(3, UNIGRAM) != UNIGRAM:
            raise FileError(
                f"{os.fspath(path)} is no unigram model; let transformers write a tokenizer.json beside it: "
                "AutoTokenizer.from_pretrained(folder).save_pretrained(folder)"
            )
        return cls(pieces, told.get(2, b""), bool(told.get(3, 1)), bool(told.get(4, 1)))


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message of protocol buffers, (number, value): whole numbers, floats, or bytes.

    >>> list(fields(bytes([8, 150, 1, 18, 2, 104, 105])))
    [(1, 150), (2, b'hi')]
    """
    at, value = 0, None  # type: int, Any
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
        else:
            size, at = _varint(data, at) if wire == 2 else ({1: 8, 5: 4}[wire], at)
            if at + size > len(data):
                raise ValueError("it ends too early")
            raw, at = data[at : at + size], at + size
            value = raw if wire == 2 else struct.unpack("<d" if wire == 1 else "<f", raw)[0]
        yield number, value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not data[at - 1] & 0x80:
            return value, at


def _piece(told: dict[int, Any]) -> tuple[str, float, int]:
    return told[1].decode(), float(told.get(2, 0.0)), told.get(3, NORMAL)


def tokenizer_of(held: SentencePieces, ids: Mapping[str, int]) -> Any:
    """The Rust package's tokenizer that cuts as the file does, its pieces under these ids.

    Entries that the file has not stand marked by `ELSEWHERE`, so that no text is cut into them.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    scores = {name: score for name, score, kind in held.pieces if kind in (NORMAL, USER_DEFINED, BYTE)}
    whole = [n for n in ids if n.startswith(LANGUAGE[0]) and n.endswith(LANGUAGE[1])]
    whole += [name for name, _, kind in held.pieces if kind == USER_DEFINED]
    marks = [name for name in ids if name in NAMES or SENTINEL.fullmatch(name)]
    own = {*scores, *whole, *marks}
    named = sorted(ids, key=ids.__getitem__)
    entries = [(name if name in own else ELSEWHERE + name, scores.get(name, 0.0)) for name in named]
    has_bytes = any(kind == BYTE for _, _, kind in held.pieces)
    made = Tokenizer(models.Unigram(entries, ids["<unk>"], has_bytes))
    steps: list[Any] = [normalizers.Precompiled(held.charsmap)] if held.charsmap else []
    if held.tidied:
        steps += [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
    made.normalizer = normalizers.Sequence(steps)
    scheme = "always" if held.prefixed else "never"
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
    bytewise = [decoders.ByteFallback()] if has_bytes else []
    spaced = decoders.Metaspace(prepend_scheme=scheme, split=False)
    made.decoder = decoders.Sequence([decoders.Replace(ELSEWHERE, ""), *bytewise, spaced])
    made.add_special_tokens(marks)
    made.add_tokens([AddedToken(name, normalized=False) for name in whole])
    return made


def places_in(held: SentencePieces, n_sentinels: int) -> dict[str, int]:
    """The ids of pieces by their places, and behind them those of T5's sentinels, from the last to the first."""
    names = [name for name, _, _ in held.pieces]
    names += [f"<extra_id_{i}>" for i in reversed(range(n_sentinels))]
    return {name: i for i, name in enumerate(names)}


def ids_in(path: Path) -> dict[str, int]:
    """The ids of pieces in a vocab.json, each from 0 taken once."""
    try:
        ids = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(ids, dict) or sorted(ids.values()) != list(range(len(ids))):
        raise FileError(f"{path} does not give each piece an id from 0 on; give the file that came with the weights")
    absent = [name for name in NAMES if name not in ids]
    if absent:
        raise FileError(f"{path} has no {', '.join(absent)}; give the file that came with the weights")
    return ids
