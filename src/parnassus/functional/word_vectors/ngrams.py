"""Words as the runs of characters in them, hashed into a fixed number of rows."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ...errors import SettingError

FNV_START, FNV_PRIME = 2166136261, 16777619


def fnv1a(text: str) -> int:
    """The 32-bit FNV-1a hash of a text's UTF-8 bytes, each taken with its sign, as fastText takes them.

    Source: Fowler, Noll and Vo 1991; Bojanowski et al. 2017 and their program.

    >>> fnv1a("a") == (FNV_START ^ 97) * FNV_PRIME % 2**32
    True
    """
    h = FNV_START
    for byte in text.encode(errors="surrogatepass"):
        h = ((h ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * FNV_PRIME) & 0xFFFFFFFF
    return h


def character_ngrams(word: str, *, shortest: int = 3, longest: int = 6) -> list[str]:
    """The runs of characters of <word>, by where they begin; < and > alone are none.

    Source: Bojanowski et al. 2017.

    >>> character_ngrams("where", shortest=3, longest=3)
    ['<wh', 'whe', 'her', 'ere', 're>']
    """
    if not 1 <= shortest <= longest:
        raise SettingError(f"runs of characters are from 1 to longest; got shortest={shortest}, longest={longest}")
    whole = f"<{word}>"
    found = []
    for start in range(len(whole)):
        for end in range(start + shortest, min(start + longest, len(whole)) + 1):
            if whole[start:end] not in ("<", ">"):
                found.append(whole[start:end])
    return found


def subword_rows(
    words: Sequence[str], *, n_buckets: int, first: int = 0, shortest: int = 3, longest: int = 6
) -> tuple[Tensor, Tensor]:
    """The rows of every word's runs, end to end, int32, and where each word's begin (words + 1,), int64.

    A run's row is `first` + fnv1a(run) modulo n_buckets. Words that share runs share rows, and words never seen have
    rows all the same.

    Source: Bojanowski et al. 2017.

    >>> rows, starts = subword_rows(["as"], n_buckets=10, first=5, longest=3)
    >>> starts.tolist(), [5 + fnv1a(run) % 10 for run in ("<as", "as>")] == rows.tolist()
    ([0, 2], True)
    """
    if n_buckets < 1:
        raise SettingError(f"n_buckets is at least 1; got {n_buckets}")
    rows: list[int] = []
    starts = [0]
    for word in words:
        rows += [first + fnv1a(g) % n_buckets for g in character_ngrams(word, shortest=shortest, longest=longest)]
        starts.append(len(rows))
    return torch.tensor(rows, dtype=torch.int32), torch.tensor(starts)
