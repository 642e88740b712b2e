"""The recurrent transducer: labels are written between frames, as many as are due before the next frame.

The lattice of a row has a node (t, u) for each frame and each number of labels written. `blank[t, u]` is the log
probability of going on to frame t + 1, `emit[t, u]` that of writing label u + 1 and staying in frame t.
"""

import torch
from torch import Tensor


def transducer_loss(log_probs: Tensor, lengths: Tensor, labels: Tensor, label_lengths: Tensor) -> Tensor:
    """-log p(labels | frames) of each row (batch,), by anti-diagonals of the lattice: all their nodes at once.

    Parameters
    ----------
    log_probs : (batch, time, longest + 1, classes), over classes, after so many labels; class 0 is the blank.
    lengths : frames of each row, at least 1.
    labels, label_lengths : (batch, longest), padded with anything in range, and their numbers.

    Source: Graves 2012, equations 15 to 17, in logarithms.
    """
    blank, emit = arcs(log_probs, labels)
    n, longest, most = blank.shape
    lowest = blank.new_full((n, 1), -torch.inf)
    wide = torch.cat([emit, emit.new_full((n, longest, 1), -torch.inf)], 2)
    at = torch.arange(most, device=blank.device)
    alpha = torch.cat([blank.new_zeros(n, 1), blank.new_full((n, most - 1), -torch.inf)], 1)
    diagonals = [alpha]
    for d in range(1, longest + most - 1):
        t = d - at
        stays = ((t >= 1) & (t <= longest)).to(blank.device)
        along = torch.where(stays, alpha + blank[:, (t - 1).clamp(0, longest - 1), at], -torch.inf)
        grows = ((t >= 0) & (t < longest))[1:]
        written = alpha[:, :-1] + wide[:, t[1:].clamp(0, longest - 1), at[:-1]]
        up = torch.cat([lowest, torch.where(grows, written, -torch.inf)], 1)
        alpha = log_sum(along, up)
        diagonals.append(alpha)
    rows = torch.arange(n, device=blank.device)
    last, written_all = lengths - 1, label_lengths
    final = torch.stack(diagonals, 1)[rows, last + written_all, written_all]
    return -(final + blank[rows, last, written_all])


def arcs(log_probs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The lattice's log probabilities: blank (batch, time, longest + 1) and emit (batch, time, longest)."""
    n, longest, most, _ = log_probs.shape
    index = labels[:, None, :, None].expand(n, longest, most - 1, 1)
    return log_probs[..., 0], log_probs[:, :, :-1].gather(3, index)[..., 0]


def log_sum(a: Tensor, b: Tensor) -> Tensor:
    """log(exp(a) + exp(b)) with a gradient of 0, and not NaN, where both are -inf."""
    nothing = (a == -torch.inf) & (b == -torch.inf)
    return torch.where(nothing, -torch.inf, torch.logaddexp(torch.where(nothing, 0.0, a), torch.where(nothing, 0.0, b)))


def transducer_loss_twin(log_probs: Tensor, labels: Tensor) -> Tensor:
    """-log p(labels | frames) of one row (time, n + 1, classes), node by node.

    Source: Graves 2012, equation 16.
    """
    blank, emit = (one[0] for one in arcs(log_probs[None], labels[None]))
    longest, most = blank.shape
    alpha: dict[tuple[int, int], Tensor] = {(0, 0): blank.new_zeros(())}
    for t in range(longest):
        for u in range(most):
            ways = [alpha[t - 1, u] + blank[t - 1, u]] if t else []
            ways += [alpha[t, u - 1] + emit[t, u - 1]] if u else []
            if ways:
                alpha[t, u] = torch.logsumexp(torch.stack(ways), 0)
    return -(alpha[longest - 1, most - 1] + blank[-1, -1])


def best_alignment(log_probs: Tensor, labels: Tensor) -> tuple[list[int], float]:
    """In which frame each label is written on the best path (n,), and that path's log probability, of one row."""
    blank, emit = (one[0].double() for one in arcs(log_probs[None], labels[None]))
    longest, most = blank.shape
    score = torch.full((longest, most), -torch.inf, dtype=torch.float64)
    written = torch.zeros(longest, most, dtype=torch.bool)  # whether a node's best way writes a label
    score[0, 0] = 0.0
    for d in range(1, longest + most - 1):
        u = torch.arange(max(0, d - longest + 1), min(d, most - 1) + 1)
        t = d - u
        along = torch.where(t > 0, score[t - 1, u] + blank[t - 1, u], -torch.inf)
        up = torch.where(u > 0, score[t, u - 1] + emit[t, (u - 1).clamp(min=0)] if most > 1 else along, -torch.inf)
        score[t, u], written[t, u] = torch.maximum(along, up), up > along
    frames, frame, n = [], longest - 1, most - 1
    while frame or n:
        if written[frame, n]:
            n -= 1
            frames.append(frame)
        else:
            frame -= 1
    return frames[::-1], float(score[-1, -1] + blank[-1, -1])
