"""Viterbi over sequences side by side, and over one long sequence as chunks side by side."""

import math

import torch
from torch import Tensor

from ..threads import one_thread
from .batches import Batched


@one_thread()
def best_paths_batch(start: Tensor, step: Tensor, end: Tensor, logs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Paths end to end (frames,) int64 and scores (n,); everything is in logarithms."""
    place = Batched(lengths)
    b = place.beside(logs)
    delta, came_from = _sweep(start.expand(place.n, -1), step, b, place.active)
    scores, last = (delta + end).max(1)
    states = _traced(last, came_from, place.active)
    return place.end_to_end(states), place.in_order(scores)


@one_thread()
def best_paths_chunked(start: Tensor, step: Tensor, end: Tensor, logs: Tensor) -> tuple[Tensor, Tensor]:
    """The path (frames,) and score of one long sequence, its chunks side by side."""
    n_chunks = max(round(math.sqrt(len(logs)) / 2), 1)
    length = math.ceil(len(logs) / n_chunks)
    lengths = torch.full((n_chunks,), length, device=logs.device)
    lengths[n_chunks - (n_chunks * length - len(logs)) :] -= 1
    place = Batched(lengths)
    b = place.beside(logs)
    entering, before = _entering(start, step, _products(step, b, place.active))
    delta, came_from = _sweep(entering, step, b, place.active)
    score, last = (delta[-1] + end).max(0)
    every = torch.arange(len(start), device=logs.device).expand(n_chunks, -1)
    first = _traced(every, came_from, place.active)[0].tolist()
    ends, state = [], int(last)
    for c in range(n_chunks - 1, -1, -1):
        ends.append(state)
        state = before[c][first[c][state]]
    states = _traced(torch.tensor(ends[::-1], device=logs.device), came_from, place.active)
    return place.end_to_end(states), score


def _sweep(entering: Tensor, step: Tensor, b: Tensor, active: list[int]) -> tuple[Tensor, Tensor]:
    """delta of each last frame (n, K), and where each state of each frame came from (time, n, K) int64."""
    delta = entering + b[0]
    came_from = torch.zeros(b.shape, dtype=torch.int64, device=b.device)
    into = step.T.contiguous()  # to, from: the maximum runs along the last axis
    for t, n in enumerate(active):
        if t:
            best, at = (delta[:n, None, :] + into).max(2)
            came_from[t, :n] = at
            delta[:n] = best.add_(b[t, :n])
    return delta, came_from


def _traced(last: Tensor, came_from: Tensor, active: list[int]) -> Tensor:
    """States (time, n) that end in `last` (n,), or (time, n, m) for m ends (n, m) of each."""
    state = last.clone() if last.ndim == 2 else last[:, None].clone()
    states = torch.zeros(len(active), *state.shape, dtype=torch.int64, device=last.device)
    for t in range(len(active) - 1, -1, -1):
        n = active[t]
        states[t, :n] = state[:n]
        if t:
            state[:n] = came_from[t, :n].gather(1, state[:n])
    return states if last.ndim == 2 else states[..., 0]


def _products(step: Tensor, b: Tensor, active: list[int]) -> Tensor:
    """The best score (n, K, K) of each chunk from its first state to its last, emissions counted."""
    total = torch.full((*b.shape[1:], b.shape[2]), -torch.inf, dtype=b.dtype, device=b.device)
    total.diagonal(dim1=1, dim2=2).copy_(b[0])
    into = step.T.contiguous()
    for t, n in enumerate(active):
        if t:
            total[:n] = (total[:n, :, None, :] + into).amax(3).add_(b[t, :n, None, :])
    return total


def _entering(start: Tensor, step: Tensor, products: Tensor) -> tuple[Tensor, list[list[int]]]:
    """The score of entering each chunk by each state (n, K), and the state that the chunk before ended in."""
    entering, before, own = [], [], start
    came = torch.zeros(len(start), dtype=torch.int64, device=start.device)
    for product in products:
        entering.append(own)
        before.append(came.tolist())
        delta = (own[:, None] + product).amax(0)
        own, came = (delta[:, None] + step).max(0)
    return torch.stack(entering), before
