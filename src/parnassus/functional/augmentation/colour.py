"""Brightness, contrast, saturation, hue and the colour shifts along principal axes, of pictures from 0 to 1.

Factors are (batch,); 1 leaves a picture as it is. Results are cut at 0 and 1. Grey pictures (one channel) have no
saturation or hue, and are left as they are by both.

Source: Baker A094; Jaiswal J57.
"""

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)  # ITU-R 601


def grey(x: Tensor) -> Tensor:
    """The luma (batch, 1, height, width): 0.299 R + 0.587 G + 0.114 B; of grey pictures the picture."""
    if x.shape[1] != 3:
        return x.mean(1, keepdim=True)
    return (x * x.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)


def brightness(x: Tensor, factor: Tensor) -> Tensor:
    """factor * x."""
    return (x * _wide(factor)).clamp(0, 1)


def contrast(x: Tensor, factor: Tensor) -> Tensor:
    """factor * x + (1 - factor) * the picture's mean luma."""
    return _mixed(x, grey(x).mean((1, 2, 3), keepdim=True), factor)


def saturation(x: Tensor, factor: Tensor) -> Tensor:
    """factor * x + (1 - factor) * luma: 0 is a grey picture."""
    return _mixed(x, grey(x), factor) if x.shape[1] == 3 else x


def hue(x: Tensor, turn: Tensor) -> Tensor:
    """Colours turned on the colour wheel by `turn` (batch,) of a whole turn, -0.5 to 0.5; value and chroma stay.

    With V the largest channel, S = (V - min) / V and h the hue in turns, channel n of (R, G, B) is
    V - V S max(0, min(k, 4 - k, 1)) with k = (n + 6 h) mod 6 and n = 5, 3, 1.
    """
    if x.shape[1] != 3:
        return x
    value, top = x.max(1)
    chroma = value - x.amin(1)
    safe = torch.where(chroma > 0, chroma, torch.ones_like(chroma))
    r, g, b = x.unbind(1)
    sixths = torch.stack([(g - b) / safe, 2 + (b - r) / safe, 4 + (r - g) / safe], 1)
    sixth = sixths.gather(1, top[:, None])[:, 0] + 6 * turn[:, None, None]
    k = (x.new_tensor([5.0, 3.0, 1.0])[:, None, None] + sixth[:, None]) % 6
    return value[:, None] - chroma[:, None] * torch.minimum(k, 4 - k).clamp(0, 1)


def pca_axes(covariance: Tensor) -> Tensor:
    """The principal axes of colours, each as long as its standard deviation: (channels, channels), axes in columns.

    covariance : (channels, channels) of pixel values from 0 to 1.
    """
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt()


def pca_shift(x: Tensor, axes: Tensor, alpha: Tensor) -> Tensor:
    """x plus the same colour on every pixel: the sum over axes of alpha_i lambda_i p_i.

    alpha : (batch, channels), drawn from N(0, 0.1^2) in AlexNet; lambda_i and p_i are the variance along an axis and
        the axis, so that `axes` of `pca_axes` count with their length once more.

    Source: Krizhevsky et al. 2012, section 4.1 (fancy PCA); Martinez-Ramon A4.13.
    """
    lengths = axes.norm(dim=0)
    return (x + ((alpha * lengths) @ axes.T)[:, :, None, None]).clamp(0, 1)


def _mixed(x: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    return (other + _wide(factor) * (x - other)).clamp(0, 1)


def _wide(factor: Tensor) -> Tensor:
    return factor.view(-1, 1, 1, 1)
