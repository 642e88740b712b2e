"""Elastic distortion and blur."""

import torch
from torch import Tensor
from torch.nn import functional as F


def gaussian_kernel(sigma: float, *, cut: float = 4.0) -> Tensor:
    """The weights exp(-k^2 / 2 sigma^2) for |k| <= cut sigma, summing to 1: (2 radius + 1,) float32."""
    radius = max(int(cut * sigma + 0.5), 1)
    weights = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, dtype=torch.float64) / sigma) ** 2)
    return (weights / weights.sum()).float()


def blur(x: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (batch, channels, height, width), sigma in pixels; edges are reflected about the last pixel."""
    kernel = gaussian_kernel(sigma).to(x)
    n, radius = len(kernel), len(kernel) // 2
    radii = [min(radius, extent - 1) for extent in x.shape[-2:]]
    flat = x.flatten(0, 1)[:, None]
    for along, reach in ((2, radii[0]), (3, radii[1])):
        cut = kernel[radius - reach : n - radius + reach]
        pad = (0, 0, reach, reach) if along == 2 else (reach, reach, 0, 0)
        weights = (cut / cut.sum()).view((1, 1, -1, 1) if along == 2 else (1, 1, 1, -1))
        flat = F.conv2d(F.pad(flat, pad, mode="reflect"), weights)
    return flat[:, 0].view_as(x)


def elastic_field(batch: int, size: tuple[int, int], *, alpha: float, sigma: float, like: Tensor) -> Tensor:
    """A smooth random displacement of every pixel: (batch, height, width, 2), in pixels.

    Uniform draws from [-1, 1] are blurred by a Gaussian of `sigma` pixels and multiplied by `alpha`. A small sigma
    shakes pixels apart, a large one moves the picture as a whole; between lies handwriting by another hand.

    Draws from the device's default generator.

    Systems: elastic-distortion
    Source: Simard, Steinkraus and Platt 2003, section 2; Baker A095.
    """
    height, width = size
    noise = torch.rand(batch, 2, height, width, device=like.device, dtype=like.dtype) * 2 - 1
    return (blur(noise, sigma) * alpha).permute(0, 2, 3, 1)
