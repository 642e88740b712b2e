"""Normalisers: values brought to mean 0 and variance 1 over some axes, then scaled and shifted; with their slopes.

Variances are over n, not n - 1, and `eps` is inside the root. `gamma` and `beta` are learned, one for a channel (axis
1), or for a feature (last axis) in layer and RMS normalisation; None leaves them out. torch.nn has modules of the first
five; the rest are in `layers.normalization`.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Counts = Literal["new", "old"]
Window = Literal["mean", "sum"]


class Statistics(NamedTuple):
    """The mean and variance (channels,) that batch normalisation predicts with."""

    mean: Tensor
    variance: Tensor


# --- The shared step -------------------------------------------------------------------------------------------------


def standardize(x: Tensor, dims: Sequence[int], *, eps: float = 1e-5) -> tuple[Tensor, Tensor]:
    """(x - m) / sqrt(v + eps) with mean m and variance v over `dims`, and that root, which the slope needs.

    Source: Hifny A14.8 and A14.9; Martinez-Ramon eq. 2.8 and (part 2b) eq. 6.27 divide by the variance: the root is
    missing.
    """
    dims = tuple(dims)
    m = x.mean(dims, keepdim=True)
    root = (x.var(dims, correction=0, keepdim=True) + eps).sqrt()
    return (x - m) / root, root


def standardize_backward(slope: Tensor, normed: Tensor, root: Tensor, dims: Sequence[int]) -> Tensor:
    """(g - mean g - n mean(g n)) / root: the slope by x of whatever has slope g by n = standardize(x, dims).

    The variance moves with x too, hence the last term. Batch, layer, instance and group normalisation share it.
    """
    dims = tuple(dims)
    return (slope - slope.mean(dims, keepdim=True) - normed * (slope * normed).mean(dims, keepdim=True)) / root


def by_channel(x: Tensor, gamma: Tensor | None, beta: Tensor | None) -> Tensor:
    """gamma x + beta with one of each a channel, the axis after the batch."""
    shape = (-1, *[1] * (x.ndim - 2))
    x = x if gamma is None else x * gamma.view(shape)
    return x if beta is None else x + beta.view(shape)


# --- Over the batch --------------------------------------------------------------------------------------------------


def batch_norm(x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None, *, eps: float = 1e-5) -> Tensor:
    """Each channel of (batch, channels, ...) over the batch and all places, as in training; torch.nn.BatchNorm1d to 3d.

    A bias before it is without effect, since the mean takes it away.

    Systems: batch-norm
    Source: Ioffe and Szegedy 2015; Hifny A14.8 (eq. 14.7, without eps), Baker A063 (F21: without beta, eps and running
    statistics), Martinez-Ramon 2.4, Jaiswal J58, Keras course K56.

    >>> batch_norm(torch.tensor([[1.0], [2.0], [3.0], [4.0]])).flatten()
    tensor([-1.3416, -0.4472,  0.4472,  1.3416])
    """
    return by_channel(standardize(x, channel_axes(x), eps=eps)[0], gamma, beta)


def batch_norm_at_prediction(
    x: Tensor, running: Statistics, gamma: Tensor | None = None, beta: Tensor | None = None, *, eps: float = 1e-5
) -> Tensor:
    """The same with the running statistics, so that a row's answer does not depend on its batch."""
    shape = (-1, *[1] * (x.ndim - 2))
    normed = (x - running.mean.view(shape)) / (running.variance.view(shape) + eps).sqrt()
    return by_channel(normed, gamma, beta)


def running_statistics(
    running: Statistics, x: Tensor, *, momentum: float, of: Counts, correction: int = 1
) -> Statistics:
    """The running mean and variance after one more batch.

    `momentum` is the share `of` the new batch (torch: 0.1) or of the old value (Keras: 0.99): the same word for m and
    1 - m. torch keeps the variance over n - 1 (`correction=1`) while it normalises by that over n; Keras keeps that
    over n (`correction=0`).

    Source: Keras course K56 (F20: the book leaves them out).

    >>> old = Statistics(torch.zeros(1), torch.ones(1))
    >>> x = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    >>> [round(float(v), 4) for v in running_statistics(old, x, momentum=0.99, of="old", correction=0)]
    [0.025, 1.0025]
    """
    new = momentum if of == "new" else 1 - momentum
    axes = channel_axes(x)
    mean, variance = x.mean(axes), x.var(axes, correction=correction)
    return Statistics(running.mean.lerp(mean, new), running.variance.lerp(variance, new))


def channel_axes(x: Tensor) -> tuple[int, ...]:
    """All axes but the channels', axis 1."""
    return (0, *range(2, x.ndim))


# --- Within a row ----------------------------------------------------------------------------------------------------


def layer_norm(x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None, *, eps: float = 1e-5) -> Tensor:
    """Each row over its features, the last axis; gamma and beta (features,). It is the same in training and after.

    Systems: layer-norm
    Source: Ba, Kiros and Hinton 2016; Hifny A11.22 and A14.9 (F29: the axes are the features, and F40: it adds no
    noise), Baker A202, Martinez-Ramon 2.4 and A6.14 (part 2b).

    >>> layer_norm(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor([-1.3416, -0.4472,  0.4472,  1.3416])
    """
    normed = standardize(x, (-1,), eps=eps)[0]
    normed = normed if gamma is None else normed * gamma
    return normed if beta is None else normed + beta


def layer_norm_jacobian(x: Tensor, *, eps: float = 0.0) -> Tensor:
    """(1 / s) (d_ij - 1 / d - n_i n_j / d) with n = (x - m) / s, of shape (..., d, d); every row sums to 0.

    Source: Hifny A14.11 (eqs. 14.16 to 14.19); eq. 14.15 lacks a factor 1/2, which would change every entry (F40).
    """
    n, s = standardize(x, (-1,), eps=eps)
    d = x.shape[-1]
    eye = torch.eye(d, dtype=x.dtype, device=x.device)
    return (eye - 1 / d - n[..., :, None] * n[..., None, :] / d) / s[..., None]


def rms_norm(x: Tensor, gamma: Tensor | None = None, *, eps: float = 1e-5) -> Tensor:
    """x / sqrt(mean x^2 + eps) over the last axis, times gamma (features,): no mean is taken away, nothing added.

    Systems: rms-norm
    Source: Zhang and Sennrich 2019; Hifny A14.10.

    >>> rms_norm(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor([0.3651, 0.7303, 1.0954, 1.4606])
    """
    normed = x / (x.square().mean(-1, keepdim=True) + eps).sqrt()
    return normed if gamma is None else normed * gamma


def rms_norm_backward(slope: Tensor, x: Tensor, *, eps: float = 1e-5) -> Tensor:
    """(g - n mean(g n)) / R with n = x / R: the slope by x of whatever has slope g by rms_norm(x)."""
    root = (x.square().mean(-1, keepdim=True) + eps).sqrt()
    n = x / root
    return (slope - n * (slope * n).mean(-1, keepdim=True)) / root


def rms_norm_jacobian(x: Tensor, *, eps: float = 0.0) -> Tensor:
    """(1 / R) (d_ij - n_i n_j / d) with n = x / R, of shape (..., d, d).

    Source: Hifny A14.11.
    """
    root = (x.square().mean(-1, keepdim=True) + eps).sqrt()
    n, d = x / root, x.shape[-1]
    eye = torch.eye(d, dtype=x.dtype, device=x.device)
    return (eye - n[..., :, None] * n[..., None, :] / d) / root[..., None]


# --- Within a picture ------------------------------------------------------------------------------------------------


def group_norm(
    x: Tensor, n_groups: int, gamma: Tensor | None = None, beta: Tensor | None = None, *, eps: float = 1e-5
) -> Tensor:
    """Each row of (batch, channels, ...) over the channels of a group and all places.

    One group normalises the whole row ("layer" normalisation of pictures); a group a channel is `instance_norm`.

    Systems: group-norm
    Source: Wu and He 2018; Martinez-Ramon 2.4 and A6.30 (part 2b).
    """
    grouped = x.view(len(x), n_groups, -1)
    return by_channel(standardize(grouped, (-1,), eps=eps)[0].view_as(x), gamma, beta)


def instance_norm(x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None, *, eps: float = 1e-5) -> Tensor:
    """Each channel of each row of (batch, channels, ...) over its places.

    Systems: instance-norm
    Source: Ulyanov, Vedaldi and Lempitsky 2016; Martinez-Ramon 2.4.
    """
    return by_channel(standardize(x, range(2, x.ndim), eps=eps)[0], gamma, beta)


def adaptive_instance_norm(x: Tensor, scale: Tensor, shift: Tensor, *, eps: float = 1e-5) -> Tensor:
    """scale (x - m) / s + shift for maps (batch, channels, ...), with scale and shift (batch, channels) from a style.

    Systems: adain
    Source: Huang and Belongie 2017; Martinez-Ramon A8.16 (eq. 8.14, part 2c).

    >>> maps, one = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), torch.ones(1, 1)
    >>> adaptive_instance_norm(maps, 2 * one, 0.5 * one, eps=0.0).flatten()
    tensor([-2.1833, -0.3944,  1.3944,  3.1833])
    """
    shape = (*x.shape[:2], *[1] * (x.ndim - 2))
    return scale.view(shape) * standardize(x, range(2, x.ndim), eps=eps)[0] + shift.view(shape)


def local_response_norm(
    x: Tensor, *, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0, over: Window = "sum"
) -> Tensor:
    """x_c / (k + alpha sum_{c' near c} x_c'^2)^beta over `size` neighbouring channels, as AlexNet has it.

    `over="mean"` divides the sum by `size`, as torch.nn.LocalResponseNorm does (and starts at k = 1 there).

    Systems: local-response-norm
    Source: Krizhevsky, Sutskever and Hinton 2012, section 3.3; Martinez-Ramon A4.13 (part 2b), Jaiswal J87.
    """
    squares = x.square()
    before = size // 2
    padded = torch.nn.functional.pad(squares.transpose(1, -1), (before, size - before - 1)).transpose(1, -1)
    energy = padded.unfold(1, size, 1).sum(-1)
    return x / (k + alpha * (energy / size if over == "mean" else energy)) ** beta


# --- Of weights ------------------------------------------------------------------------------------------------------


def weight_standardize(weight: Tensor, *, eps: float = 1e-5) -> Tensor:
    """Each unit's weights (out, in, ...) at mean 0 and variance 1; with group normalisation it replaces the batch's.

    Systems: weight-standardisation
    Source: Qiao et al. 2019; Martinez-Ramon A6.30 (part 2b).
    """
    return standardize(weight, range(1, weight.ndim), eps=eps)[0]


def spectral_norm(weight: Tensor) -> Tensor:
    """weight over its largest singular value, as a matrix (out, in x kernel): a layer that stretches no input.

    Training follows the value by one step of `power_iteration` a time; torch.nn.utils.parametrizations.spectral_norm is
    that layer.

    Systems: spectral-norm
    Source: Miyato et al. 2018; Martinez-Ramon A8.8 (part 2c).

    >>> spectral_norm(torch.diag(torch.tensor([4.0, 2.0])))
    tensor([[1.0000, 0.0000],
            [0.0000, 0.5000]])
    """
    return weight / torch.linalg.matrix_norm(weight.flatten(1), ord=2)


def power_iteration(weight: Tensor, u: Tensor, *, n_steps: int = 1) -> tuple[Tensor, Tensor]:
    """The largest singular value of (out, in x kernel) as u' W v after some steps, and the u (out,) to go on from."""
    matrix = weight.flatten(1)
    for _ in range(n_steps):
        v = torch.nn.functional.normalize(matrix.T @ u, dim=0)
        u = torch.nn.functional.normalize(matrix @ v, dim=0)
    return u @ matrix @ v, u
