"""Prefix beam search: the texts that CTC finds most probable, over all ways to spread each over the frames."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .. import kernels
from .fusion import Scorer, Tables, tables

LOWEST = -math.inf


class Found(NamedTuple):
    """Labels, and log p(labels | frames) plus what a scorer added."""

    labels: list[int]
    score: float


def prefix_beam(
    log_probs: Tensor,
    lengths: Tensor,
    *,
    beam: int = 32,
    n_best: int = 1,
    scorer: Scorer | None = None,
    floor: float = -math.inf,
) -> list[list[Found]]:
    """The n best label sequences of each row of log-probabilities (batch, time, classes), best first; class 0 is blank.

    Parameters
    ----------
    beam : how many beginnings are kept after each frame.
    scorer : what each label adds by what was written before, such as a language model.
    floor : labels of a smaller log probability in a frame do not go on there; -inf lets all of them go on.

    In the kernel where there is one, else in `prefix_beam_twin`.

    Source: Graves and Jaitly 2014, algorithm 1; Hannun et al. 2014.
    """
    automaton = tables(scorer, log_probs.shape[2])
    kernel = kernels.load("ctc") if automaton is not None else None
    if kernel is None:
        return [
            prefix_beam_twin(row[:n], beam=beam, n_best=n_best, scorer=scorer, floor=floor)
            for row, n in zip(log_probs, lengths.tolist(), strict=True)
        ]
    assert automaton is not None
    return _by_kernel(kernel, log_probs, lengths, automaton, beam=beam, n_best=n_best, floor=floor)


def _by_kernel(
    kernel: Any, log_probs: Tensor, lengths: Tensor, automaton: Tables, *, beam: int, n_best: int, floor: float
) -> list[list[Found]]:
    n, longest, _ = log_probs.shape
    rows = log_probs.detach().to("cpu", torch.float32).contiguous()
    n_best = min(n_best, beam)
    labels = torch.zeros(n, n_best, max(longest, 1), dtype=torch.int32)
    sizes, scores = torch.zeros(n, n_best, dtype=torch.int32), torch.zeros(n, n_best, dtype=torch.float64)
    kernel.prefix_beam(rows, lengths.cpu().contiguous(), *automaton, beam, floor, labels, sizes, scores)
    return [
        [
            Found(written[:size], score)
            for written, size, score in zip(*(part.tolist() for part in row), strict=True)
            if size >= 0
        ]
        for row in zip(labels, sizes, scores, strict=True)
    ]


def prefix_beam_twin(
    log_probs: Tensor,
    *,
    beam: int = 32,
    n_best: int = 1,
    scorer: Scorer | None = None,
    floor: float = -math.inf,
) -> list[Found]:
    """The same for one row (time, classes), as the method is written down.

    For each beginning two sums are kept: of the paths that end in a blank, and of those that end in its last label.
    """
    first: tuple[int, ...] = ()
    held: dict[tuple[int, ...], tuple[float, float]] = {first: (0.0, LOWEST)}
    added: dict[tuple[int, ...], float] = {first: 0.0}
    states: dict[tuple[int, ...], Any] = {first: scorer.begin() if scorer is not None else None}
    for frame in log_probs.tolist():
        grown: dict[tuple[int, ...], list[float]] = {}
        for written, (blank, label) in held.items():
            total = _log_add(blank, label)
            own = grown.setdefault(written, [LOWEST, LOWEST])
            own[0] = _log_add(own[0], total + frame[0])
            if written:
                own[1] = _log_add(own[1], label + frame[written[-1]])
            for k in range(1, len(frame)):
                if frame[k] < floor:
                    continue
                new = (*written, k)
                if new not in states:
                    gain = 0.0
                    if scorer is not None:
                        states[new], gain = scorer.step(states[written], k)
                    else:
                        states[new] = None
                    added[new] = added[written] + gain
                other = grown.setdefault(new, [LOWEST, LOWEST])
                came = blank if written and k == written[-1] else total
                other[1] = _log_add(other[1], came + frame[k])
        ranked = sorted(grown.items(), key=lambda one: -(_log_add(*one[1]) + added[one[0]]))
        held = {written: (sums[0], sums[1]) for written, sums in ranked[:beam]}
    ends = {w: added[w] + (scorer.end(states[w]) if scorer is not None else 0.0) for w in held}
    found = [Found(list(w), _log_add(*sums) + ends[w]) for w, sums in held.items()]
    return sorted((f for f in found if f.score > LOWEST), key=lambda one: -one.score)[:n_best] or [Found([], LOWEST)]


def _log_add(a: float, b: float) -> float:
    if a < b:
        a, b = b, a
    return a if b == LOWEST else a + math.log1p(math.exp(b - a))


def texts_of(found: Sequence[Sequence[Found]], text: Any) -> list[list[tuple[str, float]]]:
    """The same with what the labels write: `text` turns labels into one."""
    return [[(text(one.labels), one.score) for one in row] for row in found]
