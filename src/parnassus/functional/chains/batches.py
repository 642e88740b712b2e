"""Forward and backward over sequences side by side, a frame of all of them a step; long ones cut into chunks."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

THIN = 1e-60  # of the mass: frames that leave less may have lost paths to underflow
APART = 1e-200  # so little of alpha is where beta is: what links them may be lost
CHUNKS = 0.85  # times the square root of the frames: steps of all chunks cost about what a chunk's ends do
EVERY = 4  # frames between two that are divided by their mass


class Batched:
    """Where frames that lie end to end are when sequences lie side by side, the longest first: (time, sequence).

    `active[t]` is the number of sequences that have a frame t: they are the first ones.
    """

    def __init__(self, lengths: Tensor) -> None:
        self.lengths = lengths
        self.n, self.time = len(lengths), int(lengths.max())
        self.equal = bool((lengths == self.time).all())
        if self.equal:
            self.active = [self.n] * self.time
            return
        order = lengths.argsort(descending=True, stable=True)
        starts = lengths.cumsum(0) - lengths
        at = torch.arange(self.time, device=lengths.device)
        last = int(lengths.sum()) - 1
        self.active = (lengths[order][None] > at[:, None]).sum(1).tolist()
        self.flat = (starts[order] + at[:, None]).clamp(max=last)
        self.flat_reversed = (starts[order] + (lengths[order] - 1 - at[:, None]).clamp(min=0)).clamp(max=last)
        rank = torch.empty_like(order)
        rank[order] = torch.arange(self.n, device=lengths.device)
        owner = torch.repeat_interleave(torch.arange(self.n, device=lengths.device), lengths)
        within = torch.arange(len(owner), device=lengths.device) - starts[owner]
        self.back, self.rank = within * self.n + rank[owner], rank
        self.back_reversed = (lengths[owner] - 1 - within) * self.n + rank[owner]

    def beside(self, frames: Tensor) -> Tensor:
        """(time, n, ...) from frames end to end."""
        if self.equal:
            return frames.view(self.n, self.time, *frames.shape[1:]).transpose(0, 1).contiguous()
        return frames[self.flat]

    def both_ways(self, frames: Tensor) -> Tensor:
        """(time, 2, n, K) from frames end to end (frames, K): as they are, and each sequence from its last frame on."""
        b = frames.new_empty(self.time, 2, self.n, frames.shape[1])
        if self.equal:
            b[:, 0] = frames.view(self.n, self.time, -1).transpose(0, 1)
            b[:, 1] = b[:, 0].flip(0)
        else:
            b[:, 0], b[:, 1] = frames[self.flat], frames[self.flat_reversed]
        return b

    def in_frames(self, both: Tensor) -> tuple[Tensor, Tensor]:
        """The two ways (frames, K) of (time, 2, n, K), frames in the order in which they were given."""
        if self.equal:
            ways = both[:, 0].transpose(0, 1), both[:, 1].flip(0).transpose(0, 1)
            return ways[0].reshape(-1, both.shape[3]), ways[1].reshape(-1, both.shape[3])
        return both[:, 0].flatten(0, 1)[self.back], both[:, 1].flatten(0, 1)[self.back_reversed]

    def end_to_end(self, beside: Tensor) -> Tensor:
        """Frames end to end from (time, n, ...)."""
        if self.equal:
            return beside.transpose(0, 1).reshape(self.n * self.time, *beside.shape[2:])
        return beside.flatten(0, 1)[self.back]

    def in_order(self, each: Tensor) -> Tensor:
        """One value a sequence, in the order that they were given."""
        return each if self.equal else each[self.rank]


def two_way_sweep(entering: Tensor, transitions: Tensor, b: Tensor, active: list[int]) -> tuple[Tensor, Tensor]:
    """alpha, and b beta from the last frame on (time, 2, n, K), both to a factor; and what both were divided by.

    alpha_t = (alpha_{t-1} A) b_t and b_t beta_t = b_t A (b_{t+1} beta_{t+1}) are one recursion, on A and on A
    transposed, so that one product of two matrices does a frame of both. Every few frames they are divided by their
    sums (stretches, 2, n). `entering` (2, n, K) is what the first frames get.
    """
    held, step = torch.zeros_like(b), torch.stack([transitions, transitions.T.contiguous()])
    mass = b.new_ones((len(active) + EVERY - 1) // EVERY, 2, b.shape[2], 1)
    for t, n in enumerate(active):
        own = held[t, :, :n]
        if t:
            torch.bmm(held[t - 1, :, :n], step, out=own)
            own.mul_(b[t, :, :n])
        else:
            torch.mul(entering, b[0], out=own)
        if t % EVERY == EVERY - 1:
            total = mass[t // EVERY, :, :n]
            torch.sum(own, 2, keepdim=True, out=total)
            own.div_(total)
    return held, mass[..., 0]


def last_frames(alpha: Tensor, active: list[int]) -> Tensor:
    """Each sequence's last alpha (n, K)."""
    n = active[0]
    count = torch.tensor(active, device=alpha.device)
    lengths = (count[None] > torch.arange(n, device=alpha.device)[:, None]).sum(1)
    return alpha[lengths - 1, torch.arange(n, device=alpha.device)]


class Scaled(NamedTuple):
    """alpha and b beta (frames, K), each to a factor a frame; the sum of log scales (n,), NaN where it is lost."""

    alpha: Tensor
    entered: Tensor
    log_p: Tensor


def scaled_batch(start: Tensor, transitions: Tensor, leave: Tensor, scaled: Tensor, place: Batched) -> Scaled:
    """Both recursions over sequences side by side."""
    entering = torch.stack([start, leave])[:, None].expand(2, place.n, -1)
    held, mass = two_way_sweep(entering, transitions, place.both_ways(scaled), place.active)
    end = (last_frames(held[:, 0], place.active) * leave).sum(1)
    thick = (mass > THIN).all(0).all(0) & (end > THIN)
    log_p = torch.where(thick, mass[:, 0].log().sum(0) + end.log(), torch.nan)
    return Scaled(*place.in_frames(held), place.in_order(log_p))


class Chunked:
    """One long sequence as chunks that run side by side: their products first, which say what enters each chunk."""

    def __init__(self, start: Tensor, transitions: Tensor, leave: Tensor, scaled: Tensor) -> None:
        self.start, self.transitions, self.leave = start, transitions, leave
        n_chunks = max(round(math.sqrt(len(scaled)) * CHUNKS), 1)
        length = math.ceil(len(scaled) / n_chunks)
        short = n_chunks * length - len(scaled)
        self.lengths = torch.full((n_chunks,), length, device=scaled.device)
        self.lengths[n_chunks - short :] -= 1
        self.place = Batched(self.lengths)
        self.b = self.place.both_ways(scaled)

    def products(self) -> Tensor:
        """diag(b_1) A diag(b_2) ... A diag(b_L) of each chunk (n, K, K), to a factor."""
        total, b = torch.diag_embed(self.b[0, 0]), self.b[:, 0, :, None]
        for t, n in enumerate(self.place.active):
            if t:
                own = (total[:n] @ self.transitions).mul_(b[t, :n])
                if t % EVERY == 0:
                    own.div_(own.amax((1, 2), keepdim=True))
                if n == len(total):
                    total = own
                else:
                    total[:n] = own
        return total.div_(total.amax((1, 2), keepdim=True))

    def run(self) -> Scaled:
        """Both recursions over the sequence."""
        entering, future = self._ends(self.products())
        held, mass = two_way_sweep(torch.stack([entering, future]), self.transitions, self.b, self.place.active)
        end = last_frames(held[:, 0], self.place.active)[-1] @ self.leave
        # a chunk's alpha begins with a sum of 1, whatever the one before it came to
        inner = last_frames(held[:, 0], self.place.active)[:-1].sum(1)
        log_p = mass[:, 0].log().sum() + inner.log().sum() + end.log()
        thick = (mass > THIN).all() & (end > THIN) & (inner > THIN).all()
        return Scaled(*self.place.in_frames(held), torch.where(thick, log_p, torch.nan))

    def _ends(self, products: Tensor) -> tuple[Tensor, Tensor]:
        """What enters each chunk (n, K), as what the frame before it leaves, and the beta of each last frame."""
        onward = (products @ self.transitions).cpu().numpy()
        through, back = products.sum(2).cpu().numpy(), (self.transitions @ products).cpu().numpy()
        entering, future = np.empty(products.shape[:2]), np.empty(products.shape[:2])
        own, ahead = self.start.cpu().numpy(), self.leave.cpu().numpy()
        with np.errstate(invalid="ignore", divide="ignore"):
            for c in range(len(onward)):
                entering[c] = own
                own = (own @ onward[c]) / (own @ through[c])  # divided by its mass before it goes on
            for c in range(len(back) - 1, -1, -1):
                future[c] = ahead
                ahead = back[c] @ ahead
                ahead = ahead / ahead.max()
        return torch.from_numpy(entering).to(products), torch.from_numpy(future).to(products)


def logged_batch(
    start: Tensor, transitions: Tensor, leave: Tensor, logs: Tensor, lengths: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """log p (n,), weighted gamma (frames, K) and the weighted sum of xi (K, K), all in logarithms; 0 for no path."""
    place, step = Batched(lengths), transitions.log()
    b = place.beside(logs)
    alpha, beta = torch.full_like(b, -torch.inf), torch.full_like(b, -torch.inf)
    alpha[0] = start.log() + b[0]
    for t, n in enumerate(place.active[1:], 1):
        alpha[t, :n] = torch.logsumexp(alpha[t - 1, :n, :, None] + step, 1) + b[t, :n]
    log_p = torch.logsumexp(last_frames(alpha, place.active) + leave.log(), 1)
    share = torch.where(
        log_p.isfinite(), weight if place.equal else weight[lengths.argsort(descending=True, stable=True)], 0.0
    )
    base = torch.where(log_p.isfinite(), log_p, 0.0)[:, None]
    future, xi = leave.log().expand(place.n, -1).clone(), torch.zeros_like(transitions)
    for t in range(place.time - 1, -1, -1):
        n = place.active[t]
        beta[t, :n] = future[:n]
        if t:
            ways = step + (b[t, :n] + future[:n])[:, None, :]
            xi += ((alpha[t - 1, :n, :, None] + ways - base[:n, :, None]).exp() * share[:n, None, None]).sum(0)
            future[:n] = torch.logsumexp(ways, 2)
    gamma = torch.where(share[:, None] > 0, (alpha + beta - base).exp() * share[:, None], 0.0)
    return place.in_order(log_p), place.end_to_end(gamma), xi
