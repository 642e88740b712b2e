"""Nets and neighbours that say what a whole series is: convolutional, random convolutions, warped neighbours."""

import math
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...functional.linear import as_signs
from ...layers.steps import SameConv1d, StepNorm, inside_of, kept, mean_over_steps
from ...objectives.rules import as_given
from ...objectives.sequence.nearest import NearestNumbers, NearestSeries
from ...objectives.sequence.random_convolutions import RandomConvolutions
from ...registry import model
from .sequences import sequence_model

KERNELS = (8, 5, 3)  # of each residual block
WIDE = (40, 20, 10)  # of each Inception module


class ResidualSeriesBlock(nn.Module):
    """Three convolutions of 8, 5 and 3 steps with batch normalisation, and a way around them."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        widths = [n_in, n_out, n_out]
        self.convolutions = nn.ModuleList(SameConv1d(n, n_out, k) for n, k in zip(widths, KERNELS, strict=True))
        self.norms = nn.ModuleList(StepNorm(n_out) for _ in KERNELS)
        self.around = nn.Conv1d(n_in, n_out, 1) if n_in != n_out else nn.Identity()
        self.around_norm = StepNorm(n_out)

    def forward(self, x: Tensor, inside: Tensor | None) -> Tensor:
        h = x
        for i, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            h = norm(kept(convolution(h), inside), inside)
            h = torch.relu(h) if i < 2 else h
        return torch.relu(h + self.around_norm(kept(self.around(x), inside), inside))


class InceptionModule(nn.Module):
    """Convolutions of 40, 20 and 10 steps over a bottleneck, and a maximum of 3, side by side."""

    def __init__(self, n_in: int, n_filters: int) -> None:
        super().__init__()
        self.bottleneck = nn.Conv1d(n_in, n_filters, 1, bias=False) if n_in > 1 else nn.Identity()
        n_narrow = n_filters if n_in > 1 else 1
        self.branches = nn.ModuleList(SameConv1d(n_narrow, n_filters, k, bias=False) for k in WIDE)
        self.pooled = nn.Conv1d(n_in, n_filters, 1, bias=False)
        self.norm = StepNorm(4 * n_filters)

    def forward(self, x: Tensor, inside: Tensor | None) -> Tensor:
        low = x if inside is None else x.masked_fill(~inside, -torch.inf)
        most = kept(nn.functional.max_pool1d(low, 3, stride=1, padding=1).nan_to_num(neginf=0.0), inside)
        narrow = self.bottleneck(x)
        parts = [branch(narrow) for branch in self.branches] + [self.pooled(most)]
        return torch.relu(self.norm(kept(torch.cat(parts, 1), inside), inside))


class SeriesResNet(nn.Module):
    """x (batch, time, step_features), lengths (batch,) -> (batch, n_outputs): three residual blocks, a mean over time.

    Systems: sequence-classification
    Source: Wang, Yan and Oates 2017; Baker 6.2.2.
    """

    def __init__(self, step_features: int, n_outputs: int, hidden: int) -> None:
        super().__init__()
        widths = [step_features, hidden, 2 * hidden, 2 * hidden]
        self.blocks = nn.ModuleList(ResidualSeriesBlock(n_in, n_out) for n_in, n_out in pairwise(widths))
        self.head = nn.Linear(2 * hidden, n_outputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        inside = inside_of(x, lengths)
        h = kept(x.mT, inside)
        for block in self.blocks:
            h = block(h, inside)
        return self.head(mean_over_steps(h, inside))


class InceptionTime(nn.Module):
    """x (batch, time, step_features), lengths (batch,) -> (batch, n_outputs): Inception modules, a way around three.

    Source: Ismail Fawaz et al. 2020. What they call InceptionTime is the mean of five such nets: `pn.Voting` of five
    seeds.
    """

    def __init__(self, step_features: int, n_outputs: int, hidden: int, depth: int) -> None:
        super().__init__()
        widths = [step_features] + [4 * hidden] * depth
        self.steps = nn.ModuleList(InceptionModule(n, hidden) for n in widths[:-1])
        starts = [step_features] + [4 * hidden] * (depth // 3 - 1)
        self.around = nn.ModuleList(nn.Conv1d(n, 4 * hidden, 1, bias=False) for n in starts[: depth // 3])
        self.around_norms = nn.ModuleList(StepNorm(4 * hidden) for _ in self.around)
        self.head = nn.Linear(4 * hidden, n_outputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        inside = inside_of(x, lengths)
        h = before = kept(x.mT, inside)
        for i, step in enumerate(self.steps):
            h = step(h, inside)
            if i % 3 == 2:
                way = self.around_norms[i // 3](kept(self.around[i // 3](before), inside), inside)
                h = before = torch.relu(h + way)
        return self.head(mean_over_steps(h, inside))


@sequence_model("classifier", "regressor")
def resnet1d(*, step_features: int, n_outputs: int, hidden: int = 64) -> nn.Module:
    """A residual net along time: blocks of convolutions of 8, 5 and 3 steps; `hidden` channels, then twice as many."""
    if hidden < 1:
        raise SettingError(f"model 'resnet1d': hidden is at least 1; got {hidden}")
    return SeriesResNet(step_features, n_outputs, hidden)


@sequence_model("classifier", "regressor")
def inceptiontime(*, step_features: int, n_outputs: int, hidden: int = 32, depth: int = 6) -> nn.Module:
    """Inception along time: modules of 4 times `hidden` channels that look 40, 20 and 10 steps wide side by side."""
    if hidden < 1 or depth < 1:
        raise SettingError(f"model 'inceptiontime': hidden and depth are at least 1; got {hidden} and {depth}")
    return InceptionTime(step_features, n_outputs, hidden, depth)


def _check_rocket(n_kernels: int, l2: float) -> None:
    if n_kernels < 1 or not 0 < l2 < math.inf:
        raise SettingError(f"model 'rocket': n_kernels is at least 1 and l2 above 0; got {n_kernels} and {l2}")


@model.register("regressor")
def rocket(
    *, step_features: int, n_outputs: int, max_length: int, n_kernels: int = 2000, l2: float = 0.001
) -> RandomConvolutions:
    """Random convolutions, of each the largest value and the share above 0, and a ridge regression on these numbers.

    n_kernels : the published 10,000 find a little more and take five times as long.
    l2 : the penalty a row and a kernel, on features of variance 1.
    """
    _check_rocket(n_kernels, l2)
    return RandomConvolutions(step_features, n_outputs, max_length, n_kernels=n_kernels, l2=l2, targets=as_given)


@model.register("classifier", name="rocket")
def rocket_classifier(
    *, step_features: int, n_outputs: int, max_length: int, n_kernels: int = 2000, l2: float = 0.001
) -> RandomConvolutions:
    """Random convolutions, of each the largest value and the share above 0, and a ridge regression of +1 and -1 on it.

    n_kernels : the published 10,000 find a little more and take five times as long.
    l2 : the penalty a row and a kernel, on features of variance 1.
    """
    _check_rocket(n_kernels, l2)
    signs = partial(as_signs, n_outputs=n_outputs)
    return RandomConvolutions(step_features, n_outputs, max_length, n_kernels=n_kernels, l2=l2, targets=signs)


@model.register("classifier")
def dtw_neighbors(
    *, step_features: int, n_outputs: int, n_neighbors: int = 1, band: float | None = 0.1
) -> NearestSeries:
    """The classes of the nearest series of training by dynamic time warping; `band` is the share time may be off."""
    _check_neighbors(n_neighbors, band)
    return NearestSeries(step_features, n_outputs, n_neighbors=n_neighbors, band=band)


@model.register("regressor", name="dtw_neighbors")
def dtw_neighbors_of_numbers(
    *, step_features: int, n_outputs: int, n_neighbors: int = 1, band: float | None = 0.1
) -> NearestNumbers:
    """The numbers of the nearest series of training by dynamic time warping; `band` is the share time may be off."""
    _check_neighbors(n_neighbors, band)
    return NearestNumbers(step_features, n_outputs, n_neighbors=n_neighbors, band=band)


def _check_neighbors(n_neighbors: int, band: float | None) -> None:
    if n_neighbors < 1 or (band is not None and not 0 <= band <= 1):
        raise SettingError(
            f"model 'dtw_neighbors': n_neighbors is at least 1 and band a share in [0, 1] or None; got {n_neighbors} "
            f"and {band}"
        )
