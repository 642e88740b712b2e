"""Convolutions along time over rows of different lengths: what lies behind a row's end never counts."""

import torch
from torch import Tensor, nn


def inside_of(x: Tensor, lengths: Tensor | None) -> Tensor | None:
    """Which steps of x (batch, time, ...) are a row's own: (batch, 1, time) bool; None where all are."""
    if lengths is None or (not torch.compiler.is_exporting() and bool((lengths == x.shape[1]).all())):
        return None
    return (torch.arange(x.shape[1], device=x.device) < lengths.to(x.device)[:, None])[:, None]


def kept(h: Tensor, inside: Tensor | None) -> Tensor:
    """h (batch, channels, time) with zeros behind every row's end."""
    return h if inside is None else h * inside


def mean_over_steps(h: Tensor, inside: Tensor | None) -> Tensor:
    """The mean of each channel over a row's own steps, (batch, channels), of h (batch, channels, time)."""
    if inside is None:
        return h.mean(2)
    return (h * inside).sum(2) / inside.sum(2).clamp(min=1)


class SameConv1d(nn.Conv1d):
    """A convolution along time that keeps the number of steps; of an even kernel one step more comes after than before.

    h (batch, channels, time) -> (batch, out_channels, time).
    """

    def forward(self, h: Tensor) -> Tensor:
        (k,) = self.kernel_size
        return super().forward(nn.functional.pad(h, ((k - 1) // 2, k // 2)))


class StepNorm(nn.BatchNorm1d):
    """Batch normalisation of h (batch, channels, time) over the rows' own steps alone; zeros stay behind their ends."""

    def forward(self, h: Tensor, inside: Tensor | None = None) -> Tensor:
        if inside is None:
            return super().forward(h)
        if not self.training:  # by what was learned, step by step
            return kept(super().forward(h), inside)
        own = inside[:, 0]
        made = torch.zeros_like(h.mT)
        made[own] = super().forward(h.mT[own])
        return made.mT
