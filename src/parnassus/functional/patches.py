"""Pictures as squares, and back."""

from torch import Tensor

from ..errors import DataError


def image_patches(x: Tensor, patch: int) -> Tensor:
    """The squares of pictures (..., channels, height, width) in reading order: (..., n, channels, patch, patch).

    n = (height / patch) (width / patch); they do not overlap, and the sides are multiples of the patch.

    Systems: image-patches
    Source: Hifny 3.4 (A3.25), Martinez-Ramon 6.6.

    >>> import torch
    >>> image_patches(torch.arange(1, 17).view(1, 4, 4), 2)[:2, 0].tolist()
    [[[1, 2], [5, 6]], [[3, 4], [7, 8]]]
    """
    if x.ndim < 3 or patch < 1 or x.shape[-2] % patch or x.shape[-1] % patch:
        raise DataError(
            f"patches of {patch} pixels need pictures (..., channels, height, width) whose sides they divide; "
            f"got {tuple(x.shape)}"
        )
    *lead, channels, height, width = x.shape
    rows, columns = height // patch, width // patch
    cut = x.reshape(-1, channels, rows, patch, columns, patch).permute(0, 2, 4, 1, 3, 5)
    return cut.reshape(*lead, rows * columns, channels, patch, patch)


def from_patches(patches: Tensor, size: tuple[int, int]) -> Tensor:
    """The pictures (..., channels, height, width) of `size` that `image_patches` cut: its inverse."""
    if patches.ndim < 4 or patches.shape[-1] != patches.shape[-2]:
        raise DataError(f"patches are (..., n, channels, patch, patch); got {tuple(patches.shape)}")
    *lead, n, channels, patch, _ = patches.shape
    rows, columns = size[0] // patch, size[1] // patch
    if (rows * patch, columns * patch) != tuple(size) or rows * columns != n:
        raise DataError(f"{n} patches of {patch} pixels do not fill a picture of {size[0]} x {size[1]}")
    back = patches.reshape(-1, rows, columns, channels, patch, patch).permute(0, 3, 1, 4, 2, 5)
    return back.reshape(*lead, channels, *size)
