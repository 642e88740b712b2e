"""Several views of one picture, so that their answers can be averaged."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ...errors import SettingError, did_you_mean


def ten_crops(x: Tensor, size: tuple[int, int]) -> Tensor:
    """The four corners, the centre, and their mirror images, of pictures (n, c, h, w): (10, n, c, height, width).

    Systems: test-time-crops
    Source: Krizhevsky et al. 2012 (224 of 256 pixels); Martinez-Ramon 4.4.1.

    >>> ten_crops(torch.arange(9.0).view(1, 1, 3, 3), (1, 1)).flatten().tolist()
    [0.0, 2.0, 6.0, 8.0, 4.0, 0.0, 2.0, 6.0, 8.0, 4.0]
    """
    height, width = x.shape[-2:]
    if not (1 <= size[0] <= height and 1 <= size[1] <= width):
        raise SettingError(f"a crop is from 1 x 1 to the picture's {height} x {width}; got {size[0]} x {size[1]}")
    down, right = height - size[0], width - size[1]
    places = ((0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2))
    crops = torch.stack([x[..., top : top + size[0], left : left + size[1]] for top, left in places])
    return torch.cat([crops, crops.flip(-1)])


def _crops(x: Tensor, share: float) -> Tensor:
    height, width = x.shape[-2:]
    found = ten_crops(x, (max(round(share * height), 1), max(round(share * width), 1)))
    whole = F.interpolate(found.flatten(0, 1), (height, width), mode="bilinear", antialias=True)
    return whole.view(10, *x.shape)


VIEWS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "mirror": lambda x, share: torch.stack([x, x.flip(-1)]),
    "ten-crop": _crops,
    "turns": lambda x, share: torch.stack([torch.rot90(x, turn, (-2, -1)) for turn in range(4)]),
}


def views_of(x: Tensor, views: str, *, share: float = 0.875) -> Tensor:
    """Views of pictures (n, c, h, w) in their own size: (n_views, n, c, h, w).

    "mirror" is the picture and its mirror image; "ten-crop" is `ten_crops` of `share` of each side, brought back to the
    size; "turns" are the four turns by 90 degrees, of square pictures.
    """
    if views not in VIEWS:
        raise SettingError(f"no views {views!r}; {did_you_mean(views, VIEWS)}")
    if not 0 < share <= 1:
        raise SettingError(f"share is of each side of a picture, above 0 and at most 1; got {share!r}")
    if views == "turns" and x.shape[-1] != x.shape[-2]:
        raise SettingError(f"views='turns' is for square pictures; these are {x.shape[-2]} x {x.shape[-1]}")
    return VIEWS[views](x, share)
