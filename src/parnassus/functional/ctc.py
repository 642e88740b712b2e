"""Connectionist temporal classification: a label sequence's probability over all ways to spread it over frames.

Log-probabilities are (time, classes), one frame's summing to 1; the blank is class 0. A path is a class a frame; its
labels are what is left when repeats become one and blanks vanish.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

BLANK = 0


def collapsed(path: Sequence[int]) -> list[int]:
    """The labels of a path of classes.

    >>> collapsed([0, 3, 3, 0, 3, 5])
    [3, 3, 5]
    """
    return [int(k) for before, k in zip([BLANK, *path], path, strict=False) if k not in (BLANK, before)]


def frames_needed(labels: Tensor, lengths: Tensor) -> Tensor:
    """The fewest frames that each row of labels (batch, longest) takes: its own number, and a blank between repeats.

    >>> frames_needed(torch.tensor([[3, 3, 5], [2, 0, 0]]), torch.tensor([3, 1])).tolist()
    [4, 1]
    """
    at = torch.arange(1, labels.shape[1], device=labels.device)
    repeats = (labels[:, 1:] == labels[:, :-1]) & (at < lengths[:, None])
    return lengths + repeats.sum(1)


def with_blanks(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Labels (n,) as the states (2 n + 1,) of a chain, blanks between and around, and whether each may be jumped to.

    A state is reached from itself, from the one before, and, where it is a label unlike the last, from two before.
    """
    states = labels.new_full((2 * len(labels) + 1,), BLANK)
    states[1::2] = labels
    jumps = torch.zeros_like(states, dtype=torch.bool)
    jumps[2:] = (states[2:] != BLANK) & (states[2:] != states[:-2])
    return states, jumps


def ctc_loss(log_probs: Tensor, labels: Tensor) -> Tensor:
    """-log p(labels | frames) of one row by the forward recursion; infinite where the frames are too few.

    The readable twin of `torch.nn.functional.ctc_loss`, which training uses; its gradient is autograd's.

    Source: Graves et al. 2006, equations 6 to 8, in logarithms.
    """
    states, jumps = with_blanks(labels)
    lowest = log_probs.new_full((2,), -torch.inf)
    inside = log_probs[:, states]
    alpha = torch.full_like(inside[0], -torch.inf)
    alpha = torch.cat([inside[0, :2], alpha[2:]])
    for frame in inside[1:]:
        before = torch.cat([lowest[:1], alpha[:-1]])
        two = torch.where(jumps, torch.cat([lowest, alpha[:-2]])[: len(alpha)], -torch.inf)
        alpha = _log_sum(torch.stack([alpha, before, two])) + frame
    return -_log_sum(alpha[-2:])


def ctc_posteriors(log_probs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """-log p(labels) and p(state at t | labels, frames) (time, 2 n + 1), by forward and backward recursions.

    The gradient of the loss by the log-probability of class k in frame t is minus the sum of the posteriors of the
    states that k writes.

    Source: Graves et al. 2006, equations 9 to 15, in logarithms.
    """
    states, jumps = with_blanks(labels)
    inside = log_probs[:, states]
    alpha = _swept(inside, jumps)
    # seen from the end, a label jumps to the next label but one: the same chain, turned around
    _, back_jumps = with_blanks(labels.flip(0))
    beta = _swept(inside.flip(0, 1), back_jumps).flip(0, 1)
    total = _log_sum(alpha[-1, -2:])
    return -total, (alpha + beta - inside - total).exp().nan_to_num(0.0)


def _swept(inside: Tensor, jumps: Tensor) -> Tensor:
    """log of the sum over all beginnings that end in each state (time, states), its own frame included."""
    alpha = torch.full_like(inside, -torch.inf)
    alpha[0, :2] = inside[0, :2]
    for t in range(1, len(inside)):
        terms = torch.full((3, inside.shape[1]), -torch.inf, dtype=inside.dtype, device=inside.device)
        terms[0], terms[1, 1:] = alpha[t - 1], alpha[t - 1, :-1]
        terms[2, 2:] = torch.where(jumps[2:], alpha[t - 1, :-2], -torch.inf)
        alpha[t] = torch.logsumexp(terms, 0) + inside[t]
    return alpha


def _log_sum(terms: Tensor) -> Tensor:
    """log of the sum of exponentials over the first axis; of nothing but -inf it is -inf, with gradient 0."""
    peak = terms.detach().amax(0)
    peak = torch.where(peak.isfinite(), peak, 0.0)
    total = (terms - peak).exp().sum(0)
    return torch.where(total > 0, total, 1.0).log() + peak + torch.where(total > 0, 0.0, -torch.inf)


class Span(NamedTuple):
    """The frames of one label: `start` is its first, `end` the one behind its last."""

    start: int
    end: int


def forced_alignment(log_probs: Tensor, labels: Tensor) -> tuple[list[Span], float]:
    """When each label is said on the best path that writes the labels (Viterbi), and that path's log probability.

    A span is the frames in which the label itself is written; blanks between belong to none.
    """
    states, jumps = with_blanks(labels)
    inside = log_probs[:, states].double()
    score = torch.full_like(inside[0], -torch.inf)
    score[:2] = inside[0, :2]
    back = torch.zeros(inside.shape, dtype=torch.int64)
    for t in range(1, len(inside)):
        terms = torch.full((3, len(states)), -torch.inf, dtype=inside.dtype)
        terms[0], terms[1, 1:] = score, score[:-1]
        terms[2, 2:] = torch.where(jumps[2:], score[:-2], -torch.inf)
        best, back[t] = terms.max(0)
        score = best + inside[t]
    at = len(states) - 1 - int(len(states) > 1 and score[-2] > score[-1])
    total = float(score[at].detach())
    path = [at]
    for t in range(len(inside) - 1, 0, -1):
        at -= int(back[t, at])
        path.append(at)
    path.reverse()
    places = [[t for t, s in enumerate(path) if s == 2 * i + 1] for i in range(len(labels))]
    return [Span(p[0], p[-1] + 1) for p in places if p], total


def best_path(log_probs: Tensor, lengths: Tensor) -> list[tuple[list[int], float]]:
    """For each row of (batch, time, classes) the labels of its best path, and that path's log probability."""
    best, path = log_probs.max(-1)
    inside = torch.arange(path.shape[1], device=path.device) < lengths[:, None]
    scores = (best * inside).sum(1).tolist()
    return [(collapsed(row[:n]), score) for row, n, score in zip(path.tolist(), lengths.tolist(), scores, strict=True)]
