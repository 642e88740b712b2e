"""Linear-chain conditional random fields: log-likelihood, marginals and the best tags of sequences of scores.

    p(y | x) = exp(start[y_1] + sum_t scores_t[y_t] + sum_t transitions[y_{t-1}, y_t] + end[y_T]) / Z(x)

`scores` (batch, time, K) come from any network; `lengths` (batch,) says where rows end; what follows counts nothing.
Everything is differentiable; a chain of log probabilities is the HMM.

Source: Lafferty, McCallum and Pereira 2001.
"""

import torch
from torch import Tensor

from .chains.maxima import best_paths_batch


def log_likelihood(
    scores: Tensor, tags: Tensor, lengths: Tensor, *, transitions: Tensor, start: Tensor, end: Tensor
) -> Tensor:
    """log p(tags | x) of each row (batch,); tags (batch, time) int64, anything from 0 to K - 1 after the length."""
    return path_score(scores, tags, lengths, transitions=transitions, start=start, end=end) - log_partition(
        scores, lengths, transitions=transitions, start=start, end=end
    )


def path_score(
    scores: Tensor, tags: Tensor, lengths: Tensor, *, transitions: Tensor, start: Tensor, end: Tensor
) -> Tensor:
    """What the tags of each row score, before it is divided by Z (batch,)."""
    inside = _inside(scores, lengths)
    own = scores.gather(2, tags[:, :, None])[:, :, 0]
    steps = transitions[tags[:, :-1], tags[:, 1:]]
    last = tags.gather(1, (lengths - 1)[:, None])[:, 0]
    return (
        start[tags[:, 0]]
        + torch.where(inside, own, 0.0).sum(1)
        + torch.where(inside[:, 1:], steps, 0.0).sum(1)
        + end[last]
    )


def log_partition(scores: Tensor, lengths: Tensor, *, transitions: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """log Z of each row (batch,): the forward algorithm over all taggings."""
    inside = _inside(scores, lengths)
    alpha = start + scores[:, 0]
    for t in range(1, scores.shape[1]):
        reached = torch.logsumexp(alpha[:, :, None] + transitions, 1) + scores[:, t]
        alpha = torch.where(inside[:, t, None], reached, alpha)
    return torch.logsumexp(alpha + end, 1)


def marginals(scores: Tensor, lengths: Tensor, *, transitions: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """p(y_t = k | x) (batch, time, K), 0 after the length: the slope of log Z by the scores."""
    with torch.enable_grad():
        own = scores.detach().clone().requires_grad_()
        total = log_partition(own, lengths, transitions=transitions.detach(), start=start.detach(), end=end.detach())
        (slope,) = torch.autograd.grad(total.sum(), own)
    return slope


def decode(
    scores: Tensor, lengths: Tensor, *, transitions: Tensor, start: Tensor, end: Tensor
) -> tuple[list[Tensor], Tensor]:
    """The best tags of each row, (its length,) int64, and their scores (batch,)."""
    flat = scores[_inside(scores, lengths)]
    paths, found = best_paths_batch(start, transitions, end, flat, lengths)
    return list(paths.split(lengths.tolist())), found


def _inside(scores: Tensor, lengths: Tensor) -> Tensor:
    return torch.arange(scores.shape[1], device=scores.device) < lengths[:, None]
