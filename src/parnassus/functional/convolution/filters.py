"""Fixed kernels: to smooth, to sharpen, to find edges.

Each is (taps,) or (taps, taps); `correlate(x, kernel[None, None])` puts it on one channel.

Systems: fixed-image-kernels
Source: Baker A072, Martinez-Ramon A4.2 and A4.4, Keras course K69.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ..augmentation.distortion import gaussian_kernel


def box(size: int = 3, *, n_axes: int = 2) -> Tensor:
    """The mean of a neighbourhood: every tap size^-n_axes."""
    return torch.full((size,) * n_axes, 1 / size**n_axes)


def gaussian(sigma: float = 1.0, *, n_axes: int = 2) -> Tensor:
    """exp(-|t|^2 / 2 sigma^2) over four deviations, summing to 1: smooths, and leaves no ripples."""
    row = gaussian_kernel(sigma)
    return row if n_axes == 1 else torch.outer(row, row)


def finite_difference() -> Tensor:
    """(1, -1): the slope of a signal under a true convolution, x[n] - x[n - 1]."""
    return torch.tensor([1.0, -1.0])


def laplacian(*, diagonals: bool = True) -> Tensor:
    """8 in the middle and -1 around it (or 4 and -1 above, below, left, right): edges in every direction.

    >>> x = torch.tensor([[1.0, 4, 1], [4, 3, 1], [5, 2, 2]])
    >>> float((x * laplacian()).sum())
    4.0
    """
    if not diagonals:
        return torch.tensor([[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]])
    kernel = -torch.ones(3, 3)
    kernel[1, 1] = 8
    return kernel


def sharpen() -> Tensor:
    """The picture plus its Laplacian of four neighbours: 5 in the middle, -1 beside it."""
    kernel = laplacian(diagonals=False)
    kernel[1, 1] += 1
    return kernel


def prewitt(*, upright: bool = True) -> Tensor:
    """1, 0, -1 in every row: answers to upright edges, bright on the left; turned, to level ones."""
    kernel = torch.tensor([[1.0, 0, -1]]).expand(3, 3).clone()
    return kernel if upright else kernel.T.contiguous()


def sobel(*, upright: bool = True) -> Tensor:
    """Prewitt's kernel with the middle row twice: a difference across, smoothed along."""
    kernel = prewitt() * torch.tensor([[1.0], [2], [1]])
    return kernel if upright else kernel.T.contiguous()


def line_detector(*, falling: bool = True) -> Tensor:
    """1/2 on a diagonal of two taps: answers to lines that fall (or rise) from left to right."""
    kernel = torch.eye(2) / 2
    return kernel if falling else kernel.flip(1)


FILTERS: dict[str, Callable[[], Tensor]] = {
    "box": box,
    "gaussian": gaussian,
    "sharpen": sharpen,
    "laplacian": laplacian,
    "sobel": sobel,
    "prewitt": prewitt,
}
