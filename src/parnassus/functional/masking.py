"""What BERT and T5 are pre-trained on: ids and spans hidden by chance, and sentences that follow each other or not."""

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


def noise_spans(
    n: int, *, generator: torch.Generator | None = None, rate: float = 0.15, mean: float = 3.0, most: int | None = None
) -> Tensor:
    """True for what is hidden of n places, (n,): spans of `mean` places on average, `rate` of all together.

    How many places and how many spans is fixed, both rounded: 15 of 100 places in 5 spans, `most` at most. Of the ways
    to lay them out, with something between any two, each is equally likely; one place of n is hidden at least, and one
    is kept where n is above 1. `generator` None draws as the process does.

    Source: Raffel et al. 2020, section 3.3.4. The published program begins each row with a place that is kept and ends
    it with one that is hidden; here both may be either.
    """
    if not 0 < rate < 1 or not mean >= 1 or n < 1:
        raise SettingError(f"rate is in (0, 1), the mean at least 1, and n too; got {rate}, {mean} and {n}")
    n_hidden = max(1, min(round(n * rate), n - 1))
    n_spans = max(1, min(round(n_hidden / mean), n_hidden, n - n_hidden + 1, n if most is None else most))
    spans = _parts(n_hidden, n_spans, generator)
    gaps = _parts(n - n_hidden + 2, n_spans + 1, generator)  # the first and the last may be empty: one less each
    hidden = [False] * (gaps[0] - 1)
    for span, gap in zip(spans, gaps[1:], strict=True):
        hidden += [True] * span + [False] * gap
    return torch.tensor(hidden[:-1])


def _parts(total: int, k: int, generator: torch.Generator | None) -> list[int]:
    """k positive whole numbers of this sum, every way equally likely."""
    cuts = sorted(torch.randperm(total - 1, generator=generator)[: k - 1].tolist())
    return [after - before for before, after in pairwise([-1, *cuts, total - 1])]


def broken(ids: Sequence[int], hidden: Sequence[bool], sentinels: Sequence[int]) -> tuple[list[int], list[int]]:
    """What is left of a row, a sentinel in place of each span; and the spans, each behind its sentinel, then one more.

    "Thank you for inviting me to your party last week" without "for inviting" and "last":

    >>> broken([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [False, False, True, True, *[False] * 4, True, False], [99, 98, 97])
    ([1, 2, 99, 5, 6, 7, 8, 98, 10], [99, 3, 4, 98, 9, 97])

    Source: Raffel et al. 2020, figure 2.
    """
    left: list[int] = []
    spans: list[int] = []
    n, before = 0, False
    for i, gone in zip(ids, hidden, strict=True):
        if gone and not before:
            if n + 1 >= len(sentinels):
                raise SettingError(
                    f"a row has {n + 1} spans or more, and there are {len(sentinels)} sentinels; hide less"
                )
            left.append(sentinels[n])
            spans.append(sentinels[n])
            n += 1
        (spans if gone else left).append(i)
        before = gone
    return left, [*spans, sentinels[n]]
