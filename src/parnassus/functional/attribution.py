"""What in a picture an answer rests on: slopes by the input, class maps, and what covering a patch costs.

`net` takes pictures x (n, channels, height, width) and gives outputs (n, k); `target` (n,) says which output of each
row is explained. Of a net with one output, target 1 is the output and target 0 its negative. Maps are (n, height,
width).
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import DataError, SettingError

Net = Callable[[Tensor], Tensor]


def target_scores(outputs: Tensor, target: Tensor) -> Tensor:
    """The output of each row's target, (n,)."""
    if outputs.ndim != 2 or target.shape != outputs.shape[:1]:
        raise DataError(f"outputs have shape {tuple(outputs.shape)} and target {tuple(target.shape)}; (n, k) and (n,)")
    if outputs.shape[1] == 1:
        return torch.where(target == 1, outputs[:, 0], -outputs[:, 0])
    return outputs.gather(1, target[:, None])[:, 0]


def input_slope(net: Net, x: Tensor, target: Tensor) -> Tensor:
    """The slope of each row's target output by its picture, (n, channels, height, width).

    Its size, largest over the channels, is the saliency map. Source: Simonyan, Vedaldi and Zisserman 2014.
    """
    with torch.enable_grad():
        moved = x.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(target_scores(net(moved), target).sum(), moved)
    return slope


def smooth_slope(
    net: Net, x: Tensor, target: Tensor, *, n_samples: int = 25, noise: float = 0.15, generator: torch.Generator
) -> Tensor:
    """The mean slope at pictures x + N(0, (noise times the range of x)^2). Source: Smilkov et al. 2017."""
    if n_samples < 1 or noise < 0:
        raise SettingError(f"n_samples is 1 or more and noise not negative; got {n_samples} and {noise}")
    spread = noise * (x.amax((1, 2, 3), keepdim=True) - x.amin((1, 2, 3), keepdim=True))
    total = torch.zeros_like(x)
    for _ in range(n_samples):
        disturbed = x + spread * torch.randn(x.shape, generator=generator).to(x)
        total += input_slope(net, disturbed, target)
    return total / n_samples


def integrated_gradients(
    net: Net, x: Tensor, target: Tensor, *, baseline: Tensor | float = 0.0, n_steps: int = 50
) -> Tensor:
    """(x - baseline) times the mean slope on the way from the baseline, (n, channels, height, width).

    The mean is over n_steps points by Gauss and Legendre's rule. Summed over a picture it is the output at x less that
    at the baseline (completeness). Source: Sundararajan, Taly and Yan 2017.

    >>> net = lambda x: x.flatten(1) @ torch.tensor([[2.0], [3.0]])
    >>> integrated_gradients(net, torch.ones(1, 1, 1, 2), torch.tensor([1]), n_steps=4).round(decimals=4)
    tensor([[[[2., 3.]]]])
    """
    import numpy as np

    if n_steps < 1:
        raise SettingError(f"n_steps is 1 or more; got {n_steps}")
    places, weights = np.polynomial.legendre.leggauss(n_steps)
    gap = x - baseline
    total = torch.zeros_like(x)
    for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
        total += float(weight) * input_slope(net, x - gap * float(1 - place), target)
    return gap * total


def occlusion(
    net: Net, x: Tensor, target: Tensor, *, patch: int = 4, stride: int = 2, fill: float = 0.0, batch: int = 256
) -> Tensor:
    """How much the target output falls when a square of `patch` pixels is covered by `fill`, as a map.

    Each pixel gets the mean fall over all squares that cover it. The squares begin every `stride` pixels, and at the
    far edges. Source: Zeiler and Fergus 2014.

    Systems: occlusion-analysis
    """
    n, _, height, width = x.shape
    if not 1 <= patch <= min(height, width) or stride < 1:
        raise SettingError(
            f"patch is from 1 to the picture's {min(height, width)} pixels; got {patch}, stride {stride}"
        )
    rows, columns = _starts(height, patch, stride), _starts(width, patch, stride)
    places = [(top, left) for top in rows for left in columns]
    total, count = torch.zeros(n, height, width), torch.zeros(height, width)
    with torch.no_grad():
        before = target_scores(net(x), target)
        for start in range(0, len(places), max(1, batch // n)):
            some = places[start : start + max(1, batch // n)]
            covered = x.repeat(len(some), 1, 1, 1)
            for i, (top, left) in enumerate(some):
                covered[i * n : (i + 1) * n, :, top : top + patch, left : left + patch] = fill
            falls = before - target_scores(net(covered), target.repeat(len(some))).view(len(some), n)
            for (top, left), fall in zip(some, falls, strict=True):
                total[:, top : top + patch, left : left + patch] += fall[:, None, None].cpu()
                count[top : top + patch, left : left + patch] += 1
    return total / count.clamp(min=1)


def _starts(size: int, patch: int, stride: int) -> list[int]:
    found = list(range(0, size - patch + 1, stride))
    return found if found[-1] == size - patch else [*found, size - patch]


def class_activation_map(maps: Tensor, weights: Tensor) -> Tensor:
    """sum_k w_k A_k of the last feature maps (n, k, h, w) and each row's class weights (n, k): (n, h, w).

    For nets whose head is a mean over places and a dense layer; the mean of the map is the class's output less its
    bias.

    Systems: class-activation-map
    Source: Zhou et al. 2016; Martinez-Ramon, problem 4.6.
    """
    return torch.einsum("nkhw,nk->nhw", maps, weights)


def grad_cam(maps: Tensor, slopes: Tensor, *, positive: bool = True) -> Tensor:
    """ReLU(sum_k a_k A_k) with a_k the mean over places of the output's slope by map k: (n, h, w).

    maps and slopes (n, k, h, w). Without `positive` the sum is not cut at 0. For a head of a mean and a dense layer it
    is the class activation map over the number of places.

    Systems: grad-cam
    Source: Selvaraju et al. 2017; Martinez-Ramon, problem 4.6.
    """
    found = class_activation_map(maps, slopes.mean((2, 3)))
    return found.relu() if positive else found


def grad_cam_plus_plus(maps: Tensor, slopes: Tensor) -> Tensor:
    """Grad-CAM whose places count by how much they alone raise the output's exponential: (n, h, w).

    a = g^2 / (2 g^2 + (sum A) g^3),  w_k = sum a ReLU(g). Source: Chattopadhay et al. 2018.
    """
    squares, cubes = slopes.square(), slopes.pow(3)
    below = 2 * squares + maps.sum((2, 3), keepdim=True) * cubes
    share = torch.where(below != 0, squares / torch.where(below != 0, below, torch.ones_like(below)), 0.0)
    return class_activation_map(maps, (share * slopes.relu()).sum((2, 3))).relu()


def superpixels(height: int, width: int, n_segments: int) -> Tensor:
    """A grid of about n_segments cells, numbered from 0: (height, width)."""
    if not 1 <= n_segments <= height * width:
        raise SettingError(f"n_segments is from 1 to the {height * width} pixels; got {n_segments}")
    down = max(1, min(height, round((n_segments * height / width) ** 0.5)))
    across = max(1, min(width, round(n_segments / down)))
    rows = (torch.arange(height) * down) // height
    columns = (torch.arange(width) * across) // width
    return rows[:, None] * across + columns


def local_surrogate(
    net: Net,
    x: Tensor,
    target: Tensor,
    *,
    segments: Tensor,
    n_samples: int = 500,
    fill: float = 0.0,
    kernel: float = 0.25,
    l2: float = 1.0,
    generator: torch.Generator,
) -> Tensor:
    """Each segment's weight in a linear model of the target output, as maps (n, height, width).

    Segments (height, width) are kept or covered by `fill` at random; the model is ridge regression on which were kept,
    samples counting by exp(-(share covered)^2 / kernel^2). Source: Ribeiro, Singh and Guestrin 2016.
    """
    n_segments = int(segments.max()) + 1
    found = []
    for row, wanted in zip(x, target, strict=True):
        kept = (torch.rand(n_samples, n_segments, generator=generator) < 0.5).float()
        kept[0] = 1.0
        masks = kept[:, segments][:, None].to(x)
        with torch.no_grad():
            pictures = row[None] * masks + fill * (1 - masks)
            scores = torch.cat([net(part) for part in pictures.split(256)])
            values = target_scores(scores, wanted.expand(n_samples)).double().cpu()
        weight = torch.exp(-((1 - kept.mean(1)) ** 2) / kernel**2).double()
        design = torch.cat((kept.double(), torch.ones(n_samples, 1).double()), 1)
        penalty = l2 * torch.eye(n_segments + 1).double()
        penalty[-1, -1] = 0.0
        inner = (design * weight[:, None]).T @ design + penalty
        coefficients = torch.linalg.solve(inner, (design * weight[:, None]).T @ values)
        found.append(coefficients[:-1].float()[segments])
    return torch.stack(found)


def upsampled(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps (n, h, w) at the size of the pictures, bilinear."""
    return F.interpolate(maps[:, None], size, mode="bilinear", align_corners=False)[:, 0]
