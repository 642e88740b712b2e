"""Hopfield nets: memories as valleys of an energy, which a disturbed pattern falls into."""

import torch
from torch import Tensor

from ...errors import DataError


def hebbian_weights(patterns: Tensor) -> Tensor:
    """Weights (d, d) that hold patterns (n, d) of -1 and 1: the sum of x x' over d, with a diagonal of 0.

    About 0.14 d random patterns can be held; more, and valleys appear that nobody asked for.

    Systems: hopfield-network
    Source: Hopfield 1982; Martinez-Ramon 5.2 and 7.2.1, where it is the deterministic sibling of the machine.

    >>> hebbian_weights(torch.tensor([[1.0, -1.0, 1.0]])) * 3
    tensor([[ 0., -1.,  1.],
            [-1.,  0., -1.],
            [ 1., -1.,  0.]])
    """
    if patterns.ndim != 2 or not bool((patterns.abs() == 1).all()):
        raise DataError(f"patterns have shape {tuple(patterns.shape)}; expected (n, d) of -1 and 1")
    weights = patterns.T @ patterns / patterns.shape[1]
    return weights - torch.diag(weights.diagonal())


def hopfield_energy(x: Tensor, weights: Tensor, bias: Tensor | None = None) -> Tensor:
    """-x' W x / 2 - b' x of states (..., d) of -1 and 1; no single flip of `recall` raises it."""
    energy = -0.5 * ((x @ weights) * x).sum(-1)
    return energy if bias is None else energy - x @ bias


def recall(x: Tensor, weights: Tensor, bias: Tensor | None = None, *, max_sweeps: int = 100) -> Tensor:
    """The valleys that states (n, d) fall into: units are set to the sign of W x + b in turn until none changes.

    A unit whose input is 0 stays as it is. Weights are symmetric, so that every flip lowers the energy.

    >>> memory = torch.tensor([[1.0, 1.0, 1.0, -1.0, -1.0, -1.0]])
    >>> recall(torch.tensor([[-1.0, 1.0, 1.0, -1.0, -1.0, -1.0]]), hebbian_weights(memory))
    tensor([[ 1.,  1.,  1., -1., -1., -1.]])
    """
    if not torch.equal(weights, weights.T) or bool(weights.diagonal().any()):
        raise DataError("weights are symmetric with a diagonal of 0, or states need not come to rest")
    state = x.clone()
    for _ in range(max_sweeps):
        before = state.clone()
        for i in range(state.shape[1]):
            pull = state @ weights[i] + (0.0 if bias is None else bias[i])
            state[:, i] = torch.where(pull == 0, state[:, i], pull.sign())
        if torch.equal(state, before):
            break
    return state


def modern_recall(x: Tensor, patterns: Tensor, *, sharpness: float = 1.0, n_steps: int = 1) -> Tensor:
    """States (n, d) of real numbers drawn to stored patterns (m, d): softmax(sharpness x P') P, again and again.

    One step is attention with the patterns for keys and values; it holds exponentially many of them.

    Source: Ramsauer et al. 2021.
    """
    for _ in range(n_steps):
        x = (sharpness * x @ patterns.T).softmax(-1) @ patterns
    return x
