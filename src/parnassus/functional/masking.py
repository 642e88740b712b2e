"""What BERT is pre-trained on: ids hidden by chance, and pairs of sentences that follow each other or do not."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import DataError, SettingError

IGNORED = -100


class Masked(NamedTuple):
    """ids as they are fed, targets with -100 wherever nothing is asked."""

    ids: Tensor
    targets: Tensor


def masked(
    ids: Tensor,
    *,
    mask_id: int,
    vocab_size: int,
    generator: torch.Generator | None,
    special: Tensor | None = None,
    rate: float = 0.15,
    hidden: float = 0.8,
    swapped: float = 0.1,
) -> Masked:
    """Each id is chosen with probability `rate`; of those 80 % become mask_id, 10 % any id, 10 % stay.

    ids (batch, time); `special` (batch, time) is True where nothing may be chosen ([CLS], [SEP], padding);
    generator None draws as the process does.

    Systems: masked-language-modelling
    Source: Devlin et al. 2019; Martinez-Ramon 6.4.2 (A6.18). The choice is drawn anew at each call, as in RoBERTa.
    """
    if not 0 < rate <= 1 or hidden < 0 or swapped < 0 or hidden + swapped > 1:
        raise SettingError(
            f"rate is in (0, 1], hidden and swapped are shares that sum to 1 at most; got {rate}, {hidden}, {swapped}"
        )
    chosen = torch.rand(ids.shape, generator=generator, device=ids.device) < rate
    if special is not None:
        chosen &= ~special
    lot = torch.rand(ids.shape, generator=generator, device=ids.device)
    other = torch.randint(vocab_size, ids.shape, generator=generator, device=ids.device)
    fed = torch.where(chosen & (lot < hidden), mask_id, ids)
    fed = torch.where(chosen & (lot >= hidden) & (lot < hidden + swapped), other, fed)
    return Masked(fed, ids.masked_fill(~chosen, IGNORED))


class Pair(NamedTuple):
    """Two sentences, and 0 where the second follows the first, 1 where it was drawn from another document."""

    first: str
    second: str
    is_other: int


def sentence_pairs(documents: Sequence[Sequence[str]], *, seed: int = 0) -> list[Pair]:
    """Every sentence that has a next one, with that one or, half the time, with one of another document.

    Systems: next-sentence-prediction
    Source: Devlin et al. 2019; Martinez-Ramon 6.4.2 (A6.19).
    """
    whole = [list(document) for document in documents if len(document)]
    if len(whole) < 2:
        raise DataError(f"other sentences come from other documents: give two or more; got {len(whole)}")
    g = torch.Generator().manual_seed(seed)
    pairs = []
    for i, document in enumerate(whole):
        for a, b in pairwise(document):
            if bool(torch.rand((), generator=g) < 0.5):
                pairs.append(Pair(a, b, 0))
                continue
            j = int(torch.randint(len(whole) - 1, (), generator=g))
            other = whole[j + (j >= i)]
            pairs.append(Pair(a, other[int(torch.randint(len(other), (), generator=g))], 1))
    return pairs


def pair_ids(
    first: Sequence[int], second: Sequence[int] | None = None, *, cls_id: int, sep_id: int
) -> tuple[list[int], list[int]]:
    """[CLS] A [SEP], or [CLS] A [SEP] B [SEP], and the segment of each id.

    >>> pair_ids([7, 8], [9], cls_id=1, sep_id=2)
    ([1, 7, 8, 2, 9, 2], [0, 0, 0, 0, 1, 1])
    """
    ids, segments = [cls_id, *first, sep_id], [0] * (len(first) + 2)
    if second is not None:
        ids, segments = [*ids, *second, sep_id], segments + [1] * (len(second) + 1)
    return ids, segments
