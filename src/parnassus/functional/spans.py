"""Spans of text: windows over what is too long to read at once, the places of an answer, and scores of every span."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..errors import SettingError

NOWHERE = -1  # the first character of an answer that a text does not hold


def window_bounds(n: int, room: int, stride: int) -> list[tuple[int, int]]:
    """Where windows over n tokens begin and end: `room` long, `stride` (at most `room`) apart, the last one at the end.

    >>> window_bounds(7, 4, 2), window_bounds(3, 4, 2)
    ([(0, 4), (2, 6), (4, 7)], [(0, 3)])
    """
    if room < 1 or stride < 1:
        raise SettingError(f"windows and the steps between them are at least one token long; got {room} and {stride}")
    step = min(stride, room)
    starts = range(0, max(n - room, 0) + step, step)
    return [(start, min(start + room, n)) for start in starts if start == 0 or start < n - room + step]


def token_places(offsets: Tensor, inside: Tensor, spans: Tensor) -> Tensor:
    """The first and the last token of a span in each window, both inclusive; (0, 0) where a window does not hold it.

    offsets (..., time, 2): the first character of each token and the one behind its last; inside (..., time): tokens
    of the text that spans are of; spans (..., 2): the same of characters, NOWHERE where there is none.

    Source: Devlin et al. 2019, section 4.3 (a window without the answer, and a question without one, point to [CLS]).
    """
    start, end = spans[..., :1], spans[..., 1:]
    first = inside & (offsets[..., 0] <= start) & (start < offsets[..., 1])
    last = inside & (offsets[..., 0] < end) & (end <= offsets[..., 1])
    held = first.any(-1) & last.any(-1) & (spans[..., 0] != NOWHERE)
    places = torch.stack([first.int().argmax(-1), last.int().argmax(-1)], -1)
    return torch.where(held[..., None], places, 0)


class Spans(NamedTuple):
    """Spans of one text, each once, best first: the first character, the one behind the last, and a score (n,)."""

    start: np.ndarray
    end: np.ndarray
    score: np.ndarray


def scored_spans(
    starts: np.ndarray, ends: np.ndarray, offsets: np.ndarray, inside: np.ndarray, *, longest: int
) -> Spans:
    """Every span of at most `longest` tokens with i <= j, and its score S_i + E_j, of several windows the largest.

    starts, ends, inside (windows, time); offsets (windows, time, 2) in characters; see `token_places`.

    Source: Devlin et al. 2019, section 4.2, which leaves open what several windows say of one span.
    """
    if longest < 1:
        raise SettingError(f"longest is at least one token; got {longest}")
    found = []
    for s, e, place, here in zip(starts, ends, offsets, inside, strict=True):
        tokens = np.flatnonzero(here)
        i, ahead = np.divmod(np.arange(len(tokens) * longest), longest)
        i, j = i[i + ahead < len(tokens)], (i + ahead)[i + ahead < len(tokens)]
        i, j = tokens[i], tokens[j]
        found.append(np.stack([place[i, 0], place[j, 1], s[i] + e[j]], 1).astype(np.float64))
    every = np.concatenate(found)
    order = np.lexsort((every[:, 1], every[:, 0], -every[:, 2]))
    every = every[order]
    _, once = np.unique(every[:, :2], axis=0, return_index=True)
    every = every[np.sort(once)]
    return Spans(every[:, 0].astype(np.int64), every[:, 1].astype(np.int64), every[:, 2])
