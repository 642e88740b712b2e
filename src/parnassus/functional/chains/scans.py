"""Many sequences at once: expected states and best paths, by a compiled kernel or by batched tensor operations.

Frames lie end to end, (frames, K), `lengths` says how many belong to each sequence. The recursions are those of
`recursions`, scaled instead of taken in logarithms (Rabiner 1989); sequences that scaling cannot hold, because the
likely paths of one frame are the impossible ones of another, are done again in logarithms.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ... import kernels
from .batches import Batched, Chunked, logged_batch, scaled_batch
from .maxima import best_paths_batch, best_paths_chunked

LONG, FEW = 2048, 8  # frames and sequences: so few so long are cut into chunks that run side by side
WIDE = 16  # states up to which the product of two transition matrices costs less than what chunks gain


class Expectations(NamedTuple):
    """log p(x) of each sequence (n,); weighted gamma (frames, K); weighted sums of xi over all frames (K, K)."""

    log_probs: Tensor
    gamma: Tensor
    xi: Tensor


def expectations(
    start: Tensor,
    transitions: Tensor,
    log_emissions: Tensor,
    lengths: Tensor,
    *,
    leave: Tensor | None = None,
    weight: Tensor | None = None,
) -> Expectations:
    """What Baum-Welch needs of sequences, all of them counted.

    Parameters
    ----------
    start, transitions : probabilities (K,), (K, K).
    log_emissions : (frames, K), sequences end to end.
    lengths : (n,) int64, each at least 1, their sum being the frames.
    leave : (K,) the probability of the exit state after each; None for a chain that may end anywhere.
    weight : (n,) what each sequence counts in gamma and xi.

    A sequence that no path explains has log p = -inf and counts nothing.

    Systems: forward-algorithm, backward-algorithm, baum-welch
    """
    b = log_emissions.double()
    start, transitions = start.to(b), transitions.to(b)
    leave = torch.ones_like(start) if leave is None else leave.to(b)
    weight = b.new_ones(len(lengths)) if weight is None else weight.to(b)
    kernel = kernels.load("chains") if b.device.type == "cpu" else None
    if kernel is None:
        return Expectations(*_twin(start, transitions, leave, b, lengths, weight))
    gamma, xi = torch.empty_like(b, memory_format=torch.contiguous_format), torch.zeros_like(transitions)
    log_probs = b.new_empty(len(lengths))
    kernel.expectations(
        start.contiguous(),
        transitions.contiguous(),
        leave.contiguous(),
        b,
        lengths.contiguous(),
        weight.contiguous(),
        gamma,
        xi,
        log_probs,
    )
    return Expectations(log_probs, gamma, xi)


def best_paths(
    start: Tensor, transitions: Tensor, log_emissions: Tensor, lengths: Tensor, *, leave: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The most probable path of each sequence, end to end (frames,) int64, and log p(x, path) (n,).

    Systems: viterbi
    """
    b = log_emissions.double()
    start, step = start.to(b).log(), transitions.to(b).log()
    end = torch.zeros_like(start) if leave is None else leave.to(b).log()
    kernel = kernels.load("chains") if b.device.type == "cpu" else None
    if kernel is not None:
        paths, scores = torch.empty(len(b), dtype=torch.int64), b.new_empty(len(lengths))
        kernel.viterbi(start, step.contiguous(), end, b.contiguous(), lengths.contiguous(), paths, scores)
        return paths, scores
    if _in_chunks(lengths, len(start)):
        found = [best_paths_chunked(start, step, end, piece) for piece in b.split(lengths.tolist())]
        return torch.cat([p for p, _ in found]), torch.stack([s for _, s in found])
    return best_paths_batch(start, step, end, b, lengths)


def _in_chunks(lengths: Tensor, n_states: int) -> bool:
    return len(lengths) <= FEW and int(lengths.max()) >= LONG and n_states <= WIDE


def _twin(
    start: Tensor,
    transitions: Tensor,
    leave: Tensor,
    logs: Tensor,
    lengths: Tensor,
    weight: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Scaled where that holds, in logarithms where not."""
    sizes = lengths.tolist()
    peak = logs.amax(1)
    peak = torch.where(peak.isfinite(), peak, 0.0)
    scaled = (logs - peak[:, None]).exp_().contiguous()
    if _in_chunks(lengths, len(start)):
        parts = [Chunked(start, transitions, leave, piece).run() for piece in scaled.split(sizes)]
        alpha, beta, entered = (torch.cat([p[i] for p in parts]) for i in range(3))
        log_probs = torch.stack([p[3] for p in parts])
    else:
        alpha, beta, entered, log_probs = scaled_batch(start, transitions, leave, scaled, Batched(lengths))
    log_probs = log_probs + torch.stack([p.sum() for p in peak.split(sizes)])
    owner = torch.repeat_interleave(torch.arange(len(lengths), device=lengths.device), lengths)
    held = log_probs.isfinite()
    share = torch.where(held, weight, 0.0)[owner][:, None]
    gamma = torch.where(share > 0, alpha * beta * share, 0.0)
    first = torch.zeros(len(logs), dtype=torch.bool, device=logs.device)
    first[lengths.cumsum(0) - lengths] = True
    entered = torch.where(first[:, None] | (share <= 0), 0.0, entered * share)
    alpha = torch.where(share > 0, alpha, 0.0)
    xi = (alpha[:-1].T @ entered[1:]) * transitions
    lost = (~held).nonzero()[:, 0]
    if len(lost):
        again = (owner[:, None] == lost).any(1)
        log_p, own, pairs = logged_batch(start, transitions, leave, logs[again], lengths[lost], weight[lost])
        log_probs[lost], xi = log_p, xi + pairs
        gamma[again] = own
    return log_probs, gamma, xi
