"""Forward and backward over sequences side by side, a frame of all of them a step; long ones cut into chunks."""

import math

import numpy as np
import torch
from torch import Tensor

THIN = 1e-60  # of the mass, as in the kernel: a frame that leaves less may have lost paths to underflow


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
        self.active = (lengths[order][None] > at[:, None]).sum(1).tolist()
        self.flat = (starts[order][None] + at[:, None]).clamp(max=int(lengths.sum()) - 1)
        rank = torch.empty_like(order)
        rank[order] = torch.arange(self.n, device=lengths.device)
        owner = torch.repeat_interleave(torch.arange(self.n, device=lengths.device), lengths)
        within = torch.arange(len(owner), device=lengths.device) - starts[owner]
        self.back, self.rank = within * self.n + rank[owner], rank

    def beside(self, frames: Tensor) -> Tensor:
        """(time, n, ...) from frames end to end."""
        if self.equal:
            return frames.view(self.n, self.time, *frames.shape[1:]).transpose(0, 1).contiguous()
        return frames[self.flat]

    def end_to_end(self, beside: Tensor) -> Tensor:
        """Frames end to end from (time, n, ...)."""
        if self.equal:
            return beside.transpose(0, 1).reshape(self.n * self.time, *beside.shape[2:])
        return beside.flatten(0, 1)[self.back]

    def in_order(self, each: Tensor) -> Tensor:
        """One value a sequence, in the order that they were given."""
        return each if self.equal else each[self.rank]


def forward_sweep(entering: Tensor, transitions: Tensor, b: Tensor, active: list[int]) -> tuple[Tensor, Tensor]:
    """alpha (time, n, K), each frame's summing to 1, and the scales (time, n, 1); `entering` is what frame 0 gets."""
    alpha, scale = torch.zeros_like(b), torch.ones_like(b[:, :, :1])
    for t, n in enumerate(active):
        own = alpha[t, :n]
        if t:
            torch.mm(alpha[t - 1, :n], transitions, out=own)
            own.mul_(b[t, :n])
        else:
            torch.mul(entering[:n], b[0, :n], out=own)
        torch.sum(own, 1, keepdim=True, out=scale[t, :n])
        own.div_(scale[t, :n])
    return alpha, scale


def backward_sweep(
    future: Tensor, transitions: Tensor, b: Tensor, scale: Tensor, active: list[int]
) -> tuple[Tensor, Tensor]:
    """beta (time, n, K), and b beta / scale, which is what a state that is entered there brings.

    `future` (n, K) is the beta of each last frame, and is overwritten.
    """
    beta, entered = torch.zeros_like(b), b.div(scale)
    back = transitions.T.contiguous()
    for t in range(len(active) - 1, -1, -1):
        n = active[t]
        beta[t, :n] = future[:n]
        entered[t, :n].mul_(future[:n])
        if t:
            torch.mm(entered[t, :n], back, out=future[:n])
    return beta, entered


def last_frames(alpha: Tensor, active: list[int]) -> Tensor:
    """Each sequence's last alpha (n, K)."""
    n = active[0]
    count = torch.tensor(active, device=alpha.device)
    lengths = (count[None] > torch.arange(n, device=alpha.device)[:, None]).sum(1)
    return alpha[lengths - 1, torch.arange(n, device=alpha.device)]


def scaled_batch(
    start: Tensor, transitions: Tensor, leave: Tensor, scaled: Tensor, place: Batched
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """alpha, beta and b beta / scale end to end (frames, K), and the sum of log scales (n,), NaN where one is thin."""
    b = place.beside(scaled)
    alpha, scale = forward_sweep(start.expand(place.n, -1), transitions, b, place.active)
    end = (last_frames(alpha, place.active) * leave).sum(1, keepdim=True)
    beta, entered = backward_sweep(leave / end, transitions, b, scale, place.active)
    held = (scale[..., 0] > THIN).all(0) & (end[:, 0] > THIN)
    log_p = scale[..., 0].log().sum(0) + end[:, 0].log()
    log_p = torch.where(held, log_p, torch.nan)
    return place.end_to_end(alpha), place.end_to_end(beta), place.end_to_end(entered), place.in_order(log_p)


class Chunked:
    """One long sequence as chunks that run side by side: their products first, which say what enters each chunk."""

    def __init__(self, start: Tensor, transitions: Tensor, leave: Tensor, scaled: Tensor) -> None:
        self.start, self.transitions, self.leave = start, transitions, leave
        n_chunks = max(round(math.sqrt(len(scaled)) / 2), 1)
        length = math.ceil(len(scaled) / n_chunks)
        short = n_chunks * length - len(scaled)
        self.lengths = torch.full((n_chunks,), length, device=scaled.device)
        self.lengths[n_chunks - short :] -= 1
        self.place = Batched(self.lengths)
        self.b = self.place.beside(scaled)

    def products(self) -> Tensor:
        """diag(b_1) A diag(b_2) ... A diag(b_L) of each chunk (n, K, K), to a factor."""
        total = torch.diag_embed(self.b[0])
        for t, n in enumerate(self.place.active):
            if t:
                own = (total[:n] @ self.transitions) * self.b[t, :n, None, :]
                total[:n] = own / own.amax((1, 2), keepdim=True)
        return total

    def run(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """alpha, beta and b beta / scale (frames, K), and the sum of log scales, NaN where one is thin."""
        entering, future = self._ends(self.products())
        alpha, scale = forward_sweep(entering, self.transitions, self.b, self.place.active)
        last = last_frames(alpha, self.place.active)
        future /= (last * future).sum(1, keepdim=True)
        end = last[-1] @ self.leave
        beta, entered = backward_sweep(future, self.transitions, self.b, scale, self.place.active)
        log_p = scale.log().sum() + end.log()
        held = (scale > THIN).all() & (end > THIN)
        parts = (self.place.end_to_end(x) for x in (alpha, beta, entered))
        return *parts, torch.where(held, log_p, torch.nan)  # type: ignore[return-value]

    def _ends(self, products: Tensor) -> tuple[Tensor, Tensor]:
        """What enters each chunk (n, K), as what the frame before it leaves, and the beta of each last frame."""
        operator, A = products.cpu().numpy(), self.transitions.cpu().numpy()
        entering, future = np.empty(operator.shape[:2]), np.empty(operator.shape[:2])
        own, ahead = self.start.cpu().numpy(), self.leave.cpu().numpy()
        with np.errstate(invalid="ignore", divide="ignore"):
            for c in range(len(operator)):
                entering[c] = own
                own = own @ operator[c]
                own = (own / own.sum()) @ A
            for c in range(len(operator) - 1, -1, -1):
                future[c] = ahead
                ahead = A @ (operator[c] @ ahead)
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
