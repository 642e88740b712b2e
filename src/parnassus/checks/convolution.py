"""Convolutions, pools and paddings against scipy, numpy and torch, and their sizes and costs against built layers."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..byhand.convolution import average_pool_backward, max_pool_backward
from ..functional import convolution, pooling
from . import check, gap

RNG = np.random.default_rng(0)
PICTURE = torch.from_numpy(RNG.normal(size=(1, 1, 9, 11)))
KERNEL = torch.from_numpy(RNG.normal(size=(1, 1, 3, 4)))
X = torch.from_numpy(RNG.normal(size=(2, 4, 9, 10)))
W = torch.from_numpy(RNG.normal(size=(6, 4, 3, 3)))


@check("true-convolution", "cross-correlation", oracle="scipy", tolerance=1e-12)
def sliding_products_against_scipy() -> float:
    """Convolution and correlation of a picture with an even kernel: valid and full; and of three axes."""
    from scipy.signal import convolve, convolve2d, correlate2d

    x, w = PICTURE[0, 0].numpy(), KERNEL[0, 0].numpy()
    block, cube = RNG.normal(size=(5, 6, 7)), RNG.normal(size=(2, 3, 2))
    solid = convolution.convolve(torch.from_numpy(block)[None, None], torch.from_numpy(cube)[None, None])
    gaps = [gap(solid[0, 0], convolve(block, cube, mode="valid", method="direct"))]
    for mode in ("valid", "full"):
        gaps += [
            gap(convolution.convolve(PICTURE, KERNEL, padding=mode)[0, 0], convolve2d(x, w, mode=mode)),
            gap(convolution.correlate(PICTURE, KERNEL, padding=mode)[0, 0], correlate2d(x, w, mode=mode)),
        ]
    return max(gaps)


@check("padding-modes", oracle="numpy", tolerance=0)
def edges_against_numpy() -> float:
    """What lies beyond the edge in five modes, against numpy.pad."""
    names: dict[str, Any] = {"zero": "constant", "replicate": "edge", "circular": "wrap"} | {
        m: m for m in ("reflect", "symmetric")
    }
    amounts = [(2, 3), (4, 1)]
    x = PICTURE[0, 0].numpy()
    pairs = ((convolution.padded(PICTURE, amounts, mode=m)[0, 0], np.pad(x, amounts, n)) for m, n in names.items())
    return max(gap(ours, theirs) for ours, theirs in pairs)


@check("conv2d-layer", "dilated-conv", "conv-stride", oracle="torch", tolerance=1e-12)
def layers_against_torch() -> float:
    """Strided, dilated, grouped and padded layers of four channels, the slow twin, and the size that was foretold."""
    wanted = F.conv2d(X, W, stride=2, padding=2, dilation=2)
    found = convolution.correlate(X, W, stride=2, padding=2, dilation=2)
    grouped = convolution.correlate(X, W[:, :2], groups=2)
    size = [convolution.output_size(n, 3, stride=2, padding=2, dilation=2) for n in X.shape[2:]]
    return max(
        gap(found, wanted),
        gap(convolution.correlate_slowly(X, W, stride=2), F.conv2d(X, W, stride=2)),
        gap(grouped, F.conv2d(X, W[:, :2], groups=2)),
        float(size != list(wanted.shape[2:])),
    )


@check("conv-1x1", "depthwise-separable-conv", "causal-conv", "locally-connected", oracle="torch", tolerance=1e-12)
def forms_of_convolution_against_torch() -> float:
    """Mixing of channels, separable kernels, kernels that see the past alone, and kernels that differ by place."""
    mixing, depthwise = torch.from_numpy(RNG.normal(size=(5, 4))), W[:4, :1]
    product = mixing[:, :, None, None] * depthwise[None, :, 0]
    row, taps = X[:, :, 0], W[:, :, 0]
    past = F.conv1d(F.pad(row, (4, 0)), taps, dilation=2)
    places = W.flatten(1)[None].expand(7 * 8, -1, -1)
    return max(
        gap(convolution.pointwise(X, mixing), torch.einsum("bihw,oi->bohw", X, mixing)),
        gap(convolution.depthwise_separable(X, depthwise, mixing), F.conv2d(X, product)),
        gap(convolution.causal(row, taps, dilation=2), past),
        gap(convolution.locally_connected(X, places), F.conv2d(X, W)),
    )


@check("transposed-conv", "upsampling", "conv-sparse-matrix", oracle="torch", tolerance=1e-12)
def a_convolution_turned_round() -> float:
    """Stamps one by one against torch's transposed layer, a convolution as a matrix, and nearest neighbours."""
    small, stamp = X[:, :, :4, :5], W[:4]
    matrix = convolution.as_matrix(W, X.shape[2:], stride=2)
    flat = (matrix @ X.flatten(1).T).T.view(2, 6, 4, 4)
    return max(
        gap(convolution.transposed(small, stamp, stride=2), F.conv_transpose2d(small, stamp, stride=2)),
        gap(convolution.transposed_slowly(small, stamp, stride=2), F.conv_transpose2d(small, stamp, stride=2)),
        gap(flat, F.conv2d(X, W, stride=2)),
        gap(convolution.upsampled(X, (2, 3)), F.interpolate(X, scale_factor=(2, 3))),
    )


@check("receptive-field", oracle="(closed form)", tolerance=0)
def what_a_place_sees() -> float:
    """The places of the input that move the middle of the output of three layers, counted by their slopes."""
    layers = [(3, 1, 1, 0), (3, 2, 2, 0), (2, 1, 1, 0)]
    with torch.enable_grad():
        x = torch.ones(1, 1, 41, dtype=torch.float64, requires_grad=True)
        h: Tensor = x
        for kernel, stride, dilation, _ in layers:
            h = F.conv1d(h, torch.ones(1, 1, kernel, dtype=torch.float64), stride=stride, dilation=dilation)
        (slope,) = torch.autograd.grad(h[0, 0, h.shape[-1] // 2], x)
    return gap(convolution.receptive_fields(layers)[-1].size, int((slope != 0).sum()))


@check("dense-vs-conv-cost", oracle="torch", tolerance=0)
def costs_of_built_layers() -> float:
    """Parameters of dense, full, grouped and depthwise layers, against the layers that torch builds."""

    def held(layer: nn.Module) -> int:
        return sum(p.numel() for p in layer.parameters())

    return max(
        gap(convolution.dense_cost(784, 392)[0], held(nn.Linear(784, 392))),
        gap(convolution.costs(8, 16, (3, 5), (4, 4))[0], held(nn.Conv2d(8, 16, (3, 5)))),
        gap(convolution.costs(8, 16, (3, 3), (4, 4), groups=8)[0], held(nn.Conv2d(8, 16, 3, groups=8))),
    )


@check("equivariance-test", oracle="(closed form)", tolerance=1e-12)
def circular_convolutions_commute_with_shifts() -> float:
    """A circular convolution moves with its input; one with zeros beyond the edge does not, and the test says so."""

    def around(x: Tensor) -> Tensor:
        return convolution.correlate(x, W, padding="same", mode="circular")

    def with_zeros(x: Tensor) -> Tensor:
        return convolution.correlate(x, W, padding="same")

    told = convolution.shift_gap(with_zeros, X, (2, 3)) > 1e-3
    return max(gap(convolution.shift_gap(around, X, (2, 3)), 0), float(not told))


@check("fixed-image-kernels", oracle="scipy", tolerance=1e-12)
def filters_against_scipy() -> float:
    """Sobel's, Prewitt's and Laplace's kernels on a picture, against scipy.ndimage, and a Gaussian's weights."""
    from scipy import ndimage

    x = PICTURE[0, 0].numpy()

    def ours(kernel: Tensor) -> Tensor:
        return convolution.correlate(PICTURE, kernel.to(torch.float64)[None, None])[0, 0]

    def either(found: Tensor, wanted: np.ndarray) -> float:
        inner = wanted[1:-1, 1:-1]
        return min(gap(found, inner), gap(found, -inner))  # which side of an edge is called bright is a convention

    return max(
        either(ours(convolution.sobel()), ndimage.sobel(x, axis=1)),
        either(ours(convolution.prewitt()), ndimage.prewitt(x, axis=1)),
        either(ours(convolution.laplacian(diagonals=False)), ndimage.laplace(x)),
    )


@check("max-pooling", "average-pooling", "adaptive-pooling", "global-average-pooling", oracle="torch", tolerance=1e-12)
def pools_against_torch() -> float:
    """Overlapping pools, pools to a fixed size, and one number a channel."""
    return max(
        gap(pooling.max_pool(X, 3, stride=2), F.max_pool2d(X, 3, 2)),
        gap(pooling.average_pool(X, 3, stride=2), F.avg_pool2d(X, 3, 2)),
        gap(pooling.adaptive_pool(X, (4, 3)), F.adaptive_max_pool2d(X, (4, 3))),
        gap(pooling.adaptive_pool(X, 2, how="average"), F.adaptive_avg_pool2d(X, 2)),
        gap(pooling.global_pool(X), X.mean((2, 3))),
    )


@check("l2-pooling", "distance-weighted-pooling", "cross-channel-pooling", oracle="torch", tolerance=1e-12)
def other_pools_against_torch() -> float:
    """The root of summed squares against LPPool, weights by distance that tend to the mean, and maxima of channels."""
    wide = pooling.distance_weighted_pool(X, 3, sigma=1e9)
    return max(
        gap(pooling.l2_pool(X, 2), F.lp_pool2d(X, 2.0, 2)),
        gap(wide, F.avg_pool2d(X, 3)),
        gap(pooling.cross_channel_pool(X, 2), F.max_pool3d(X[:, None], (2, 1, 1))[:, 0]),
    )


@check("pooling-backward", oracle="torch", tolerance=1e-12)
def slopes_through_pools_by_hand() -> float:
    """The slopes of overlapping maxima and means as written out in numpy, against autograd."""
    delta = torch.from_numpy(RNG.normal(size=(2, 4, 4, 4)))
    with torch.enable_grad():
        x = X.clone().requires_grad_()
        (best,) = torch.autograd.grad(F.max_pool2d(x, 3, 2), x, delta)
        (mean,) = torch.autograd.grad(F.avg_pool2d(x, 3, 2), x, delta)
    found = max_pool_backward(delta.numpy(), X.numpy(), 3, stride=2)
    shared = average_pool_backward(delta.numpy(), X.numpy(), 3, stride=2)
    return max(gap(best, found), gap(mean, shared))
