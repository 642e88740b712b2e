"""Many sequences at once: expected states and best paths, by a compiled kernel or by batched tensor operations.

Frames lie end to end, (frames, K), `lengths` says how many belong to each sequence. The recursions are those of
`recursions`, scaled instead of taken in logarithms (Rabiner 1989); sequences that scaling cannot hold, because the
likely paths of one frame are the impossible ones of another, are done again in logarithms.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ... import kernels
from ..threads import n_threads, one_thread
from .batches import APART, Batched, Chunked, logged_batch, scaled_batch
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
        n_threads(),
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
    kernel = kernels.load("viterbi") if b.device.type == "cpu" else None
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


@one_thread()
def _twin(
    start: Tensor,
    transitions: Tensor,
    leave: Tensor,
    logs: Tensor,
    lengths: Tensor,
    weight: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Scaled where that holds, in logarithms where not."""
    peak = logs.amax(1)
    peak = torch.where(peak.isfinite(), peak, 0.0)
    scaled = (logs.contiguous() - peak[:, None]).exp_()
    if _in_chunks(lengths, len(start)):
        parts = [Chunked(start, transitions, leave, piece).run() for piece in scaled.split(lengths.tolist())]
        alpha, entered = torch.cat([p.alpha for p in parts]), torch.cat([p.entered for p in parts])
        log_probs = torch.stack([p.log_p for p in parts])
    else:
        alpha, entered, log_probs = scaled_batch(start, transitions, leave, scaled, Batched(lengths))
    ends = lengths.cumsum(0) - 1
    beta = torch.empty_like(alpha)
    torch.mm(entered[1:], transitions.T, out=beta[:-1])
    beta[ends] = leave
    gamma = beta.mul_(alpha)
    both = gamma.sum(1)
    owner = torch.repeat_interleave(torch.arange(len(lengths), device=lengths.device), lengths)
    apart = torch.zeros_like(weight).index_add_(0, owner, (~(both > APART)).to(weight))
    log_probs = torch.where(apart > 0, torch.nan, log_probs)
    log_probs = log_probs + torch.zeros_like(weight).index_add_(0, owner, peak)
    held = log_probs.isfinite()
    share = torch.where(held, weight, 0.0)[owner] / both
    if not bool(held.all()):
        kept = held[owner]
        share = torch.where(kept, share, 0.0)
        alpha, entered, gamma = (torch.where(kept[:, None], part, 0.0) for part in (alpha, entered, gamma))
    gamma.mul_(share[:, None])
    share[ends] = 0.0
    xi = (alpha.mul_(share[:, None])[:-1].T @ entered[1:]) * transitions
    lost = (~held).nonzero()[:, 0]
    if len(lost):
        again = (owner[:, None] == lost).any(1)
        log_p, own, pairs = logged_batch(start, transitions, leave, logs[again], lengths[lost], weight[lost])
        log_probs[lost], xi = log_p, xi + pairs
        gamma[again] = own
    return log_probs, gamma, xi
