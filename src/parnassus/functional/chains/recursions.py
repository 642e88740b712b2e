"""Hidden Markov chains by their equations: one sequence, logarithms, a frame at a time. `scans` has the fast twins.

A chain has states 1 to K that emit, and may have an entry and an exit that do not: `log_start[j] = log a_entry,j`,
`log_transitions[i, j] = log a_ij`, `log_exit[i] = log a_i,exit` (None: a chain that may end anywhere, at no cost).
`log_emissions[t, j] = log b_j(x_t)`. Rows of [transitions, exit] sum to one. Everything is differentiable.

Source: Hifny 13.4 (A13.17 to A13.22); the book's eq 13.81 has the indices of a swapped and no exit, its Alg 13.2 starts
without the entry's probabilities, its eq 13.87 takes b of the wrong state, its eq 13.89 stops a frame early (F34, F36).
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Path(NamedTuple):
    """A state for every frame (time,) int64, and log p(x, path)."""

    states: Tensor
    score: Tensor


def forward(
    log_start: Tensor, log_transitions: Tensor, log_emissions: Tensor, *, log_exit: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """log alpha (time, K) and log p(x): alpha_t(j) = p(x_1..x_t, s_t = j).

        alpha_1(j) = a_entry,j b_j(x_1);   alpha_t(j) = [sum_i alpha_{t-1}(i) a_ij] b_j(x_t)
        p(x) = sum_i alpha_T(i) a_i,exit

    Systems: forward-algorithm
    Source: Hifny A13.19, eq 13.86.
    """
    alpha = [log_start + log_emissions[0]]
    for b in log_emissions[1:]:
        alpha.append(torch.logsumexp(alpha[-1][:, None] + log_transitions, 0) + b)
    last = alpha[-1] if log_exit is None else alpha[-1] + log_exit
    return torch.stack(alpha), torch.logsumexp(last, 0)


def backward(
    log_start: Tensor, log_transitions: Tensor, log_emissions: Tensor, *, log_exit: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """log beta (time, K) and log p(x): beta_t(i) = p(x_{t+1}..x_T, end | s_t = i).

        beta_T(i) = a_i,exit;   beta_t(i) = sum_j a_ij b_j(x_{t+1}) beta_{t+1}(j)
        p(x) = sum_j a_entry,j b_j(x_1) beta_1(j)

    Systems: backward-algorithm
    Source: Hifny A13.20, eq 13.87, where b is of the state that is left; it is of the state that is entered (F34).
    """
    beta = [torch.zeros_like(log_start) if log_exit is None else log_exit]
    for b in log_emissions[1:].flip(0):
        beta.append(torch.logsumexp(log_transitions + b + beta[-1], 1))
    return torch.stack(beta[::-1]), torch.logsumexp(log_start + log_emissions[0] + beta[-1], 0)


def posteriors(
    log_start: Tensor, log_transitions: Tensor, log_emissions: Tensor, *, log_exit: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """gamma (time, K), the probability of each state given all frames, and xi (time - 1, K, K), that of each pair.

        gamma_t(i) = alpha_t(i) beta_t(i) / p(x);   xi_t(i, j) = alpha_t(i) a_ij b_j(x_{t+1}) beta_{t+1}(j) / p(x)

    A row of Baum-Welch is a_ij = sum_t xi_t(i, j) / sum_t gamma_t(i) over all frames, and a_i,exit = gamma_T(i) over
    the same sum; sums are taken over all sequences.

    Systems: baum-welch
    Source: Hifny A13.22, eqs 13.88 to 13.98, where the sum in eq 13.89 stops at T - 1 and leaves out the exit (F36).
    """
    alpha, log_p = forward(log_start, log_transitions, log_emissions, log_exit=log_exit)
    beta, _ = backward(log_start, log_transitions, log_emissions, log_exit=log_exit)
    pairs = alpha[:-1, :, None] + log_transitions + (log_emissions + beta)[1:, None, :] - log_p
    return (alpha + beta - log_p).exp(), pairs.exp()


def viterbi(
    log_start: Tensor, log_transitions: Tensor, log_emissions: Tensor, *, log_exit: Tensor | None = None
) -> Path:
    """The most probable path and its score; of equal ones, that of lower states.

        delta_1(j) = a_entry,j b_j(x_1);   delta_t(j) = max_i [delta_{t-1}(i) a_ij] b_j(x_t)
        score = max_i delta_T(i) a_i,exit

    Systems: viterbi
    Source: Hifny A13.21, eq 13.84; the book's Alg 13.2 starts without a_entry,j (F34).
    """
    delta, came_from = log_start + log_emissions[0], []
    for b in log_emissions[1:]:
        best, at = (delta[:, None] + log_transitions).max(0)
        delta = best + b
        came_from.append(at)
    score, state = (delta if log_exit is None else delta + log_exit).max(0)
    states = [state]
    for at in reversed(came_from):
        states.append(at[states[-1]])
    return Path(torch.stack(states[::-1]), score)


def n_best(
    log_start: Tensor,
    log_transitions: Tensor,
    log_emissions: Tensor,
    *,
    n: int,
    log_exit: Tensor | None = None,
) -> list[Path]:
    """The n most probable paths, best first; fewer where fewer are possible.

    Every state of every frame keeps its n best ways there, so the answer is exact.

    Systems: nbest-lattice
    Source: Hifny A13.28 (named there); the list form of the Viterbi algorithm.
    """
    K = len(log_start)
    least = torch.full((n - 1, K), -torch.inf, dtype=log_start.dtype)
    scores, came_from = torch.cat([(log_start + log_emissions[0])[None], least]), []
    for b in log_emissions[1:]:
        ways = (scores[:, :, None] + log_transitions).flatten(0, 1)  # rank and state before, by state now
        scores, at = ways.topk(n, 0)
        scores = scores + b
        came_from.append(at)
    last = (scores if log_exit is None else scores + log_exit).flatten()
    best, at = last.topk(min(n, len(last)))
    found = []
    for score, way in zip(best, at.tolist(), strict=True):
        if score == -torch.inf:
            break
        states = [way % K]
        for ways in reversed(came_from):
            way = int(ways[way // K, way % K])
            states.append(way % K)
        found.append(Path(torch.tensor(states[::-1]), score))
    return found


def filtered(log_start: Tensor, log_transitions: Tensor, log_emissions: Tensor, *, lag: int = 0) -> Tensor:
    """p(s_t | x_1..x_{t+lag}) (time, K): what is known of a state as frames come in, `lag` frames later.

    With `lag=0` it is the filter, with a lag of the whole length the smoother. That the sequence ends is not known
    while it runs, so there is no exit here.
    """
    alpha, _ = forward(log_start, log_transitions, log_emissions)
    beta = torch.zeros_like(alpha)
    for _ in range(min(lag, len(alpha) - 1)):
        seen = torch.logsumexp(log_transitions + (log_emissions + beta)[1:, None, :], 2)
        beta = torch.cat([seen, torch.zeros_like(beta[:1])])
    return (alpha + beta).softmax(1)
